#include "risk/risk.h"

#include "risk/window.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Cameras come from the configuration and from upload folders; whoever is beyond is judged all the
 * same, without a baseline. */
#define RISK_CAMERAS_MAX 128
#define SINK_CELLS       256 /* handed over at a time */
#define SINK_EVERY_US    (60 * US_PER_S)

struct risk_camera {
    char name[OPT_NAME_BYTES];
    struct baseline *baseline; /* NULL: nothing is learned */
    struct uuid urgent;        /* the event a model was last asked about at once */
    int64_t sunk_wall_us;
};

struct risk {
    struct risk_params params;
    const struct risk_conf *conf;
    struct scorer *scorer, *shadow; /* shadow: NULL if there is none */
    uint8_t rules_sha256[32];
    char timezone[64];
    struct risk_camera *cameras; /* RISK_CAMERAS_MAX places */
    int camera_count;
    /* What one event is judged by; too large for a stack. */
    struct household household;
    struct usual usual[EVENT_TRACKS_MAX];
    struct offsets offsets;
    struct baseline_cell cells[SINK_CELLS];
    struct json json;
    _Atomic int64_t shadow_events, shadow_raised, shadow_lowered, alarms_added, alarms_removed;
};

/* -- opening -- */

/* A window says whose local time was meant, also where the configuration leaves it to the machine:
 * it may be scored again on another one. */
static void find_timezone(const struct risk_conf *conf, char *ret, size_t bytes)
{
    char path[256] = "";
    const char *name = conf->timezone[0] ? conf->timezone : getenv("TZ");
    if (!name || !name[0]) {
        ssize_t n = readlink("/etc/localtime", path, sizeof path - 1);
        const char *folder = n > 0 ? strstr(path, "/zoneinfo/") : NULL;
        name = folder ? folder + strlen("/zoneinfo/") : "";
    }
    if (!str_copy(ret, bytes, name[0] == ':' ? name + 1 : name))
        ret[0] = '\0';
}

static bool open_shadow(struct risk *risk, struct err *err)
{
    if (!risk->conf->shadow[0])
        return true;
    struct risk_conf conf = *risk->conf;
    STR_COPY(conf.rules, risk->conf->shadow);
    return scorer_open(&scorer_rules, &conf, &risk->shadow, err) || err_wrap(err, "shadow");
}

bool risk_open(const struct risk_params *params, struct risk **ret, struct err *err)
{
    *ret = NULL;
    AUTO(risk_close) struct risk *risk = NEW(struct risk);
    risk->params = *params;
    risk->conf = params->conf;
    json_init(&risk->json);
    risk->cameras = xcalloc(RISK_CAMERAS_MAX, sizeof *risk->cameras);
    find_timezone(risk->conf, risk->timezone, sizeof risk->timezone);
    if (!scorer_open(&scorer_rules, risk->conf, &risk->scorer, err) || !open_shadow(risk, err))
        return false;
    scorer_sha256(risk->scorer, risk->rules_sha256);
    *ret = TAKE(risk);
    return true;
}

static struct risk_camera *find_camera(struct risk *risk, const char *name)
{
    for (int i = 0; i < risk->camera_count; i++)
        if (strcmp(risk->cameras[i].name, name) == 0)
            return &risk->cameras[i];
    if (risk->camera_count == RISK_CAMERAS_MAX)
        return NULL;
    struct risk_camera *camera = &risk->cameras[risk->camera_count++];
    STR_COPY(camera->name, name);
    if (!risk->conf->baseline.enabled)
        return camera;
    camera->baseline = baseline_new(&risk->conf->baseline);
    const struct risk_params *params = &risk->params;
    if (params->baseline_load && !params->baseline_load(params->ctx, name, camera->baseline))
        log_debug(&params->log, "%s has no baseline yet", name);
    return camera;
}

/* -- baselines -- */

static void sink(struct risk *risk, struct risk_camera *camera)
{
    const struct risk_params *params = &risk->params;
    if (!params->baseline_sink || !camera->baseline)
        return;
    struct baseline_watch watch;
    baseline_watch_state(camera->baseline, &watch);
    int count;
    do {
        count = baseline_changes(camera->baseline, risk->cells, SINK_CELLS);
        params->baseline_sink(params->ctx, camera->name, &watch, risk->cells, count);
    } while (count == SINK_CELLS);
}

/* Seldom enough not to be a burden, often enough that a crash costs little. What the wall clock
 * says is only compared with itself; one that steps back is no reason to wait. */
static void sink_if_due(struct risk *risk, struct risk_camera *camera, int64_t wall_us)
{
    if (wall_us == TIME_UNKNOWN ||
        (wall_us >= camera->sunk_wall_us && wall_us - camera->sunk_wall_us < SINK_EVERY_US))
        return;
    camera->sunk_wall_us = wall_us;
    sink(risk, camera);
}

void risk_watched(struct risk *risk, const char *camera_name, int64_t from_wall_us,
                  int64_t to_wall_us)
{
    struct risk_camera *camera = find_camera(risk, camera_name);
    if (!camera || !camera->baseline)
        return;
    baseline_watched(camera->baseline, from_wall_us, to_wall_us);
    sink_if_due(risk, camera, to_wall_us);
}

void risk_close(struct risk **risk)
{
    struct risk *r = *risk;
    *risk = NULL;
    if (!r)
        return;
    for (int i = 0; i < r->camera_count; i++) {
        sink(r, &r->cameras[i]);
        if (r->cameras[i].baseline)
            baseline_free(&r->cameras[i].baseline);
    }
    free(r->cameras);
    scorer_close(&r->scorer);
    scorer_close(&r->shadow);
    json_done(&r->json);
    free(r);
}

