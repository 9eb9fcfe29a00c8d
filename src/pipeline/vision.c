/* Packets -> frames. Runs on whichever pool worker holds the camera; its door on the capture
 * thread.
 */
#include "pipeline/internal.h"

#include <libavcodec/packet.h>

/* Decoding one packet after another keeps the codec's tables warm, but the others must not wait. */
#define PACKETS_PER_TURN 4

/* An idle camera's packets wait in the queue for the next key frame, so as not to wake a worker for
 * each; but not more than these, of which the live queue holds several times as many. */
#define QUIET_PACKETS_MAX 64

/* A key frame may be damaged; when this many in a row give no picture by themselves, they never do.
 */
#define LONE_FAILURES_MAX 3
#define RETRY_AWAKE_US    (2 * US_PER_S)

static int64_t packet_bytes(const struct packet *packet)
{
    return packet->av ? packet->av->size : 0;
}

/* Whether the packet is to be left out because vision has fallen behind. */
static bool leave_out(struct camera *c, struct packet *packet)
{
    bool may_drop = c->pipeline->params.realtime && packet->av && !packet->recorded;
    if (!may_drop)
        return false;
    bool room = queue_has_room(c->packets);
    if (!room && !c->skipping)
        log_warn(&c->log, "decoding cannot keep up: skipping to the next key frame");
    c->skipping |= !room;
    if (!c->skipping)
        return false;
    if (!packet->key || !room)
        return true;
    c->skipping = false;
    packet->gap = true;
    return false;
}

void vision_receive(void *ctx, struct packet *packet)
{
    struct camera *c = ctx;
    if (leave_out(c, packet)) {
        count(&c->skipped, 1);
        packet_unref(&packet);
        return;
    }
    if (packet->gap)
        c->sizes = (struct size_hint){0};
    if (packet->av)
        packet->large = size_hint_push(&c->sizes, packet_bytes(packet), packet->key);
    bool quiet = c->pipeline->params.realtime && packet->av && !packet->key && !packet->large &&
                 gate_is_idle(c->gate) && queue_stats(c->packets).depth < QUIET_PACKETS_MAX;
    count(&c->queued_bytes, packet_bytes(packet));
    queue_push(c->packets, packet);
    if (!quiet)
        strand_wake(&c->strand);
}

void vision_pass_on(struct camera *c, struct observation *o)
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

/* What comes between the pictures: the end, the end of a file, time without any. */
static void pass_on_word(struct camera *c, const struct packet *packet)
{
    struct observation *o = observation_new(c->index);
    o->pts_us = packet->pts_us;
    o->wall_us = packet->wall_us;
    o->end = packet->end;
    o->blind = packet->blind;
    o->upload = packet->upload ? upload_ref(packet->upload) : NULL;
    o->keep = !packet->blind;
    vision_pass_on(c, o);
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

static void note_decoding(struct camera *c)
{
    struct decoder_stats stats = decoder_stats(c->decoder);
    atomic_store_explicit(&c->dropped, stats.dropped, memory_order_relaxed);
    atomic_store_explicit(&c->damaged, stats.damaged, memory_order_relaxed);
    pthread_mutex_lock(&c->live_lock);
    c->decoding = stats;
    pthread_mutex_unlock(&c->live_lock);
}

static void decode(struct camera *c, const struct packet *packet)
{
    const struct clock *clock = c->pipeline->params.clock;
    struct err err = {0};
    c->handed_us = 0;
    int64_t before_us = clock_mono_us(clock);
    bool ok = c->how == GATE_ALONE ? decoder_send_alone(c->decoder, packet, watch_frame, c, &err)
                                   : decoder_send(c->decoder, packet, watch_frame, c, &err);
    if (!ok)
        note_failure(c, &err);
    count(&c->decode_us, clock_mono_us(clock) - before_us - c->handed_us);
    if (packet->key || !ok)
        note_decoding(c);
}

/* A key frame that gave no picture by itself is tried again in the stream. */
static void judge_lone(struct camera *c, const struct packet *packet, bool shown)
{
    c->lone_failures = shown ? 0 : c->lone_failures + 1;
    if (shown)
        return;
    gate_hold(c->gate, WAKE_PICTURE, packet->pts_us + RETRY_AWAKE_US);
    if (c->lone_failures >= LONE_FAILURES_MAX)
        gate_give_up(c->gate, "its key frames do not decode by themselves");
}

static void see_packet(struct camera *c, const struct packet *packet, enum gate_how how)
{
    if (packet->gap) {
        c->gap = true;
        if (c->broken)
            set_failure(c, &(struct err){0});
        c->broken = false;
    }
    c->how = how;
    bool lone = how == GATE_ALONE && !c->broken;
    struct decoder_stats before = lone ? decoder_stats(c->decoder) : (struct decoder_stats){0};
    if (!c->broken && (packet->av || packet->end || packet->upload))
        decode(c, packet);
    struct decoder_stats after = lone ? decoder_stats(c->decoder) : before;
    if (lone && !c->broken && after.dropped == before.dropped)
        judge_lone(c, packet, after.frames > before.frames);
    if (!packet->av)
        pass_on_word(c, packet);
}

/* The next packet from the queue into the gate; false: there is none. */
static bool take_packet(struct camera *c)
{
    struct packet *packet = queue_try_pop(c->packets);
    if (!packet)
        return false;
    count(&c->queued_bytes, -packet_bytes(packet));
    gate_push(c->gate, packet);
    return true;
}

bool vision_run(void *ctx)
{
    struct camera *c = ctx;
    ASSERT_ON(ROLE_VISION);
    for (int i = 0; i < PACKETS_PER_TURN;) {
        if (!pass_on_held(c))
            return false;
        enum gate_how how;
        AUTO(packet_unref) struct packet *packet = gate_next(c->gate, &how);
        if (!packet && !take_packet(c))
            return false;
        if (packet && !atomic_load_explicit(&c->pipeline->stopping, memory_order_relaxed))
            see_packet(c, packet, how);
        i += packet != NULL;
    }
    return true;
}
