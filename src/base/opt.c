#include "base/opt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_flattened(const struct opt *row)
{
    return row->type == OPT_TYPE_GROUP && row->name[0] == '\0';
}

static void row_default(const struct opt *row, char *dst)
{
    if (row->type == OPT_TYPE_GROUP) {
        opt_defaults(row->section, dst + row->offset);
        return;
    }
    if (!row->def)
        return; /* empty and zero already */
    struct err err;
    bool parsed = opt_parse(row, dst, row->def, &err);
    ASSERT(parsed);
}

void opt_defaults(const struct section *section, void *dst)
{
    memset(dst, 0, section->bytes);
    for (const struct opt *row = section->rows; row->name; row++)
        row_default(row, dst);
}

static void map_free(const struct section *section, struct opt_map *map)
{
    for (int i = 0; i < map->count; i++)
        opt_free(section, (char *)map->items + (size_t)i * section->bytes);
    free(map->items);
}

void opt_free(const struct section *section, void *dst)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        void *field = (char *)dst + row->offset;
        if (row->type == OPT_TYPE_GROUP)
            opt_free(row->section, field);
        else if (row->type == OPT_TYPE_MAP)
            map_free(row->section, field);
    }
    explicit_bzero(dst, section->bytes); /* there may be passwords in it */
}

const struct opt *opt_find(const struct section *section, const char *name, size_t *ret_base)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (is_flattened(row)) {
            size_t base = 0;
            const struct opt *found = opt_find(row->section, name, &base);
            if (found && ret_base)
                *ret_base = row->offset + base;
            if (found)
                return found;
        } else if (strcmp(row->name, name) == 0) {
            if (ret_base)
                *ret_base = 0;
            return row;
        }
    }
    return NULL;
}

/* Walks the names of a section, flattened groups included, by counting down *index. */
static const char *name_walk(const struct section *section, size_t *index)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (is_flattened(row)) {
            const char *name = name_walk(row->section, index);
            if (name)
                return name;
        } else if ((*index)-- == 0) {
            return row->name;
        }
    }
    return NULL;
}

static const char *name_at(const void *ctx, size_t i)
{
    return name_walk(ctx, &i);
}

static bool is_separator(char c)
{
    return c == '-' || c == ' ' || c == '_' || c == '.';
}

/* A capital after a small letter. */
static bool is_hump(const char *start, const char *p)
{
    return p > start && isupper((unsigned char)*p) && islower((unsigned char)p[-1]);
}

static char lower(char c)
{
    return (char)tolower((unsigned char)c);
}

/* maxClients, max-clients, "Max Clients" -> max_clients. */
static void snake_case(char *out, size_t bytes, const char *name)
{
    size_t n = 0;
    bool broken = true; /* the last character was a separator, or there is none */
    for (const char *p = name; *p && n + 2 < bytes; p++) {
        if ((is_separator(*p) || is_hump(name, p)) && !broken)
            out[n++] = '_';
        broken = is_separator(*p);
        if (!broken)
            out[n++] = lower(*p);
    }
    out[n] = '\0';
}

const char *opt_suggest(const struct section *section, const char *name)
{
    char snake[OPT_NAME_BYTES];
    snake_case(snake, sizeof snake, name);
    const struct opt *row = opt_find(section, snake, NULL);
    return row ? row->name : suggest_from(name, name_at, section);
}
