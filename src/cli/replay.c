/* hsi replay: what another configuration would have made of a recording, or of a stored event. */
#include "cli/analysis.h"
#include "cli/cli.h"
#include "cli/windows.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

struct replay_args {
    char config[256], before[256], data[256], model[DETECT_MODEL_BYTES], zones[256], start[40];
    bool json;
};

static const struct opt replay_flags[] = {
    {"config", OPT_TEXT(struct replay_args, config), .unit = "FILE", .flags = OPT_REQUIRED,
     .help = "The configuration to try."},
    {"before", OPT_TEXT(struct replay_args, before), .unit = "FILE",
     .help = "The configuration to compare it with; without it every option's default. A stored "
             "event is compared with what it got."},
    {"data", OPT_TEXT(struct replay_args, data), .unit = "DIR",
     .help = "The directory of the store that EVENT is in; without it the one of --config."},
    {"model", OPT_TEXT(struct replay_args, model), .unit = "MODEL",
     .help = "Detection model for both: a path or an installed name. Without it, each "
             "configuration's own."},
    {"zones", OPT_TEXT(struct replay_args, zones), .unit = "FILE",
     .help = "YAML with the zones and lines of the picture, as in a camera's section."},
    {"start", OPT_TEXT(struct replay_args, start), .unit = "TIME",
     .help = "When the recording began, such as 2026-11-20T22:15:00+01:00."},
    {"json", OPT_BOOL(struct replay_args, json), .help = "One JSON document on standard output."},
    {0},
};

static const struct section replay_section = {
    .name = "replay", .bytes = sizeof(struct replay_args), .rows = replay_flags};

static const struct args_spec replay_spec = {
    .command = "replay",
    .operands = "RECORDING|EVENT",
    .min = 1,
    .max = 1,
    .help = "Runs a recording through the daemon's own code twice, with two configurations, or "
            "scores a stored event again, and says which events would be added, removed, raised "
            "or lowered. Changes nothing.",
    .flags = &replay_section,
};

/* What one run has found. */
struct seen_event {
    int64_t start_us, end_us;
    int score;
    char summary[256];
    bool matched;
};
struct seen {
    struct seen_event *items;
    int count;
};

struct difference {
    int same, added, removed, raised, lowered;
};

/* pipeline's event_sink. */
static void keep_event(void *ctx, struct event *event)
{
    struct seen *seen = ctx;
    if (event->state == EVENT_CLOSED) {
        seen->items = xrealloc(seen->items, (size_t)seen->count + 1, sizeof *seen->items);
        struct seen_event *e = &seen->items[seen->count++];
        *e = (struct seen_event){event->start_us, event->end_us, event->verdict.score, "", false};
        STR_COPY(e->summary, event->verdict.summary);
    }
    event_unref(&event);
}

static bool run_with(const struct replay_args *args, const struct windows_zone *zone,
                     const char *config, const struct args_rest *inputs, struct seen *ret,
                     int *ret_code, struct err *err)
{
    const struct analysis_params params = {
        .config = config,
        .zones = args->zones,
        .model = args->model,
        .start = args->start,
        .event_sink = keep_event,
        .sink_ctx = ret,
    };
    AUTO(free_ptr) struct analysis *analysis = NEW(struct analysis);
    windows_use_zone(zone, ""); /* not the one of the run before */
    bool ok = analysis_prepare(analysis, &params, inputs, ret_code, err) &&
              analysis_run(analysis, err);
    if (ok && analysis->failure_count > 0)
        ok = err_set(err, ERR_INVALID, "%s: %s", analysis->failures[0].input,
                     analysis->failures[0].msg);
    analysis_done(analysis);
    return ok;
}

static int64_t overlap_us(const struct seen_event *a, const struct seen_event *b)
{
    return MIN(a->end_us, b->end_us) - MAX(a->start_us, b->start_us) + 1;
}

/* The event of the other run that shares the most time with this one. */
static struct seen_event *counterpart(const struct seen *seen, const struct seen_event *e)
{
    struct seen_event *best = NULL;
    for (int i = 0; i < seen->count; i++) {
        struct seen_event *candidate = &seen->items[i];
        if (candidate->matched || overlap_us(candidate, e) <= 0)
            continue;
        if (!best || overlap_us(candidate, e) > overlap_us(best, e))
            best = candidate;
    }
    return best;
}

static void tell(struct json *j, const char *what, const struct seen_event *before,
                 const struct seen_event *after)
{
    const struct seen_event *e = after ? after : before;
    if (j) {
        json_begin_object(j, NULL);
        json_text(j, "what", what);
        json_double(j, "start_s", (double)e->start_us / US_PER_S, 3);
        json_double(j, "end_s", (double)e->end_us / US_PER_S, 3);
        if (before)
            json_int(j, "was", before->score);
        if (after)
            json_int(j, "is", after->score);
        json_text(j, "summary", e->summary);
        json_end_object(j);
        return;
    }
    printf("%-8s %8.1f-%.1f s  ", what, (double)e->start_us / US_PER_S,
           (double)e->end_us / US_PER_S);
    if (before && after)
        printf("%d -> %d %s  %s\n", before->score, after->score,
               risk_level_names[risk_level_of(after->score)], e->summary);
    else
        printf("%d %s  %s\n", e->score, risk_level_names[risk_level_of(e->score)], e->summary);
}

