/* From the tree into the structs: the walk along sections, with everything that can be wrong there.
 */
#include "base/conf/internal.h"
#include "base/redact.h"

#include <ctype.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX    64 /* of one section, flattened groups included */
#define EXCUSED_MAX 8
#define HINTED_MAX  100 /* errors after which no hint is looked for: it would not be printed */

/* A mapping being read into a section. */
struct frame {
    const struct section *section;
    char *dst;
    struct fy_node *node;
    size_t pos; /* of the name above it */
    char where[192];
    bool merged; /* `<<` promised options from elsewhere */
    int excused_count;
    const struct opt *excused[EXCUSED_MAX]; /* not missing: an unknown name was probably meant so */
    int seen_count;
    struct {
        const struct opt *row;
        size_t pos;
    } seen[ROWS_MAX];
};

static void read_section(struct conf_reader *r, struct frame *f, int depth);

static const char *where_of(char *out, size_t bytes, const struct frame *f, const char *name)
{
    snprintf(out, bytes, "%s%s%s", f->where, f->where[0] ? ": " : "", name);
    return out;
}

/* "camera porch", or just "porch" in a map without a word for its elements. */
static void where_element(char *out, size_t bytes, const struct frame *f, const struct opt *row,
                          const char *name)
{
    snprintf(out, bytes, "%s%s%s %s", f->where, f->where[0] ? ": " : "", row->section->name, name);
}

static bool is_empty(struct fy_node *node)
{
    return !node || (fy_node_is_scalar(node) && !fy_node_is_alias(node) && fy_node_is_null(node) &&
                     !fy_node_get_anchor(node) && !fy_node_get_tag_token(node));
}

static void read_text_row(struct conf_reader *r, struct frame *f, const struct opt *row, char *base,
                          struct fy_node *node, size_t key_pos)
{
    char where[256];
    where_of(where, sizeof where, f, row->name);
    bool hidden;
    AUTO(free_ptr) char *text = conf_scalar(r, row, node, key_pos, where, &hidden);
    if (!text)
        return;
    size_t span;
    bool secret = (row->flags & OPT_SECRET) || hidden;
    size_t pos = secret ? key_pos : conf_node_pos(r, node, key_pos, &span);
    if (secret)
        span = strlen(row->name);
    static const char *const quotes[] = {"\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x98",
                                         "\xe2\x80\x99", "\xe2\x80\x9e"};
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        if (fy_node_get_style(node) == FYNS_PLAIN && !hidden && strncmp(text, quotes[i], 3) == 0) {
            conf_report(r, pos, span, "write plain quotes: \"...\" or '...'",
                        "%s begins with a typographic quote", where);
            return;
        }
    }
    struct opt shielded = *row;
    shielded.flags |= hidden ? OPT_SECRET : 0;
    struct err err;
    if (row->type == OPT_TYPE_TEXT && (row->flags & OPT_REQUIRED) && text[0] == '\0')
        conf_report(r, pos, span, row->help ? row->help : "", "%s is empty", where);
    else if (!opt_parse(&shielded, base, text, &err))
        conf_report(r, pos, span, err.hint, "%s: %s", where, err.msg);
    if (secret)
        explicit_bzero(text, strlen(text));
}

static void report_not_list(struct conf_reader *r, struct fy_node *node, size_t key_pos,
                            const char *where)
{
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    char hint[200] = "write a list: [first, second]";
    AUTO(free_ptr) char *text = conf_node_text(r, node, NULL);
    char shown[64];
    snprintf(shown, sizeof shown, "%.60s", text ? text : "");
    redact_value(shown);
    if (text && strlen(text) < 60 && !fy_node_get_tag_token(node))
        snprintf(hint, sizeof hint, "write a list: [%s]", shown);
    conf_report(r, pos, span, hint, "%s is %s, not a list", where,
                fy_node_is_mapping(node) ? "a mapping" : "one value");
}

