/* The reference and the effective configuration, both walked from the tables. */
#include "base/conf/internal.h"
#include "base/redact.h"

#include <stdio.h>
#include <string.h>

/* -- the reference -- */

/* Table cells may not hold a bar. */
static void put_cell(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            fputc('\\', out);
        fputc(*p, out);
    }
}

static void docs_row(FILE *out, const struct opt *row, bool live)
{
    char allowed[256];
    opt_allowed(row, allowed, sizeof allowed);
    fprintf(out, "| `%s` | ", row->name);
    put_cell(out, allowed);
    fputs(" | ", out);
    if (row->flags & OPT_REQUIRED)
        fputs("required", out);
    else if (row->def && row->def[0])
        fprintf(out, "`%s`", row->def);
    fprintf(out, " | %s | ", live || row->flags & OPT_LIVE ? "reload" : "restart");
    put_cell(out, row->help ? row->help : "");
    fputs(row->flags & OPT_SECRET ? " Secret. |\n" : " |\n", out);
}

static void docs_scalars(FILE *out, const struct section *section, bool live)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0')
            docs_scalars(out, row->section, live);
        else if (!row->section)
            docs_row(out, row, live);
    }
}

static bool has_scalars(const struct section *section)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        bool flattened = row->type == OPT_TYPE_GROUP && row->name[0] == '\0';
        if (!row->section || (flattened && has_scalars(row->section)))
            return true;
    }
    return false;
}

static void docs_help(FILE *out, const struct section *section)
{
    if (section->help && section->help[0])
        fprintf(out, "%s\n\n", section->help);
    for (const struct opt *row = section->rows; row->name; row++)
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0')
            docs_help(out, row->section);
}

static void docs_section(FILE *out, const struct section *section, const char *path, bool live);

static void docs_children(FILE *out, const struct section *section, const char *path, bool live)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (!row->section)
            continue;
        if (row->name[0] == '\0') {
            docs_children(out, row->section, path, live);
            continue;
        }
        char below[256];
        snprintf(below, sizeof below, "%s%s%s%s", path, *path ? "." : "", row->name,
                 row->type == OPT_TYPE_MAP ? ".NAME" : "");
        fprintf(out, "\n## `%s`\n\n", below);
        if (row->help && row->help[0])
            fprintf(out, "%s\n\n", row->help);
        if (row->type == OPT_TYPE_MAP)
            fprintf(out, "Up to %g of them.\n\n", row->max);
        docs_section(out, row->section, below, live || row->flags & OPT_LIVE);
    }
}

static void docs_section(FILE *out, const struct section *section, const char *path, bool live)
{
    docs_help(out, section);
    if (has_scalars(section)) {
        fputs("| option | allowed | default | applies | |\n|---|---|---|---|---|\n", out);
        docs_scalars(out, section, live);
    }
    docs_children(out, section, path, live);
}

void conf_docs(FILE *out, const struct section *section)
{
    docs_section(out, section, "", false);
}

/* -- the effective configuration -- */

static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fputc('\\', out);
        fputc(*p, out);
    }
    fputc('"', out);
}

static void show_text(FILE *out, const char *text, const struct conf_secrets *secrets)
{
    char shown[1024];
    STR_COPY(shown, conf_secrets_appear(secrets, text) ? "***" : text);
    redact_value(shown);
    put_quoted(out, shown);
}

static void show_list(FILE *out, const struct opt_list *list, const struct conf_secrets *secrets)
{
    fputc('[', out);
    for (int i = 0; i < list->count; i++) {
        fputs(i ? ", " : "", out);
        show_text(out, list->items[i], secrets);
    }
    fputc(']', out);
}

static void show_points(FILE *out, const struct opt_points *points)
{
    fputc('[', out);
    for (int i = 0; i < points->count; i++)
        fprintf(out, "%s[%.9g, %.9g]", i ? ", " : "", (double)points->items[i].x,
                (double)points->items[i].y);
    fputc(']', out);
}

static void show_value(FILE *out, const struct opt *row, const char *src,
                       const struct conf_secrets *secrets)
{
    char text[1024];
    switch (row->type) {
    case OPT_TYPE_LIST:
        show_list(out, (const struct opt_list *)(src + row->offset), secrets);
        return;
    case OPT_TYPE_POINTS:
        show_points(out, (const struct opt_points *)(src + row->offset));
        return;
    default:
        opt_format(row, src, text, sizeof text);
    }
    if (row->type == OPT_TYPE_TEXT || row->type == OPT_TYPE_TIMES)
        show_text(out, text, secrets);
    else
        fputs(text, out);
}

static void show_section(FILE *out, const struct section *section, const char *src, int indent,
                         const struct conf_secrets *secrets);

static void show_map(FILE *out, const struct opt *row, const struct opt_map *map, int indent,
                     const struct conf_secrets *secrets)
{
    if (map->count == 0) {
        fputs(" {}\n", out);
        return;
    }
    fputc('\n', out);
    for (int i = 0; i < map->count; i++) {
        const char *element = (const char *)map->items + (size_t)i * row->section->bytes;
        fprintf(out, "%*s%s:\n", indent + 2, "", element);
        show_section(out, row->section, element, indent + 4, secrets);
    }
}

/* A row that the user must give and has no value cannot be written: the text would not load. */
static bool is_unset(const struct opt *row, const char *src)
{
    if (row->type == OPT_TYPE_POINTS)
        return ((const struct opt_points *)(src + row->offset))->count == 0;
    if (row->type == OPT_TYPE_LIST)
        return ((const struct opt_list *)(src + row->offset))->count < row->min;
    return false;
}

static void show_section(FILE *out, const struct section *section, const char *src, int indent,
                         const struct conf_secrets *secrets)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        const char *field = src + row->offset;
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0') {
            show_section(out, row->section, field, indent, secrets);
            continue;
        }
        if (is_unset(row, src))
            continue;
        fprintf(out, "%*s%s:", indent, "", row->name);
        if (row->type == OPT_TYPE_GROUP) {
            fputc('\n', out);
            show_section(out, row->section, field, indent + 2, secrets);
        } else if (row->type == OPT_TYPE_MAP) {
            show_map(out, row, (const struct opt_map *)field, indent, secrets);
        } else {
            fputc(' ', out);
            show_value(out, row, src, secrets);
            fputc('\n', out);
        }
    }
}

void conf_show(FILE *out, const struct section *section, const void *src,
               const struct conf_secrets *secrets)
{
    show_section(out, section, src, 0, secrets);
}
