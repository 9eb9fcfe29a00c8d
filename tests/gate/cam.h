/* A made-up camera behind a gate, and what came out. */
#pragma once

#include "test.h"

#include "gate/gate.h"

#include <libavcodec/packet.h>
#include <stdlib.h>

#define OUT_MAX 20000

/* A camera that sends a key frame every gop packets, and what came out of its gate. */
struct cam {
    struct gate_conf conf;
    struct gate *gate;
    int64_t now_us, step_us, wall_us;
    int gop, bytes;
    int pushed, since_key;
    struct out {
        int number;
        enum gate_how how;
    } outs[OUT_MAX];
    int out_count;
    int how_count[3];
    int64_t picture_hold_us; /* the next picture shown alone differs */
    bool woke_in_shadow;     /* each key frame in a shadow check differs */
    bool large;              /* packets between key frames are larger than usual */
};

static inline struct cam *cam_new(int gop, int64_t step_ms)
{
    struct cam *c = NEW(struct cam);
    opt_defaults(&gate_section, &c->conf);
    c->conf.shadow = 0;
    c->gop = gop;
    c->step_us = step_ms * US_PER_MS;
    c->bytes = 1000;
    c->wall_us = TIME_UNKNOWN;
    c->now_us = 100 * US_PER_S;
    return c;
}

static inline void cam_free(struct cam *c)
{
    gate_free(&c->gate);
    free(c);
}

static inline void drain(struct cam *c)
{
    for (;;) {
        enum gate_how how = GATE_LIVE;
        AUTO(packet_unref) struct packet *p = gate_next(c->gate, &how);
        if (!p)
            return;
        CHECK(c->out_count < OUT_MAX);
        c->outs[c->out_count++] = (struct out){(int)p->arrived_us, how};
        c->how_count[how]++;
        if (how == GATE_ALONE && c->picture_hold_us) {
            gate_hold(c->gate, WAKE_PICTURE, p->pts_us + c->picture_hold_us);
            c->picture_hold_us = 0;
        }
        if (how == GATE_LIVE && p->key && gate_shadowing(c->gate) && c->woke_in_shadow)
            gate_shadow_woke(c->gate, p->pts_us);
    }
}

/* The next packet, ready to be changed and sent. */
static inline struct packet *prepare(struct cam *c)
{
    if (!c->gate)
        c->gate = gate_new(&c->conf, 1, true);
    struct packet *p = packet_new(av_packet_alloc(), NULL);
    p->key = c->since_key == 0;
    c->since_key = (c->since_key + 1) % c->gop;
    p->av->size = c->bytes;
    c->now_us += c->step_us;
    p->pts_us = c->now_us;
    p->wall_us = c->wall_us;
    p->arrived_us = c->pushed++;
    p->large = c->large && !p->key;
    return p;
}

static inline void send(struct cam *c, struct packet *p)
{
    gate_push(c->gate, p);
    drain(c);
}

static inline void feed(struct cam *c, int packets)
{
    for (int i = 0; i < packets; i++)
        send(c, prepare(c));
}

static inline void feed_groups(struct cam *c, int groups)
{
    feed(c, groups * c->gop);
}

/* Until the camera has fallen asleep and lies in the middle of its second group since then. */
static inline void put_to_sleep(struct cam *c)
{
    feed_groups(c, 5);
    feed(c, c->gop / 2);
    CHECK(gate_is_idle(c->gate));
}

static inline void forget_outs(struct cam *c)
{
    c->out_count = 0;
    memset(c->how_count, 0, sizeof c->how_count);
}

/* That from place at on, exactly these came out in order. */
static inline void check_outs(const struct cam *c, int at, enum gate_how how, int first, int last)
{
    for (int n = first; n <= last; n++, at++) {
        CHECK(at < c->out_count);
        CHECK_INT(c->outs[at].number, n);
        CHECK_INT(c->outs[at].how, how);
    }
}

static inline struct gate_stats stats(struct cam *c)
{
    return gate_stats(c->gate);
}
