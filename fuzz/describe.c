/* What a model server says about itself; the first byte tells where. */
#include "risk/llm/describe.h"
#include "risk/llm/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct server_info info = {.slots = 1};
    enum describe_vision vision = VISION_UNKNOWN;
    struct err err = {0};
    char text[64];
    const char *json = (const char *)data + 1;
    switch (data[0]) {
    case 'p':
        (void)describe_props(json, size - 1, &info, &vision);
        break;
    case 'm':
    case 'M':
        STR_COPY(info.kind, data[0] == 'M' ? "llama.cpp" : "");
        if (!describe_models(json, size - 1, data[0] == 'M' ? "" : "b:7b", &info, &err))
            ASSERT(err.code == ERR_INVALID || err.code == ERR_NOT_FOUND);
        break;
    case 'v':
        describe_version(json, size - 1, &info);
        break;
    default:
        (void)stream_error_text(json, size - 1, text, sizeof text);
    }
    ASSERT(info.slots > 0 && info.context >= 0);
    ASSERT(strnlen(info.model, sizeof info.model) < sizeof info.model);
    ASSERT(strnlen(info.build, sizeof info.build) < sizeof info.build);
    ASSERT(strnlen(info.kind, sizeof info.kind) < sizeof info.kind);
    AUTO(json_done) struct json out;
    json_init(&out);
    server_info_json(&out, NULL, &info);
    return 0;
}
