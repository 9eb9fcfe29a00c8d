/* Observations -> tracks -> events: the one thread that owns every camera's tracker and open
 * window. */
#include "pipeline/internal.h"

#include <string.h>

/* Live, a camera may fall silent: then the clock closes its event. It runs this far behind: longer
 * than a frame takes in the decoder, the slot or the detector. */
#define SILENT_US      (3 * US_PER_S)
#define SCENE_CHECK_US (500 * US_PER_MS)

/* Who is followed is looked at for so long after each look, and so are the neighbours. */
#define TRACK_AWAKE_US     (3 * US_PER_S)
#define NEIGHBOUR_AWAKE_US (30 * US_PER_S)

/* Baselines are told so often how long a camera was watched; pictures further apart than this have
 * nobody watching between them. */
#define WATCHED_STEP_US (60 * US_PER_S)
#define WATCHED_GAP_US  (30 * US_PER_S)

void scene_receive(void *ctx, struct observation *observation)
{
    struct pipeline *p = ctx;
    queue_push(p->observations, observation);
}

static void show_live(struct camera *c, struct observation *o)
{
    if (!o->frame)
        return;
    struct detections boxes = {0};
    for (int i = 0; i < tracker_count(c->tracker) && boxes.count < DETECTIONS_MAX; i++) {
        const struct live_track *live = tracker_at(c->tracker, i);
        /* A frame nobody looked at shows what is known from the look before. */
        if (!live->confirmed || live->ended || (o->analysed && !live->seen))
            continue;
        struct detection *d = &boxes.items[boxes.count++];
        d->box = live->track.last.box;
        d->score = live->track.last.score;
        STR_COPY(d->label, live->track.label);
    }
    struct frame *shown = frame_ref(o->frame);
    pthread_mutex_lock(&c->live_lock);
    struct frame *before = c->live_frame;
    c->live_frame = shown;
    c->live_boxes = boxes;
    pthread_mutex_unlock(&c->live_lock);
    frame_unref(&before);
}

static void box_members(struct json *j, const struct box *b)
{
    json_double(j, "x", b->x0, 4);
    json_double(j, "y", b->y0, 4);
    json_double(j, "width", box_width(*b), 4);
    json_double(j, "height", box_height(*b), 4);
}

static void publish_boxes(struct camera *c, const struct observation *o)
{
    struct bus *bus = c->pipeline->params.bus;
    if (!o->analysed || !bus || !bus_wanted(bus, BUS_DETECTIONS))
        return;
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "detections");
    json_begin_object(&j, "data");
    json_text(&j, "camera", c->conf->name);
    json_time(&j, "at", o->wall_us);
    json_begin_array(&j, "boxes");
    for (int i = 0; i < tracker_count(c->tracker); i++) {
        const struct live_track *live = tracker_at(c->tracker, i);
        if (!live->confirmed || !live->seen)
            continue;
        json_begin_object(&j, NULL);
        json_uuid(&j, "track_id", &live->track.id);
        json_text(&j, "label", live->track.label);
        json_double(&j, "confidence", live->track.last.score, 3);
        json_bool(&j, "moving", live->moving);
        box_members(&j, &live->track.last.box);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    json_end_object(&j);
    bus_publish(bus, bus_message_new(BUS_DETECTIONS, c->index, 0, j.text, j.bytes));
    json_done(&j);
}

static void report_ended(struct camera *c)
{
    const struct pipeline_params *params = &c->pipeline->params;
    for (int i = 0; i < tracker_count(c->tracker); i++) {
        const struct live_track *live = tracker_at(c->tracker, i);
        if (!live->ended || !live->confirmed)
            continue;
        if (live->moved)
            gate_visit(c->gate, live->track.first.pts_us, live->track.last.pts_us);
        if (params->track_sink)
            params->track_sink(params->sink_ctx, c->index, live);
    }
}