static void compare_pair(const struct seen_event *before, const struct seen_event *after,
                         struct json *j, struct difference *d)
{
    if (after->score == before->score) {
        d->same++;
        return;
    }
    bool raised = after->score > before->score;
    d->raised += raised;
    d->lowered += !raised;
    tell(j, raised ? "raised" : "lowered", before, after);
}

static struct difference compare(struct seen *before, struct seen *after, struct json *j)
{
    struct difference d = {0};
    for (int i = 0; i < after->count; i++) {
        struct seen_event *match = counterpart(before, &after->items[i]);
        if (!match) {
            d.added++;
            tell(j, "added", NULL, &after->items[i]);
            continue;
        }
        match->matched = true;
        compare_pair(match, &after->items[i], j, &d);
    }
    for (int i = 0; i < before->count; i++) {
        if (before->items[i].matched)
            continue;
        d.removed++;
        tell(j, "removed", &before->items[i], NULL);
    }
    return d;
}

static bool replay_recording(const struct replay_args *args, const struct windows_zone *zone,
                             const struct args_rest *inputs, struct seen *before,
                             struct seen *after, int *ret_code, struct err *err)
{
    return run_with(args, zone, args->before, inputs, before, ret_code, err) &&
           run_with(args, zone, args->config, inputs, after, ret_code, err);
}

static void add_seen(struct seen *seen, const struct event *event, const struct verdict *verdict)
{
    struct event *copy = event_copy(event);
    copy->state = EVENT_CLOSED;
    if (verdict)
        copy->verdict = *verdict;
    keep_event(seen, copy);
}

static bool replay_event(const struct replay_args *args, const struct windows_zone *zone,
                         const struct uuid *id, struct seen *before, struct seen *after,
                         int *ret_code, struct err *err)
{
    AUTO(config_done) struct config config = {0};
    AUTO(store_reader_close) struct store_reader *reader = NULL;
    AUTO(scorer_close) struct scorer *scorer = NULL;
    AUTO(blob_unref) struct blob *packed = NULL;
    AUTO(blob_unref) struct blob *text = NULL;
    AUTO(window_free) struct window *window = NULL;
    AUTO(free_ptr) struct verdict *verdict = NEW(struct verdict);
    if (!windows_load_config(args->config, "", "", &config, ret_code, err))
        return false;
    const char *dir = args->data[0] ? args->data : config.store.path;
    if (!store_reader_look(dir, &reader, err) || !store_read_window(reader, id, &packed, err) ||
        !blob_expand(packed->data, packed->bytes, WINDOW_BYTES_MAX, &text, err) ||
        !window_parse((const char *)text->data, text->bytes, &window, err) ||
        !scorer_open(&scorer_rules, &config.risk, &scorer, err))
        return false;
    /* What the new configuration says in place of what was known then. */
    window->context.night = config.risk.night;
    window->context.away = config.risk.away;
    struct household household;
    windows_use_zone(zone, window->timezone);
    household_at(&config.risk.household, window->event->wall_end_us, &household);
    window->context.household = household_is_configured(&config.risk.household) ? &household : NULL;
    add_seen(before, window->event, NULL);
    if (!scorer_score(scorer, window->event, &window->context, verdict, err))
        return false;
    add_seen(after, window->event, verdict);
    return true;
}

static void report(const struct difference *d, struct json *j)
{
    if (!j) {
        printf("would add %d, remove %d events, raise %d, lower %d; %d stay as they are\n",
               d->added, d->removed, d->raised, d->lowered, d->same);
        return;
    }
    json_end_array(j);
    json_int(j, "added", d->added);
    json_int(j, "removed", d->removed);
    json_int(j, "raised", d->raised);
    json_int(j, "lowered", d->lowered);
    json_int(j, "same", d->same);
    json_end_object(j);
    puts(j->text);
}

int cli_replay(int argc, char **argv)
{
    struct replay_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(&replay_spec, &args, argc, argv, &rest, &code))
        return code;
    struct seen before = {0}, after = {0};
    struct uuid id;
    struct windows_zone zone;
    windows_zone_init(&zone);
    struct err err = {0};
    code = EXIT_OK;
    bool ok = uuid_parse(rest.items[0], &id)
                  ? replay_event(&args, &zone, &id, &before, &after, &code, &err)
                  : replay_recording(&args, &zone, &rest, &before, &after, &code, &err);
    if (ok) {
        struct json j;
        json_init(&j);
        json_begin_object(&j, NULL);
        json_begin_array(&j, "changes");
        struct json *out = args.json ? &j : NULL;
        struct difference difference = compare(&before, &after, out);
        report(&difference, out);
        json_done(&j);
    } else if (code == EXIT_OK) {
        code = args_fail(&err);
    }
    free(before.items);
    free(after.items);
    return code;
}
