/* A window as a request: what is in it, in which order, and that it is the same every time. */
#include "test.h"

#include "risk/llm/prompt.h"
#include "risk/llm/scene.h"

#include <jansson.h>
#include <libavutil/sha.h>
#include <stdlib.h>

struct asked {
    struct evidence_list evidence;
    struct json body;
    json_t *root;
};

static struct prompt_params params_of(const struct scene *scene, const struct evidence_list *list)
{
    return (struct prompt_params){.window = &scene->window,
                                  .evidence = list,
                                  .seed = 42,
                                  .cache = true,
                                  .max_tokens = REPLY_TOKENS_MAX};
}

static void read_back(struct asked *asked)
{
    json_error_t where;
    json_decref(asked->root);
    asked->root = json_loadb(asked->body.text, asked->body.bytes, JSON_REJECT_DUPLICATES, &where);
    if (!asked->root)
        fail_msg("no JSON: %s", where.text);
}

static void ask_with(struct asked *asked, const struct prompt_params *params)
{
    json_reset(&asked->body);
    prompt_json(&asked->body, params);
    read_back(asked);
}

static void ask(struct asked *asked, const struct scene *scene)
{
    memset(asked, 0, sizeof *asked);
    json_init(&asked->body);
    evidence_gather(&scene->window, &asked->evidence);
    struct prompt_params params = params_of(scene, &asked->evidence);
    ask_with(asked, &params);
}

static void asked_done(struct asked *asked)
{
    json_decref(asked->root);
    json_done(&asked->body);
}

static const char *content_of(const struct asked *asked, size_t message)
{
    const json_t *m = json_array_get(json_object_get(asked->root, "messages"), message);
    return json_string_value(json_object_get(m, "content"));
}

/* The line between the delimiters, parsed. */
static json_t *report_of(const char *user)
{
    const char *from = strstr(user, PROMPT_DATA_BEGIN "\n");
    CHECK(from);
    from += strlen(PROMPT_DATA_BEGIN "\n");
    const char *to = strchr(from, '\n');
    CHECK(to && strncmp(to + 1, PROMPT_DATA_END "\n", strlen(PROMPT_DATA_END "\n")) == 0);
    json_error_t where;
    json_t *report = json_loadb(from, (size_t)(to - from), JSON_REJECT_DUPLICATES, &where);
    if (!report)
        fail_msg("no JSON: %s", where.text);
    return report;
}

static void says_what_was_seen(void **state)
{
    (void)state;
    struct scene scene;
    scene_visit(&scene);
    struct asked asked;
    ask(&asked, &scene);
    CHECK_STR(
        content_of(&asked, 1),
        "<data>\n"
        "{\"camera\":\"porch\",\"zones\":[{\"name\":\"front lawn\",\"kind\":\"yard\"},"
        "{\"name\":\"front "
        "door\",\"kind\":\"entry\"},{\"name\":\"driveway\",\"kind\":\"driveway\"},"
        "{\"name\":\"sidewalk\",\"kind\":\"sidewalk\",\"owner\":\"the town\"},"
        "{\"name\":\"pool\",\"kind\":\"restricted\"},{\"name\":\"hall\",\"kind\":\"other\"}],"
        "\"lines\":[\"gate\"],\"household\":[{\"name\":\"Anna\",\"label\":\"person\","
        "\"trust\":\"full\",\"expected_now\":true},{\"name\":\"the van\",\"label\":\"truck\","
        "\"trust\":\"guest\",\"only_in\":[\"driveway\"]}],\"day\":\"Friday\","
        "\"local_time\":\"2026-11-20 03:12:00\",\"night\":true,\"duration_s\":50,\"tracks\":["
        "{\"id\":\"t1\",\"label\":\"person\",\"confidence\":0.8,\"first_s\":0,\"last_s\":50,"
        "\"grew\":4,\"zones\":[{\"name\":\"front lawn\",\"stayed_s\":2},{\"name\":\"front door\","
        "\"stayed_s\":48,\"still_inside\":true}],\"crossings\":1,\"usual\":{\"zone\":\"front "
        "door\","
        "\"visits_per_hour\":0.1,\"chance_of_as_many\":0.125,\"stay_s\":12,"
        "\"chance_of_as_long\":0.04,\"weeks_known\":9.5}},"
        "{\"id\":\"t2\",\"label\":\"cat\",\"confidence\":0.8,\"first_s\":0,\"last_s\":8,"
        "\"zones\":[]}],\"rules\":{\"score\":30,\"reasons\":[{\"rule\":\"at-entry\",\"points\":10,"
        "\"says\":\"a person was at the front door\",\"evidence\":\"e6\"},{\"rule\":\"night\","
        "\"points\":20,\"says\":\"a person was at the front door\",\"evidence\":\"e1\"}]},"
        "\"evidence\":{\"e1\":\"the rule 'night' fired at 0.0 s\",\"e2\":\"t1 was first seen at "
        "0.0 s\",\"e3\":\"t1 was first in 'front lawn' at 1.0 s, stayed 2 s\",\"e4\":\"t1 crossed "
        "'gate' inwards at 1.0 s\",\"e5\":\"t1 was first in 'front door' at 2.0 s, stayed 48 s\","
        "\"e6\":\"t1 made the rule 'at-entry' fire at 2.0 s\",\"e7\":\"t1 was seen best at 25.0 "
        "s\",\"e8\":\"t1 was last seen at 50.0 s\",\"e9\":\"t2 was first seen at 0.0 s\","
        "\"e10\":\"t2 was seen best at 4.0 s\",\"e11\":\"t2 was last seen at 8.0 s\"}}\n"
        "</data>\nJudge this window. Answer with the JSON object only.\n");
    asked_done(&asked);
    scene_close(&scene);
}

