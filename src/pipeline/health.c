/* What happens to a camera: lost and back, covered, turned, frozen. On the scene thread. */
#include "pipeline/internal.h"

/* A camera that is back at once was not worth a word; one that comes and goes is lost. */
#define LOST_US (5 * US_PER_S)
#define BACK_US (2 * US_PER_S)

static void tell(const struct camera *c, enum camera_event_kind kind, bool ended, const char *text)
{
    const struct pipeline_params *params = &c->pipeline->params;
    struct camera_event event = {
        .id = uuid7_new(params->ids),
        .index = c->index,
        .kind = kind,
        .ended = ended,
        .wall_us = clock_wall_us(params->clock),
    };
    STR_COPY(event.camera, c->conf->name);
    STR_COPY(event.text, text);
    bool over = ended && kind != CAMERA_EVENT_LOST; /* whose end has words of its own */
    log_write(&c->log, ended ? LOG_INFO : LOG_WARN, "%s%s", text, over ? ": over" : "");
    params->camera_event_sink(params->sink_ctx, &event);
}

static const struct {
    enum camera_event_kind kind;
    const char *text;
} views[] = {
    [VIEW_FROZEN] = {CAMERA_EVENT_FROZEN, "the picture is frozen: not one bit of it changes"},
    [VIEW_BLACK] = {CAMERA_EVENT_BLACK, "the picture is black"},
    [VIEW_COVERED] = {CAMERA_EVENT_COVERED, "something covers the lens"},
    [VIEW_DEFOCUSED] = {CAMERA_EVENT_DEFOCUSED, "the picture is out of focus"},
    [VIEW_MOVED] = {CAMERA_EVENT_MOVED, "the camera has been turned: it looks elsewhere"},
};

/* What is remembered goes along with a camera that is turned, and back with it: also when it is
 * black or covered in between. A view that is adopted is the usual one from then on. */
static void turn_memory(struct camera *c, const struct observation *o)
{
    struct health *h = &c->health;
    struct point from = h->turned ? h->shift : (struct point){0, 0};
    struct point to = h->view == VIEW_MOVED ? o->view_shift : (struct point){0, 0};
    bool moved = h->view == VIEW_MOVED || (h->view == VIEW_GOOD && h->turned && !o->view_adopted);
    /* 0, 0 of a turned camera: nobody knows where everything stands now. */
    bool known = h->view == VIEW_GOOD || to.x != 0 || to.y != 0;
    known = known && (!h->turned || h->shift.x != 0 || h->shift.y != 0);
    if (moved)
        tracker_view_moved(c->tracker, to.x - from.x, to.y - from.y, known);
    if (h->view == VIEW_MOVED || h->view == VIEW_GOOD)
        h->turned = h->view == VIEW_MOVED;
    if (h->view == VIEW_MOVED)
        h->shift = to;
}

void health_see(struct camera *c, const struct observation *o)
{
    if (!o->view_changed)
        return;
    enum view_state before = c->health.view;
    c->health.view = (enum view_state)o->view;
    if (before != VIEW_GOOD)
        tell(c, views[before].kind, true, views[before].text);
    if (c->health.view != VIEW_GOOD)
        tell(c, views[c->health.view].kind, false, views[c->health.view].text);
    turn_memory(c, o);
}

void health_end(struct camera *c)
{
    struct health *h = &c->health;
    if (h->lost)
        tell(c, CAMERA_EVENT_LOST, true, "no longer watched");
    if (h->view != VIEW_GOOD)
        tell(c, views[h->view].kind, true, "no longer watched");
    h->lost = false;
    h->view = VIEW_GOOD;
}

void health_tick(struct camera *c, int64_t now_us)
{
    struct health *h = &c->health;
    struct capture_status status;
    if (!camera_status(c, &status))
        return;
    /* What an idle camera keeps for its next key frame is looked at now: there may be no next. */
    if (status.state != CAMERA_ONLINE && gate_is_idle(c->gate))
        pipeline_wake(c, WAKE_LOST, now_us + LOST_US);
    if (!c->pipeline->params.camera_event_sink)
        return;
    bool lost = status.state == CAMERA_RETRYING || (h->lost && status.state != CAMERA_ONLINE);
    if (lost == h->lost) {
        h->unwell_us = 0;
        return;
    }
    if (h->unwell_us == 0)
        h->unwell_us = now_us;
    if (now_us - h->unwell_us < (lost ? LOST_US : BACK_US))
        return;
    h->lost = lost;
    h->unwell_us = 0;
    tell(c, CAMERA_EVENT_LOST, !lost, lost ? status.reason : "pictures come again");
}
