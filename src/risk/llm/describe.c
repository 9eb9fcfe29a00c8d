#include "risk/llm/describe.h"

#include "risk/llm/outside.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SLOTS_MAX   1024
#define CONTEXT_MAX (1 << 28)

/* vLLM batches whatever it is given and does not say how much; this is far from its limit. */
#define VLLM_SLOTS 4

static void drop_json(json_t **root)
{
    json_decref(*root);
}

static void take_count(int *to, const json_t *value, int most)
{
    if (json_is_integer(value) && json_integer_value(value) > 0)
        *to = (int)MIN(json_integer_value(value), (json_int_t)most);
}

/* What is called by its path is shown by its name. */
static void take_file(struct server_info *info, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;
    if (!name || !name[0])
        return;
    outside_copy(info->model, sizeof info->model, name);
    size_t n = strlen(info->model);
    if (n > 5 && strcmp(info->model + n - 5, ".gguf") == 0)
        info->model[n - 5] = '\0';
}

bool describe_props(const char *json, size_t bytes, struct server_info *info,
                    enum describe_vision *vision)
{
    AUTO(drop_json) json_t *root = json_loadb(json, bytes, 0, NULL);
    const json_t *defaults = json_object_get(root, "default_generation_settings");
    const json_t *slots = json_object_get(root, "total_slots");
    if (!json_is_object(defaults) && !json_is_integer(slots))
        return false;
    STR_COPY(info->kind, "llama.cpp");
    take_count(&info->slots, slots, SLOTS_MAX);
    take_count(&info->context, json_object_get(defaults, "n_ctx"), CONTEXT_MAX);
    const char *path = json_string_value(json_object_get(root, "model_path"));
    take_file(info,
              path && path[0] ? path : json_string_value(json_object_get(root, "model_alias")));
    const char *build = json_string_value(json_object_get(root, "build_info"));
    if (build)
        outside_copy(info->build, sizeof info->build, build);
    const json_t *sees = json_object_get(json_object_get(root, "modalities"), "vision");
    *vision = json_is_true(sees) ? VISION_YES : json_is_false(sees) ? VISION_NO : VISION_UNKNOWN;
    return true;
}

/* An id is said back to the server as it came: one that cannot be copied unchanged is of no use. */
static const char *id_of(const json_t *model)
{
    char copy[sizeof((struct server_info *)0)->model];
    const char *id = json_string_value(json_object_get(model, "id"));
    if (!id || !id[0])
        return NULL;
    outside_copy(copy, sizeof copy, id);
    return strcmp(copy, id) == 0 ? id : NULL;
}

/* Ollama lists models that it has run elsewhere beside those of this machine. */
static bool runs_elsewhere(const char *id)
{
    size_t n = strlen(id);
    return n >= 5 && strcasecmp(id + n - 5, "cloud") == 0;
}

/* wanted empty: the first that runs here; local: nobody cares for the name, all run here. */
static const json_t *find_model(const json_t *models, const char *wanted, bool local)
{
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *model = json_array_get(models, i);
        const char *id = id_of(model);
        if (id && (local || (wanted[0] ? strcmp(id, wanted) == 0 : !runs_elsewhere(id))))
            return model;
    }
    return NULL;
}

static bool not_found(const json_t *models, const char *wanted, struct err *err)
{
    if (!wanted[0] && !find_model(models, "", true))
        return err_set(err, ERR_NOT_FOUND, "it has no model");
    if (!wanted[0]) {
        (void)err_set(err, ERR_NOT_FOUND, "it only has models that run elsewhere");
        err_hint(err, "name one as risk.llm.model to show it this home's events all the same");
        return false;
    }
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(models) && used < sizeof names - 1; i++) {
        const char *id = id_of(json_array_get(models, i));
        if (id)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                     id);
    }
    (void)err_set(err, ERR_NOT_FOUND, "it has no model '%s'", wanted);
    if (names[0])
        err_hint(err, "it has: %s", names);
    return false;
}

static void take_owner(struct server_info *info, const char *owner)
{
    static const struct {
        const char *owner, *kind;
        int slots;
    } known[] = {
        {"llamacpp", "llama.cpp", 0}, {"vllm", "vLLM", VLLM_SLOTS}, {"library", "Ollama", 0}};
    for (size_t i = 0; owner && !info->kind[0] && i < ARRAY_LEN(known); i++) {
        if (strcmp(owner, known[i].owner) != 0)
            continue;
        STR_COPY(info->kind, known[i].kind);
        info->slots = MAX(info->slots, known[i].slots);
    }
    if (!info->kind[0])
        STR_COPY(info->kind, "other");
}

bool describe_models(const char *json, size_t bytes, const char *wanted, struct server_info *info,
                     struct err *err)
{
    AUTO(drop_json) json_t *root = json_loadb(json, bytes, 0, NULL);
    const json_t *models = json_object_get(root, "data");
    if (!json_is_array(models))
        return err_set(err, ERR_INVALID, "its list of models is none");
    bool any = strcmp(info->kind, "llama.cpp") == 0 && json_array_size(models) == 1;
    const json_t *model = find_model(models, wanted, any);
    if (!model)
        return any || not_found(models, wanted, err);
    take_owner(info, json_string_value(json_object_get(model, "owned_by")));
    if (strcmp(info->kind, "llama.cpp") != 0)
        STR_COPY(info->model, id_of(model));
    else if (!info->model[0])
        take_file(info, id_of(model));
    if (info->context == 0) {
        take_count(&info->context, json_object_get(model, "max_model_len"), CONTEXT_MAX);
        take_count(&info->context, json_object_get(json_object_get(model, "meta"), "n_ctx"),
                   CONTEXT_MAX);
    }
    return true;
}

void describe_version(const char *json, size_t bytes, struct server_info *info)
{
    AUTO(drop_json) json_t *root = json_loadb(json, bytes, 0, NULL);
    const char *version = json_string_value(json_object_get(root, "version"));
    if (version)
        outside_copy(info->build, sizeof info->build, version);
}