static void request_is_whole(void **state)
{
    (void)state;
    struct scene scene;
    scene_visit(&scene);
    struct asked asked;
    ask(&asked, &scene);
    const json_t *root = asked.root;
    CHECK(json_is_true(json_object_get(root, "stream")));
    CHECK(json_is_true(json_object_get(json_object_get(root, "stream_options"), "include_usage")));
    CHECK(json_is_true(json_object_get(root, "cache_prompt")));
    CHECK_INT(json_integer_value(json_object_get(root, "seed")), 42);
    CHECK_INT(json_integer_value(json_object_get(root, "max_tokens")), REPLY_TOKENS_MAX);
    CHECK_NEAR(json_number_value(json_object_get(root, "temperature")), 0, 0);
    CHECK(!json_object_get(root, "model"));
    CHECK(json_is_false(
        json_object_get(json_object_get(root, "chat_template_kwargs"), "enable_thinking")));
    CHECK_INT(json_array_size(json_object_get(root, "messages")), 2);
    CHECK_STR(content_of(&asked, 0), prompt_constant());
    const json_t *format = json_object_get(root, "response_format");
    CHECK_STR(json_string_value(json_object_get(format, "type")), "json_schema");
    CHECK(json_is_true(json_object_get(json_object_get(format, "json_schema"), "strict")));

    struct prompt_params params = params_of(&scene, &asked.evidence);
    params.model = "nemotron";
    params.temperature = 0.3;
    params.cache = false;
    params.seed = INT64_C(0x7fffffff);
    ask_with(&asked, &params);
    CHECK_STR(json_string_value(json_object_get(asked.root, "model")), "nemotron");
    CHECK_NEAR(json_number_value(json_object_get(asked.root, "temperature")), 0.3, 1e-9);
    CHECK(json_is_false(json_object_get(asked.root, "cache_prompt")));
    asked_done(&asked);
    scene_close(&scene);
}

static void same_window_same_bytes(void **state)
{
    (void)state;
    struct scene *scene = NEW(struct scene);
    scene_crowd(scene);
    struct asked one, two;
    ask(&one, scene);
    ask(&two, scene);
    CHECK_INT(one.body.bytes, two.body.bytes);
    assert_memory_equal(one.body.text, two.body.text, one.body.bytes);
    asked_done(&one);
    asked_done(&two);
    scene_close(scene);
    free(scene);
}

/* The constant text is what a server's cache and years of stored runs rest on. */
static void constant_text_has_a_version(void **state)
{
    (void)state;
    uint8_t sum[32];
    struct AVSHA *sha = av_sha_alloc();
    CHECK(sha && av_sha_init(sha, 256) == 0);
    av_sha_update(sha, (const uint8_t *)prompt_constant(), strlen(prompt_constant()));
    av_sha_final(sha, sum);
    free(sha);
    char hex[65];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    CHECK_INT(PROMPT_VERSION, 1);
    /* If this fails and you meant to change the text: raise PROMPT_VERSION, and both here. */
    CHECK_STR(hex, "6d6e0c464fb2168a7fe140e25bbf9aad6a8f4f17a6605f3645760f8dded8fb02");
}

