#include "serve/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- paths --- */

static size_t segment_length(const char *s)
{
    return strcspn(s, "/");
}

bool path_match(const char *pattern, const char *path, char params[][PARAM_BYTES])
{
    int param = 0;
    while (*pattern && *path) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t length = segment_length(path);
        if (length == 0 || length >= PARAM_BYTES)
            return false;
        if (params) {
            ASSERT(param < PATH_PARAMS_MAX);
            memcpy(params[param], path, length);
            params[param++][length] = '\0';
        }
        path += length;
        pattern += segment_length(pattern);
    }
    return *pattern == *path; /* both at their end */
}

void path_fill(const char *pattern, const char *path, char *out, size_t bytes)
{
    size_t used = 0;
    while (*pattern == '/') {
        size_t length = segment_length(pattern + 1);
        const char *from = pattern;
        size_t from_length = length + 1;
        if (pattern[1] == '{' && *path == '/' && segment_length(path + 1) > 0) {
            from = path;
            from_length = segment_length(path + 1) + 1;
        }
        size_t n = MIN(from_length, bytes - 1 - used);
        memcpy(out + used, from, n);
        used += n;
        pattern += length + 1;
        if (*path == '/')
            path += segment_length(path + 1) + 1;
    }
    out[used] = '\0';
}

/* --- queries --- */

const char *params_get(const struct params *params, const char *name)
{
    for (int i = 0; i < params->count; i++)
        if (strcmp(params->items[i].name, name) == 0)
            return params->items[i].value;
    return NULL;
}

static bool is_allowed(const char *const *allowed, const char *name)
{
    for (; allowed && *allowed; allowed++)
        if (strcmp(*allowed, name) == 0)
            return true;
    return false;
}

static bool unknown_param(const char *name, const char *const *allowed, struct err *err)
{
    static const char *const none[] = {NULL};
    const char *nearest = suggest(name, allowed ? allowed : none);
    (void)err_set(err, ERR_INVALID, "unknown parameter '%.40s'", name);
    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    else if (!allowed || !*allowed)
        err_hint(err, "this address takes no parameters");
    else {
        char list[192] = "";
        for (; *allowed; allowed++) {
            strncat(list, list[0] ? ", " : "", sizeof list - strlen(list) - 1);
            strncat(list, *allowed, sizeof list - strlen(list) - 1);
        }
        err_hint(err, "allowed: %s", list);
    }
    return false;
}

bool params_add(struct params *params, const char *pair, const char *const *allowed,
                struct err *err)
{
    size_t length = strcspn(pair, "=");
    if (length == 0 && pair[0] == '\0')
        return true; /* "?" or "&&" */
    char name[sizeof params->items[0].name];
    size_t kept = MIN(length, sizeof name - 1);
    memcpy(name, pair, kept);
    name[kept] = '\0';
    if (length != kept || !is_allowed(allowed, name))
        return unknown_param(name, allowed, err);
    if (params_get(params, name))
        return err_set(err, ERR_INVALID, "parameter '%s' is given twice", name);
    if (params->count == PARAMS_MAX)
        return err_set(err, ERR_INVALID, "more than %d parameters", PARAMS_MAX);
    const char *value = pair[length] == '=' ? pair + length + 1 : "";
    if (!STR_COPY(params->items[params->count].value, value))
        return err_set(err, ERR_INVALID, "%s: longer than %d characters", name, PARAM_BYTES - 1);
    STR_COPY(params->items[params->count].name, name);
    params->count++;
    return true;
}

bool parse_number(const char *text, int64_t max, int64_t *ret)
{
    int64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        int digit = *text - '0';
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool params_int(const struct params *params, const char *name, int min, int max, int *ret,
                struct err *err)
{
    const char *text = params_get(params, name);
    if (!text)
        return true;
    int64_t value;
    if (!parse_number(text, max, &value) || value < min) {
        (void)err_set(err, ERR_INVALID, "%s: '%s' is not a whole number in range", name, text);
        err_hint(err, "allowed: %d to %d", min, max);
        return false;
    }
    *ret = (int)value;
    return true;
}

bool params_bool(const struct params *params, const char *name, bool *ret, struct err *err)
{
    const char *text = params_get(params, name);
    if (!text)
        return true;
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        (void)err_set(err, ERR_INVALID, "%s: '%s' is neither true nor false", name, text);
        err_hint(err, "allowed: true, false");
        return false;
    }
    *ret = yes;
    return true;
}

