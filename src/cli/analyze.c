/* hsi analyze: the daemon's pipeline over recordings, as fast as it goes and without dropping a
 * frame.
 */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/findings.h"
#include "cli/progress.h"
#include "pipeline/pipeline.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_US (200 * US_PER_MS)

struct analyze_args {
    char model[DETECT_MODEL_BYTES];
    char config[256], zones[256], snapshots[256], start[40];
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

struct zones_file {
    struct opt_map zones, lines;
};

static const struct opt zones_rows[] = {
    {"zones", OPT_MAP(struct zones_file, zones, &zone_section, ZONES_MAX), .help = "Places."},
    {"lines", OPT_MAP(struct zones_file, lines, &line_section, LINES_MAX), .help = "Lines."},
    {0},
};

static const struct section zones_section = {
    .name = "zones", .bytes = sizeof(struct zones_file), .rows = zones_rows};

struct analysis {
    struct analyze_args args;
    struct config config;
    struct uuid_gen ids;
    int64_t start_wall_us;
    struct detector *detector;
    int64_t wall_us; /* the analysis took */
    struct pipeline_stats stats;

    struct findings findings;
    struct failure {
        char input[CAPTURE_URL_BYTES]; /* fit to be shown; empty: not of one input */
        char msg[512];                 /* without the input's name */
    } * failures;
    int failure_count;
};

/* A camera name out of a file name: "/x/Front door.mp4" becomes "Front_door". */
static void name_from_path(const char *path, int index, char out[OPT_NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t n = 0;
    for (; *base && *base != '.' && n + 8 < OPT_NAME_BYTES; base++)
        out[n++] = isalnum((unsigned char)*base) || *base == '-' ? *base : '_';
    out[n] = '\0';
    if (n == 0 || !isalpha((unsigned char)out[0]))
        snprintf(out, OPT_NAME_BYTES, "input%d", index + 1);
}

/* Two yards are yard and yard_2: the names tell the inputs apart in the output. */
static void name_camera(struct camera_conf *cameras, int index, const char *path)
{
    char name[OPT_NAME_BYTES];
    name_from_path(path, index, name);
    STR_COPY(cameras[index].name, name);
    int number = 2;
    for (int i = 0; i < index; i++) {
        if (strcmp(cameras[i].name, cameras[index].name) != 0)
            continue;
        snprintf(cameras[index].name, OPT_NAME_BYTES, "%.*s_%d", OPT_NAME_BYTES - 8, name,
                 number++);
        i = -1; /* the new name may be somebody's as well */
    }
}

static bool load_config(struct analysis *a)
{
    if (!a->args.config[0]) {
        opt_defaults(&config_section, &a->config);
        return true;
    }
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    bool ok = config_load(a->args.config, &a->config, NULL, errors);
    if (!ok)
        conf_errors_print(stderr, errors);
    return ok;
}

/* Replaces the configured cameras by the inputs. */
static bool add_inputs(struct analysis *a, const struct args_rest *inputs)
{
    for (int i = 0; i < a->config.cameras.count; i++)
        opt_free(&camera_section, (struct camera_conf *)a->config.cameras.items + i);
    free(a->config.cameras.items);
    struct camera_conf *cameras = xcalloc((size_t)inputs->count, sizeof *cameras);
    a->config.cameras = (struct opt_map){inputs->count, cameras};
    for (int i = 0; i < inputs->count; i++) {
        opt_defaults(&camera_section, &cameras[i]);
        cameras[i].idle.shadow = 0;
        name_camera(cameras, i, inputs->items[i]);
        if (!STR_COPY(cameras[i].capture.url, inputs->items[i])) {
            fprintf(stderr, "hsi: the path of input %d is longer than %d\n", i + 1,
                    CAPTURE_URL_BYTES);
            return false;
        }
        struct zones_file zones = {0};
        struct conf_errors errors;
        if (a->args.zones[0] && !conf_load(a->args.zones, &zones_section, &zones, NULL, &errors)) {
            conf_errors_print(stderr, &errors);
            return false;
        }
        cameras[i].zones = zones.zones;
        cameras[i].lines = zones.lines;
    }
    return true;
}

/* pipeline's event_sink. */
static void keep_event(void *ctx, struct event *event)
{
    struct analysis *a = ctx;
    findings_add_event(&a->findings, event);
    event_unref(&event);
}

/* pipeline's track_sink. */
static void keep_track(void *ctx, int camera, const struct live_track *live)
{
    struct analysis *a = ctx;
    findings_add_track(&a->findings, camera, config_camera(&a->config, camera)->name, live);
}

static bool check_file(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: cannot open: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        err_set(err, ERR_INVALID, "%s: is a folder", path);
        err_hint(err, "name the recordings in it, such as %s/*.mp4", path);
        return false;
    }
    return true;
}

static bool check_input(const char *input, struct err *err)
{
    if (strcmp(input, "-") == 0)
        return err_set(err, ERR_INVALID, "-: standard input cannot be analysed, name a file");
    const struct capture_ops *source = capture_find(input);
    if (source->is_file(input))
        return check_file(input, err);
    bool fits = source->check(input, err);
    if (fits && source->live(input)) {
        err_set(err, ERR_INVALID, "is a camera, not a recording");
        err_hint(err, "hsi run watches cameras and folders, see docs/config.md");
        fits = false;
    }
    if (fits)
        return true;
    char shown[CAPTURE_URL_BYTES];
    STR_COPY(shown, input);
    redact_value(shown);
    return err_wrap(err, "%s", shown);
}

/* Hours of other recordings should not be looked at before a mistyped name is noticed. */
static bool check_inputs(const struct args_rest *inputs, struct err *err)
{
    for (int i = 0; i < inputs->count; i++)
        if (!check_input(inputs->items[i], err))
            return false;
    return true;
}

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* msg may begin with the input's name. */
static void add_failure(struct analysis *a, const char *input, const char *msg)
{
    a->failures = xrealloc(a->failures, (size_t)a->failure_count + 1, sizeof *a->failures);
    struct failure *f = &a->failures[a->failure_count++];
    STR_COPY(f->input, input);
    redact_value(f->input);
    size_t n = strlen(f->input);
    bool named = n > 0 && strncmp(msg, f->input, n) == 0 && strncmp(msg + n, ": ", 2) == 0;
    STR_COPY(f->msg, named ? msg + n + 2 : msg);
}

/* Each input that broke, and the detector if it did, with why. */
static void collect_failures(struct analysis *a, struct pipeline *pipeline)
{
    struct err err = {0};
    for (int i = 0; i < a->config.cameras.count; i++)
        if (!pipeline_input_result(pipeline, i, &err))
            add_failure(a, config_camera(&a->config, i)->capture.url, err.msg);
    int64_t failed = pipeline_stats(pipeline).failed_looks;
    if (failed > 0) {
        err_set(&err, ERR_INTERNAL, "the detector failed on %lld frames", (long long)failed);
        add_failure(a, "", err.msg);
    }
}

static bool run_pipeline(struct analysis *a, struct err *err)
{
    if (a->args.model[0])
        STR_COPY(a->config.detect.model, a->args.model);
    AUTO(log_sink_free) struct log_sink *sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    struct pipeline_params params = {
        .config = &a->config,
        .ids = &a->ids,
        .clock = &clock_real,
        .log = log_root(sink),
        .idle = a->args.idle,
        .pictures = a->args.snapshots[0],
        .start_wall_us = a->start_wall_us,
        .event_sink = keep_event,
        .track_sink = keep_track,
        .sink_ctx = a,
    };
    if (!detector_open(&a->config.detect, NULL, &a->detector, err))
        return false;
    const struct detector_info *info = detector_info(a->detector);
    if (!a->config.detect.model[0])
        fputs("hsi: motion only, for want of a model: add --model MODEL\n", stderr);
    else if (info->reason[0])
        fprintf(stderr, "hsi: detector: %s: %s\n", info->name, info->reason);
    params.detector = a->detector;
    int64_t before_us = clock_mono_us(&clock_real);
    struct pipeline *pipeline = NULL;
    if (!pipeline_start(&params, &pipeline, err))
        return false;
    struct progress progress;
    progress_begin(&progress);
    while (!pipeline_wait_ended(pipeline, PROGRESS_US))
        progress_show(&progress, pipeline_progress(pipeline));
    progress_end(&progress);
    a->stats = pipeline_stats(pipeline);
    collect_failures(a, pipeline);
    pipeline_stop(&pipeline);
    a->wall_us = clock_mono_us(&clock_real) - before_us;
    return true;
}

static void json_timing(struct json *j, const struct analysis *a)
{
    json_begin_object(j, "timing");
    json_int(j, "frames", a->stats.frames);
    json_int(j, "looks", a->stats.looks);
    json_int(j, "packets", a->stats.packets);
    json_int(j, "decoded_packets", a->stats.decoded_packets);
    json_double(j, "wall_s", seconds(a->wall_us), 3);
    json_double(j, "decode_s", seconds(a->stats.decode_us), 3);
    json_double(j, "motion_s", seconds(a->stats.motion_us), 3);
    json_double(j, "detect_s", seconds(a->stats.infer_us), 3);
    json_double(j, "scene_s", seconds(a->stats.scene_us), 3);
    json_double(j, "risk_s", seconds(a->stats.risk_us), 3);
    json_end_object(j);
}

static void json_failures(struct json *j, const struct analysis *a)
{
    json_begin_array(j, "errors");
    for (int i = 0; i < a->failure_count; i++) {
        const struct failure *f = &a->failures[i];
        json_begin_object(j, NULL);
        json_text(j, "input", f->input[0] ? f->input : NULL);
        json_text(j, "message", f->msg);
        json_end_object(j);
    }
    json_end_array(j);
}

static void print_json(struct analysis *a)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "version", HSI_VERSION);
    const struct detector_info *info = detector_info(a->detector);
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