static void schema_text(void **state)
{
    (void)state;
    struct evidence_list list = {.count = 2, .items = {{.id = "e1"}, {.id = "e2"}}};
    struct json out;
    json_init(&out);
    prompt_schema_json(&out, NULL, &list);
    static const char expected[] =
        "{\"type\":\"object\",\"properties\":{\"reasoning\":{\"type\":\"string\",\"maxLength\":600}"
        ","
        "\"claims\":{\"type\":\"array\",\"maxItems\":6,\"items\":{\"type\":\"object\","
        "\"properties\":{\"text\":{\"type\":\"string\",\"maxLength\":120},\"evidence\":"
        "{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"string\","
        "\"enum\":[\"e1\",\"e2\"]}}},\"required\":[\"text\",\"evidence\"],"
        "\"additionalProperties\":false}},\"verdict\":{\"type\":\"string\",\"enum\":"
        "[\"uncertain\",\"confirmed\",\"rejected\"]},\"score\":{\"type\":\"integer\","
        "\"minimum\":0,\"maximum\":100},\"summary\":{\"type\":\"string\",\"maxLength\":200}},"
        "\"required\":[\"reasoning\",\"claims\",\"verdict\",\"score\",\"summary\"],"
        "\"additionalProperties\":false}";
    CHECK_INT(SCHEMA_VERSION, 1); /* goes up with any change of the text below */
    CHECK_STR(out.text, expected);

    /* Without evidence there are no claims; an empty list of choices would be no schema. */
    list.count = 0;
    json_reset(&out);
    prompt_schema_json(&out, NULL, &list);
    CHECK_CONTAINS(out.text, "\"claims\":{\"type\":\"array\",\"maxItems\":0");
    CHECK_CONTAINS(out.text, "\"enum\":[\"none\"]");
    json_done(&out);
}

static void time_unknown_is_left_out(void **state)
{
    (void)state;
    struct scene scene;
    scene_visit(&scene);
    scene.stage.event->wall_start_us = TIME_UNKNOWN;
    scene.window.context.household = NULL;
    scene.window.context.usual = NULL;
    scene.window.context.zones = NULL;
    scene.window.context.lines = NULL;
    scene.stage.event->verdict.score = SCORE_NONE;
    memset(&scene.stage.event->continues, 1, sizeof scene.stage.event->continues);
    struct asked asked;
    ask(&asked, &scene);
    json_t *report = report_of(content_of(&asked, 1));
    CHECK(json_is_null(json_object_get(report, "local_time")));
    CHECK(json_is_null(json_object_get(report, "day")));
    CHECK(!json_object_get(report, "night"));
    CHECK(json_is_null(json_object_get(json_object_get(report, "rules"), "score")));
    CHECK(json_is_true(json_object_get(report, "continues_earlier_window")));
    CHECK_INT(json_array_size(json_object_get(report, "household")), 0);
    CHECK_INT(json_array_size(json_object_get(report, "zones")), 0);
    json_decref(report);
    asked_done(&asked);
    scene_close(&scene);
}

/* What a claim may cite is exactly what the model is told of. */
static void check_choices(const struct asked *asked, const json_t *report)
{
    const json_t *schema = json_object_get(
        json_object_get(json_object_get(asked->root, "response_format"), "json_schema"), "schema");
    const json_t *claim = json_object_get(
        json_object_get(json_object_get(json_object_get(schema, "properties"), "claims"), "items"),
        "properties");
    const json_t *choices = json_object_get(
        json_object_get(json_object_get(claim, "evidence"), "items"), "enum");
    const json_t *evidence = json_object_get(report, "evidence");
    CHECK_INT(json_array_size(choices), json_object_size(evidence));
    for (size_t i = 0; i < json_array_size(choices); i++)
        CHECK(json_object_get(evidence, json_string_value(json_array_get(choices, i))));
}

static void too_many_tracks_are_cut(void **state)
{
    (void)state;
    struct scene *scene = NEW(struct scene);
    scene_crowd(scene);
    struct asked asked;
    ask(&asked, scene);
    static const int counts[] = {0, 64, 100, 63, 32, 16, 8, 4, 2, 1};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct prompt_params params = params_of(scene, &asked.evidence);
        params.max_tracks = counts[i];
        ask_with(&asked, &params);
        const char *user = content_of(&asked, 1);
        json_t *report = report_of(user);
        const json_t *tracks = json_object_get(report, "tracks");
        size_t kept = counts[i] > 0 && counts[i] < 64 ? (size_t)counts[i] : 64;
        print_message("# %zu tracks: %zu bytes\n", kept, asked.body.bytes);
        CHECK_INT(json_array_size(tracks), kept);
        char line[80];
        snprintf(line, sizeof line, "%d weaker tracks of this window are left out.\n<data>\n",
                 64 - (int)kept);
        CHECK(kept == 64 ? strncmp(user, "<data>\n", 7) == 0
                         : strncmp(user, line, strlen(line)) == 0);
        /* t64 made the heaviest rule fire: it stays to the end, and as the last in order. */
        const json_t *last = json_array_get(tracks, kept - 1);
        CHECK_STR(json_string_value(json_object_get(last, "id")), "t64");
        const json_t *places = json_object_get(last, "zones");
        CHECK_INT(json_array_size(places), 4);
        CHECK_INT(json_integer_value(json_object_get(last, "more_zones")), 12);
        CHECK_STR(json_string_value(json_object_get(json_array_get(places, 3), "name")),
                  "a zone with quite a long name, number 15");
        check_choices(&asked, report);
        json_decref(report);
    }
    asked_done(&asked);
    scene_close(scene);
    free(scene);
}

