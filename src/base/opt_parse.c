/* Option values from text. */
#include "base/opt_internal.h"
#include "base/redact.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN_BYTES 72 /* of a value quoted back in an error */

/* What people write instead, only to tell them the short form. */
static const struct {
    const char *word, *unit;
} duration_words[] = {
    {"sec", "s"},     {"secs", "s"},          {"second", "s"},  {"seconds", "s"}, {"min", "m"},
    {"mins", "m"},    {"minute", "m"},        {"minutes", "m"}, {"hr", "h"},      {"hrs", "h"},
    {"hour", "h"},    {"hours", "h"},         {"day", "d"},     {"days", "d"},    {"msec", "ms"},
    {"millis", "ms"}, {"milliseconds", "ms"},
};

/* The value as it may be repeated in a message: short, printable, without credentials. */
static const char *shown(char out[SHOWN_BYTES], const struct opt *row, const char *text)
{
    if (row->flags & OPT_SECRET)
        return "the value";
    char copy[512];
    bool cut = !STR_COPY(copy, text);
    redact_value(copy);
    size_t n = 0;
    out[n++] = '\'';
    for (const char *p = copy; *p; p++) {
        if (n + 6 >= SHOWN_BYTES) {
            cut = true;
            break;
        }
        out[n++] = iscntrl((unsigned char)*p) ? '?' : *p;
    }
    while (cut && n > 1 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
        n--; /* never leave half a character before the dots */
    snprintf(out + n, SHOWN_BYTES - n, "%s'", cut ? "..." : "");
    return out;
}

#define fail_value(row, text, err, why)                                                            \
    (err_set_((err), ERR_INVALID, "%s %s", shown((char[SHOWN_BYTES]){0}, (row), (text)), (why)),   \
     opt_hint_allowed((row), (err)), err_false_())

/* A decimal number at the start of text; what strtod also takes (hex, inf, nan) is no number here.
 */
static bool number_scan(const char *text, double *ret, const char **ret_end)
{
    const char *p = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
        return false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    char *end;
    *ret = strtod(text, &end);
    *ret_end = end;
    return isfinite(*ret);
}

/* A number that is nearly one: 50%, 0,5, 5fps. Says how to write it if that would pass. */
static void hint_number(const struct opt *row, const char *text, struct err *err)
{
    double value;
    const char *end;
    if (!number_scan(text, &value, &end)) {
        if (!isdigit((unsigned char)text[0]))
            return;
        value = 0;
        end = text;
    }
    while (*end == ' ')
        end++;
    if (end[0] == '%' && value / 100 >= row->min && value / 100 <= row->max) {
        err_hint(err, "write %g for %g %%", value / 100, value);
    } else if (end[0] == ',' && isdigit((unsigned char)end[1])) {
        char number[32];
        snprintf(number, sizeof number, "%.*s.%.*s", (int)MIN(end - text, 12), text,
                 (int)strspn(end + 1, "0123456789"), end + 1);
        err_hint(err, "write the decimal sign as a point: %s", number);
    } else if (isalpha((unsigned char)end[0]) && value >= row->min && value <= row->max &&
               end > text) {
        err_hint(err, "write %g alone%s%s", value, row->unit ? "; it means " : ", without a unit",
                 row->unit ? row->unit : "");
    }
}

static bool fail_number(const struct opt *row, const char *text, struct err *err, const char *why)
{
    fail_value(row, text, err, why);
    if (!(row->flags & OPT_SECRET))
        hint_number(row, text, err);
    return false;
}

static bool parse_bool(const struct opt *row, bool *dst, const char *text, struct err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};
    for (int i = 0; words[i]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *dst = i % 2 == 1;
            return true;
        }
    }
    fail_value(row, text, err, "is neither true nor false");
    const char *near = suggest(text, words);
    if (near && strlen(text) > 1)
        err_hint(err, "did you mean '%s'?", near);
    return false;
}

static bool parse_int(const struct opt *row, int *dst, const char *text, struct err *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || isspace((unsigned char)text[0]))
        return fail_number(row, text, err, "is not a whole number");
    if (errno || (double)value < row->min || (double)value > row->max || value < INT_MIN ||
        value > INT_MAX)
        return fail_value(row, text, err, "is out of range");
    *dst = (int)value;
    return true;
}

static bool parse_double(const struct opt *row, double *dst, const char *text, struct err *err)
{
    double value;
    const char *end;
    if (!number_scan(text, &value, &end) || *end != '\0')
        return fail_number(row, text, err, "is not a number");
    if (!(value >= row->min && value <= row->max))
        return fail_value(row, text, err, "is out of range");
    *dst = value;
    return true;
}

/* What is wrong with a text as a value, NULL if nothing. Lines and escape sequences have no
 * business in URLs, paths and passwords, and would forge log lines. */
