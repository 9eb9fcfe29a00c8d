#include "capture/folder_picture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define AGREES_US (600 * US_PER_S)                /* an upload may wait for its turn */
#define AHEAD_US  (60 * US_PER_S)                 /* a clock that is a little fast */
#define COPIED_US (INT64_C(86400) * US_PER_S)     /* more than any zone is off */
#define EPOCHS_US (INT64_C(978307200) * US_PER_S) /* 2001: before it there is only a dead clock */

/* The end of the picture data that begins at i: where the next marker stands. */
static size_t skip_scan(const uint8_t *data, size_t bytes, size_t i)
{
    for (; i + 1 < bytes; i++) {
        uint8_t next = data[i + 1];
        bool marker = next != 0 && next != 0xff && (next & 0xf8) != 0xd0;
        if (data[i] == 0xff && marker)
            return i;
    }
    return bytes;
}

bool picture_jpeg_is_whole(const uint8_t *data, size_t bytes)
{
    if (bytes < 4 || data[0] != 0xff || data[1] != 0xd8)
        return false;
    size_t i = 2;
    while (i + 1 < bytes) {
        uint8_t code = data[i + 1];
        if (data[i] != 0xff || code == 0xff || code == 0) {
            i++; /* fill bytes, and what some cameras leave between segments */
            continue;
        }
        i += 2;
        if (code == 0xd9)
            return true;
        if ((code & 0xf8) == 0xd0 || code == 0x01) /* marks without a length */
            continue;
        if (bytes - i < 2)
            return false;
        size_t length = (size_t)data[i] << 8 | data[i + 1];
        if (length < 2 || length > bytes - i)
            return false;
        i += length;
        if (code == 0xda)
            i = skip_scan(data, bytes, i);
    }
    return false;
}

/* Two to four digits at text. -1: there are others. */
static int number(const char *text, int digits)
{
    int n = 0;
    for (int i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = 10 * n + text[i] - '0';
    }
    return n;
}

bool picture_exif_time(const char *text, const char *offset, int64_t *ret_wall_us)
{
    if (strnlen(text, 20) != 19 || text[4] != ':' || text[7] != ':' || text[10] != ' ' ||
        text[13] != ':' || text[16] != ':')
        return false;
    char plain[TIME_TEXT_BYTES];
    snprintf(plain, sizeof plain, "%.4s-%.2s-%.2s %.8s%.6s", text, text + 5, text + 8, text + 11,
             offset ? offset : "Z");
    int64_t wall_us;
    if (!time_parse(plain, &wall_us))
        return false;
    if (!offset) {
        struct tm tm = {.tm_year = number(text, 4) - 1900,
                        .tm_mon = number(text + 5, 2) - 1,
                        .tm_mday = number(text + 8, 2),
                        .tm_hour = number(text + 11, 2),
                        .tm_min = number(text + 14, 2),
                        .tm_sec = number(text + 17, 2),
                        .tm_isdst = -1};
        time_t s = mktime(&tm);
        if (s == (time_t)-1)
            return false;
        wall_us = (int64_t)s * US_PER_S;
    }
    *ret_wall_us = wall_us;
    return true;
}

int64_t picture_wall_us(int64_t claimed_us, int64_t written_us)
{
    if (claimed_us == TIME_UNKNOWN || claimed_us < EPOCHS_US || claimed_us > written_us + AHEAD_US)
        return written_us;
    int64_t before_us = written_us - claimed_us;
    return before_us <= AGREES_US || before_us > COPIED_US ? MIN(claimed_us, written_us)
                                                           : written_us;
}

/* Bytes of the UTF-8 character at p that may be shown; 0: none. */
static size_t shown_bytes(const unsigned char *p)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f && p[0] != '\\';
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    uint32_t c = p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool control = c < 0xa0 || (c >= 0x2028 && c <= 0x202e) || (c >= 0x200b && c <= 0x200f) ||
                   (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
    bool good = c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    return good && !control ? n : 0;
}

void picture_show_name(char *out, size_t bytes, const char *name)
{
    const unsigned char *p = (const unsigned char *)name;
    size_t n = 0;
    while (*p) {
        size_t take = shown_bytes(p);
        if (n + MAX(take, 4) >= bytes)
            break;
        if (take > 0)
            memcpy(out + n, p, take);
        else
            snprintf(out + n, 5, "\\x%02x", *p);
        n += take > 0 ? take : 4;
        p += MAX(take, 1);
    }
    out[n] = '\0';
}