static void pictures_come_before_the_text(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0xff, 0xd8, 0xff, 0x00, 0x10};
    struct scene scene;
    scene_visit(&scene);
    struct asked asked;
    ask(&asked, &scene);
    struct prompt_picture pictures[PROMPT_PICTURES_MAX] = {
        {"e7", bytes, 3, {1}}, {"e10", bytes, 4, {2, 0xab}}, {"e8", bytes, 5, {3}}};
    struct prompt_params params = params_of(&scene, &asked.evidence);
    params.pictures = pictures;
    params.picture_count = 3;
    ask_with(&asked, &params);
    static const char *const urls[] = {
        "data:image/jpeg;base64,/9j/",
        "data:image/jpeg;base64,/9j/AA==", "data:image/jpeg;base64,/9j/ABA="};
    const json_t *user = json_array_get(json_object_get(asked.root, "messages"), 1);
    const json_t *parts = json_object_get(user, "content");
    CHECK_INT(json_array_size(parts), 4);
    for (size_t i = 0; i < 3; i++) {
        const json_t *part = json_array_get(parts, i);
        CHECK_STR(json_string_value(json_object_get(part, "type")), "image_url");
        CHECK_STR(json_string_value(json_object_get(json_object_get(part, "image_url"), "url")),
                  urls[i]);
    }
    const char *text = json_string_value(json_object_get(json_array_get(parts, 3), "text"));
    static const char start[] =
        "Picture 1 shows e7.\nPicture 2 shows e10.\nPicture 3 shows e8.\n<data>\n";
    CHECK(strncmp(text, start, strlen(start)) == 0);

    /* Stored: the same but for the pictures. */
    json_reset(&asked.body);
    prompt_stored_json(&asked.body, &params);
    CHECK(!strstr(asked.body.text, "base64"));
    CHECK_CONTAINS(asked.body.text,
                   "\"sha256:02ab000000000000000000000000000000000000000000000000000000000000\"");
    char *kept = strdup(text);
    read_back(&asked);
    user = json_array_get(json_object_get(asked.root, "messages"), 1);
    CHECK_STR(json_string_value(
                  json_object_get(json_array_get(json_object_get(user, "content"), 3), "text")),
              kept);
    free(kept);

    /* A picture of what is left out is left out. */
    params.max_tracks = 1;
    ask_with(&asked, &params);
    CHECK(!strstr(asked.body.text, "e10"));
    CHECK_CONTAINS(asked.body.text, "Picture 2 shows e8.\\n1 weaker tracks");
    params.pictures = &pictures[1];
    params.picture_count = 1;
    ask_with(&asked, &params);
    CHECK(content_of(&asked, 1));
    asked_done(&asked);
    scene_close(&scene);
}

/* Numbers that no camera gives do not make it longer, or no JSON. */
static void absurd_numbers(void **state)
{
    (void)state;
    struct scene scene;
    scene_visit(&scene);
    struct track *track = &scene.stage.event->tracks[0];
    track->confidence = __builtin_nanf("");
    track->first.pts_us = INT64_MIN;
    track->last.pts_us = INT64_MAX;
    track->zones[DOOR].dwell_us = INT64_MAX;
    track->best.box = (struct box){-1e30f, __builtin_nanf(""), 1e30f, 1e30f};
    scene.usual[0].per_hour = __builtin_inf();
    scene.usual[0].dwell_s = 1e300;
    scene.stage.event->wall_start_us = INT64_MAX;
    scene.household.owner_count = 1000000;
    scene.household.count = -1;
    struct asked asked;
    ask(&asked, &scene);
    json_decref(report_of(content_of(&asked, 1)));
    CHECK(asked.body.bytes < 8000);
    asked_done(&asked);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_seen),
        cmocka_unit_test(request_is_whole),
        cmocka_unit_test(same_window_same_bytes),
        cmocka_unit_test(constant_text_has_a_version),
        cmocka_unit_test(schema_text),
        cmocka_unit_test(time_unknown_is_left_out),
        cmocka_unit_test(too_many_tracks_are_cut),
        cmocka_unit_test(pictures_come_before_the_text),
        cmocka_unit_test(absurd_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
