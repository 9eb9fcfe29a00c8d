#include "detect/models.h"

#include "base/embed.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS_MAX   256 /* names looked at in the folder */
#define MODEL_SUFFIX ".onnx"

extern const struct embedded embedded_models[];

bool models_folder(char *out, size_t bytes, struct err *err)
{
    const char *own = getenv("HSI_MODELS");
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int n;
    if (own && own[0])
        n = snprintf(out, bytes, "%s", own);
    else if (data && data[0] == '/')
        n = snprintf(out, bytes, "%s/hsi/models", data);
    else if (home && home[0])
        n = snprintf(out, bytes, "%s/.local/share/hsi/models", home);
    else
        n = snprintf(out, bytes, "/var/lib/hsi/models");
    if (n < 0 || (size_t)n >= bytes)
        return err_set(err, ERR_INVALID, "the path of the model folder is longer than %zu", bytes);
    return true;
}

struct names {
    char items[MODELS_MAX][256];
    int count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names without the suffix, sorted. */
static void read_names(const char *folder, struct names *names)
{
    names->count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    const struct dirent *entry;
    while (names->count < MODELS_MAX && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        size_t suffix = strlen(MODEL_SUFFIX);
        if (entry->d_name[0] == '.' || length <= suffix ||
            strcmp(entry->d_name + length - suffix, MODEL_SUFFIX) != 0)
            continue;
        char *name = names->items[names->count++];
        STR_COPY(names->items[names->count - 1], entry->d_name);
        name[length - suffix] = '\0';
    }
    closedir(dir);
    qsort(names->items, (size_t)names->count, sizeof names->items[0], by_name);
}

void models_each(void (*fn)(void *ctx, const char *name, const char *path), void *ctx)
{
    char folder[MODEL_PATH_BYTES];
    if (!models_folder(folder, sizeof folder, NULL))
        return;
    AUTO(free_ptr) struct names *names = NEW(struct names);
    read_names(folder, names);
    for (int i = 0; i < names->count; i++) {
        char path[MODEL_PATH_BYTES + 300];
        snprintf(path, sizeof path, "%s/%s" MODEL_SUFFIX, folder, names->items[i]);
        fn(ctx, names->items[i], path);
    }
}

static const char *name_at(const void *ctx, size_t i)
{
    const struct names *names = ctx;
    return i < (size_t)names->count ? names->items[i] : NULL;
}

bool models_find(const char *name, char *out, size_t bytes, struct err *err)
{
    if (strchr(name, '/') || access(name, R_OK) == 0) {
        if (!str_copy(out, bytes, name))
            return err_set(err, ERR_INVALID, "the model's path is longer than %zu", bytes);
        if (access(name, R_OK) == 0)
            return true;
        err_set(err, ERR_NOT_FOUND, "no model file %s", name);
        err_hint(err, "hsi model list shows the installed ones; hsi model install FILE adds one");
        return false;
    }
    char folder[MODEL_PATH_BYTES];
    if (!models_folder(folder, sizeof folder, err))
        return false;
    bool suffixed = strlen(name) > strlen(MODEL_SUFFIX) &&
                    strcmp(name + strlen(name) - strlen(MODEL_SUFFIX), MODEL_SUFFIX) == 0;
    int n = snprintf(out, bytes, "%s/%s%s", folder, name, suffixed ? "" : MODEL_SUFFIX);
    if (n > 0 && (size_t)n < bytes && access(out, R_OK) == 0)
        return true;
    AUTO(free_ptr) struct names *names = NEW(struct names);
    read_names(folder, names);
    const char *near = suggest_from(name, name_at, names);
    err_set(err, ERR_NOT_FOUND, "no model '%s' is installed", name);
    if (near)
        err_hint(err, "did you mean '%s'?", near);
    else
        err_hint(err, "hsi model install FILE.onnx adds one; they live in %s", folder);
    return false;
}

const void *models_builtin(const char *name, size_t *ret_bytes)
{
    if (strcmp(name, MODEL_DEMO) != 0 || !embedded_models[0].name)
        return NULL;
    *ret_bytes = embedded_models[0].bytes;
    return embedded_models[0].data;
}
