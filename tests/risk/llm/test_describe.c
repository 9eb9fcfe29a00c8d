/* What servers say about themselves, and what is made of it. */
#include "test.h"

#include "risk/llm/describe.h"

static const struct {
    const char *name, *json;
    bool is;
    const char *model, *build;
    int slots, context;
    enum describe_vision vision;
} props[] = {
    {"a llama-server",
     "{\"default_generation_settings\":{\"n_ctx\":16384},\"total_slots\":2,\"model_path\":"
     "\"/models/Nemotron-3-Nano.gguf\",\"build_info\":\"b11669-Debian\",\"modalities\":{\"vision\":"
     "true,\"audio\":false}}",
     true, "Nemotron-3-Nano", "b11669-Debian", 2, 16384, VISION_YES},
    {"one that does not see", "{\"total_slots\":1,\"modalities\":{\"vision\":false}}", true, "", "",
     1, 0, VISION_NO},
    {"an older one, which does not say", "{\"total_slots\":4,\"model_alias\":\"small\"}", true,
     "small", "", 4, 0, VISION_UNKNOWN},
    {"numbers beyond reason",
     "{\"default_generation_settings\":{\"n_ctx\":9000000000000},\"total_slots\":123456789}", true,
     "", "", 1024, 1 << 28, VISION_UNKNOWN},
    {"numbers below", "{\"default_generation_settings\":{\"n_ctx\":-1},\"total_slots\":0}", true,
     "", "", 1, 0, VISION_UNKNOWN},
    {"a name that forges lines", "{\"total_slots\":1,\"model_path\":\"/x/a\\nb.gguf\"}", true,
     "a b", "", 1, 0, VISION_UNKNOWN},
    {"wrong types",
     "{\"total_slots\":1,\"model_path\":[1],\"build_info\":{},\"modalities\":\"vision\"}", true, "",
     "", 1, 0, VISION_UNKNOWN},
    {"something else", "{\"status\":\"ok\"}", false, "", "", 1, 0, VISION_UNKNOWN},
    {"a list", "[]", false, "", "", 1, 0, VISION_UNKNOWN},
    {"garbage", "{\"total_slots\": \xff", false, "", "", 1, 0, VISION_UNKNOWN},
    {"nothing", "", false, "", "", 1, 0, VISION_UNKNOWN},
};

static void reads_props(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(props); i++) {
        struct server_info info = {.slots = 1};
        enum describe_vision vision = VISION_UNKNOWN;
        bool is = describe_props(props[i].json, strlen(props[i].json), &info, &vision);
        if (is != props[i].is || strcmp(info.kind, is ? "llama.cpp" : "") != 0)
            fail_msg("%s: is %d, kind '%s'", props[i].name, is, info.kind);
        if (strcmp(info.model, props[i].model) != 0 || strcmp(info.build, props[i].build) != 0)
            fail_msg("%s: '%s', '%s'", props[i].name, info.model, info.build);
        if (info.slots != props[i].slots || info.context != props[i].context ||
            vision != props[i].vision)
            fail_msg("%s: %d slots, context %d, vision %d", props[i].name, info.slots, info.context,
                     (int)vision);
    }
}

#define LIST(models) "{\"object\":\"list\",\"data\":[" models "]}"
#define MODEL(id, owner, more)                                                                     \
    "{\"id\":\"" id "\",\"object\":\"model\",\"owned_by\":\"" owner "\"" more "}"

