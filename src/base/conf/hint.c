/* What to say about an option that does not exist where it stands. */
#include "base/conf/internal.h"

#include <stdio.h>
#include <string.h>

#define PLACES_MAX         3
#define PLACE_BYTES        96
#define FAR_NAME_BYTES_MIN 5 /* shorter words are near too many others */

struct places {
    const char *name;
    const struct section *except;
    int count;
    char text[PLACES_MAX][PLACE_BYTES + 8];
};

/* Finds the sections that have the option: "detect", "cameras: NAME: motion". */
static void find_places(const struct section *section, const char *path, struct places *places)
{
    for (const struct opt *row = section->rows; row->name && places->count < PLACES_MAX; row++) {
        if (!row->section)
            continue;
        char below[PLACE_BYTES];
        snprintf(below, sizeof below, "%s%s%s%s", path, *path && row->name[0] ? ": " : "",
                 row->name, row->type == OPT_TYPE_MAP ? ": NAME" : "");
        bool flattened = row->name[0] == '\0';
        if (!flattened && row->section != places->except &&
            opt_find(row->section, places->name, NULL))
            snprintf(places->text[places->count++], sizeof places->text[0], "under %s", below);
        if (places->count < PLACES_MAX)
            find_places(row->section, below, places);
    }
}

/* The nearest name of any other section, its place into place; NULL if none is near. */
static const char *suggest_elsewhere(const struct section *section, const char *path,
                                     const char *name, char place[PLACE_BYTES])
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (!row->section)
            continue;
        char below[PLACE_BYTES];
        snprintf(below, sizeof below, "%s%s%s%s", path, *path && row->name[0] ? ": " : "",
                 row->name, row->type == OPT_TYPE_MAP ? ": NAME" : "");
        const char *near = row->name[0] ? opt_suggest(row->section, name) : NULL;
        if (near) {
            str_copy(place, PLACE_BYTES, below);
            return near;
        }
        near = suggest_elsewhere(row->section, below, name, place);
        if (near)
            return near;
    }
    return NULL;
}

static void list_names(const struct section *section, char *out, size_t bytes, size_t *n)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (row->type == OPT_TYPE_GROUP && row->name[0] == '\0') {
            list_names(row->section, out, bytes, n);
            continue;
        }
        if (*n + strlen(row->name) + 8 >= bytes)
            return;
        *n += (size_t)snprintf(out + *n, bytes - *n, "%s%s", *n ? ", " : "", row->name);
    }
}

void conf_unknown_hint(const struct section *root, const struct section *section, const char *name,
                       char *out, size_t bytes)
{
    const char *near = opt_suggest(section, name);
    struct places places = {.name = name, .except = section};
    if (opt_find(root, name, NULL) && root != section)
        STR_COPY(places.text[places.count++], "at the top level");
    find_places(root, "", &places);
    if (places.count > 0) {
        size_t n = (size_t)snprintf(out, bytes, "'%s' belongs %s", name, places.text[0]);
        for (int i = 1; i < places.count && n < bytes; i++)
            n += (size_t)snprintf(out + n, bytes - n, " or %s", places.text[i]);
        if (near && n < bytes)
            snprintf(out + n, bytes - n, "; did you mean '%s'?", near);
        return;
    }
    if (near) {
        snprintf(out, bytes, "did you mean '%s'?", near);
        return;
    }
    char place[PLACE_BYTES] = "";
    if (strlen(name) >= FAR_NAME_BYTES_MIN && (near = suggest_elsewhere(root, "", name, place))) {
        snprintf(out, bytes, "did you mean '%s'? it belongs under %s", near, place);
        return;
    }
    char names[200];
    size_t n = 0;
    names[0] = '\0';
    list_names(section, names, sizeof names, &n);
    snprintf(out, bytes, "options here: %s", names);
}
