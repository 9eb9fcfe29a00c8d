/* Option values and their bounds as text. */
#include "base/opt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct opt_unit opt_durations[] = {
    {"d", 86400e6}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1}, {NULL, 0},
};

const struct opt_unit opt_sizes[] = {
    {"TB", 1e12},        {"GB", 1e9},      {"MB", 1e6},   {"kB", 1e3}, {"TiB", 1099511627776},
    {"GiB", 1073741824}, {"MiB", 1048576}, {"KiB", 1024}, {"B", 1},    {NULL, 0},
};

static void format_quantity(const struct opt_unit *units, const char *zero, int64_t value,
                            char *out, size_t bytes)
{
    if (value == 0) {
        snprintf(out, bytes, "%s", zero);
        return;
    }
    for (const struct opt_unit *u = units; u->name; u++) {
        if (value % (int64_t)u->factor == 0) {
            snprintf(out, bytes, "%lld%s", (long long)(value / (int64_t)u->factor), u->name);
            return;
        }
    }
}

/* The shortest decimal that reads back to the same number. */
static void format_double(double value, char *out, size_t bytes)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, bytes, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

static bool format_list(const struct opt_list *list, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < list->count; i++) {
        int wrote = snprintf(out + n, bytes - n, "%s%s", i ? ", " : "", list->items[i]);
        if (wrote < 0 || (size_t)wrote >= bytes - n)
            return false;
        n += (size_t)wrote;
    }
    return true;
}

bool opt_format(const struct opt *row, const void *src, char *out, size_t bytes)
{
    const void *field = (const char *)src + row->offset;
    if (row->flags & OPT_SECRET) {
        bool empty = row->type == OPT_TYPE_TEXT && *(const char *)field == '\0';
        return str_copy(out, bytes, empty ? "" : "***");
    }
    char value[64] = "";
    switch (row->type) {
    case OPT_TYPE_BOOL:
        return str_copy(out, bytes, *(const bool *)field ? "true" : "false");
    case OPT_TYPE_INT:
        snprintf(value, sizeof value, "%d", *(const int *)field);
        break;
    case OPT_TYPE_DOUBLE:
        format_double(*(const double *)field, value, sizeof value);
        break;
    case OPT_TYPE_TEXT:
        return str_copy(out, bytes, field);
    case OPT_TYPE_ENUM:
        return str_copy(out, bytes, row->choices[*(const int *)field]);
    case OPT_TYPE_DURATION:
        format_quantity(opt_durations, "0s", *(const int64_t *)field, value, sizeof value);
        break;
    case OPT_TYPE_SIZE:
        format_quantity(opt_sizes, "0", *(const int64_t *)field, value, sizeof value);
        break;
    case OPT_TYPE_TIMES: {
        const struct opt_times *t = field;
        if (t->from_min == t->to_min)
            return str_copy(out, bytes, "never");
        snprintf(value, sizeof value, "%02d:%02d-%02d:%02d", t->from_min / 60, t->from_min % 60,
                 t->to_min / 60, t->to_min % 60);
        break;
    }
    case OPT_TYPE_LIST:
        return format_list(field, out, bytes);
    case OPT_TYPE_POINTS:
    case OPT_TYPE_GROUP:
    case OPT_TYPE_MAP:
        ASSERT(!"a row that one text can show");
    }
    return str_copy(out, bytes, value);
}

static int list_bound(const struct opt *row)
{
    return row->type == OPT_TYPE_LIST ? (int)MIN(row->max, OPT_LIST_MAX) : (int)row->max;
}

static void join_choices(const char *const *choices, char *out, size_t bytes)
{
    size_t n = 0;
    for (int i = 0; choices[i] && n < bytes; i++) {
        if (n + strlen(choices[i]) + 8 >= bytes) {
            snprintf(out + n, bytes - n, ", ...");
            return;
        }
        n += (size_t)snprintf(out + n, bytes - n, "%s%s", i ? ", " : "", choices[i]);
    }
}

