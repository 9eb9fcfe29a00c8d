/* hsi rescore: stored windows scored again, and what comes out differently. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/windows.h"
#include "risk/llm/judge.h"
#include "store/store.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rescore_args {
    char data[256], config[256], rules[256], llm[256], since[40];
    bool json;
};

static const struct opt rescore_flags[] = {
    {"data", OPT_TEXT(struct rescore_args, data), .unit = "DIR",
     .help =
         "The directory of the store, as storage.path names it; without it the one that is used "
         "where nothing is configured."},
    {"since", OPT_TEXT(struct rescore_args, since), .unit = "TIME",
     .help = "All events since then, such as 2026-11-20T22:15:00+01:00; instead of EVENT."},
    {"config", OPT_TEXT(struct rescore_args, config), .unit = "FILE",
     .help = "Take risk options from this configuration."},
    {"rules", OPT_TEXT(struct rescore_args, rules), .unit = "FILE",
     .help = "Score by these rules instead of the built-in ones."},
    {"llm", OPT_TEXT(struct rescore_args, llm), .unit = "URL",
     .help = "Ask the language model of this server again as well, where one had given a verdict; "
             "auto: look for one on this machine."},
    {"json", OPT_BOOL(struct rescore_args, json), .help = "One JSON document on standard output."},
    {0},
};

static const struct section rescore_section = {
    .name = "rescore", .bytes = sizeof(struct rescore_args), .rows = rescore_flags};

static const struct args_spec rescore_spec = {
    .command = "rescore",
    .operands = "[EVENT]",
    .min = 0,
    .max = 1,
    .help = "Scores stored events again from what was stored with them, and says what differs. "
            "Changes nothing; hsi may be running. Ends with 0 if nothing differs, otherwise with "
            "1.",
    .flags = &rescore_section,
};

struct rescore {
    struct rescore_args args;
    struct config config;
    struct uuid_gen ids;
    struct windows_zone zone;
    struct log_sink *sink;
    struct store_reader *reader;
    struct scorer *scorer;
    struct judge_once *judge; /* NULL: the model is not asked */
    struct json json;         /* the differences */
    int events, differ, other_rules, unreadable;
    int asked, model_differ, unanswered, other_questions;
    int64_t model_points; /* sum of the differences between the model's scores */
};

/* The newest answer that the model gave for the window, with its seed. */
struct answer {
    bool found;
    bool again; /* the same question can be asked: at temperature 0, about no pictures */
    int revision, score;
    int64_t seed;
};

static void note(struct rescore *r, const struct uuid *event, const char *what, int was, int is)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(id, event);
    if (!r->args.json) {
        printf("%s  %s %d, was %d\n", id, what, is, was);
        return;
    }
    json_begin_object(&r->json, NULL);
    json_uuid(&r->json, "event_id", event);
    json_text(&r->json, "what", what);
    json_int(&r->json, "was", was);
    json_int(&r->json, "is", is);
    json_end_object(&r->json);
}

/* Out of a reply that was good when it came; SCORE_NONE if it is not any more. */
static int score_of(const struct blob *reply)
{
    AUTO(blob_unref) struct blob *text = NULL;
    if (!reply || !blob_expand(reply->data, reply->bytes, REPLY_BYTES_MAX, &text, NULL))
        return SCORE_NONE;
    json_t *root = json_loadb((const char *)text->data, text->bytes, 0, NULL);
    json_t *score = json_object_get(root, "score");
    int value = json_is_integer(score) ? (int)json_integer_value(score) : SCORE_NONE;
    json_decref(root);
    return value;
}

/* Stored requests have hashes in place of pictures; they can be asked about only while the files
 * are there, and are not. */
static bool asks_pictures(const struct blob *request)
{
    AUTO(blob_unref) struct blob *text = NULL;
    return request && blob_expand(request->data, request->bytes, WINDOW_BYTES_MAX, &text, NULL) &&
           strstr((const char *)text->data, "\"image_url\"") != NULL;
}

static bool keep_answer(void *ctx, const struct run *run)
{
    struct answer *answer = ctx;
    if (strcmp(run->outcome, "ok") != 0)
        return true;
    answer->found = true;
    answer->again = run->attempt == 1 && !asks_pictures(run->request);
    answer->seed = run->seed;
    answer->revision = run->revision;
    answer->score = score_of(run->reply);
    return true;
}

static bool ask_again(struct rescore *r, const struct window *window, struct err *err)
{
    const struct uuid *id = &window->event->id;
    struct answer answer = {0};
    if (!store_read_runs(r->reader, id, keep_answer, &answer, err))
        return false;
    if (!answer.found || answer.revision != window->event->revision)
        return true;
    if (!answer.again) {
        r->other_questions++;
        return true;
    }
    struct inquiry_result result = {0};
    judge_once_ask(r->judge, window, NULL, answer.seed, &result);
    r->asked++;
    if (result.judgement.state != JUDGEMENT_DONE) {
        r->unanswered++;
    } else if (result.judgement.score != answer.score) {
        r->model_differ++;
        r->model_points += abs(result.judgement.score - answer.score);
        note(r, id, "the model says", answer.score, result.judgement.score);
    }
    for (int i = 0; i < result.run_count; i++)
        run_done(&result.runs[i]);
    return true;
}

/* By the text, where it was kept: rules may be changed without a new version. */
static bool is_of_other_rules(const struct rescore *r, const struct window *window,
                              const char *scorer)
{
    static const uint8_t unknown[sizeof window->rules_sha256];
    uint8_t sha256[sizeof window->rules_sha256];
    if (memcmp(window->rules_sha256, unknown, sizeof unknown) == 0)
        return strcmp(window->rules, scorer) != 0;
    scorer_sha256(r->scorer, sha256);
    return memcmp(window->rules_sha256, sha256, sizeof sha256) != 0;
}

