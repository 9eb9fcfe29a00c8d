/* Scalars and points of the tree. */
#include "base/conf/internal.h"

#include <libfyaml.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

#define TAG_CORE "tag:yaml.org,2002:"

/* Where an error about the node may point: for a secret, at its name only. */
static size_t place(const struct conf_reader *r, const struct opt *row, struct fy_node *node,
                    size_t key_pos, size_t *ret_span)
{
    if (row && (row->flags & OPT_SECRET)) {
        *ret_span = strlen(row->name);
        return key_pos;
    }
    return conf_node_pos(r, node, key_pos, ret_span);
}

/* The name in the environment nearest to name, into best; false if none is near. */
static bool environment_suggest(const char *name, char best[OPT_NAME_BYTES])
{
    long least = LONG_MAX;
    for (char **entry = environ; *entry; entry++) {
        char candidate[OPT_NAME_BYTES];
        snprintf(candidate, sizeof candidate, "%.*s", (int)strcspn(*entry, "="), *entry);
        const char *const one[] = {candidate, NULL};
        long difference = labs((long)strlen(candidate) - (long)strlen(name));
        if (difference >= least || !suggest(name, one))
            continue;
        least = difference;
        str_copy(best, OPT_NAME_BYTES, candidate);
    }
    return least < LONG_MAX;
}

static const char *secret_value(struct conf_reader *r, const char *name, size_t pos, size_t span,
                                const char *where)
{
    const char *value = conf_secrets_find(r->secrets, name);
    if (value)
        return value;
    const char *near = conf_secrets_suggest(r->secrets, name);
    char hint[256];
    if (near)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    else
        snprintf(hint, sizeof hint, "add the line '%.40s: VALUE' to %.120s", name,
                 conf_secrets_path(r->secrets));
    conf_report(r, pos, span, hint, "%s: there is no secret '%.40s'", where, name);
    return NULL;
}

static const char *environment_value(struct conf_reader *r, const char *name, size_t pos,
                                     size_t span, const char *where)
{
    const char *value = getenv(name);
    if (value)
        return value;
    char near[OPT_NAME_BYTES], hint[256];
    if (environment_suggest(name, near))
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    else
        snprintf(hint, sizeof hint, "set it before hsi is started: export %.40s=VALUE", name);
    conf_report(r, pos, span, hint, "%s: the environment has no '%.40s'", where, name);
    return NULL;
}

/* The value that a tagged scalar stands for; NULL after reporting. *ret_hidden as in conf_scalar.
 */
static const char *tagged_value(struct conf_reader *r, const char *tag, const char *text,
                                size_t pos, size_t span, const char *where, bool *ret_hidden)
{
    *ret_hidden = true;
    if (!r->root) {
        conf_report(r, pos, span, "put a value that begins with '!' in quotes",
                    "%s: a secret cannot be a reference", where);
        return NULL;
    }
    bool secret = strcmp(tag, "!secret") == 0;
    bool environment = strcmp(tag, "!env") == 0;
    if ((secret || environment) && text[0] == '\0') {
        conf_report(r, pos, span, secret ? "write !secret NAME" : "write !env NAME",
                    "%s: %s needs a name", where, tag);
        return NULL;
    }
    if (secret)
        return secret_value(r, text, pos, span, where);
    if (environment)
        return environment_value(r, text, pos, span, where);
    *ret_hidden = false;
    if (strncmp(tag, TAG_CORE, strlen(TAG_CORE)) == 0)
        return text;
    static const char *const tags[] = {"!secret", "!env", NULL};
    const char *near = suggest(tag, tags);
    char hint[160] = "put a value that begins with '!' in quotes; known are !secret and !env";
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s? put a text that begins with '!' in quotes",
                 near);
    conf_report(r, pos, span, hint, "%s: an unknown YAML tag", where);
    return NULL;
}

