#include "risk/llm/probe.h"

#include <jansson.h>
#include <libavutil/base64.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#define SIDE_PX 224 /* a whole number of patches for the usual vision models */
#define QUALITY 90

/* Far apart, so that a model that sees at all tells them apart. */
const char *const probe_colours[] = {"red", "green", "blue", "yellow", "white", "black", NULL};
static const unsigned char colour_rgb[PROBE_COLOURS][3] = {
    {220, 20, 20}, {20, 160, 40}, {20, 40, 220}, {250, 230, 20}, {250, 250, 250}, {5, 5, 5}};
_Static_assert(ARRAY_LEN(probe_colours) == PROBE_COLOURS + 1, "one value for each name");

static void end_jpeg(unsigned char **jpeg)
{
    tjFree(*jpeg);
}

/* A JPEG of one colour as a data: URL. */
static char *picture_url(int colour)
{
    static const char head[] = "data:image/jpeg;base64,";
    AUTO(free_ptr) unsigned char *rgb = xcalloc((size_t)SIDE_PX * SIDE_PX, 3);
    for (size_t i = 0; i < (size_t)SIDE_PX * SIDE_PX; i++)
        memcpy(rgb + 3 * i, colour_rgb[colour], 3);
    AUTO(end_jpeg) unsigned char *jpeg = NULL;
    unsigned long bytes = 0;
    tjhandle handle = tjInitCompress();
    ASSERT(handle);
    int refused = tjCompress2(handle, rgb, SIDE_PX, 0, SIDE_PX, TJPF_RGB, &jpeg, &bytes, TJSAMP_420,
                              QUALITY, 0);
    ASSERT(refused == 0);
    tjDestroy(handle);
    size_t room = AV_BASE64_SIZE(bytes);
    char *url = xcalloc(sizeof head + room, 1);
    memcpy(url, head, sizeof head);
    av_base64_encode(url + sizeof head - 1, (int)room, jpeg, (int)bytes);
    return url;
}

static void put_picture(struct json *out, int colour)
{
    AUTO(free_ptr) char *url = picture_url(colour);
    json_begin_object(out, NULL);
    json_text(out, "type", "image_url");
    json_begin_object(out, "image_url");
    json_text(out, "url", url);
    json_end_object(out);
    json_end_object(out);
}

static void put_messages(struct json *out, const struct probe *probe)
{
    json_begin_array(out, "messages");
    json_begin_object(out, NULL);
    json_text(out, "role", "user");
    if (probe->colour < 0) {
        json_text(out, "content", "Reply with a JSON object. Its only field is \"answer\".");
    } else {
        json_begin_array(out, "content");
        put_picture(out, probe->colour);
        json_begin_object(out, NULL);
        json_text(out, "type", "text");
        json_text(out, "text",
                  "Which colour has this picture? Reply with a JSON object. Its only field is "
                  "\"answer\".");
        json_end_object(out);
        json_end_array(out);
    }
    json_end_object(out);
    json_end_array(out);
}

static void put_schema(struct json *out, const struct probe *probe)
{
    json_begin_object(out, "schema");
    json_text(out, "type", "object");
    json_begin_object(out, "properties");
    json_begin_object(out, "answer");
    json_text(out, "type", "string");
    json_begin_array(out, "enum");
    if (probe->colour < 0)
        json_text(out, NULL, probe->secret);
    for (int i = 0; probe->colour >= 0 && probe_colours[i]; i++)
        json_text(out, NULL, probe_colours[i]);
    json_end_array(out);
    json_end_object(out);
    json_end_object(out);
    json_begin_array(out, "required");
    json_text(out, NULL, "answer");
    json_end_array(out);
    json_bool(out, "additionalProperties", false);
    json_end_object(out);
}

void probe_json(struct json *out, const struct probe *probe)
{
    ASSERT(probe->colour < PROBE_COLOURS);
    json_begin_object(out, NULL);
    if (probe->model[0])
        json_text(out, "model", probe->model);
    put_messages(out, probe);
    json_begin_object(out, "response_format");
    json_text(out, "type", "json_schema");
    json_begin_object(out, "json_schema");
    json_text(out, "name", "probe");
    json_bool(out, "strict", true);
    put_schema(out, probe);
    json_end_object(out);
    json_end_object(out);
    json_int(out, "temperature", 0);
    json_int(out, "seed", probe->seed);
    json_int(out, "max_tokens", PROBE_TOKENS_MAX);
    json_bool(out, "stream", true);
    json_begin_object(out, "stream_options");
    json_bool(out, "include_usage", true);
    json_end_object(out);
    json_bool(out, "cache_prompt", false);
    json_begin_object(out, "chat_template_kwargs");
    json_bool(out, "enable_thinking", false);
    json_end_object(out);
    json_end_object(out);
}

static void drop_json(json_t **root)
{
    json_decref(*root);
}

bool probe_passed(const struct probe *probe, const char *reply, size_t bytes)
{
    AUTO(drop_json) json_t *root = json_loadb(reply, bytes, 0, NULL);
    const char *answer = json_string_value(json_object_get(root, "answer"));
    const char *right = probe->colour < 0 ? probe->secret : probe_colours[probe->colour];
    return answer && strcmp(answer, right) == 0;
}
