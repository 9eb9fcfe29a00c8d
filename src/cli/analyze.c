/* hsi analyze: what happened in recordings, and how much each event matters. */
#include "cli/analysis.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/findings.h"
#include "risk/llm/judge.h"
#include "risk/window.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct analyze_args {
    char model[DETECT_MODEL_BYTES];
    char config[256], zones[256], snapshots[256], start[40], llm[256];
    bool idle, json;
};

static const struct opt analyze_flags[] = {
    {"model", OPT_TEXT(struct analyze_args, model), .unit = "MODEL",
     .help = "Detection model: a path or an installed name. Without it, motion only."},
    {"config", OPT_TEXT(struct analyze_args, config), .unit = "FILE",
     .help = "Take detection, tracking, window and risk options from this configuration."},
    {"zones", OPT_TEXT(struct analyze_args, zones), .unit = "FILE",
     .help = "YAML with the zones and lines of the picture, as in a camera's section."},
    {"snapshots", OPT_TEXT(struct analyze_args, snapshots), .unit = "DIR",
     .help = "Write each track's best picture there, with and without boxes."},
    {"start", OPT_TEXT(struct analyze_args, start), .unit = "TIME",
     .help = "When the recording began, such as 2026-11-20T22:15:00+01:00. Without it the file's "
             "own creation time counts; without that, time-of-day rules do not apply."},
    {"idle", OPT_BOOL(struct analyze_args, idle),
     .help = "While nothing happens, decode key frames only, as the daemon does: shows what that "
             "would miss."},
    {"llm", OPT_TEXT(struct analyze_args, llm), .unit = "URL",
     .help = "Ask the language model of this server about every event, such as "
             "http://127.0.0.1:8080; auto: look for one on this machine."},
    {"json", OPT_BOOL(struct analyze_args, json), .help = "One JSON document on standard output."},
    {0},
};

static const struct section analyze_section = {
    .name = "analyze", .bytes = sizeof(struct analyze_args), .rows = analyze_flags};

static const struct args_spec analyze_spec = {
    .command = "analyze",
    .operands = "INPUT...",
    .min = 1,
    .max = CAMERAS_MAX,
    .help =
        "Finds people, vehicles and animals in recordings, groups them into events and explains "
        "how much each matters.",
    .flags = &analyze_section,
};

struct analyze {
    struct analyze_args args;
    struct analysis analysis;
    struct findings findings;
    struct log_sink *sink;
    struct judge_once *judge; /* NULL: no language model is asked */
};

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* The model's verdict on a closed event, in it; the rules' alone stands where there is none. */
static void judge_event(struct analyze *a, struct event *event)
{
    AUTO(blob_unref) struct blob *text = NULL;
    AUTO(window_free) struct window *window = NULL;
    struct err err = {0};
    if (!event->window) {
        analysis_add_failure(&a->analysis, "", "an event is too large to be shown to a model");
        return;
    }
    if (!blob_expand(event->window->data, event->window->bytes, WINDOW_BYTES_MAX, &text, &err) ||
        !window_parse((const char *)text->data, text->bytes, &window, &err)) {
        analysis_add_failure(&a->analysis, "", err.msg);
        return;
    }
    struct inquiry_result result = {0};
    judge_once_ask(a->judge, window, NULL, 0, &result);
    event->judgement = NEW(struct judgement);
    *event->judgement = result.judgement;
    judgement_apply(event->judgement, &event->verdict);
    for (int i = 0; i < result.run_count; i++)
        run_done(&result.runs[i]);
}

/* pipeline's event_sink. The model is asked on the risk thread: whoever is ahead waits. */
static void keep_event(void *ctx, struct event *event)
{
    struct analyze *a = ctx;
    if (a->judge && event->state == EVENT_CLOSED)
        judge_event(a, event);
    findings_add_event(&a->findings, event);
    event_unref(&event);
}

/* pipeline's track_sink. */
static void keep_track(void *ctx, int camera, const struct live_track *live)
{
    struct analyze *a = ctx;
    const char *name = config_camera(&a->analysis.config, camera)->name;
    findings_add_track(&a->findings, camera, name, live);
}

/* Without a server the rules' scores stand, and that is said. */
static bool open_judge(struct analyze *a, struct err *err)
{
    struct llm_conf *conf = &a->analysis.config.risk.llm;
    if (!a->args.llm[0]) {
        STR_COPY(conf->url, "off");
        return true;
    }
    STR_COPY(conf->url, strcmp(a->args.llm, "auto") == 0 ? "" : a->args.llm);
    a->sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    return judge_once_open(conf, &a->analysis.ids, log_root(a->sink), &a->judge, err);
}