static bool is_listed(const struct opt_list *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static void wake_neighbours(struct camera *c, int64_t until_us)
{
    struct pipeline *p = c->pipeline;
    for (int i = 0; i < pipeline_count(p); i++)
        if (is_listed(&p->cameras[i].conf->idle.with, c->conf->name))
            pipeline_wake(&p->cameras[i], WAKE_NEIGHBOUR, until_us);
}

/* Who is followed wants more than key frames. Not in analyze: how far vision is ahead of the scene
 * would decide what it sees. */
static void wake_cameras(struct camera *c, const struct observation *o)
{
    if (!o->analysed || !c->pipeline->params.realtime)
        return;
    bool followed = false;
    bool moving = false;
    for (int i = 0; i < tracker_count(c->tracker); i++) {
        const struct live_track *live = tracker_at(c->tracker, i);
        followed |= !live->ended && !live->track.stationary;
        moving |= !live->ended && live->moving;
    }
    /* From now on, which is the cameras' timeline too: the picture may have waited for its turn. */
    int64_t now_us = clock_mono_us(c->pipeline->params.clock);
    if (followed)
        pipeline_wake(c, WAKE_TRACK, now_us + TRACK_AWAKE_US);
    if (moving)
        wake_neighbours(c, now_us + NEIGHBOUR_AWAKE_US);
}

static void save_parked(struct camera *c)
{
    const struct pipeline_params *params = &c->pipeline->params;
    if (!params->parked_sink || !memory_take_changed(c->memory))
        return;
    int items;
    const struct parked *parked = memory_items(c->memory, &items);
    params->parked_sink(params->sink_ctx, c->conf->name, parked, items);
}

static void feed_batch(struct camera *c, const struct observation *o)
{
    if (o->blind) {
        batch_tick_blind(c->batch, o->pts_us);
        return;
    }
    if (!o->analysed) {
        batch_tick(c->batch, o->pts_us);
        return;
    }
    struct batch_track moving[TRACKS_MAX];
    int moving_count = 0;
    bool looked = false;
    for (int i = 0; i < tracker_count(c->tracker); i++) {
        const struct live_track *live = tracker_at(c->tracker, i);
        if (!live->moving || live->ended)
            continue;
        moving[moving_count++] = (struct batch_track){&live->track, live->seen};
        looked |= live->looked;
    }
    /* The look was for another part of the picture: of those who move it says nothing. */
    if (moving_count > 0 && !looked) {
        batch_tick(c->batch, o->pts_us);
        return;
    }
    int64_t arrived_us = o->frame ? o->frame->arrived_us : 0;
    batch_push(c->batch, o->pts_us, o->wall_us, arrived_us, moving, moving_count);
}

static void note_watched(struct camera *c, const struct observation *o)
{
    if (o->wall_us == TIME_UNKNOWN || !c->pipeline->params.realtime)
        return;
    int64_t step_us = o->wall_us - c->watched_to_us;
    if (o->blind || step_us < 0 || step_us > WATCHED_GAP_US)
        c->watched_from_us = o->wall_us;
    c->watched_to_us = o->wall_us;
    if (c->watched_to_us - c->watched_from_us < WATCHED_STEP_US)
        return;
    queue_push(c->pipeline->news, news_watched(c, c->watched_from_us, c->watched_to_us));
    c->watched_from_us = c->watched_to_us;
}

static void observe(struct pipeline *p, struct observation *o)
{
    ASSERT_ON(ROLE_SCENE);
    struct camera *c = &p->cameras[o->camera];
    int64_t before_us = clock_mono_us(p->params.clock);
    o->pts_us = MAX(o->pts_us, c->scene_us);
    c->scene_us = o->pts_us;
    if (!o->blind)
        tracker_push(c->tracker, o);
    health_see(c, o);
    feed_batch(c, o);
    report_ended(c);
    wake_cameras(c, o);
    save_parked(c);
    note_watched(c, o);
    atomic_store_explicit(&c->ignored, tracker_ignored(c->tracker), memory_order_relaxed);
    if (o->upload)
        queue_push(p->news, news_new(NULL, upload_ref(o->upload)));
    if (p->params.bus) {
        publish_boxes(c, o);
        show_live(c, o);
    }
    if (o->end) {
        batch_end(c->batch, CLOSE_END);
        pipeline_input_ended(p);
    }
    count(&p->scene_us, clock_mono_us(p->params.clock) - before_us);
}

/* Only a camera of which nothing is on its way has fallen silent. Uploads say so themselves; an
 * idle camera keeps packets that are still to be looked at. */
static bool is_silent(const struct pipeline *p, const struct camera *c, int64_t until_us)
{
    return !c->recorded && !gate_is_idle(c->gate) && until_us > c->scene_us &&
           queue_stats(c->packets).depth == 0 && queue_stats(p->observations).depth == 0;
}

static void tick_silent(struct pipeline *p)
{
    int64_t now_us = clock_mono_us(p->params.clock);
    int64_t until_us = now_us - SILENT_US;
    for (int i = 0; i < pipeline_count(p); i++) {
        struct camera *c = &p->cameras[i];
        health_tick(c, now_us);
        if (!is_silent(p, c, until_us))
            continue;
        c->scene_us = until_us;
        batch_tick_blind(c->batch, until_us);
    }
}

void scene_main(void *arg)
{
    struct pipeline *p = arg;
    bool closed = false;
    int64_t checked_us = clock_mono_us(p->params.clock);
    while (!closed) {
        AUTO(observation_free)
        struct observation *o = queue_pop_within(p->observations, SCENE_CHECK_US, &closed);
        if (o)
            observe(p, o);
        int64_t now_us = clock_mono_us(p->params.clock);
        if (p->params.realtime && now_us - checked_us >= SCENE_CHECK_US) {
            checked_us = now_us;
            tick_silent(p);
        }
    }
    for (int i = 0; i < pipeline_count(p); i++) {
        batch_end(p->cameras[i].batch, CLOSE_SHUTDOWN);
        if (p->params.camera_event_sink)
            health_end(&p->cameras[i]);
    }
}