static const char *text_fault(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\n' || *p == '\r')
            return "contains a line break";
        if (iscntrl((unsigned char)*p))
            return "contains a control character";
    }
    return NULL;
}

static bool parse_text(const struct opt *row, char *dst, const char *text, struct err *err)
{
    const char *fault = text_fault(text);
    if (fault)
        return fail_value(row, text, err, fault);
    size_t length = strlen(text);
    if (length >= row->bytes) {
        char why[64];
        snprintf(why, sizeof why, "is too long: %zu bytes", length);
        return fail_value(row, text, err, why);
    }
    memset(dst, 0, row->bytes); /* no rest of a longer, secret one */
    memcpy(dst, text, length);
    return true;
}

static int choice_index(const struct opt *row, const char *text)
{
    for (int i = 0; row->choices[i]; i++)
        if (strcmp(row->choices[i], text) == 0)
            return i;
    return -1;
}

static bool fail_choice(const struct opt *row, const char *text, struct err *err)
{
    fail_value(row, text, err, "is not a choice");
    const char *near = suggest(text, row->choices);
    char allowed[200];
    opt_allowed(row, allowed, sizeof allowed);
    if (near)
        err_hint(err, "did you mean '%s'? %s", near, allowed);
    return false;
}

static bool parse_enum(const struct opt *row, int *dst, const char *text, struct err *err)
{
    int index = choice_index(row, text);
    if (index < 0)
        return fail_choice(row, text, err);
    *dst = index;
    return true;
}

static const struct opt_unit *unit_find(const struct opt_unit *units, const char *name,
                                        size_t length)
{
    for (const struct opt_unit *u = units; u->name; u++)
        if (strlen(u->name) == length && strncasecmp(u->name, name, length) == 0)
            return u;
    return NULL;
}

/* Numbers with units, added up: "1h30m", "500 MB". A bare number has the factor bare. */
static bool quantity_scan(const struct opt_unit *units, double bare, const char *text, double *ret)
{
    double sum = 0;
    const char *p = text;
    do {
        double value;
        const char *end;
        if (!number_scan(p, &value, &end))
            return false;
        if (*end == '\0' && p == text) {
            *ret = value * bare;
            return true;
        }
        if (*end == ' ')
            end++;
        size_t length = 0;
        while (isalpha((unsigned char)end[length]))
            length++;
        const struct opt_unit *unit = unit_find(units, end, length);
        if (!unit)
            return false;
        sum += value * unit->factor;
        p = end + length;
    } while (*p);
    *ret = sum;
    return true;
}

static void hint_examples(const struct opt *row, const char *examples, struct err *err)
{
    char allowed[160];
    opt_allowed(row, allowed, sizeof allowed);
    err_hint(err, "allowed: %s, such as %s", allowed, examples);
}

static void hint_duration_word(const char *text, struct err *err)
{
    double value;
    const char *end;
    if (!number_scan(text, &value, &end))
        return;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < ARRAY_LEN(duration_words); i++)
        if (strcasecmp(end, duration_words[i].word) == 0)
            err_hint(err, "write %g%s", value, duration_words[i].unit);
}

static bool parse_duration(const struct opt *row, int64_t *dst, const char *text, struct err *err)
{
    double us;
    if (!quantity_scan(opt_durations, 1e6, text, &us)) {
        fail_value(row, text, err, "is not a duration");
        hint_examples(row, "500ms, 10s, 2m, 1h or 30d", err);
        if (!(row->flags & OPT_SECRET))
            hint_duration_word(text, err);
        return false;
    }
    if (!(us >= row->min * 1e6 && us <= row->max * 1e6) || fabs(us) > OPT_QUANTITY_MAX)
        return fail_value(row, text, err, "is out of range");
    *dst = (int64_t)llround(us);
    return true;
}

/* 10G: people leave out the B, and it matters which. */
static void hint_size_letter(const char *text, struct err *err)
{
    double value;
    const char *end;
    if (!number_scan(text, &value, &end) || strlen(end) != 1 || !strchr("kKmMgGtT", *end))
        return;
    int letter = toupper((unsigned char)*end);
    err_hint(err, "write %g%cB or %g%ciB", value, letter, value, letter);
}

static bool parse_size(const struct opt *row, int64_t *dst, const char *text, struct err *err)
{
    double bytes;
    if (!quantity_scan(opt_sizes, 1, text, &bytes)) {
        fail_value(row, text, err, "is not a size");
        hint_examples(row, "500MB, 10GB or 4GiB", err);
        if (!(row->flags & OPT_SECRET))
            hint_size_letter(text, err);
        return false;
    }
    if (!(bytes >= row->min && bytes <= row->max) || fabs(bytes) > OPT_QUANTITY_MAX)
        return fail_value(row, text, err, "is out of range");
    *dst = (int64_t)llround(bytes);
    return true;
}

