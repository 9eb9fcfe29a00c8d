#include "cli/analysis.h"

#include "cli/progress.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_US (200 * US_PER_MS)

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
    if (!a->params.config[0]) {
        opt_defaults(&config_section, &a->config);
        return true;
    }
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    bool ok = config_load(a->params.config, &a->config, NULL, errors);
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
        if (a->params.zones[0] &&
            !conf_load(a->params.zones, &zones_section, &zones, NULL, &errors)) {
            conf_errors_print(stderr, &errors);
            return false;
        }
        cameras[i].zones = zones.zones;
        cameras[i].lines = zones.lines;
    }
    return true;
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

bool analysis_prepare(struct analysis *a, const struct analysis_params *params,
                      const struct args_rest *inputs, int *ret_code, struct err *err)
{
    *ret_code = EXIT_OK;
    *a = (struct analysis){.params = *params,
                           .lock = PTHREAD_MUTEX_INITIALIZER,
                           .ids = {.clock = &clock_real},
                           .start_wall_us = TIME_UNKNOWN};
    if (params->start[0] && !time_parse(params->start, &a->start_wall_us)) {
        err_set(err, ERR_INVALID, "--start '%s' is not a time", params->start);
        err_hint(err, "write it like 2026-11-20T22:15:00+01:00 or 2026-11-20T21:15:00Z");
        return false;
    }
    if (!check_inputs(inputs, err))
        return false;
    if (!load_config(a) || !add_inputs(a, inputs)) {
        *ret_code = EXIT_WRONG;
        return false;
    }
    if (params->model[0])
        STR_COPY(a->config.detect.model, params->model);
    return risk_apply_timezone(&a->config.risk, err);
}

/* msg may begin with the input's name. */
void analysis_add_failure(struct analysis *a, const char *input, const char *msg)
{
    pthread_mutex_lock(&a->lock);
    a->failures = xrealloc(a->failures, (size_t)a->failure_count + 1, sizeof *a->failures);
    struct failure *f = &a->failures[a->failure_count++];
    STR_COPY(f->input, input);
    redact_value(f->input);
    size_t n = strlen(f->input);
    bool named = n > 0 && strncmp(msg, f->input, n) == 0 && strncmp(msg + n, ": ", 2) == 0;
    STR_COPY(f->msg, named ? msg + n + 2 : msg);
    pthread_mutex_unlock(&a->lock);
}

/* Each input that broke, and the detector if it did, with why. */
static void collect_failures(struct analysis *a, struct pipeline *pipeline)
{
    struct err err = {0};
    for (int i = 0; i < a->config.cameras.count; i++)
        if (!pipeline_input_result(pipeline, i, &err))
            analysis_add_failure(a, config_camera(&a->config, i)->capture.url, err.msg);
    int64_t failed = pipeline_stats(pipeline).failed_looks;
    if (failed > 0) {
        err_set(&err, ERR_INTERNAL, "the detector failed on %lld frames", (long long)failed);
        analysis_add_failure(a, "", err.msg);
    }
}

bool analysis_run(struct analysis *a, struct err *err)
{
    AUTO(log_sink_free) struct log_sink *sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    struct pipeline_params params = {
        .config = &a->config,
        .ids = &a->ids,
        .clock = &clock_real,
        .log = log_root(sink),
        .idle = a->params.idle,
        .pictures = a->params.pictures,
        .start_wall_us = a->start_wall_us,
        .event_sink = a->params.event_sink,
        .track_sink = a->params.track_sink,
        .sink_ctx = a->params.sink_ctx,
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

void analysis_done(struct analysis *a)
{
    free(a->failures);
    detector_close(&a->detector);
    config_done(&a->config);
}
