/* Packets -> frames -> worth a look. Runs on whichever pool worker holds the camera. */
#include "pipeline/internal.h"

/* A frame nobody looks at is passed on this often: time goes on, the page stays fresh. */
#define HEARTBEAT_US (500 * US_PER_MS)

/* Decoding one packet after another keeps the codec's tables warm, but the others must not wait. */
#define PACKETS_PER_TURN 4

void vision_receive(void *ctx, struct packet *packet)
{
    struct camera *c = ctx;
    bool realtime = c->pipeline->params.realtime;
    if (realtime && !packet->end && !queue_has_room(c->packets)) {
        if (!c->skipping)
            log_warn(&c->log, "decoding cannot keep up: skipping to the next key frame");
        c->skipping = true;
    }
    if (c->skipping && !packet->end) {
        if (!packet->key || !queue_has_room(c->packets)) {
            count(&c->skipped, 1);
            packet_unref(&packet);
            return;
        }
        c->skipping = false;
        packet->gap = true;
    }
    queue_push(c->packets, packet);
    strand_wake(&c->strand);
}

/* Passes an observation on, or holds it until the slot is free: what came first goes first. */
static void pass_on(struct camera *c, struct observation *o)
{
    o->keep |= o->end || !c->pipeline->params.realtime;
    if (!c->held && detect_push(c->pipeline->detect, &o))
        return;
    *c->held_end = o;
    c->held_end = &o->next;
}

/* False: the slot is still not free. The strand is woken when it is. */
static bool pass_on_held(struct camera *c)
{
    while (c->held) {
        struct observation *o = c->held;
        struct observation *next = o->next;
        if (!detect_push(c->pipeline->detect, &o))
            return false;
        c->held = next;
    }
    c->held_end = &c->held;
    return true;
}

void vision_slot_emptied(void *ctx, int camera)
{
    struct pipeline *p = ctx;
    strand_wake(&p->cameras[camera].strand);
}

static void look_or_pass(struct camera *c, struct frame *frame, struct observation *o)
{
    const struct config *config = c->pipeline->params.config;
    int64_t look_us = (int64_t)((double)US_PER_S / config->detect.fps);
    bool rises = o->motion.active && !c->was_active;
    c->was_active = o->motion.active;
    int64_t now_us = frame->pts_us;
    if (rises || now_us >= c->next_look_us) {
        o->analyse = true;
        int64_t step_us = o->motion.active ? look_us : c->conf->motion.refresh_us;
        /* Keep the beat, but do not make up for looks that were missed. */
        int64_t beat_us = c->next_look_us + step_us;
        c->next_look_us = rises || beat_us <= now_us ? now_us + step_us : beat_us;
        count(&c->looks, 1);
    }
}

static void see_frame(struct camera *c, struct frame *frame)
{
    const struct clock *clock = c->pipeline->params.clock;
    int64_t before_us = clock_mono_us(clock);
    count(&c->frames, 1);
    struct motion_result motion;
    motion_push(c->motion, frame, c->gap, &motion);
    count(&c->motion_us, clock_mono_us(clock) - before_us);

    struct observation *o = observation_new(c->index);
    o->pts_us = frame->pts_us;
    o->wall_us = frame->wall_us;
    o->motion = motion;
    o->gap = c->gap;
    c->gap = false;
    look_or_pass(c, frame, o);
    if (!o->analyse && !o->gap && frame->pts_us - c->last_sent_us < HEARTBEAT_US) {
        observation_free(&o);
        frame_unref(&frame);
        return;
    }
    c->last_sent_us = frame->pts_us;
    o->frame = frame;
    pass_on(c, o);
}

/* decoder_sink_fn. */
static void receive_frame(void *ctx, struct frame *frame)
{
    struct camera *c = ctx;
    const struct clock *clock = c->pipeline->params.clock;
    int64_t before_us = clock_mono_us(clock);
    see_frame(c, frame);
    c->handed_us += clock_mono_us(clock) - before_us;
}

static void end_camera(struct camera *c, int64_t pts_us)
{
    struct observation *o = observation_new(c->index);
    o->pts_us = pts_us;
    o->end = true;
    pass_on(c, o);
}

static void set_failure(struct camera *c, const struct err *err)
{
    pthread_mutex_lock(&c->live_lock);
    c->failure = *err;
    pthread_mutex_unlock(&c->live_lock);
}

/* A camera may send something else after the next reconnect; a recording will not. */
static void note_failure(struct camera *c, struct err *err)
{
    c->broken = true;
    if (c->pipeline->params.realtime)
        log_err(&c->log, LOG_ERROR, err);
    set_failure(c, err);
}

static void see_packet(struct camera *c, struct packet *packet)
{
    const struct clock *clock = c->pipeline->params.clock;
    if (packet->gap) {
        c->gap = true;
        if (c->broken)
            set_failure(c, &(struct err){0});
        c->broken = false;
    }
    if (!c->broken) {
        struct err err = {0};
        c->handed_us = 0;
        int64_t before_us = clock_mono_us(clock);
        if (!decoder_send(c->decoder, packet, receive_frame, c, &err))
            note_failure(c, &err);
        count(&c->decode_us, clock_mono_us(clock) - before_us - c->handed_us);
        struct decoder_stats stats = decoder_stats(c->decoder);
        atomic_store_explicit(&c->dropped, stats.dropped, memory_order_relaxed);
        atomic_store_explicit(&c->damaged, stats.damaged, memory_order_relaxed);
    }
    if (packet->end)
        end_camera(c, packet->pts_us);
}

bool vision_run(void *ctx)
{
    struct camera *c = ctx;
    ASSERT_ON(ROLE_VISION);
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        if (!pass_on_held(c))
            return false;
        AUTO(packet_unref) struct packet *packet = queue_try_pop(c->packets);
        if (!packet)
            return false;
        if (!atomic_load_explicit(&c->pipeline->stopping, memory_order_relaxed))
            see_packet(c, packet);
    }
    return true;
}