static void allowed_range(const struct opt *row, char *out, size_t bytes)
{
    char low[40], high[40];
    if (row->type == OPT_TYPE_DURATION) {
        format_quantity(opt_durations, "0s", (int64_t)(row->min * 1e6), low, sizeof low);
        format_quantity(opt_durations, "0s", (int64_t)MIN(row->max * 1e6, OPT_QUANTITY_MAX), high,
                        sizeof high);
        snprintf(out, bytes, "%s to %s", low, high);
    } else if (row->type == OPT_TYPE_SIZE) {
        format_quantity(opt_sizes, "0", (int64_t)row->min, low, sizeof low);
        format_quantity(opt_sizes, "0", (int64_t)MIN(row->max, OPT_QUANTITY_MAX), high,
                        sizeof high);
        snprintf(out, bytes, "%s to %s", low, high);
    } else {
        format_double(row->min, low, sizeof low);
        format_double(row->max, high, sizeof high);
        snprintf(out, bytes, "%s to %s%s%s", low, high, row->unit ? " " : "",
                 row->unit ? row->unit : "");
    }
}

static void allowed_list(const struct opt *row, char *out, size_t bytes)
{
    char choices[200];
    if (row->choices) {
        join_choices(row->choices, choices, sizeof choices);
        snprintf(out, bytes, "a list of: %s", choices);
    } else {
        char least[24] = "";
        if (row->min > 0)
            snprintf(least, sizeof least, "%g to ", row->min);
        snprintf(out, bytes, "a list of %s%d texts of up to %d bytes",
                 row->min > 0 ? least : "up to ", list_bound(row), OPT_LIST_TEXT - 1);
    }
}

void opt_allowed(const struct opt *row, char *out, size_t bytes)
{
    char choices[200];
    switch (row->type) {
    case OPT_TYPE_BOOL:
        snprintf(out, bytes, "true or false");
        break;
    case OPT_TYPE_INT:
    case OPT_TYPE_DOUBLE:
    case OPT_TYPE_DURATION:
    case OPT_TYPE_SIZE:
        allowed_range(row, out, bytes);
        break;
    case OPT_TYPE_TEXT:
        snprintf(out, bytes, "one line of text, up to %zu bytes", row->bytes - 1);
        break;
    case OPT_TYPE_ENUM:
        join_choices(row->choices, choices, sizeof choices);
        snprintf(out, bytes, "one of: %s", choices);
        break;
    case OPT_TYPE_TIMES:
        snprintf(out, bytes, "from-to in 24 hours, such as 22:00-06:00, or never");
        break;
    case OPT_TYPE_LIST:
        allowed_list(row, out, bytes);
        break;
    case OPT_TYPE_POINTS:
        if (row->min == row->max)
            snprintf(out, bytes, "%g points [x, y], each 0 to 1", row->min);
        else
            snprintf(out, bytes, "%g to %g points [x, y], each 0 to 1", row->min, row->max);
        break;
    case OPT_TYPE_GROUP:
        snprintf(out, bytes, "options of its own");
        break;
    case OPT_TYPE_MAP:
        snprintf(out, bytes, "up to %g named entries", row->max);
        break;
    }
}

void opt_hint_allowed(const struct opt *row, struct err *err)
{
    char allowed[240];
    opt_allowed(row, allowed, sizeof allowed);
    err_hint(err, "%s%s", row->type == OPT_TYPE_ENUM ? "" : "allowed: ", allowed);
}

bool opt_count_check(const struct opt *row, int count, const char *what, struct err *err)
{
    if (count >= row->min && count <= list_bound(row))
        return true;
    if (count < row->min)
        err_set(err, ERR_INVALID, "%d %s, fewer than %g", count, what, row->min);
    else
        err_set(err, ERR_INVALID, "%d %s, more than %d", count, what, list_bound(row));
    opt_hint_allowed(row, err);
    return false;
}
