/* Frames -> is it worth a look? What moves, whether an idle camera must wake, whether the view is
 * still the one it was, and when the detector is to look. On the camera's strand. */
#include "pipeline/internal.h"

/* A frame nobody looks at is passed on this often: time goes on, the page stays fresh. */
#define HEARTBEAT_US (500 * US_PER_MS)

/* Everything is decoded for this long after a key frame that differed: until the stream itself
 * shows movement, which the gate of motion holds on to by its own hold. */
#define AWAKE_US  (2 * US_PER_S)
#define LINGER_US (1 * US_PER_S)

#define VIEW_STEP_US (1 * US_PER_S)

/* Whoever woke a camera may be gone by now, so there is no later look to make up for one that finds
 * nothing: for this long after the first movement in what is replayed, looks are this many times as
 * dense, as long as something differs. */
#define DENSE_US     (1 * US_PER_S)
#define DENSE_FACTOR 2

static int64_t look_step_us(struct camera *c, const struct observation *o, bool rises)
{
    if (!o->motion.active)
        return c->conf->motion.refresh_us;
    if (rises)
        c->dense_until_us = c->how == GATE_REPLAY ? o->pts_us + DENSE_US : o->pts_us;
    double fps = c->pipeline->params.config->detect.fps;
    bool dense = o->pts_us < c->dense_until_us && o->motion.box_count > 0;
    return (int64_t)((double)US_PER_S / (dense ? DENSE_FACTOR * fps : fps));
}

static void plan_look(struct camera *c, struct observation *o)
{
    bool rises = o->motion.active && !c->was_active;
    c->was_active = o->motion.active;
    int64_t now_us = o->pts_us;
    if (!o->still && !rises && now_us < c->next_look_us)
        return;
    o->analyse = true;
    int64_t step_us = look_step_us(c, o, rises);
    /* Keep the beat, but do not make up for looks that were missed. */
    int64_t beat_us = c->next_look_us + step_us;
    c->next_look_us = rises || beat_us <= now_us ? now_us + step_us : beat_us;
    count(&c->looks, 1);
}

/* A key frame by itself. Returns false if it woke the camera: then it is not taken into account
 * here, because it comes again in its place among the others. */
static bool compare_alone(struct camera *c, const struct frame *frame, struct motion_result *ret)
{
    motion_free(&c->key_motion); /* no shadow check goes on */
    motion_push_key(c->motion, frame, ret);
    if (ret->active)
        gate_hold(c->gate, WAKE_PICTURE, frame->pts_us + AWAKE_US);
    return !ret->active;
}

/* What the camera would have done idle, while it is not, so as to know what it would have missed.
 */
static void compare_in_shadow(struct camera *c, const struct frame *frame)
{
    if (!gate_shadowing(c->gate)) {
        motion_free(&c->key_motion);
        return;
    }
    if (!c->key_motion)
        c->key_motion = motion_copy(c->motion);
    struct motion_result would = {0};
    if (frame->key)
        motion_push_key(c->key_motion, frame, &would);
    if (would.active)
        gate_shadow_woke(c->gate, frame->pts_us);
}

/* Every frame of the stream. Returns false if it has been taken into account before. */
static bool compare_in_stream(struct camera *c, const struct frame *frame,
                              struct motion_result *ret)
{
    if (c->how == GATE_REPLAY && frame->pts_us <= c->passed_us)
        return false;
    compare_in_shadow(c, frame);
    motion_push(c->motion, frame, c->gap, ret);
    if (ret->active)
        gate_hold(c->gate, WAKE_PICTURE, frame->pts_us + LINGER_US);
    return true;
}

static bool compare(struct camera *c, const struct frame *frame, struct motion_result *ret)
{
    const struct clock *clock = c->pipeline->params.clock;
    int64_t before_us = clock_mono_us(clock);
    bool counts = c->how == GATE_ALONE && !c->gap ? compare_alone(c, frame, ret)
                                                  : compare_in_stream(c, frame, ret);
    count(&c->motion_us, clock_mono_us(clock) - before_us);
    return counts;
}

/* Whether the camera still sees what it is there to see; only of cameras, not of recordings. */
static void check_view(struct camera *c, struct observation *o, const struct frame *frame)
{
    if (!c->pipeline->params.camera_event_sink || c->recorded)
        return;
    /* Rather key frames: only they cannot be copies of the picture before by the encoder's choice.
     */
    if (o->pts_us < c->next_view_us - (frame->key ? VIEW_STEP_US / 2 : 0))
        return;
    c->next_view_us = o->pts_us + VIEW_STEP_US;
    struct view_result view;
    view_push(c->view, frame, o->motion.active, o->gap, &view);
    o->view_changed = view.changed;
    o->keep |= view.changed; /* it is told once */
    o->view_adopted = view.adopted;
    o->view = view.state;
    o->view_shift = (struct point){view.shift_x, view.shift_y};
    atomic_store_explicit(&c->view_state, (int)view.state, memory_order_relaxed);
}

void watch_frame(void *ctx, struct frame *frame)
{
    struct camera *c = ctx;
    const struct clock *clock = c->pipeline->params.clock;
    int64_t before_us = clock_mono_us(clock);
    struct motion_result motion;
    count(&c->frames, 1);
    if (!compare(c, frame, &motion)) {
        frame_unref(&frame);
        c->handed_us += clock_mono_us(clock) - before_us;
        return;
    }
    c->passed_us = frame->pts_us;
    struct observation *o = observation_new(c->index);
    o->pts_us = frame->pts_us;
    o->wall_us = frame->wall_us;
    o->still = frame->still;
    o->motion = motion;
    o->gap = c->gap;
    o->keep = c->recorded || c->how == GATE_REPLAY;
    c->gap = false;
    check_view(c, o, frame);
    plan_look(c, o);
    if (!o->analyse && !o->gap && !o->view_changed &&
        frame->pts_us - c->last_sent_us < HEARTBEAT_US) {
        observation_free(&o);
        frame_unref(&frame);
    } else {
        c->last_sent_us = frame->pts_us;
        o->frame = frame;
        vision_pass_on(c, o);
    }
    c->handed_us += clock_mono_us(clock) - before_us;
}
