/* The questions that show what a server can do, and which replies count. */
#include "test.h"

#include "risk/llm/probe.h"

#include <jansson.h>
#include <libavutil/base64.h>
#include <turbojpeg.h>

static void counts_only_the_right_reply(void **state)
{
    (void)state;
    static const struct {
        int colour;
        const char *reply;
        bool passes;
    } rows[] = {
        {-1, "{\"answer\":\"1a2b3c4d\"}", true},  {-1, " {\n\"answer\" : \"1a2b3c4d\" }\n", true},
        {-1, "{\"answer\":\"1a2b3c4e\"}", false}, {-1, "{\"answer\":[\"1a2b3c4d\"]}", false},
        {-1, "{\"answer\":\"1a2b3c4d\"", false},  {-1, "The answer is 1a2b3c4d.", false},
        {-1, "{\"secret\":\"1a2b3c4d\"}", false}, {-1, "", false},
        {0, "{\"answer\":\"red\"}", true},        {0, "{\"answer\":\"blue\"}", false},
        {2, "{\"answer\":\"blue\"}", true},       {2, "{\"answer\":\"1a2b3c4d\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe probe = {.model = "", .secret = "1a2b3c4d", .colour = rows[i].colour};
        if (probe_passed(&probe, rows[i].reply, strlen(rows[i].reply)) != rows[i].passes)
            fail_msg("%d: %s", rows[i].colour, rows[i].reply);
    }
}

static json_t *body_of(const struct probe *probe)
{
    struct json out;
    json_init(&out);
    probe_json(&out, probe);
    json_t *root = json_loads(out.text, 0, NULL);
    assert_non_null(root);
    json_done(&out);
    return root;
}

static void the_secret_stands_in_the_schema_only(void **state)
{
    (void)state;
    struct probe probe = {.model = "m", .seed = 7, .secret = "1a2b3c4d", .colour = -1};
    json_t *root = body_of(&probe);
    char *messages = json_dumps(json_object_get(root, "messages"), 0);
    char *format = json_dumps(json_object_get(root, "response_format"), 0);
    CHECK(!strstr(messages, "1a2b"));
    CHECK_CONTAINS(format, "[\"1a2b3c4d\"]");
    CHECK(json_is_true(json_object_get(root, "stream")));
    CHECK_INT(json_integer_value(json_object_get(root, "seed")), 7);
    CHECK_STR(json_string_value(json_object_get(root, "model")), "m");
    free(messages);
    free(format);
    json_decref(root);
    probe.model = "";
    root = body_of(&probe);
    CHECK(!json_object_get(root, "model"));
    json_decref(root);
}

/* The red, green and blue of the picture's middle, decoded as a server would. */
static void decode_middle(const json_t *root, unsigned char ret[3])
{
    const json_t *content = json_object_get(json_array_get(json_object_get(root, "messages"), 0),
                                            "content");
    const json_t *url = json_object_get(json_object_get(json_array_get(content, 0), "image_url"),
                                        "url");
    const char *text = json_string_value(url);
    CHECK_CONTAINS(text, "data:image/jpeg;base64,");
    static unsigned char jpeg[100000], rgb[1024 * 1024 * 3];
    int bytes = av_base64_decode(jpeg, strchr(text, ',') + 1, sizeof jpeg);
    CHECK(bytes > 100);
    tjhandle handle = tjInitDecompress();
    int width, height, subsampling, space;
    CHECK_INT(tjDecompressHeader3(handle, jpeg, (unsigned long)bytes, &width, &height, &subsampling,
                                  &space),
              0);
    CHECK(width <= 1024 && height <= 1024);
    CHECK_INT(tjDecompress2(handle, jpeg, (unsigned long)bytes, rgb, width, 0, height, TJPF_RGB, 0),
              0);
    memcpy(ret, rgb + 3 * ((size_t)width * (size_t)height / 2), 3);
    tjDestroy(handle);
}

static void each_colour_is_a_picture_of_its_own(void **state)
{
    (void)state;
    unsigned char seen[PROBE_COLOURS][3];
    for (int i = 0; i < PROBE_COLOURS; i++) {
        struct probe probe = {.model = "", .secret = "1a2b3c4d", .colour = i};
        json_t *root = body_of(&probe);
        char *format = json_dumps(json_object_get(root, "response_format"), 0);
        CHECK(!strstr(format, "1a2b"));
        for (int k = 0; k < PROBE_COLOURS; k++)
            CHECK_CONTAINS(format, probe_colours[k]);
        decode_middle(root, seen[i]);
        free(format);
        json_decref(root);
        for (int k = 0; k < i; k++) {
            int apart = 0;
            for (int c = 0; c < 3; c++)
                apart += abs(seen[i][c] - seen[k][c]);
            if (apart < 150)
                fail_msg("%s and %s look alike", probe_colours[i], probe_colours[k]);
        }
    }
    CHECK(seen[0][0] > 150 && seen[0][1] < 80 && seen[0][2] < 80); /* red is red */
    CHECK(seen[2][2] > 150 && seen[2][0] < 80 && seen[2][1] < 80); /* blue is blue */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_only_the_right_reply),
        cmocka_unit_test(the_secret_stands_in_the_schema_only),
        cmocka_unit_test(each_colour_is_a_picture_of_its_own),
    };
    return cmocka_run_group_tests_name("llm probe", tests, NULL, NULL);
}