static void read_list_row(struct conf_reader *r, struct frame *f, const struct opt *row, char *base,
                          struct fy_node *node, size_t key_pos)
{
    char where[256];
    where_of(where, sizeof where, f, row->name);
    if (is_empty(node)) {
        bool hidden;
        free(conf_scalar(r, row, node, key_pos, where, &hidden)); /* says what is wrong */
        return;
    }
    if (!fy_node_is_sequence(node)) {
        report_not_list(r, node, key_pos, where);
        return;
    }
    struct opt_list list = {.count = 0};
    void *iterator = NULL;
    struct fy_node *item;
    int count = 0;
    bool good = true;
    while ((item = fy_node_sequence_iterate(node, &iterator)) && count++ < OPT_LIST_MAX) {
        size_t span;
        size_t pos = conf_node_pos(r, item, key_pos, &span);
        bool hidden;
        AUTO(free_ptr) char *text = conf_scalar(r, NULL, item, pos, where, &hidden);
        struct err err;
        bool added = text && opt_list_add(row, &list, text, &err);
        if (text && !added)
            conf_report(r, pos, span, err.hint, "%s: %s", where, err.msg);
        good = good && added;
    }
    struct err err;
    if (good && !opt_count_check(row, fy_node_sequence_item_count(node), "items", &err)) {
        conf_report(r, key_pos, strlen(row->name), err.hint, "%s: %s", where, err.msg);
        good = false;
    }
    if (good)
        *(struct opt_list *)(base + row->offset) = list;
}

/* References and tags where a value of its own is needed; reported. */
static bool is_indirect(struct conf_reader *r, struct fy_node *node, size_t key_pos,
                        const char *where)
{
    if (!node)
        return false;
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    if (fy_node_is_alias(node)) {
        conf_report(r, pos, span, "write it out here", "%s: YAML references (*name) are not read",
                    where);
        return true;
    }
    if (!fy_node_get_tag_token(node))
        return false;
    conf_report(r, pos, span, "write it out here; only single values may be !secret or !env",
                "%s: YAML tags such as !include are not read here", where);
    return true;
}

/* A name that would have been good, for the hint: "front door" -> front_door. */
static void good_name(char *out, size_t bytes, const char *name, const char *kind)
{
    size_t n = 0;
    if (isdigit((unsigned char)name[0]) && strlen(kind) + 1 < bytes)
        n = (size_t)snprintf(out, bytes, "%s_", kind);
    for (const char *p = name; *p && n + 1 < bytes && n < OPT_NAME_BYTES - 1; p++) {
        bool kept = isascii((unsigned char)*p) &&
                    (isalnum((unsigned char)*p) || *p == '_' || *p == '-');
        if (n == 0 && (!kept || !isalpha((unsigned char)*p)))
            continue;
        if (((unsigned char)*p & 0xc0) != 0x80)
            out[n++] = kept ? *p : '_';
    }
    while (n > 0 && out[n - 1] == '_')
        n--;
    out[n] = '\0';
}

static bool check_name(struct conf_reader *r, const struct opt *row, const char *where,
                       const char *name, size_t pos)
{
    size_t length = strlen(name);
    bool good = isascii((unsigned char)name[0]) && isalpha((unsigned char)name[0]);
    for (const char *p = name; *p && good; p++)
        good = isascii((unsigned char)*p) && (isalnum((unsigned char)*p) || *p == '_' || *p == '-');
    if (good && length < OPT_NAME_BYTES)
        return true;
    char better[OPT_NAME_BYTES], hint[200];
    good_name(better, sizeof better, name, row->section->name);
    if (length >= OPT_NAME_BYTES)
        snprintf(hint, sizeof hint, "at most %d characters", OPT_NAME_BYTES - 1);
    else
        snprintf(hint, sizeof hint, "letters, digits, _ and - only, a letter first%s%s",
                 better[0] ? ", such as " : "", better);
    conf_report(r, pos, length, hint, "%s: %s", where,
                length >= OPT_NAME_BYTES ? "the name is too long"
                                         : "the name has characters that are not allowed");
    return false;
}

/* `name: value` for an element with a single row. */
static bool is_short_form(const struct section *section, struct fy_node *node)
{
    return section->rows[0].name && !section->rows[1].name && !section->rows[0].section &&
           !is_empty(node) && !fy_node_is_mapping(node);
}

static void read_row(struct conf_reader *r, struct frame *f, const struct opt *row, char *base,
                     struct fy_node *node, size_t key_pos, int depth);

static void read_element(struct conf_reader *r, struct frame *f, const struct opt *row, char *dst,
                         const char *name, struct fy_node *node, size_t pos, int depth)
{
    struct frame below = {.section = row->section, .dst = dst, .node = node, .pos = pos};
    where_element(below.where, sizeof below.where, f, row, name);
    opt_defaults(row->section, dst);
    str_copy(dst, OPT_NAME_BYTES, name);
    if (is_short_form(row->section, node))
        read_row(r, &below, &row->section->rows[0], dst, node, pos, depth);
    else
        read_section(r, &below, depth);
}

