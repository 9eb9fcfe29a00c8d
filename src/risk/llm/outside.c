#include "risk/llm/outside.h"

#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xfffd

/* The character at p (a terminated text) and how many bytes it takes; a byte that begins none is
 * U+FFFD. */
static size_t decode(const char *text, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : n == 0 ? 0 : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            n = 0;
            break;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    bool bad = n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff);
    *ret = bad ? REPLACEMENT : c;
    return bad ? 1 : n;
}

/* Characters that are not seen, or change the order in which others are. */
static bool is_invisible(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {
        {0x0000, 0x001f},    /* control */
        {0x007f, 0x009f},    /* delete, more control */
        {0x00ad, 0x00ad},    /* soft hyphen */
        {0x034f, 0x034f},    /* grapheme joiner */
        {0x0600, 0x0605},    /* Arabic number marks */
        {0x061c, 0x061c},    /* direction */
        {0x115f, 0x1160},    /* Hangul fillers */
        {0x17b4, 0x17b5},    /* Khmer vowels without a shape */
        {0x180b, 0x180f},    /* Mongolian selectors */
        {0x200b, 0x200f},    /* zero width, direction */
        {0x2028, 0x202e},    /* separators, direction */
        {0x2060, 0x206f},    /* joiners, direction */
        {0x3164, 0x3164},    /* Hangul filler */
        {0xe000, 0xf8ff},    /* private use */
        {0xfe00, 0xfe0f},    /* variation selectors */
        {0xfeff, 0xfeff},    /* byte order mark */
        {0xffa0, 0xffa0},    /* half-width filler */
        {0xfff0, 0xfffb},    /* specials */
        {0x1d173, 0x1d17a},  /* musical control */
        {0xe0000, 0x10ffff}, /* tags, selectors, private use */
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}

static bool is_plain(uint32_t c)
{
    if (c >= 0x80)
        return !is_invisible(c);
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr(" .,-_:;()'+%?!=", (int)c));
}

/* At most 12 bytes and a terminator. */
static int put_escape(char *out, size_t bytes, uint32_t c)
{
    if (c < 0x10000)
        return snprintf(out, bytes, "\\u%04x", (unsigned)c);
    c -= 0x10000;
    return snprintf(out, bytes, "\\u%04x\\u%04x", (unsigned)(0xd800 + (c >> 10)),
                    (unsigned)(0xdc00 + (c & 0x3ff)));
}

void outside_json(struct json *out, const char *key, const char *text)
{
    char quoted[6 * OUTSIDE_BYTES_MAX + 16]; /* no byte becomes more than six */
    size_t used = 0, n;
    quoted[used++] = '"';
    for (size_t at = 0; at < OUTSIDE_BYTES_MAX && text[at]; at += n) {
        uint32_t c;
        n = decode(text + at, &c);
        if (c == REPLACEMENT) {
            memcpy(quoted + used, "\xef\xbf\xbd", 3);
            used += 3;
        } else if (is_plain(c)) {
            memcpy(quoted + used, text + at, n);
            used += n;
        } else {
            used += (size_t)put_escape(quoted + used, sizeof quoted - used, c);
        }
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    json_raw(out, key, quoted);
}

void outside_copy(char *dst, size_t bytes, const char *src)
{
    ASSERT(bytes > 0);
    size_t used = 0, n;
    bool space = false;
    for (; *src; src += n) {
        uint32_t c;
        n = decode(src, &c);
        if (c == ' ' || is_invisible(c)) {
            space = used > 0;
            continue;
        }
        const char *from = c == REPLACEMENT ? "\xef\xbf\xbd" : src;
        size_t count = c == REPLACEMENT ? 3 : n;
        if (used + space + count >= bytes)
            break;
        if (space)
            dst[used++] = ' ';
        space = false;
        memcpy(dst + used, from, count);
        used += count;
    }
    /* Padding too: equal judgements are equal bytes. */
    memset(dst + used, 0, bytes - used);
}
