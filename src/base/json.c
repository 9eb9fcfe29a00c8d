#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_DEPTH_MAX 32

void json_init(struct json *j)
{
    *j = (struct json){.capacity = 512};
    j->text = xcalloc(j->capacity, 1);
}

void json_done(struct json *j)
{
    free(j->text);
    *j = (struct json){0};
}

void json_reset(struct json *j)
{
    ASSERT(j->depth == 0);
    j->bytes = 0;
    j->comma = false;
    j->text[0] = '\0';
}

char *json_take(struct json *j)
{
    ASSERT(j->depth == 0);
    char *text = j->text;
    json_init(j);
    return text;
}

static void reserve(struct json *j, size_t more)
{
    if (j->bytes + more + 1 <= j->capacity)
        return;
    while (j->bytes + more + 1 > j->capacity)
        j->capacity *= 2;
    j->text = xrealloc(j->text, j->capacity, 1);
}

static void put(struct json *j, const char *s, size_t n)
{
    reserve(j, n);
    memcpy(j->text + j->bytes, s, n);
    j->bytes += n;
    j->text[j->bytes] = '\0';
}

/* Length of the well-formed UTF-8 sequence at p, 0 if there is none (RFC 3629: no surrogates, no
 * overlong forms, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        unsigned low = p[0] == 0xe0 ? 0xa0 : 0x80;
        unsigned high = p[0] == 0xed ? 0x9f : 0xbf;
        return p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        unsigned low = p[0] == 0xf0 ? 0x90 : 0x80;
        unsigned high = p[0] == 0xf4 ? 0x8f : 0xbf;
        bool rest = p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80;
        return rest && (p[3] & 0xc0) == 0x80 ? 4 : 0;
    }
    return 0;
}

static void put_escaped(struct json *j, unsigned char c)
{
    char code[8];
    const char *shorthand = c == '"'    ? "\\\""
                            : c == '\\' ? "\\\\"
                            : c == '\n' ? "\\n"
                            : c == '\t' ? "\\t"
                            : c == '\r' ? "\\r"
                                        : NULL;
    if (!shorthand)
        snprintf(code, sizeof code, "\\u%04x", c);
    put(j, shorthand ? shorthand : code, strlen(shorthand ? shorthand : code));
}

static void put_string(struct json *j, const char *s)
{
    put(j, "\"", 1);
    const unsigned char *p = (const unsigned char *)s;
    const unsigned char *clean = p; /* start of what needs no change */
    while (*p) {
        size_t n = utf8_length(p);
        if (n > 0 && *p >= ' ' && *p != '"' && *p != '\\' && *p != 0x7f) {
            p += n;
            continue;
        }
        put(j, (const char *)clean, (size_t)(p - clean));
        if (n == 0)
            put(j, "\xef\xbf\xbd", 3);
        else
            put_escaped(j, *p);
        clean = ++p;
    }
    put(j, (const char *)clean, (size_t)(p - clean));
    put(j, "\"", 1);
}

static void begin_value(struct json *j, const char *key)
{
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
    if (key) {
        put_string(j, key);
        put(j, ":", 1);
    }
}

static void open_scope(struct json *j, const char *key, const char *bracket)
{
    begin_value(j, key);
    put(j, bracket, 1);
    j->depth++;
    ASSERT(j->depth <= JSON_DEPTH_MAX);
    j->comma = false;
}

static void close_scope(struct json *j, const char *bracket)
{
    ASSERT(j->depth > 0);
    j->depth--;
    put(j, bracket, 1);
    j->comma = true;
}

void json_begin_object(struct json *j, const char *key)
{
    open_scope(j, key, "{");
}

void json_end_object(struct json *j)
{
    close_scope(j, "}");
}

void json_begin_array(struct json *j, const char *key)
{
    open_scope(j, key, "[");
}

void json_end_array(struct json *j)
{
    close_scope(j, "]");
}

void json_raw(struct json *j, const char *key, const char *json_text)
{
    begin_value(j, key);
    put(j, json_text, strlen(json_text));
}

void json_put_null(struct json *j, const char *key)
{
    json_raw(j, key, "null");
}

void json_text(struct json *j, const char *key, const char *value)
{
    if (!value) {
        json_put_null(j, key);
        return;
    }
    begin_value(j, key);
    put_string(j, value);
}

void json_int(struct json *j, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    json_raw(j, key, text);
}

void json_double(struct json *j, const char *key, double value, int decimals)
{
    if (!isfinite(value)) {
        json_put_null(j, key);
        return;
    }
    char text[400]; /* the largest double has 309 digits */
    int n = snprintf(text, sizeof text, "%.*f", decimals, value);
    if (decimals > 0) {
        while (n > 0 && text[n - 1] == '0')
            n--;
        if (n > 0 && text[n - 1] == '.')
            n--;
        text[n] = '\0';
    }
    json_raw(j, key, strcmp(text, "-0") == 0 ? "0" : text);
}

void json_bool(struct json *j, const char *key, bool value)
{
    json_raw(j, key, value ? "true" : "false");
}

void json_uuid(struct json *j, const char *key, const struct uuid *id)
{
    char text[UUID_TEXT_BYTES];
    json_text(j, key, uuid_is_zero(id) ? NULL : uuid_format(text, id));
}

void json_time(struct json *j, const char *key, int64_t wall_us)
{
    char text[TIME_TEXT_BYTES];
    json_text(j, key, wall_us == TIME_UNKNOWN ? NULL : time_format(text, wall_us));
}
