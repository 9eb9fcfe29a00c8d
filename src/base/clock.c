#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

static int64_t real_mono_us(const struct clock *clock)
{
    (void)clock;
    return now_us(CLOCK_MONOTONIC);
}

static int64_t real_wall_us(const struct clock *clock)
{
    (void)clock;
    return now_us(CLOCK_REALTIME);
}

const struct clock clock_real = {real_mono_us, real_wall_us};

static int64_t fake_mono_us(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->now_us;
}

static int64_t fake_wall_us(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->now_wall_us;
}

void fake_clock_init(struct fake_clock *fake, int64_t mono_us, int64_t wall_us)
{
    *fake = (struct fake_clock){{fake_mono_us, fake_wall_us}, mono_us, wall_us};
}

const char *time_format(char out[TIME_TEXT_BYTES], int64_t wall_us)
{
    int64_t seconds = wall_us / US_PER_S;
    int64_t rest_us = wall_us % US_PER_S;
    if (rest_us < 0) {
        rest_us += US_PER_S;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm)) {
        out[0] = '\0';
        return out;
    }
    size_t n = strftime(out, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, TIME_TEXT_BYTES - n, ".%03dZ", (int)(rest_us / 1000));
    return out;
}

/* Reads exactly `digits` decimal digits. */
static bool read_number(const char **p, int digits, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (**p - '0');
    }
    *ret = value;
    return true;
}

static bool read_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool read_zone(const char **p, int *ret_offset_s)
{
    if (read_char(p, 'Z') || read_char(p, 'z')) {
        *ret_offset_s = 0;
        return true;
    }
    int sign = **p == '-' ? -1 : 1;
    int hours, minutes;
    if (!read_char(p, '+') && !read_char(p, '-'))
        return false;
    if (!read_number(p, 2, &hours) || !read_char(p, ':') || !read_number(p, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(const char *p, int64_t *ret_wall_us)
{
    struct tm tm = {0};
    int month, offset_s;
    if (!read_number(&p, 4, &tm.tm_year) || !read_char(&p, '-') || !read_number(&p, 2, &month) ||
        !read_char(&p, '-') || !read_number(&p, 2, &tm.tm_mday))
        return false;
    if (!read_char(&p, 'T') && !read_char(&p, 't') && !read_char(&p, ' '))
        return false;
    if (!read_number(&p, 2, &tm.tm_hour) || !read_char(&p, ':') ||
        !read_number(&p, 2, &tm.tm_min) || !read_char(&p, ':') || !read_number(&p, 2, &tm.tm_sec))
        return false;
    int64_t fraction_us = 0;
    if (read_char(&p, '.')) {
        int64_t weight = 100000;
        if (*p < '0' || *p > '9')
            return false;
        for (; *p >= '0' && *p <= '9'; p++, weight /= 10)
            fraction_us += weight * (*p - '0');
    }
    if (!read_zone(&p, &offset_s) || *p)
        return false;
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    int day = tm.tm_mday;
    tm.tm_year -= 1900;
    tm.tm_mon = month - 1;
    time_t t = timegm(&tm);
    if (tm.tm_mday != day) /* 31 February was normalised into March */
        return false;
    *ret_wall_us = ((int64_t)t - offset_s) * US_PER_S + fraction_us;
    return true;
}