bool params_choice(const struct params *params, const char *name, const char *const *choices,
                   int *ret, struct err *err)
{
    const char *text = params_get(params, name);
    if (!text)
        return true;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) != 0)
            continue;
        *ret = i;
        return true;
    }
    (void)err_set(err, ERR_INVALID, "%s: '%s' is not a choice", name, text);
    char list[192] = "";
    for (int i = 0; choices[i]; i++) {
        strncat(list, list[0] ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, choices[i], sizeof list - strlen(list) - 1);
    }
    const char *nearest = suggest(text, choices);
    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    else
        err_hint(err, "one of: %s", list);
    return false;
}

/* --- headers --- */

static bool is_host_char(unsigned char c)
{
    return isalnum(c) || c == '-' || c == '.' || c == '_';
}

/* The port after a name: "" or ":digits". */
static bool port_parse(const char *text, int *ret)
{
    int64_t port = 0;
    if (*text == '\0') {
        *ret = 0;
        return true;
    }
    if (*text != ':' || !parse_number(text + 1, 65535, &port) || port == 0)
        return false;
    *ret = (int)port;
    return true;
}

bool host_parse(const char *header, char *name, size_t name_bytes, int *ret_port)
{
    const char *start = header;
    size_t length = 0;
    const char *rest;
    if (*header == '[') {
        start = header + 1;
        while (isxdigit((unsigned char)start[length]) || start[length] == ':' ||
               start[length] == '.')
            length++;
        if (start[length] != ']')
            return false;
        rest = start + length + 1;
    } else {
        while (is_host_char((unsigned char)start[length]))
            length++;
        rest = start + length;
    }
    if (length == 0 || length >= name_bytes || !port_parse(rest, ret_port))
        return false;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)tolower((unsigned char)start[i]);
    name[length] = '\0';
    return true;
}

bool address_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(address, "localhost") == 0;
}

bool host_is_loopback(const char *name)
{
    static const char suffix[] = ".localhost";
    size_t length = strlen(name);
    if (address_is_loopback(name))
        return true;
    return length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

bool origin_matches_host(const char *origin, const char *host)
{
    bool secure = strncasecmp(origin, "https://", 8) == 0;
    if (!secure && strncasecmp(origin, "http://", 7) != 0)
        return false;
    char origin_name[HOST_BYTES_MAX], host_name[HOST_BYTES_MAX];
    int origin_port, host_port;
    if (!host_parse(origin + (secure ? 8 : 7), origin_name, sizeof origin_name, &origin_port) ||
        !host_parse(host, host_name, sizeof host_name, &host_port))
        return false;
    int usual = secure ? 443 : 80;
    return strcmp(origin_name, host_name) == 0 &&
           (origin_port ? origin_port : usual) == (host_port ? host_port : usual);
}

static const char *skip_blank(const char *s)
{
    return s + strspn(s, " \t");
}

/* Whether the parameters after a coding, up to the comma, say q=0. */
static bool quality_is_zero(const char *params, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++) {
        if (tolower((unsigned char)params[i]) != 'q' || params[i + 1] != '=')
            continue;
        size_t k = i + 2;
        while (k < length && (params[k] == '0' || params[k] == '.'))
            k++;
        return k == length || strchr(" \t;", params[k]) != NULL;
    }
    return false;
}

bool accepts_encoding(const char *header, const char *coding)
{
    bool star = false;
    for (const char *p = skip_blank(header); *p; p = skip_blank(p)) {
        size_t length = strcspn(p, ",");
        size_t name = strcspn(p, ",; \t");
        bool taken = !quality_is_zero(p + name, length - name);
        if (name == strlen(coding) && strncasecmp(p, coding, name) == 0)
            return taken;
        if (name == 1 && *p == '*')
            star = taken;
        p += length;
        p += *p == ',';
    }
    return star;
}

bool etag_listed(const char *header, const char *etag)
{
    size_t etag_length = strlen(etag);
    for (const char *p = skip_blank(header); *p; p = skip_blank(p)) {
        if (*p == '*')
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (*p != '"')
            return false;
        size_t length = strcspn(p + 1, "\"");
        if (p[1 + length] != '"')
            return false;
        length += 2;
        if (length == etag_length && strncmp(p, etag, length) == 0)
            return true;
        p = skip_blank(p + length);
        p += *p == ',';
    }
    return false;
}
