/* What must hold of every packet whatever the gate decides: a reference that only keeps books, for
 * the random test and the fuzzer. A sequence of bytes becomes pushes, holds and looks.
 *
 * Each packet waits until it comes out as part of the stream, in order and once, or until it may be
 * forgotten: only when a later key frame was shown alone and nobody wanted more. */
#pragma once

#include "gate/gate.h"
#include "gate/ring.h"

#include <libavcodec/packet.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_PACKETS_MAX 8000

enum fate { FATE_WAITING, FATE_OUT, FATE_FORGOTTEN };

struct model {
    struct gate_conf conf;
    struct gate *gate;
    int64_t now_us, newest_us; /* newest: of all times ever seen */
    int64_t until_us;          /* the latest hold known */
    int64_t wake_at_look_us;   /* the next picture shown alone differs: hold for so long */
    int pushed, first_waiting;
    int shown; /* the key frame shown alone of which nobody has said anything; -1: none */
    bool ended;
    int64_t waiting_bytes;
    int sleeps, replays, looks; /* so that a test sees that anything happened */
    uint8_t fate[MODEL_PACKETS_MAX];
    int bytes[MODEL_PACKETS_MAX];
    bool key[MODEL_PACKETS_MAX];
};

static void model_settle(struct model *m, int number, enum fate fate)
{
    ASSERT(m->fate[number] == FATE_WAITING);
    m->fate[number] = (uint8_t)fate;
    m->waiting_bytes -= m->bytes[number];
    while (m->first_waiting < m->pushed && m->fate[m->first_waiting] != FATE_WAITING)
        m->first_waiting++;
}

static bool model_held(const struct model *m)
{
    return m->until_us > m->newest_us;
}

static void model_hold(struct model *m, enum gate_wake why, int64_t for_us)
{
    gate_hold(m->gate, why, m->now_us + for_us);
    m->until_us = MAX(m->until_us, m->now_us + for_us);
}

/* The gate has just been asked for more: was what it had shown quiet? */
static void model_verdict(struct model *m)
{
    if (m->shown < 0)
        return;
    bool quiet = gate_is_idle(m->gate) || gate_shadowing(m->gate);
    ASSERT(!quiet || !model_held(m));
    while (quiet && m->first_waiting < m->shown)
        model_settle(m, m->first_waiting, FATE_FORGOTTEN);
    m->shown = -1;
}

static void model_take(struct model *m, struct packet *packet, enum gate_how how)
{
    int number = (int)packet->arrived_us;
    if (how == GATE_ALONE) {
        ASSERT(packet->key && number == m->pushed - 1 && m->fate[number] == FATE_WAITING);
        m->shown = number;
        m->looks++;
        if (m->wake_at_look_us)
            model_hold(m, WAKE_PICTURE, m->wake_at_look_us);
        m->wake_at_look_us = 0;
    } else {
        ASSERT(number == m->first_waiting); /* once, in order, none left out */
        model_settle(m, number, FATE_OUT);
        m->replays += how == GATE_REPLAY;
    }
}

static void model_drain(struct model *m)
{
    for (;;) {
        enum gate_how how = GATE_LIVE;
        AUTO(packet_unref) struct packet *packet = gate_next(m->gate, &how);
        model_verdict(m);
        if (!packet)
            break;
        model_take(m, packet, how);
    }
    int waiting = m->pushed - m->first_waiting;
    ASSERT(gate_stats(m->gate).held_bytes == m->waiting_bytes);
    if (!gate_is_idle(m->gate)) {
        ASSERT(waiting == 0);
        return;
    }
    m->sleeps++;
    ASSERT(!model_held(m));
    ASSERT(waiting > 0 && waiting <= RING_PACKETS_MAX && m->waiting_bytes <= RING_BYTES_MAX);
    ASSERT(m->key[m->first_waiting]);
}