static void report_not_map(struct conf_reader *r, const struct frame *f, const struct opt *row,
                           struct fy_node *node, size_t key_pos)
{
    char where[256], hint[200];
    where_of(where, sizeof where, f, row->name);
    size_t span;
    size_t pos = conf_node_pos(r, node, key_pos, &span);
    snprintf(hint, sizeof hint, "write the name of each %s as 'NAME:', its options below it%s",
             row->section->name, fy_node_is_sequence(node) ? ", no '- '" : "");
    conf_report(r, pos, span, hint, "%s is %s, not a mapping of names", where,
                fy_node_is_sequence(node) ? "a list" : "one value");
}

/* The name of an element or option, malloc'ed; NULL after reporting. */
static char *key_text(struct conf_reader *r, const struct frame *f, struct fy_node *key, size_t pos)
{
    size_t bytes = 0;
    bool alias = key && fy_node_is_alias(key);
    AUTO(free_ptr) char *text = alias ? NULL : conf_node_text(r, key, &bytes);
    if (text && bytes > 0 && strlen(text) == bytes)
        return TAKE(text);
    conf_report(r, pos, 0, "write a name before the colon; texts with [ ] { } & * need quotes",
                "%s%sthis is no name", f->where, f->where[0] ? ": " : "");
    return NULL;
}

/* The element of that name, -1 if there is none yet. */
static int element_index(const struct opt *row, const struct opt_map *map, const char *name)
{
    for (int i = 0; i < map->count; i++)
        if (strcmp((const char *)map->items + (size_t)i * row->section->bytes, name) == 0)
            return i;
    return -1;
}

static void report_twice(struct conf_reader *r, const char *where, const char *name, size_t pos,
                         size_t first)
{
    char hint[100];
    snprintf(hint, sizeof hint, "the first is in line %d: remove or rename one of the two",
             conf_line_at(r, first) + 1);
    conf_report(r, pos, strlen(name), hint, "%s is given twice", where);
}

static void read_map_row(struct conf_reader *r, struct frame *f, const struct opt *row, char *base,
                         struct fy_node *node, size_t key_pos, int depth)
{
    if (is_empty(node))
        return;
    if (!fy_node_is_mapping(node)) {
        report_not_map(r, f, row, node, key_pos);
        return;
    }
    struct opt_map *map = (struct opt_map *)(base + row->offset);
    int capacity = MIN(fy_node_mapping_item_count(node), (int)row->max);
    map->items = xcalloc((size_t)MAX(capacity, 1), row->section->bytes);
    AUTO(free_ptr) size_t *places = xcalloc((size_t)MAX(capacity, 1), sizeof *places);
    void *iterator = NULL;
    struct fy_node_pair *pair;
    while ((pair = fy_node_mapping_iterate(node, &iterator))) {
        char where[256];
        struct fy_node *key = fy_node_pair_key(pair);
        size_t pos = conf_node_pos(r, key, key_pos, NULL);
        AUTO(free_ptr) char *name = key_text(r, f, key, pos);
        where_element(where, sizeof where, f, row, name ? name : "");
        if (!name || !check_name(r, row, where, name, pos))
            continue;
        int twin = element_index(row, map, name);
        if (twin >= 0) {
            report_twice(r, where, name, pos, places[twin]);
            continue;
        }
        if (map->count == capacity) {
            conf_report(r, pos, strlen(name), "remove some of them",
                        "%s is one more than the %d allowed", where, capacity);
            return;
        }
        places[map->count] = pos;
        char *dst = (char *)map->items + (size_t)map->count++ * row->section->bytes;
        read_element(r, f, row, dst, name, fy_node_pair_value(pair), pos, depth + 1);
    }
}