/* h:mm or hh:mm, up to 24:00. Returns the end, NULL if there is none. */
static const char *clock_scan(const char *p, int *ret_min)
{
    int hour = 0, minute = 0, digits = 0;
    for (; isdigit((unsigned char)*p) && digits < 2; p++, digits++)
        hour = hour * 10 + (*p - '0');
    if (digits == 0 || *p != ':' || !isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]))
        return NULL;
    minute = (p[1] - '0') * 10 + (p[2] - '0');
    if (minute > 59 || hour * 60 + minute > 24 * 60)
        return NULL;
    *ret_min = hour * 60 + minute;
    return p + 3;
}

static bool fail_times(const struct opt *row, const char *text, struct err *err)
{
    fail_value(row, text, err, "is not a range of times of day");
    if (strstr(text, "\xe2\x80\x93") || strstr(text, "\xe2\x80\x94"))
        err_hint(err, "write a plain '-' between the times: 22:00-06:00");
    return false;
}

static bool parse_times(const struct opt *row, struct opt_times *dst, const char *text,
                        struct err *err)
{
    if (strcmp(text, "never") == 0) {
        *dst = (struct opt_times){0, 0};
        return true;
    }
    struct opt_times times;
    const char *p = clock_scan(text, &times.from_min);
    if (!p || times.from_min == 24 * 60)
        return fail_times(row, text, err);
    while (*p == ' ')
        p++;
    if (*p != '-')
        return fail_times(row, text, err);
    p++;
    while (*p == ' ')
        p++;
    p = clock_scan(p, &times.to_min);
    if (!p || *p != '\0')
        return fail_times(row, text, err);
    if (times.from_min == times.to_min) {
        fail_value(row, text, err, "begins when it ends");
        err_hint(err, "write never, or 00:00-24:00 for the whole day");
        return false;
    }
    *dst = times;
    return true;
}

bool opt_list_add(const struct opt *row, struct opt_list *list, const char *text, struct err *err)
{
    if (list->count == OPT_LIST_MAX)
        return opt_count_check(row, list->count + 1, "items", err);
    if (text[0] == '\0') {
        err_set(err, ERR_INVALID, "an empty item");
        err_hint(err, "remove it");
        return false;
    }
    const char *fault = text_fault(text);
    if (fault)
        return fail_value(row, text, err, fault);
    if (strlen(text) >= OPT_LIST_TEXT)
        return fail_value(row, text, err, "is too long");
    if (row->choices && choice_index(row, text) < 0)
        return fail_choice(row, text, err);
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            fail_value(row, text, err, "is listed twice");
            err_hint(err, "remove one of the two");
            return false;
        }
    }
    STR_COPY(list->items[list->count++], text);
    return true;
}

static bool parse_list(const struct opt *row, struct opt_list *dst, const char *text,
                       struct err *err)
{
    struct opt_list list = {0};
    const char *p = text + strspn(text, " ");
    while (*p) {
        size_t length = strcspn(p, ",");
        const char *next = p[length] ? p + length + 1 : p + length;
        while (length > 0 && p[length - 1] == ' ')
            length--;
        char item[OPT_LIST_TEXT + 8]; /* a little more, so that too long shows */
        snprintf(item, sizeof item, "%.*s", (int)MIN(length, sizeof item), p);
        if (!opt_list_add(row, &list, item, err))
            return false;
        p = next + strspn(next, " ");
    }
    if (!opt_count_check(row, list.count, "items", err))
        return false;
    *dst = list;
    return true;
}

bool opt_parse(const struct opt *row, void *dst, const char *text, struct err *err)
{
    void *field = (char *)dst + row->offset;
    switch (row->type) {
    case OPT_TYPE_BOOL:
        return parse_bool(row, field, text, err);
    case OPT_TYPE_INT:
        return parse_int(row, field, text, err);
    case OPT_TYPE_DOUBLE:
        return parse_double(row, field, text, err);
    case OPT_TYPE_TEXT:
        return parse_text(row, field, text, err);
    case OPT_TYPE_ENUM:
        return parse_enum(row, field, text, err);
    case OPT_TYPE_DURATION:
        return parse_duration(row, field, text, err);
    case OPT_TYPE_SIZE:
        return parse_size(row, field, text, err);
    case OPT_TYPE_TIMES:
        return parse_times(row, field, text, err);
    case OPT_TYPE_LIST:
        return parse_list(row, field, text, err);
    case OPT_TYPE_POINTS:
    case OPT_TYPE_GROUP:
    case OPT_TYPE_MAP:
        break;
    }
    ASSERT(!"a row that one text can fill");
    return false;
}