static bool is_null_word(struct fy_node *node, const char *text)
{
    if (fy_node_get_style(node) != FYNS_PLAIN)
        return false;
    return strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

/* Why a scalar has no value: people write passwords like #1 and &b without quotes. */
static void report_no_value(struct conf_reader *r, struct fy_node *node, size_t key_pos,
                            const char *where)
{
    int line = conf_line_at(r, key_pos);
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    const char *end = text + bytes;
    const char *p = memchr(r->text + key_pos, ':', (size_t)(end - (r->text + key_pos)));
    p = p ? p + 1 : end;
    while (p < end && *p == ' ')
        p++;
    size_t pos = p < end ? (size_t)(p - r->text) : key_pos;
    if (p < end && *p == '#')
        conf_report(r, pos, 0, "put a value that begins with '#' in quotes: '#...'",
                    "%s has no value: a '#' after a space begins a comment", where);
    else if (fy_node_get_anchor(node) || (p < end && *p == '&'))
        conf_report(r, pos, 0, "put a value that begins with '&' in quotes: '&...'",
                    "%s has no value: '&' begins an anchor in YAML", where);
    else
        conf_report(r, key_pos, 0, "write a value after the colon, or remove the line",
                    "%s has no value", where);
}

static const char *kind_of(struct fy_node *node)
{
    if (fy_node_is_sequence(node))
        return "a list";
    return fy_node_is_mapping(node) ? "a mapping" : "a text";
}

static void report_not_scalar(struct conf_reader *r, const struct opt *row, struct fy_node *node,
                              size_t key_pos, const char *where)
{
    size_t span;
    size_t pos = place(r, row, node, key_pos, &span);
    bool flow = fy_node_get_style(node) == FYNS_FLOW;
    char allowed[200] = "a single value", hint[256];
    if (row)
        opt_allowed(row, allowed, sizeof allowed);
    if (flow && (!row || row->type == OPT_TYPE_TEXT))
        snprintf(hint, sizeof hint, "write one value; a text that begins with '%c' needs quotes",
                 fy_node_is_sequence(node) ? '[' : '{');
    else
        snprintf(hint, sizeof hint, "allowed: %s", allowed);
    conf_report(r, pos, span, hint, "%s is %s, not one value", where, kind_of(node));
}

static void report_alias(struct conf_reader *r, size_t pos, const char *where)
{
    conf_report(r, pos, 0, "write the value out, or put a text that begins with '*' in quotes",
                "%s: YAML references (*name) are not read", where);
}

/* ${NAME} in its entirety. */
static bool is_shell_variable(const char *text)
{
    size_t length = strlen(text);
    return length > 3 && text[0] == '$' && text[1] == '{' && text[length - 1] == '}' &&
           strspn(text + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               length - 3;
}

/* What YAML takes for a value, but hardly anybody means. */
static bool check_style(struct conf_reader *r, struct fy_node *node, const char *text, size_t pos,
                        size_t span, const char *where)
{
    enum fy_node_style style = fy_node_get_style(node);
    bool quoted = style == FYNS_SINGLE_QUOTED || style == FYNS_DOUBLE_QUOTED;
    size_t second = quoted || style == FYNS_PLAIN ? conf_node_second_line(r, node) : SIZE_MAX;
    if (second != SIZE_MAX && quoted) {
        conf_report(r, pos, 1, "close the quote in the line it begins in; no value needs several",
                    "%s: the quote opened here ends in line %d", where,
                    conf_line_at(r, second) + 1);
        return false;
    }
    if (second != SIZE_MAX) {
        conf_report(
            r, second, 0,
            "write 'name: value' in the column of the line above, and every value in one line",
            "%s: the value goes on in this line", where);
        return false;
    }
    if (style == FYNS_PLAIN && is_shell_variable(text)) {
        char hint[160];
        snprintf(hint, sizeof hint, "write !env %.*s, or put the text in quotes",
                 (int)MIN(strlen(text) - 3, 64), text + 2);
        conf_report(r, pos, span, hint, "%s: ${...} is not replaced here", where);
        return false;
    }
    return true;
}

char *conf_scalar(struct conf_reader *r, const struct opt *row, struct fy_node *node,
                  size_t key_pos, const char *where, bool *ret_hidden)
{
    size_t span;
    size_t pos = place(r, row, node, key_pos, &span);
    *ret_hidden = r->root == NULL;
    if (node && !fy_node_is_scalar(node)) {
        report_not_scalar(r, row, node, key_pos, where);
        return NULL;
    }
    if (node && fy_node_is_alias(node)) {
        report_alias(r, pos, where);
        return NULL;
    }
    size_t bytes = 0, tag_bytes = 0;
    AUTO(free_ptr) char *copy = node ? conf_node_text(r, node, &bytes) : xstrdup("");
    const char *tag = node ? fy_node_get_tag(node, &tag_bytes) : NULL;
    if (strlen(copy) != bytes) {
        conf_report(r, pos, span, "remove the \\0", "%s contains a zero byte", where);
        return NULL;
    }
    if (tag) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)MIN(tag_bytes, sizeof name - 1), tag);
        const char *value = tagged_value(r, name, copy, pos, span, where, ret_hidden);
        return value ? xstrdup(value) : NULL;
    }
    if (!node || fy_node_is_null(node) || is_null_word(node, copy)) {
        report_no_value(r, node, key_pos, where);
        return NULL;
    }
    return check_style(r, node, copy, pos, span, where) ? TAKE(copy) : NULL;
}