static void read_row(struct conf_reader *r, struct frame *f, const struct opt *row, char *base,
                     struct fy_node *node, size_t key_pos, int depth)
{
    char where[256];
    bool plain = row->type < OPT_TYPE_LIST;
    if (!plain && is_indirect(r, node, key_pos, where_of(where, sizeof where, f, row->name)))
        return;
    switch (row->type) {
    case OPT_TYPE_GROUP: {
        struct frame below = {
            .section = row->section, .dst = base + row->offset, .node = node, .pos = key_pos};
        where_of(below.where, sizeof below.where, f, row->name);
        read_section(r, &below, depth + 1);
        break;
    }
    case OPT_TYPE_MAP:
        read_map_row(r, f, row, base, node, key_pos, depth);
        break;
    case OPT_TYPE_POINTS:
        conf_read_points(r, row, (struct opt_points *)(base + row->offset), node, key_pos,
                         where_of(where, sizeof where, f, row->name));
        break;
    case OPT_TYPE_LIST:
        read_list_row(r, f, row, base, node, key_pos);
        break;
    default:
        read_text_row(r, f, row, base, node, key_pos);
    }
}

static int seen_index(const struct frame *f, const struct opt *row)
{
    for (int i = 0; i < f->seen_count; i++)
        if (f->seen[i].row == row)
            return i;
    return -1;
}

static void report_unknown(struct conf_reader *r, struct frame *f, const char *name, size_t pos)
{
    char where[256], hint[256];
    snprintf(where, sizeof where, "%s%s", f->where, f->where[0] ? ": " : "");
    if (strcmp(name, "<<") == 0) {
        f->merged = true;
        conf_report(r, pos, 2, "write the options out in every place",
                    "%sYAML merge keys are not read", where);
        return;
    }
    hint[0] = '\0';
    if (r->errors->total < HINTED_MAX) {
        conf_unknown_hint(r->root, f->section, name, hint, sizeof hint);
        const char *near = opt_suggest(f->section, name);
        if (near && f->excused_count < EXCUSED_MAX)
            f->excused[f->excused_count++] = opt_find(f->section, near, NULL);
    }
    char shown[OPT_NAME_BYTES + 4];
    snprintf(shown, sizeof shown, "%.*s%s", OPT_NAME_BYTES - 1, name,
             strlen(name) >= OPT_NAME_BYTES ? "..." : "");
    redact_value(shown);
    conf_report(r, pos, strlen(name), hint, "%sunknown option '%s'", where, shown);
}

static void read_pair(struct conf_reader *r, struct frame *f, struct fy_node_pair *pair, int depth)
{
    struct fy_node *key = fy_node_pair_key(pair);
    size_t pos = conf_node_pos(r, key, f->pos, NULL);
    AUTO(free_ptr) char *name = key_text(r, f, key, pos);
    if (!name)
        return;
    size_t base = 0;
    const struct opt *row = opt_find(f->section, name, &base);
    if (!row) {
        report_unknown(r, f, name, pos);
        return;
    }
    int seen = seen_index(f, row);
    if (seen >= 0) {
        char where[256];
        report_twice(r, where_of(where, sizeof where, f, name), name, pos, f->seen[seen].pos);
        return;
    }
    ASSERT(f->seen_count < ROWS_MAX);
    f->seen[f->seen_count].row = row;
    f->seen[f->seen_count++].pos = pos;
    read_row(r, f, row, f->dst + base, fy_node_pair_value(pair), pos, depth);
}

static bool is_excused(const struct frame *f, const struct opt *row)
{
    for (int i = 0; i < f->excused_count; i++)
        if (f->excused[i] == row)
            return true;
    return f->merged;
}

static void check_required(struct conf_reader *r, const struct frame *f,
                           const struct section *section)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0')
            check_required(r, f, row->section);
        if (!(row->flags & OPT_REQUIRED) || seen_index(f, row) >= 0 || is_excused(f, row))
            continue;
        char hint[256];
        snprintf(hint, sizeof hint, "add '%s: ...'. %s", row->name, row->help ? row->help : "");
        conf_report(r, f->pos, 0, hint, "%s%s%s is missing", f->where, f->where[0] ? ": " : "",
                    row->name);
    }
}

/* The rules between fields, of the section and of those flattened into it. */
static void run_checks(struct conf_reader *r, const struct frame *f, const struct section *section,
                       const char *dst)
{
    for (const struct opt *row = section->rows; row->name; row++)
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0')
            run_checks(r, f, row->section, dst + row->offset);
    struct err err = {.code = ERR_NONE};
    const char *at = NULL;
    if (!section->check || section->check(dst, &at, &err))
        return;
    const struct opt *row = at ? opt_find(section, at, NULL) : NULL;
    int seen = row ? seen_index(f, row) : -1;
    char hint[256];
    snprintf(hint, sizeof hint, "%s",
             err.hint[0]        ? err.hint
             : row && row->help ? row->help
                                : "'hsi config docs' describes the options");
    redact_value(err.msg);
    conf_report(r, seen >= 0 ? f->seen[seen].pos : f->pos, seen >= 0 ? strlen(at) : 0, hint,
                "%s%s%s", f->where, f->where[0] ? ": " : "", err.msg);
}

