#include "base/redact.h"

#include "base/base.h"

#include <ctype.h>
#include <string.h>

/* Puts "***", or fewer if less was there, in the place of bytes at p. Returns where the rest goes
 * on. */
static char *blank(char *p, size_t bytes)
{
    size_t stars = MIN(bytes, 3);
    memset(p, '*', stars);
    memmove(p + stars, p + bytes, strlen(p + bytes) + 1);
    return p + stars;
}

/* Many cameras take "user=admin&password=..." in the path or query of their address. */
static void redact_queries(char *text)
{
    static const char *const names[] = {"password=", "passwd=", "pass=", "pwd=", "token="};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (char *p = strcasestr(text, names[i]); p; p = strcasestr(p, names[i])) {
            p += strlen(names[i]);
            p = blank(p, strcspn(p, "&;# \t\n\"'"));
        }
    }
}

static bool is_scheme(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.';
}

/* A quote closes an address only before what may follow it in a sentence; others may be part of a
 * password. */
static const char *closing_quote(const char *p, const char *end)
{
    for (; p < end; p++)
        if ((*p == '"' || *p == '\'') && (p[1] == '\0' || strchr(" \t\n:;,.)]}", p[1])))
            return p;
    return end;
}

/* Where the next address of a list begins, end if there is none. "://" alone may be part of a
 * password. */
static const char *next_address(const char *p, const char *end)
{
    const char *from = p;
    for (const char *sign; (sign = memmem(p, (size_t)(end - p), "://", 3)); p = sign + 3) {
        const char *scheme = sign;
        while (scheme > from && is_scheme(scheme[-1]))
            scheme--;
        if (scheme > from && scheme < sign && strchr(",;|(<[{", scheme[-1]))
            return scheme;
    }
    return end;
}

static char *last_at(char *p, const char *end)
{
    return memrchr(p, '@', (size_t)(end - p));
}

void redact_urls(char *text)
{
    for (char *p = strstr(text, "://"); p; p = strstr(p, "://")) {
        p += 3;
        const char *wide = p + strcspn(p, " \t\r\n");
        const char *end = next_address(p, closing_quote(p, wide));
        char *at = last_at(p, end);
        if (!at)
            at = last_at(p, wide);
        if (at)
            p = blank(p, (size_t)(at - p));
    }
    redact_queries(text);
}

bool redact_range(const char *text, size_t bytes, size_t *ret_from, size_t *ret_to)
{
    const char *at = memrchr(text, '@', bytes);
    if (!at)
        return false;
    const char *scheme = memmem(text, (size_t)(at - text), "://", 3);
    const char *colon = memchr(text, ':', (size_t)(at - text));
    if (!scheme && !colon)
        return false;
    const char *from = scheme ? scheme + 3 : colon + 1;
    while (from < at && (*from == ' ' || *from == '"' || *from == '\''))
        from++;
    *ret_from = (size_t)(from - text);
    *ret_to = (size_t)(at - text);
    return *ret_from < *ret_to;
}

void redact_value(char *text)
{
    size_t from, to;
    if (strstr(text, "://") && redact_range(text, strlen(text), &from, &to))
        blank(text + from, to - from);
    redact_queries(text);
}