static void json_timing(struct json *j, const struct analyze *a)
{
    json_begin_object(j, "timing");
    json_int(j, "frames", a->analysis.stats.frames);
    json_int(j, "looks", a->analysis.stats.looks);
    json_int(j, "packets", a->analysis.stats.packets);
    json_int(j, "decoded_packets", a->analysis.stats.decoded_packets);
    json_double(j, "wall_s", seconds(a->analysis.wall_us), 3);
    json_double(j, "decode_s", seconds(a->analysis.stats.decode_us), 3);
    json_double(j, "motion_s", seconds(a->analysis.stats.motion_us), 3);
    json_double(j, "detect_s", seconds(a->analysis.stats.infer_us), 3);
    json_double(j, "scene_s", seconds(a->analysis.stats.scene_us), 3);
    json_double(j, "risk_s", seconds(a->analysis.stats.risk_us), 3);
    json_end_object(j);
}

static void json_failures(struct json *j, const struct analyze *a)
{
    json_begin_array(j, "errors");
    for (int i = 0; i < a->analysis.failure_count; i++) {
        const struct failure *f = &a->analysis.failures[i];
        json_begin_object(j, NULL);
        json_text(j, "input", f->input[0] ? f->input : NULL);
        json_text(j, "message", f->msg);
        json_end_object(j);
    }
    json_end_array(j);
}

static void print_json(struct analyze *a)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "version", HSI_VERSION);
    const struct detector_info *info = detector_info(a->analysis.detector);
    json_begin_object(&j, "detector");
    json_text(&j, "name", info->name);
    json_text(&j, "backend", info->backend);
    json_text(&j, "reason", info->reason[0] ? info->reason : NULL);
    json_end_object(&j);
    findings_put_json(&a->findings, &j);
    json_failures(&j, a);
    json_timing(&j, a);
    json_end_object(&j);
    puts(j.text);
    json_done(&j);
}

static void print_text(struct analyze *a)
{
    if (a->analysis.stats.frames == 0)
        return; /* the failures say it all */
    findings_print(&a->findings, stdout);
    int count = a->findings.event_count;
    printf("%d event%s; %lld frames, %lld looks, %.1f s\n", count, count == 1 ? "" : "s",
           (long long)a->analysis.stats.frames, (long long)a->analysis.stats.looks,
           seconds(a->analysis.wall_us));
}

/* What there is, and on standard error what is missing from it. */
static int report(struct analyze *a)
{
    const struct err *unwritten = &a->findings.failure;
    if (unwritten->code != ERR_NONE)
        analysis_add_failure(&a->analysis, "", unwritten->msg);
    if (a->args.json)
        print_json(a);
    else
        print_text(a);
    for (int i = 0; i < a->analysis.failure_count; i++) {
        const struct failure *f = &a->analysis.failures[i];
        fprintf(stderr, "hsi: %s%s%s\n", f->input, f->input[0] ? ": " : "", f->msg);
    }
    return a->analysis.failure_count ? EXIT_FAILED : EXIT_OK;
}

static bool analyze(struct analyze *a, const struct args_rest *inputs, int *ret_code,
                    struct err *err)
{
    const struct analysis_params params = {
        .config = a->args.config,
        .zones = a->args.zones,
        .model = a->args.model,
        .start = a->args.start,
        .idle = a->args.idle,
        .pictures = a->args.snapshots[0],
        .event_sink = keep_event,
        .track_sink = keep_track,
        .sink_ctx = a,
    };
    return analysis_prepare(&a->analysis, &params, inputs, ret_code, err) &&
           (!a->args.snapshots[0] || files_make_folder(a->args.snapshots, err)) &&
           open_judge(a, err) && analysis_run(&a->analysis, err);
}

int cli_analyze(int argc, char **argv)
{
    struct analyze a = {0};
    struct args_rest inputs;
    int code;
    if (!args_begin(&analyze_spec, &a.args, argc, argv, &inputs, &code))
        return code;
    struct err err = {0};
    findings_init(&a.findings, a.args.json, a.args.snapshots);
    if (analyze(&a, &inputs, &code, &err))
        code = report(&a);
    else if (code == EXIT_OK)
        code = args_fail(&err);
    judge_once_close(&a.judge);
    log_sink_free(&a.sink);
    findings_done(&a.findings);
    analysis_done(&a.analysis);
    return code;
}