/* One text where options belong: often a forgotten space after the colon. */
static void report_not_section(struct conf_reader *r, const struct frame *f)
{
    size_t span;
    size_t pos = conf_node_pos(r, f->node, f->pos, &span);
    char hint[256] = "write its options below it, indented by two more spaces: 'name: value'";
    bool scalar = fy_node_is_scalar(f->node);
    AUTO(free_ptr) char *text = conf_node_text(r, f->node, NULL);
    char name[OPT_NAME_BYTES] = "";
    if (text)
        snprintf(name, sizeof name, "%.*s", (int)MIN(strcspn(text, ":= \n"), sizeof name - 1),
                 text);
    size_t length = strlen(name);
    bool known = length > 0 && opt_find(f->section, name, NULL);
    if (known && (text[length] == ':' || text[length] == '=')) {
        snprintf(hint, sizeof hint, "put a space after the colon: '%s: ...'", name);
        if (text[length] == '=')
            snprintf(hint, sizeof hint, "write '%s: ' and then the value", name);
    } else if (known && text[length] == ' ') {
        snprintf(hint, sizeof hint, "put a colon after '%s'", name);
    } else if (!scalar) {
        snprintf(hint, sizeof hint, "write 'name: value' lines without '- '");
    }
    conf_report(r, pos, span, hint, "%s is %s, not a group of options",
                f->where[0] ? f->where : "the file", scalar ? "one value" : "a list");
}

static void read_section(struct conf_reader *r, struct frame *f, int depth)
{
    ASSERT(depth < CONF_DEPTH_MAX); /* the depth of the tables, not of the file */
    int errors_before = r->errors->total;
    bool empty = is_empty(f->node);
    if (is_indirect(r, f->node, f->pos, f->where[0] ? f->where : "the file"))
        return;
    if (!empty && !fy_node_is_mapping(f->node)) {
        report_not_section(r, f);
        return;
    }
    void *iterator = NULL;
    struct fy_node_pair *pair;
    while (!empty && (pair = fy_node_mapping_iterate(f->node, &iterator)))
        read_pair(r, f, pair, depth);
    if (r->partial)
        return;
    check_required(r, f, f->section);
    if (r->errors->total == errors_before)
        run_checks(r, f, f->section, f->dst);
}

/* Finds something nested deeper than the limit and gives the place of the nearest name above it,
 * SIZE_MAX if there is none. The library has its own, larger limit; this recursion has ours. */
static size_t find_deep(const struct conf_reader *r, struct fy_node *node, size_t pos, int depth)
{
    if (!node || fy_node_is_scalar(node))
        return SIZE_MAX;
    if (depth > CONF_DEPTH_MAX)
        return conf_node_pos(r, node, pos, NULL);
    void *iterator = NULL;
    size_t deep = SIZE_MAX;
    if (fy_node_is_sequence(node)) {
        struct fy_node *item;
        while (deep == SIZE_MAX && (item = fy_node_sequence_iterate(node, &iterator)))
            deep = find_deep(r, item, pos, depth + 1);
        return deep;
    }
    struct fy_node_pair *pair;
    while (deep == SIZE_MAX && (pair = fy_node_mapping_iterate(node, &iterator))) {
        struct fy_node *key = fy_node_pair_key(pair);
        deep = find_deep(r, key, pos, depth + 1);
        if (deep == SIZE_MAX)
            deep = find_deep(r, fy_node_pair_value(pair), conf_node_pos(r, key, pos, NULL),
                             depth + 1);
    }
    return deep;
}

void conf_read(struct conf_reader *r, struct fy_node *root, void *dst)
{
    size_t deep = find_deep(r, root, 0, 1);
    if (deep != SIZE_MAX) {
        conf_report(r, deep, 0,
                    "no option is nested that deep: check the indentation and the brackets",
                    "nested deeper than %d levels", CONF_DEPTH_MAX);
        return;
    }
    struct frame top = {.section = r->root, .dst = dst, .node = root};
    read_section(r, &top, 0);
}
