/* Between capture and decode: which packets are worth decoding. While nothing happens, key frames
 * only; the rest of the stream waits in memory. When somebody wants to see more, decoding goes back
 * to the start of the group of pictures in which it began, so that nothing is lost.
 *
 * Pure and deterministic: time is the packets' own. Belongs to the worker that holds the camera,
 * except where a function says otherwise. */
#pragma once

#include "base/json.h"
#include "base/opt.h"
#include "model/packet.h"

struct gate_conf {
    bool enabled;
    int64_t key_interval_us; /* a camera whose key frames are farther apart is always decoded */
    double shadow;           /* share of idle time that is decoded anyway, to count misses; 0..1 */
    struct opt_times awake;  /* every day, local time: decode everything */
    struct opt_list with;    /* cameras whose events wake this one */
};
extern const struct section gate_section; /* "idle" */

/* Who wants more than key frames. Each holds the gate open until a time of its own. */
enum gate_wake {
    WAKE_PICTURE,   /* a key frame differs, or something moves */
    WAKE_SIZE,      /* packets larger than usual: a hint that is given up where it proves wrong */
    WAKE_TRACK,     /* something is being followed */
    WAKE_NEIGHBOUR, /* something happens at a camera named in `with` */
    WAKE_SCHEDULE,  /* the time of day */
    WAKE_CLIENT,    /* somebody watches */
    WAKE_LOST,      /* the camera is gone: no key frame will follow what came last */
    WAKE_REASONS,
};
extern const char *const gate_wake_names[];

/* How a packet is to be decoded. */
enum gate_how {
    GATE_LIVE,   /* as part of the running stream */
    GATE_ALONE,  /* a key frame by itself: compare it, then hold the gate open if it differs */
    GATE_REPLAY, /* from memory, as part of the stream: its pictures must not give way to newer
                    ones, and those up to the newest one passed on before are only there to be
                    decoded */
};

struct gate;

/* conf borrowed; seed: which stretches of time are shadow checked. allowed: false for sources that
 * must be decoded whole (recordings): then every packet comes out GATE_LIVE. */
NODISCARD struct gate *gate_new(const struct gate_conf *conf, uint64_t seed, bool allowed);
void gate_free(struct gate **gate);

/* Takes the packet. To be drained with gate_next before the next one. */
void gate_push(struct gate *gate, struct packet *packet);
/* The next packet to decode, in decoding order; NULL: nothing to do until the next push or hold.
 * Whether a GATE_ALONE picture woke the camera is read from the holds when this is called next. */
NODISCARD struct packet *gate_next(struct gate *gate, enum gate_how *ret_how);

/* Keeps the gate open until until_us on the camera's timeline; an earlier time than held before
 * changes nothing. Any thread. */
void gate_hold(struct gate *gate, enum gate_wake why, int64_t until_us);

/* Key frames of this camera turned out not to stand alone, or the like: always decode, and say why.
 */
void gate_give_up(struct gate *gate, const char *reason);

/* Nothing but key frames is being decoded now. Any thread. */
bool gate_is_idle(const struct gate *gate);

/* While a shadow check is on, every packet comes out GATE_LIVE as if somebody held the gate, but
 * for the key frame with which it begins: that was shown alone and found quiet, so it comes again
 * as GATE_REPLAY. The worker tells each key frame's verdict by the idle rules, the scene each
 * visit. */
bool gate_shadowing(const struct gate *gate);
/* The key frame stamped pts_us would have woken the camera. Ignored where it would not have been
 * looked at. */
void gate_shadow_woke(struct gate *gate, int64_t pts_us);
/* Something came, moved and went: from its first to its last sighting. Any thread. */
void gate_visit(struct gate *gate, int64_t first_us, int64_t last_us);

struct gate_stats {
    bool idle, shadowing;
    char reason[128]; /* why it never idles, with advice; empty: it may */
    double key_interval_s;
    int64_t packets, decoded, replayed; /* replayed: decoded late, out of memory */
    int64_t wakes[WAKE_REASONS];
    int64_t held_bytes;               /* in memory now */
    int64_t idle_us, shadow_us;       /* camera time spent so */
    int64_t visits, missed;           /* while shadow checking */
    double miss, miss_low, miss_high; /* share missed, and its 95 % bounds; 0..1 */
};
struct gate_stats gate_stats(struct gate *gate); /* any thread */
