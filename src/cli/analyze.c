/* hsi analyze: the daemon's pipeline over recordings, as fast as it goes and without dropping a
 * frame.
 */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "model/picture.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_US      (200 * US_PER_MS)
#define SNAPSHOT_QUALITY 88

struct analyze_args {
    char model[DETECT_MODEL_BYTES];
    char config[256], zones[256], snapshots[256], start[40];
    bool json;
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

    pthread_mutex_t lock; /* tracks end on one thread, events change on another */
    /* protected by lock */
    struct event **events; /* newest snapshot of each, in order of appearance */
    int event_count;
    struct json tracks; /* finished rows of an open array */
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

static bool load_config(struct analysis *a)
{
    struct conf_errors errors;
    if (!a->args.config[0]) {
        opt_defaults(&config_section, &a->config);
        return true;
    }
    if (!conf_load(a->args.config, &config_section, &a->config, NULL, &errors)) {
        conf_errors_print(stderr, &errors);
        return false;
    }
    return true;
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
        name_from_path(inputs->items[i], i, cameras[i].name);
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
    pthread_mutex_lock(&a->lock);
    struct event **slot = NULL;
    for (int i = a->event_count - 1; i >= 0 && !slot; i--)
        if (uuid_equal(&a->events[i]->id, &event->id))
            slot = &a->events[i];
    if (slot) {
        event_unref(slot);
        *slot = event;
    } else {
        a->events = xrealloc(a->events, (size_t)a->event_count + 1, sizeof(*a->events));
        a->events[a->event_count++] = event;
    }
    pthread_mutex_unlock(&a->lock);
}

/* Hours of other recordings should not be looked at before a mistyped name is noticed. */
static bool check_inputs(const struct args_rest *inputs, struct err *err)
{
    for (int i = 0; i < inputs->count; i++) {
        const char *path = inputs->items[i];
        struct stat st;
        if (strcmp(path, "-") == 0)
            return err_set(err, ERR_INVALID, "-: standard input cannot be analysed, name a file");
        if (strstr(path, "://") || capture_find(path) == &capture_scene)
            continue;
        if (stat(path, &st) != 0)
            return err_set(err, ERR_NOT_FOUND, "%s: cannot open: %s", path, strerror(errno));
        if (S_ISDIR(st.st_mode)) {
            err_set(err, ERR_INVALID, "%s: is a folder", path);
            err_hint(err, "name the recordings in it, such as %s/*.mp4", path);
            return false;
        }
    }
    return true;
}

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* pipeline's track_sink. */
static void keep_track(void *ctx, int camera, const struct live_track *live)
{
    struct analysis *a = ctx;
    pthread_mutex_lock(&a->lock);
    struct json *j = &a->tracks;
    json_object(j, NULL);
    json_uuid(j, "id", &live->track.id);
    json_text(j, "camera", config_camera(&a->config, camera)->name);
    json_text(j, "label", live->track.label);
    json_double(j, "start_s", seconds(live->track.first.pts_us), 3);
    json_double(j, "end_s", seconds(live->track.last.pts_us), 3);
    json_double(j, "confidence", live->track.confidence, 3);
    json_bool(j, "moved", live->moved);
    json_end_object(j);
    pthread_mutex_unlock(&a->lock);
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
    bool ok = pipeline_result(pipeline, err);
    if (ok && a->stats.frames == 0)
        ok = err_set(err, ERR_INVALID, "%s: no picture could be decoded",
                     config_camera(&a->config, 0)->capture.url);
    pipeline_stop(&pipeline);
    a->wall_us = clock_mono_us(&clock_real) - before_us;
    return ok;
}

static void json_timing(struct json *j, const struct analysis *a)
{
    json_object(j, "timing");
    json_int(j, "frames", a->stats.frames);
    json_int(j, "looks", a->stats.looks);
    json_double(j, "wall_s", seconds(a->wall_us), 3);
    json_double(j, "decode_s", seconds(a->stats.decode_us), 3);
    json_double(j, "motion_s", seconds(a->stats.motion_us), 3);
    json_double(j, "detect_s", seconds(a->stats.infer_us), 3);
    json_double(j, "scene_s", seconds(a->stats.scene_us), 3);
    json_double(j, "risk_s", seconds(a->stats.risk_us), 3);
    json_end_object(j);
}

static void print_json(const struct analysis *a)
{
    struct json j;
    json_init(&j);
    json_object(&j, NULL);
    json_text(&j, "version", HSI_VERSION);
    const struct detector_info *info = detector_info(a->detector);
    json_object(&j, "detector");
    json_text(&j, "name", info->name);
    json_text(&j, "backend", info->backend);
    json_text(&j, "reason", info->reason[0] ? info->reason : NULL);
    json_end_object(&j);
    json_raw(&j, "tracks", a->tracks.text);
    json_array(&j, "events");
    for (int i = 0; i < a->event_count; i++)
        event_json(&j, NULL, a->events[i]);
    json_end_array(&j);
    json_timing(&j, a);
    json_end_object(&j);
    puts(j.text);
    json_done(&j);
}

static void print_text(const struct analysis *a)
{
    for (int i = 0; i < a->event_count; i++) {
        const struct event *e = a->events[i];
        const struct verdict *v = &e->verdict;
        printf("%s  %.1f-%.1f s  %d %s  %s\n", e->camera_name, seconds(e->start_us),
               seconds(e->end_us), v->score, risk_level_names[risk_level_of(v->score)], v->summary);
        for (int k = 0; k < v->reason_count; k++)
            printf("    %+3d  %-20s %s (at %.1f s)\n", v->reasons[k].points, v->reasons[k].rule,
                   v->reasons[k].text, seconds(v->reasons[k].at.pts_us));
    }
    printf("%d event%s; %lld frames, %lld looks, %.1f s\n", a->event_count,
           a->event_count == 1 ? "" : "s", (long long)a->stats.frames, (long long)a->stats.looks,
           seconds(a->wall_us));
}

static bool write_file(const char *path, const uint8_t *data, size_t bytes, struct err *err)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(data, 1, bytes, file) == bytes;
    if (file && fclose(file) != 0)
        ok = false;
    return ok || err_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

static bool write_picture(const char *path, const struct frame *frame, struct err *err)
{
    if (!frame)
        return err_set(err, ERR_EXHAUSTED, "no memory for %s", path);
    AUTO(free_ptr) uint8_t *jpeg = NULL;
    size_t bytes;
    return picture_jpeg(frame, SNAPSHOT_QUALITY, &jpeg, &bytes, err) &&
           write_file(path, jpeg, bytes, err);
}

static bool write_track(const struct analysis *a, const struct track *track, struct err *err)
{
    char id[UUID_TEXT_BYTES], path[400], text[PICTURE_TEXT_BYTES];
    uuid_format(id, &track->id);
    snprintf(path, sizeof path, "%s/%s.jpg", a->args.snapshots, id);
    if (!write_picture(path, track->picture, err))
        return false;
    struct picture_box box = {
        .box = track->best.box,
        .text = picture_label(text, track->label, track->best.score),
        .kind = label_kind(track->label),
    };
    AUTO(frame_unref) struct frame *boxed = picture_annotated(track->picture, &box, 1);
    snprintf(path, sizeof path, "%s/%s-boxes.jpg", a->args.snapshots, id);
    return write_picture(path, boxed, err);
}

static bool write_snapshots(const struct analysis *a, struct err *err)
{
    if (!a->args.snapshots[0])
        return true;
    if (mkdir(a->args.snapshots, 0777) != 0 && errno != EEXIST)
        return err_set(err, ERR_UNAVAILABLE, "cannot make folder %s: %s", a->args.snapshots,
                       strerror(errno));
    for (int i = 0; i < a->event_count; i++)
        for (int k = 0; k < a->events[i]->track_count; k++)
            if (a->events[i]->tracks[k].picture && !write_track(a, &a->events[i]->tracks[k], err))
                return false;
    return true;
}

static void analysis_done(struct analysis *a)
{
    for (int i = 0; i < a->event_count; i++)
        event_unref(&a->events[i]);
    free(a->events);
    json_done(&a->tracks);
    detector_close(&a->detector);
    opt_free(&config_section, &a->config);
    pthread_mutex_destroy(&a->lock);
}

int cli_analyze(int argc, char **argv)
{
    struct analysis a = {.ids = {.clock = &clock_real}, .start_wall_us = TIME_UNKNOWN};
    struct args_rest inputs;
    int code;
    if (!args_begin(&analyze_spec, &a.args, argc, argv, &inputs, &code))
        return code;
    struct err err = {0};
    if (a.args.start[0] && !time_parse(a.args.start, &a.start_wall_us)) {
        err_set(&err, ERR_INVALID, "--start '%s' is not a time", a.args.start);
        err_hint(&err, "write it like 2026-11-20T22:15:00+01:00 or 2026-11-20T21:15:00Z");
        return args_fail(&err);
    }
    if (!load_config(&a))
        return EXIT_WRONG;
    pthread_mutex_init(&a.lock, NULL);
    json_init(&a.tracks);
    json_array(&a.tracks, NULL);
    bool inputs_ok = check_inputs(&inputs, &err);
    bool conf_ok = inputs_ok && add_inputs(&a, &inputs);
    bool ok = conf_ok && run_pipeline(&a, &err);
    /* What a damaged recording still shows is worth having; the exit code tells. */
    bool usable = ok || err.code == ERR_DATA_LOSS;
    json_end_array(&a.tracks);
    if (usable && a.args.json)
        print_json(&a);
    else if (usable)
        print_text(&a);
    ok = (!usable || write_snapshots(&a, &err)) && ok;
    code = ok ? EXIT_OK : inputs_ok && !conf_ok ? EXIT_WRONG : args_fail(&err);
    analysis_done(&a);
    return code;
}