static const struct {
    const char *name, *json, *kind_before, *wanted;
    enum err_code code;
    const char *says; /* message or hint */
    const char *kind, *model;
    int slots, context;
} lists[] = {
    {"vLLM", LIST(MODEL("nvidia/nemotron", "vllm", ",\"max_model_len\":8192")), "", "", ERR_NONE,
     "", "vLLM", "nvidia/nemotron", 4, 8192},
    {"Ollama, the second", LIST(MODEL("a:1b", "library", "") "," MODEL("b:7b", "library", "")), "",
     "b:7b", ERR_NONE, "", "Ollama", "b:7b", 1, 0},
    {"Ollama, none given", LIST(MODEL("a:1b", "library", "") "," MODEL("b:7b", "library", "")), "",
     "", ERR_NONE, "", "Ollama", "a:1b", 1, 0},
    {"Ollama, the first in a cloud",
     LIST(MODEL("qwen:480b-cloud", "library", "") "," MODEL("b:7b", "library", "")), "", "",
     ERR_NONE, "", "Ollama", "b:7b", 1, 0},
    {"Ollama, only in a cloud",
     LIST(MODEL("qwen:480b-cloud", "library", "") "," MODEL("glm:Cloud", "library", "")), "", "",
     ERR_NOT_FOUND, "only has models that run elsewhere", "", "", 1, 0},
    {"Ollama, wanted in a cloud",
     LIST(MODEL("a:1b", "library", "") "," MODEL("qwen:cloud", "library", "")), "", "qwen:cloud",
     ERR_NONE, "", "Ollama", "qwen:cloud", 1, 0},
    {"llama.cpp has no cloud", LIST(MODEL("cloud", "llamacpp", "")), "llama.cpp", "", ERR_NONE, "",
     "llama.cpp", "cloud", 1, 0},
    {"another", LIST(MODEL("gpt", "system", "")), "", "", ERR_NONE, "", "other", "gpt", 1, 0},
    {"llama.cpp without /props", LIST(MODEL("/m/x.gguf", "llamacpp", ",\"meta\":{\"n_ctx\":4096}")),
     "", "", ERR_NONE, "", "llama.cpp", "x", 1, 4096},
    {"llama.cpp does not mind the name", LIST(MODEL("/m/x.gguf", "llamacpp", "")), "llama.cpp",
     "nemotron", ERR_NONE, "", "llama.cpp", "x", 1, 0},
    {"not this one", LIST(MODEL("a", "library", "") "," MODEL("b", "library", "")), "", "c",
     ERR_NOT_FOUND, "it has: a, b", "", "", 1, 0},
    {"none at all", LIST(""), "", "", ERR_NOT_FOUND, "it has no model", "", "", 1, 0},
    {"an id that cannot be said back", LIST(MODEL("a\\nb", "x", "")), "", "", ERR_NOT_FOUND,
     "it has no model", "", "", 1, 0},
    {"ids of wrong types", LIST("{\"id\":7},[],null," MODEL("a", "library", "")), "", "", ERR_NONE,
     "", "Ollama", "a", 1, 0},
    {"no list", "{\"data\":{}}", "", "", ERR_INVALID, "list of models is none", "", "", 1, 0},
    {"a page", "<html>", "", "", ERR_INVALID, "list of models is none", "", "", 1, 0},
};

static void reads_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct server_info info = {.slots = 1};
        struct err err = {0};
        STR_COPY(info.kind, lists[i].kind_before);
        bool ok = describe_models(lists[i].json, strlen(lists[i].json), lists[i].wanted, &info,
                                  &err);
        if (ok != (lists[i].code == ERR_NONE) || err.code != lists[i].code)
            fail_msg("%s: %s", lists[i].name, ok ? "passes" : err.msg);
        if (!strstr(err.msg, lists[i].says) && !strstr(err.hint, lists[i].says))
            fail_msg("%s: says '%s' (%s)", lists[i].name, err.msg, err.hint);
        if (strcmp(info.kind, lists[i].kind) != 0 || strcmp(info.model, lists[i].model) != 0)
            fail_msg("%s: '%s', '%s'", lists[i].name, info.kind, info.model);
        if (info.slots != lists[i].slots || info.context != lists[i].context)
            fail_msg("%s: %d slots, context %d", lists[i].name, info.slots, info.context);
    }
}

static void lists_of_many_models_are_cut(void **state)
{
    (void)state;
    char json[8000] = "{\"data\":[";
    size_t bytes = strlen(json);
    for (int i = 0; i < 100; i++)
        bytes += (size_t)snprintf(json + bytes, sizeof json - bytes,
                                  "%s{\"id\":\"model-number-%d\"}", i ? "," : "", i);
    snprintf(json + bytes, sizeof json - bytes, "]}");
    struct server_info info = {.slots = 1};
    struct err err = {0};
    CHECK(!describe_models(json, strlen(json), "other", &info, &err));
    CHECK_CONTAINS(err.hint, "model-number-0, model-number-1");
}

static void reads_versions(void **state)
{
    (void)state;
    static const struct {
        const char *json, *build;
    } rows[] = {{"{\"version\":\"0.12.3\"}", "0.12.3"},
                {"{\"version\":3}", "before"},
                {"nonsense", "before"},
                {"", "before"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server_info info = {.build = "before"};
        describe_version(rows[i].json, strlen(rows[i].json), &info);
        CHECK_STR(info.build, rows[i].build);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_props),
        cmocka_unit_test(reads_models),
        cmocka_unit_test(lists_of_many_models_are_cut),
        cmocka_unit_test(reads_versions),
    };
    return cmocka_run_group_tests_name("llm describe", tests, NULL, NULL);
}