static bool rescore_window(struct rescore *r, const struct blob *packed, struct err *err)
{
    AUTO(blob_unref) struct blob *text = NULL;
    AUTO(window_free) struct window *window = NULL;
    if (!blob_expand(packed->data, packed->bytes, WINDOW_BYTES_MAX, &text, err) ||
        !window_parse((const char *)text->data, text->bytes, &window, err))
        return false;
    AUTO(free_ptr) struct verdict *verdict = NEW(struct verdict);
    windows_use_zone(&r->zone, window->timezone);
    if (!scorer_score(r->scorer, window->event, &window->context, verdict, err))
        return false;
    r->events++;
    r->other_rules += is_of_other_rules(r, window, verdict->scorer);
    if (verdict->score != window->score) {
        r->differ++;
        note(r, &window->event->id, "the rules give", window->score, verdict->score);
    }
    return !r->judge || ask_again(r, window, err);
}

/* store_window_fn. A window that cannot be read is told, and no reason to leave out the others. */
static bool rescore_next(void *ctx, const struct uuid *event, const struct blob *window)
{
    struct rescore *r = ctx;
    char id[UUID_TEXT_BYTES];
    struct err err = {0};
    if (rescore_window(r, window, &err))
        return true;
    r->unreadable++;
    fprintf(stderr, "hsi: event %s: %s\n", uuid_format(id, event), err.msg);
    return true;
}

static bool rescore_events(struct rescore *r, const char *event, struct err *err)
{
    struct uuid id;
    int64_t since_us = 0;
    if (!event) {
        if (r->args.since[0] && !time_parse(r->args.since, &since_us)) {
            err_set(err, ERR_INVALID, "--since '%s' is not a time", r->args.since);
            err_hint(err, "write it like 2026-11-20T22:15:00+01:00 or 2026-11-20T21:15:00Z");
            return false;
        }
        if (!store_read_windows(r->reader, since_us, rescore_next, r, err))
            return false;
    } else {
        AUTO(blob_unref) struct blob *window = NULL;
        if (!uuid_parse(event, &id))
            return err_set(err, ERR_INVALID, "'%s' is not the id of an event", event);
        if (!store_read_window(r->reader, &id, &window, err))
            return false;
        rescore_next(r, &id, window);
    }
    return true;
}

static bool rescore_open(struct rescore *r, int *ret_code, struct err *err)
{
    const struct rescore_args *args = &r->args;
    if (!windows_load_config(args->config, args->rules, args->llm, &r->config, ret_code, err))
        return false;
    const char *dir = args->data[0] ? args->data : r->config.store.path;
    if (!store_reader_look(dir, &r->reader, err) ||
        !scorer_open(&scorer_rules, &r->config.risk, &r->scorer, err))
        return false;
    r->sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    return !args->llm[0] ||
           judge_once_open(&r->config.risk.llm, &r->ids, log_root(r->sink), &r->judge, err);
}

static void report_text(const struct rescore *r)
{
    printf("%d events, %d with another score by the rules", r->events, r->differ);
    if (r->other_rules)
        printf(" (%d were scored by another version of the rules)", r->other_rules);
    printf("\n");
    if (r->unreadable)
        printf("%d windows could not be read\n", r->unreadable);
    if (!r->judge)
        return;
    printf("the model was asked again about %d: %d with another score, by %.1f points on average, "
           "%d without an answer\n",
           r->asked, r->model_differ,
           r->model_differ ? (double)r->model_points / r->model_differ : 0.0, r->unanswered);
    if (r->other_questions)
        printf("%d more were not asked about: their answer was to a second try, or to pictures\n",
               r->other_questions);
}

static void report_json(struct rescore *r)
{
    struct json *j = &r->json;
    json_end_array(j);
    json_int(j, "events", r->events);
    json_int(j, "differ", r->differ);
    json_int(j, "other_rules", r->other_rules);
    json_int(j, "unreadable", r->unreadable);
    json_int(j, "model_asked", r->asked);
    json_int(j, "model_differ", r->model_differ);
    json_int(j, "model_points", r->model_points);
    json_int(j, "model_unanswered", r->unanswered);
    json_int(j, "model_other_questions", r->other_questions);
    json_end_object(j);
    puts(j->text);
}

static int rescore(struct rescore *r, const struct args_rest *rest)
{
    struct err err = {0};
    int code = EXIT_OK;
    if ((rest->count == 1) == (r->args.since[0] != '\0')) {
        err_set(&err, ERR_INVALID, "name one event, or --since a time");
        return args_fail(&err);
    }
    if (!rescore_open(r, &code, &err) ||
        !rescore_events(r, rest->count ? rest->items[0] : NULL, &err))
        return code == EXIT_OK ? args_fail(&err) : code;
    if (r->args.json)
        report_json(r);
    else
        report_text(r);
    bool same = r->differ + r->model_differ + r->unanswered + r->unreadable == 0;
    return same ? EXIT_OK : EXIT_FAILED;
}

int cli_rescore(int argc, char **argv)
{
    struct rescore r = {.ids = {.clock = &clock_real}};
    struct args_rest rest;
    int code;
    if (!args_begin(&rescore_spec, &r.args, argc, argv, &rest, &code))
        return code;
    windows_zone_init(&r.zone);
    json_init(&r.json);
    json_begin_object(&r.json, NULL);
    json_begin_array(&r.json, "differences");
    code = rescore(&r, &rest);
    json_done(&r.json);
    judge_once_close(&r.judge);
    scorer_close(&r.scorer);
    store_reader_close(&r.reader);
    log_sink_free(&r.sink);
    config_done(&r.config);
    return code;
}