static void print_text(struct analysis *a)
{
    if (a->stats.frames == 0)
        return; /* the failures say it all */
    findings_print(&a->findings, stdout);
    int count = a->findings.event_count;
    printf("%d event%s; %lld frames, %lld looks, %.1f s\n", count, count == 1 ? "" : "s",
           (long long)a->stats.frames, (long long)a->stats.looks, seconds(a->wall_us));
}

/* What there is, and on standard error what is missing from it. */
static int report(struct analysis *a)
{
    const struct err *unwritten = &a->findings.failure;
    if (unwritten->code != ERR_NONE)
        add_failure(a, "", unwritten->msg);
    if (a->args.json)
        print_json(a);
    else
        print_text(a);
    for (int i = 0; i < a->failure_count; i++) {
        const struct failure *f = &a->failures[i];
        fprintf(stderr, "hsi: %s%s%s\n", f->input, f->input[0] ? ": " : "", f->msg);
    }
    return a->failure_count ? EXIT_FAILED : EXIT_OK;
}

static void analysis_done(struct analysis *a)
{
    free(a->failures);
    findings_done(&a->findings);
    detector_close(&a->detector);
    config_done(&a->config);
}

/* Everything that can be wrong before the first picture is looked at. *ret_code: for what has
 * already been told. */