/* One coordinate. */
static bool read_coordinate(struct conf_reader *r, struct fy_node *node, size_t key_pos,
                            const char *where, const char *axis, float *ret)
{
    bool hidden;
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    AUTO(free_ptr) char *text = conf_scalar(r, NULL, node, key_pos, where, &hidden);
    if (!text)
        return false;
    static const struct opt row = {"share", .type = OPT_TYPE_DOUBLE, .min = -1e9, .max = 1e9};
    double value;
    struct err err;
    if (!opt_parse(&row, &value, text, &err)) {
        conf_report(r, pos, span, "a number from 0 to 1, such as 0.25", "%s: %s: %s", where, axis,
                    hidden ? "the value is not a number" : err.msg);
        return false;
    }
    if (!(value >= 0 && value <= 1)) {
        char hint[200];
        snprintf(hint, sizeof hint, "0 is the %s and 1 the %s of the picture%s",
                 axis[0] == 'x' ? "left edge" : "top", axis[0] == 'x' ? "right edge" : "bottom",
                 value < 2        ? ""
                 : axis[0] == 'x' ? ": divide pixels by its width"
                                  : ": divide pixels by its height");
        conf_report(r, pos, span, hint, "%s: %s %g is not within 0 to 1", where, axis, value);
        return false;
    }
    *ret = (float)value;
    return true;
}

#define POINT_HINT "write points as [[x, y], [x, y], ...] with numbers from 0 to 1"

static bool read_point(struct conf_reader *r, struct fy_node *node, size_t key_pos,
                       const char *where, int number, struct opt_point *ret)
{
    char at[256];
    snprintf(at, sizeof at, "%s: point %d", where, number);
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    if (!node || !fy_node_is_sequence(node)) {
        conf_report(r, pos, span, POINT_HINT, "%s is %s, not [x, y]", at,
                    node && fy_node_is_mapping(node) ? "a mapping" : "one value");
        return false;
    }
    int count = fy_node_sequence_item_count(node);
    if (count != 2) {
        conf_report(r, pos, span, POINT_HINT, "%s has %d numbers, not 2", at, count);
        return false;
    }
    return read_coordinate(r, fy_node_sequence_get_by_index(node, 0), pos, at, "x", &ret->x) &&
           read_coordinate(r, fy_node_sequence_get_by_index(node, 1), pos, at, "y", &ret->y);
}

/* Twice the area that three or more points enclose; the length of two. */
static float extent(const struct opt_points *points)
{
    if (points->count == 2)
        return hypotf(points->items[1].x - points->items[0].x,
                      points->items[1].y - points->items[0].y);
    float sum = 0;
    for (int i = 0; i < points->count; i++) {
        struct opt_point a = points->items[i];
        struct opt_point b = points->items[(i + 1) % points->count];
        sum += a.x * b.y - b.x * a.y;
    }
    return fabsf(sum);
}

void conf_read_points(struct conf_reader *r, const struct opt *row, struct opt_points *points,
                      struct fy_node *node, size_t key_pos, const char *where)
{
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    if (!node || !fy_node_is_sequence(node)) {
        conf_report(r, pos, span, POINT_HINT, "%s: the points are not a list", where);
        return;
    }
    struct err err;
    int count = fy_node_sequence_item_count(node);
    void *iterator = NULL;
    struct fy_node *item = fy_node_sequence_iterate(node, &iterator);
    bool flat = item && fy_node_is_scalar(item) && !fy_node_is_alias(item);
    if (!flat && !opt_count_check(row, count, "points", &err)) {
        conf_report(r, pos, 0, err.hint, "%s: %s", where, err.msg);
        return;
    }
    struct opt_points read = {.count = 0};
    for (int i = 1; item && i <= OPT_POINTS_MAX; i++) {
        if (!read_point(r, item, pos, where, i, &read.items[read.count]))
            return;
        read.count++;
        item = fy_node_sequence_iterate(node, &iterator);
    }
    if (read.count >= 2 && extent(&read) < 1e-6f) {
        conf_report(r, pos, 0, "move the points apart",
                    read.count == 2 ? "%s: the two points are the same"
                                    : "%s: the points enclose nothing",
                    where);
        return;
    }
    *points = read;
}