/* -- judging -- */

static void build_context(struct risk *risk, const struct risk_camera *camera,
                          const struct event *event, struct risk_context *context)
{
    const struct risk_params *params = &risk->params;
    context->night = risk->conf->night;
    context->away = risk->conf->away;
    if (household_is_configured(&risk->conf->household)) {
        household_at(&risk->conf->household, event->wall_end_us, &risk->household);
        context->household = &risk->household;
    }
    if (camera && camera->baseline) {
        memset(risk->usual, 0, (size_t)event->track_count * sizeof risk->usual[0]);
        for (int i = 0; i < event->track_count; i++)
            baseline_usual(camera->baseline, event, i, &risk->usual[i]);
        context->usual = risk->usual;
    }
    if (params->offsets_of && params->offsets_of(params->ctx, event->camera_name, &risk->offsets))
        context->offsets = &risk->offsets;
}

static void keep_window(struct risk *risk, struct event *event, const struct risk_context *context)
{
    json_reset(&risk->json);
    window_json(&risk->json, event, context, event->verdict.scorer, risk->rules_sha256,
                risk->timezone);
    blob_unref(&event->window);
    if (risk->json.bytes > WINDOW_BYTES_MAX)
        log_warn(&risk->params.log, "%s: a window of %zu bytes is not kept, at most %d are",
                 event->camera_name, risk->json.bytes, WINDOW_BYTES_MAX);
    else
        event->window = blob_compress(risk->json.text, risk->json.bytes);
}

static bool list_has(const struct opt_list *list, const char *word)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i], word) == 0)
            return true;
    return false;
}

/* Whether the model is asked at once, and in any case. */
static bool is_urgent(const struct llm_conf *llm, const struct event *event)
{
    if (event->verdict.score != SCORE_NONE &&
        (int)risk_level_of(event->verdict.score) >= llm->urgent_level)
        return true;
    for (int i = 0; i < event->track_count; i++) {
        const struct track *track = &event->tracks[i];
        if (list_has(&llm->urgent_labels, track->label))
            return true;
        for (int z = 0; z < ZONES_MAX; z++)
            if (track->zones[z].seen && list_has(&llm->urgent_zones, track->zones[z].name))
                return true;
    }
    return false;
}

static bool model_known(const struct risk *risk)
{
    const struct risk_params *params = &risk->params;
    return !llm_is_off(&risk->conf->llm) && params->model_known &&
           params->model_known(params->model_ctx);
}

/* One question at once for an event, as soon as it turns urgent; and one about the whole window at
 * its end, for which all that is new counts. A verdict that is missing leaves nothing to adjust. */
static enum ask whether_to_ask(const struct risk *risk, struct risk_camera *camera,
                               const struct event *event)
{
    const struct llm_conf *llm = &risk->conf->llm;
    if (event->verdict.score == SCORE_NONE || !model_known(risk))
        return ASK_NO;
    bool urgent = is_urgent(llm, event);
    if (event->state == EVENT_CLOSED)
        return urgent || event->verdict.score >= llm->min_score ? ASK_QUEUED : ASK_NO;
    if (!urgent || !camera || uuid_equal(&camera->urgent, &event->id))
        return ASK_NO;
    camera->urgent = event->id;
    return ASK_NOW;
}

static void score_shadow(struct risk *risk, const struct event *event,
                         const struct risk_context *context)
{
    struct verdict verdict;
    struct err err = {0};
    if (!risk->shadow)
        return;
    if (!scorer_score(risk->shadow, event, context, &verdict, &err)) {
        log_err(&risk->params.log, LOG_WARN, &err);
        return;
    }
    enum risk_level real = risk_level_of(event->verdict.score);
    enum risk_level would = risk_level_of(verdict.score);
    risk->shadow_events++;
    risk->shadow_raised += would > real;
    risk->shadow_lowered += would < real;
    risk->alarms_added += would >= RISK_HIGH && real < RISK_HIGH;
    risk->alarms_removed += would < RISK_HIGH && real >= RISK_HIGH;
    if (would != real)
        log_info(&risk->params.log, "%s: shadow rules give %d (%s), %s gives %d (%s)",
                 event->camera_name, verdict.score, risk_level_names[would], event->verdict.scorer,
                 event->verdict.score, risk_level_names[real]);
}

void risk_judge(struct risk *risk, struct event *event, const struct opt_map *zones,
                const struct opt_map *lines)
{
    struct risk_context context = {.zones = zones, .lines = lines};
    struct risk_camera *camera = find_camera(risk, event->camera_name);
    struct err err = {0};
    build_context(risk, camera, event, &context);
    if (!scorer_score(risk->scorer, event, &context, &event->verdict, &err))
        log_err(&risk->params.log, LOG_ERROR, &err);
    event->ask = (int)whether_to_ask(risk, camera, event);
    if (event->state == EVENT_CLOSED || event->ask != ASK_NO)
        keep_window(risk, event, &context);
    if (event->state != EVENT_CLOSED)
        return;
    score_shadow(risk, event, &context);
    if (!camera || !camera->baseline)
        return;
    baseline_learn(camera->baseline, event);
    sink_if_due(risk, camera, event->wall_end_us);
}

struct risk_shadow_stats risk_shadow_stats(const struct risk *risk)
{
    return (struct risk_shadow_stats){
        .events = atomic_load(&risk->shadow_events),
        .raised = atomic_load(&risk->shadow_raised),
        .lowered = atomic_load(&risk->shadow_lowered),
        .alarms_added = atomic_load(&risk->alarms_added),
        .alarms_removed = atomic_load(&risk->alarms_removed),
    };
}