static bool prepare(struct analysis *a, const struct args_rest *inputs, int *ret_code,
                    struct err *err)
{
    *ret_code = EXIT_OK;
    if (a->args.start[0] && !time_parse(a->args.start, &a->start_wall_us)) {
        err_set(err, ERR_INVALID, "--start '%s' is not a time", a->args.start);
        err_hint(err, "write it like 2026-11-20T22:15:00+01:00 or 2026-11-20T21:15:00Z");
        return false;
    }
    if (!check_inputs(inputs, err))
        return false;
    if (!load_config(a) || !add_inputs(a, inputs)) {
        *ret_code = EXIT_WRONG;
        return false;
    }
    return risk_apply_timezone(&a->config.risk, err) &&
           (!a->args.snapshots[0] || files_make_folder(a->args.snapshots, err));
}

int cli_analyze(int argc, char **argv)
{
    struct analysis a = {.ids = {.clock = &clock_real}, .start_wall_us = TIME_UNKNOWN};
    struct args_rest inputs;
    int code;
    if (!args_begin(&analyze_spec, &a.args, argc, argv, &inputs, &code))
        return code;
    struct err err = {0};
    findings_init(&a.findings, a.args.json, a.args.snapshots);
    if (prepare(&a, &inputs, &code, &err) && run_pipeline(&a, &err))
        code = report(&a);
    else if (code == EXIT_OK)
        code = args_fail(&err);
    analysis_done(&a);
    return code;
}