/* Takes the packet. picture: size of what it holds; negative: nothing. */
static void model_push(struct model *m, struct packet *packet, int picture)
{
    if (picture >= 0) {
        packet->av = av_packet_alloc();
        ASSERT(packet->av);
        packet->av->size = picture;
    }
    packet->pts_us = m->now_us;
    packet->arrived_us = m->pushed;
    m->newest_us = MAX(m->newest_us, m->now_us);
    /* A quiet key frame with nothing after it is of no use where the stream breaks off. */
    bool breaks = packet->end || packet->gap;
    if (breaks && gate_is_idle(m->gate) && m->first_waiting == m->pushed - 1 && !model_held(m))
        model_settle(m, m->first_waiting, FATE_FORGOTTEN);
    m->bytes[m->pushed] = MAX(picture, 0);
    m->key[m->pushed] = packet->key;
    m->fate[m->pushed] = FATE_WAITING;
    m->waiting_bytes += MAX(picture, 0);
    m->pushed++;
    m->ended = packet->end;
    gate_push(m->gate, packet);
    model_drain(m);
}

static void model_group(struct model *m, int packets, int64_t step_us, int bytes)
{
    for (int i = 0; i < packets && m->pushed < MODEL_PACKETS_MAX; i++) {
        struct packet *packet = packet_new(NULL, NULL);
        packet->key = i == 0;
        m->now_us += step_us;
        model_push(m, packet, i == 0 ? 4 * bytes : bytes);
    }
}

/* A packet that is not just the next one of the film. */
static void model_odd(struct model *m, uint8_t kind, uint8_t a)
{
    struct packet *packet = packet_new(NULL, NULL);
    packet->key = a & 1;
    packet->large = a & 2;
    packet->gap = kind == 0;
    packet->recorded = kind == 1;
    packet->blind = kind == 2;
    packet->end = kind == 3;
    if (kind == 4)
        packet->upload = upload_new();
    packet->wall_us = kind == 5 ? (int64_t)a * 600 * US_PER_S : TIME_UNKNOWN;
    m->now_us += a * US_PER_MS;
    model_push(m, packet, kind >= 2 && kind <= 4 ? -1 : a * 10);
}

static void model_other(struct model *m, uint8_t kind, uint8_t a, uint8_t b)
{
    switch (kind % 8) {
    case 0:
        model_hold(m, (enum gate_wake)(a % WAKE_REASONS), b * 50 * US_PER_MS);
        model_drain(m);
        break;
    case 1:
        model_hold(m, (enum gate_wake)(a % WAKE_REASONS), b * 50 * US_PER_MS);
        break;
    case 2:
        m->wake_at_look_us = (b + 1) * 50 * US_PER_MS;
        break;
    case 3:
        gate_shadow_woke(m->gate, m->now_us - a * US_PER_MS);
        break;
    case 4:
        gate_visit(m->gate, m->now_us - a * 100 * US_PER_MS, m->now_us - b * 100 * US_PER_MS);
        break;
    case 5:
        m->now_us += (int64_t)((uint64_t)1 << (a % 61)) * (b & 1 ? 1 : -1);
        m->now_us = CLAMP(m->now_us, -(INT64_C(1) << 60), INT64_C(1) << 60);
        break;
    case 6:
        if (b == 6)
            gate_give_up(m->gate, "its key frames do not stand alone");
        break;
    default:
        m->now_us += (a << 8 | b) * US_PER_MS;
        break;
    }
}

static void model_init(struct model *m, const uint8_t head[4])
{
    opt_defaults(&gate_section, &m->conf);
    m->conf.enabled = head[0] != 1;
    m->conf.key_interval_us = (1 + head[0] % 50) * 200 * US_PER_MS;
    m->conf.shadow = head[1] / 255.0;
    if (head[2] & 1)
        m->conf.awake = (struct opt_times){head[2] * 5, head[3] * 5};
    m->gate = gate_new(&m->conf, head[3], head[0] != 0);
    m->shown = -1;
    m->now_us = m->newest_us = INT64_C(1000000000);
    m->until_us = INT64_MIN;
}

/* Each five bytes are one step. The model is filled in for whoever wants to know more. */
static void model_run(struct model *m, const uint8_t *data, size_t bytes)
{
    if (bytes < 4)
        return;
    model_init(m, data);
    for (size_t i = 4; i + 5 <= bytes && !m->ended && m->pushed < MODEL_PACKETS_MAX; i += 5) {
        const uint8_t *d = data + i;
        if (d[0] < 160)
            model_group(m, d[1], (d[2] & 127) * US_PER_MS, (d[3] << 8 | d[4]) << (d[2] >> 7) * 4);
        else if (d[0] < 200)
            model_odd(m, d[1] % 7, d[2]);
        else
            model_other(m, d[1], d[2], d[3]);
    }
    gate_free(&m->gate);
    opt_free(&gate_section, &m->conf);
}
