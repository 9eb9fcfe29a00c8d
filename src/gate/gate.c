/* Asleep, the ring holds what has come since the last key frame that was seen quiet, and nothing
 * but key frames is shown. Whatever ends the sleep hands out all of the ring first: so a packet is
 * forgotten only after a later key frame was seen quiet. Awake, the ring is a plain queue. */
#include "gate/gate.h"

#include "gate/groups.h"
#include "gate/hint.h"
#include "gate/ring.h"
#include "gate/shadow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REORDER_MAX_US                                                                             \
    (2 * US_PER_S) /* stamps of pictures that are decoded ahead of their time                      \
                    */
#define SIZE_HOLD_US    (2 * US_PER_S)
#define SHADOW_EXTRA_US (120 * US_PER_S)   /* for a visit that began within the stretch */
#define STAMP_MAX_US    (INT64_C(1) << 60) /* sums and differences of stamps do not overflow */

/* Those who would hold a sleeping camera's gate, whatever is decoded. */
#define FROM_OUTSIDE                                                                               \
    (1u << WAKE_NEIGHBOUR | 1u << WAKE_SCHEDULE | 1u << WAKE_CLIENT | 1u << WAKE_LOST)
#define FROM_PICTURES (1u << WAKE_PICTURE | 1u << WAKE_TRACK)
#define ANYBODY       ((1u << WAKE_REASONS) - 1)

const char *const gate_wake_names[] = {"picture",  "size",   "track", "neighbour",
                                       "schedule", "client", "lost",  NULL};

static const struct opt gate_rows[] = {
    {"enabled", OPT_BOOL(struct gate_conf, enabled), .def = "true",
     .help = "While nothing happens, decode key frames only; the video in between waits in memory "
             "and is looked at when something does."},
    {"max_key_interval", OPT_DURATION(struct gate_conf, key_interval_us, 0.2, 10), .def = "2s",
     .help = "A camera whose key frames (I-frames) are farther apart than this is always decoded "
             "whole."},
    {"shadow", OPT_DOUBLE(struct gate_conf, shadow, 0, 1), .def = "0.02", .unit = "of idle time",
     .help = "Decode this share of the quiet time all the same, to measure what key frames alone "
             "miss."},
    {"awake", OPT_TIMES(struct gate_conf, awake), .def = "never", .unit = "local time",
     .help = "When to decode everything, every day; for example 22:00-06:00."},
    {"with", OPT_LIST(struct gate_conf, with, 0, OPT_LIST_MAX),
     .help = "Cameras nearby: when something happens there, this one decodes everything too."},
    {0},
};

const struct section gate_section = {
    .name = "idle",
    .help = "Saving work while nothing happens: what a camera decodes, and what wakes it.",
    .bytes = sizeof(struct gate_conf),
    .rows = gate_rows,
};

enum mode { AWAKE, ASLEEP, SHADOW };

enum look {
    LOOK_NONE,
    LOOK_DUE,   /* the newest packet is a key frame to be shown */
    LOOK_SHOWN, /* it was; nobody has said anything about it yet */
};

/* Whether the camera may sleep. */
enum verdict { MAY_SLEEP, LEARNING, NOT_ALLOWED, DISABLED, OFF, TOO_LONG, TOO_ODD, TOO_LARGE };

struct gate {
    /* set at start, then read-only */
    const struct gate_conf *conf;
    uint64_t seed;
    bool allowed;

    /* relaxed; any thread */
    atomic_llong until_us[WAKE_REASONS];
    atomic_bool off; /* for good */
    atomic_int mode; /* written by the worker */
    atomic_llong packets, decoded, replayed, held_bytes, idle_us, shadow_us, key_us;
    atomic_llong wakes[WAKE_REASONS];

    pthread_mutex_t lock;
    /* protected by lock; shadow is changed by the worker but for its visits */
    struct shadow shadow;
    int64_t missed; /* of the visits, when they were last judged */
    char reason[128], off_reason[128];

    /* the worker that holds the camera */
    struct packet_ring ring;
    struct groups groups;
    enum look look;
    enum verdict verdict;
    bool started;
    int64_t now_us;
    int64_t looks_us[4]; /* times of the last key frames that began a group */
    int look_at;
    int64_t shadow_since_us;
    int64_t minute; /* of wall time, for which scheduled was found out */
    bool scheduled;
    struct size_trust trust;
    bool trying; /* woken by size alone at tried_us: will something be seen? */
    int64_t tried_us;
};

static void count(atomic_llong *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static int64_t load(const atomic_llong *value)
{
    return atomic_load_explicit((atomic_llong *)value, memory_order_relaxed);
}

static enum mode mode_of(const struct gate *g)
{
    return (enum mode)atomic_load_explicit((atomic_int *)&g->mode, memory_order_relaxed);
}

static void set_mode(struct gate *g, enum mode mode)
{
    atomic_store_explicit(&g->mode, (int)mode, memory_order_relaxed);
}

static int64_t sane(int64_t us)
{
    return CLAMP(us, -STAMP_MAX_US, STAMP_MAX_US);
}

void gate_hold(struct gate *g, enum gate_wake why, int64_t until_us)
{
    long long before = load(&g->until_us[why]);
    while (until_us > before &&
           !atomic_compare_exchange_weak_explicit(&g->until_us[why], &before, until_us,
                                                  memory_order_relaxed, memory_order_relaxed)) {}
}

/* Those of who that hold the gate open beyond at_us. */
static unsigned holders(const struct gate *g, unsigned who, int64_t at_us)
{
    unsigned found = 0;
    for (unsigned i = 0; i < WAKE_REASONS; i++)
        found |= (unsigned)(load(&g->until_us[i]) > at_us) << i;
    return found & who;
}

static bool times_contain(const struct opt_times *times, int64_t minute)
{
    time_t s = (time_t)(minute * 60);
    struct tm tm;
    if (!localtime_r(&s, &tm))
        return false;
    int now_min = tm.tm_hour * 60 + tm.tm_min;
    if (times->from_min <= times->to_min)
        return now_min >= times->from_min && now_min < times->to_min;
    return now_min >= times->from_min || now_min < times->to_min;
}

static void follow_schedule(struct gate *g, int64_t wall_us)
{
    if (g->conf->awake.from_min == g->conf->awake.to_min || wall_us == TIME_UNKNOWN)
        return;
    int64_t minute = wall_us / (60 * US_PER_S);
    if (minute != g->minute)
        g->scheduled = times_contain(&g->conf->awake, minute);
    g->minute = minute;
    if (g->scheduled)
        gate_hold(g, WAKE_SCHEDULE, g->now_us + 1);
}

static void explain(struct gate *g, enum verdict verdict, int64_t key_us)
{
    double limit_s = (double)g->conf->key_interval_us / US_PER_S;
    double key_s = (double)key_us / US_PER_S;
    pthread_mutex_lock(&g->lock);
    char *out = g->reason;
    size_t bytes = sizeof g->reason;
    out[0] = '\0';
    if (verdict == NOT_ALLOWED)
        snprintf(out, bytes, "recordings are always decoded whole");
    else if (verdict == DISABLED)
        snprintf(out, bytes, "it is switched off (idle.enabled)");
    else if (verdict == TOO_LONG)
        snprintf(out, bytes,
                 "its key frames are %.1f s apart, more than %.1f s: set the camera's I-frame "
                 "interval to %g s or less",
                 key_s, limit_s, limit_s);
    else if (verdict == TOO_ODD)
        snprintf(out, bytes,
                 "its key frames come irregularly, up to %.1f s apart: switch off the camera's "
                 "smart codec (H.264+, H.265+)",
                 key_s);
    else if (verdict == TOO_LARGE)
        snprintf(out, bytes,
                 "between two key frames come more than %d pictures or %d MB: lower its bit rate "
                 "or its I-frame interval",
                 RING_PACKETS_MAX, (int)(RING_BYTES_MAX >> 20));
    pthread_mutex_unlock(&g->lock);
}

static enum verdict judge(const struct gate *g)
{
    if (!g->allowed)
        return NOT_ALLOWED;
    if (!g->conf->enabled)
        return DISABLED;
    if (atomic_load_explicit(&g->off, memory_order_relaxed))
        return OFF;
    switch (groups_verdict(&g->groups, g->now_us)) {
    case GROUPS_LONG:
        return TOO_LONG;
    case GROUPS_ODD:
        return TOO_ODD;
    case GROUPS_LARGE:
        return TOO_LARGE;
    case GROUPS_UNKNOWN:
        return LEARNING;
    case GROUPS_FINE:
        break;
    }
    return MAY_SLEEP;
}

static bool may_sleep(struct gate *g)
{
    enum verdict verdict = judge(g);
    int64_t key_us = groups_key_us(&g->groups);
    if (verdict != g->verdict || key_us != load(&g->key_us))
        explain(g, verdict, MAX(key_us, g->now_us - g->groups.last_key_us));
    g->verdict = verdict;
    atomic_store_explicit(&g->key_us, key_us, memory_order_relaxed);
    return verdict == MAY_SLEEP;
}

void gate_give_up(struct gate *g, const char *reason)
{
    pthread_mutex_lock(&g->lock);
    STR_COPY(g->off_reason, reason);
    atomic_store_explicit(&g->off, true, memory_order_relaxed);
    pthread_mutex_unlock(&g->lock);
}

/* Gives up once it is certain enough that too much is missed. Call with the lock held, after what
 * may have judged a visit. */
static void judge_misses(struct gate *g)
{
    const struct shadow *s = &g->shadow;
    double low, high;
    if (s->missed == g->missed)
        return; /* more visits found do not raise the bound */
    g->missed = s->missed;
    shadow_bounds(s->missed, s->visits, &low, &high);
    if (low <= SHADOW_MISSED_LIMIT)
        return;
    snprintf(g->off_reason, sizeof g->off_reason,
             "shadow checking found %lld of %lld visits missed (at least %.1f %%)",
             (long long)s->missed, (long long)s->visits, 100 * low);
    atomic_store_explicit(&g->off, true, memory_order_relaxed);
}

struct gate *gate_new(const struct gate_conf *conf, uint64_t seed, bool allowed)
{
    struct gate *g = NEW(struct gate);
    g->conf = conf;
    g->seed = seed;
    g->allowed = allowed;
    for (int i = 0; i < WAKE_REASONS; i++)
        atomic_init(&g->until_us[i], INT64_MIN);
    pthread_mutex_init(&g->lock, NULL);
    groups_restart(&g->groups, conf->key_interval_us);
    g->minute = INT64_MIN;
    g->verdict = LEARNING;
    (void)may_sleep(g);
    return g;
}

void gate_free(struct gate **gate)
{
    struct gate *g = *gate;
    *gate = NULL;
    if (!g)
        return;
    packet_ring_trim(&g->ring, 0);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void end_shadow(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    shadow_end(&g->shadow, g->now_us);
    judge_misses(g);
    pthread_mutex_unlock(&g->lock);
}

static void begin_shadow(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    shadow_begin(&g->shadow, g->now_us, groups_look_us(&g->groups));
    pthread_mutex_unlock(&g->lock);
    g->shadow_since_us = g->now_us;
}

static void tell_shadow_woke(struct gate *g, int64_t at_us)
{
    pthread_mutex_lock(&g->lock);
    shadow_woke(&g->shadow, at_us);
    pthread_mutex_unlock(&g->lock);
}

static void publish_held(struct gate *g)
{
    atomic_store_explicit(&g->held_bytes, g->ring.bytes, memory_order_relaxed);
}

/* From here on everything is decoded, and first what is in memory. */
static void leave_sleep(struct gate *g, enum mode mode)
{
    packet_ring_replay(&g->ring);
    g->look = LOOK_NONE;
    set_mode(g, mode);
}

static void wake(struct gate *g, unsigned by)
{
    leave_sleep(g, AWAKE);
    tell_shadow_woke(g, g->now_us);
    bool alone = by == 1u << WAKE_SIZE;
    if (alone) {
        g->trying = true;
        g->tried_us = g->now_us;
    }
    unsigned other = by & ~(1u << WAKE_SIZE);
    count(&g->wakes[alone ? WAKE_SIZE : __builtin_ctz(other)], 1);
}

/* Nothing of the stream that slept may come after what is passed on next. forget: nor is a quiet
 * key frame needed any more to decode what follows. */
static void flush(struct gate *g, bool forget)
{
    if (mode_of(g) != ASLEEP)
        return;
    if (forget && g->ring.count == 1 && g->look == LOOK_NONE)
        packet_ring_trim(&g->ring, 0);
    leave_sleep(g, AWAKE);
}

/* What the holds say by now about a camera that sleeps. */
static void settle(struct gate *g)
{
    bool may = may_sleep(g);
    if (mode_of(g) == SHADOW && !may) {
        end_shadow(g);
        set_mode(g, AWAKE);
    }
    if (mode_of(g) != ASLEEP)
        return;
    unsigned by = holders(g, ANYBODY, g->now_us);
    if (!may) {
        leave_sleep(g, AWAKE);
    } else if (by) {
        wake(g, by);
    } else if (g->look == LOOK_SHOWN) {
        g->look = LOOK_NONE;
        packet_ring_trim(&g->ring, 1);
        publish_held(g);
        if (shadow_chosen(g->seed, g->conf->shadow, g->now_us)) {
            begin_shadow(g);
            leave_sleep(g, SHADOW);
        }
    }
}

/* Was waking by size alone of any use? */
static void judge_trial(struct gate *g)
{
    if (!g->trying || g->now_us < g->tried_us + SIZE_HOLD_US)
        return;
    g->trying = false;
    size_trust_tell(&g->trust, g->now_us, holders(g, FROM_PICTURES, g->tried_us) != 0);
}

/* A key frame worth a look has come to a camera that is shadow checked; true: that is over. */
static bool shadow_over(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    shadow_look(&g->shadow, g->now_us, holders(g, ANYBODY, g->now_us) != 0,
                groups_look_us(&g->groups));
    judge_misses(g);
    pthread_mutex_unlock(&g->lock);
    if (shadow_chosen(g->seed, g->conf->shadow, g->now_us))
        return false;
    /* Somebody is here: see the visit through, it is decoded anyway. */
    return !holders(g, FROM_PICTURES, g->now_us) ||
           g->now_us - g->shadow_since_us > SHADOW_STRETCH_US + SHADOW_EXTRA_US;
}

static void advance(struct gate *g, int64_t pts_us)
{
    if (pts_us == TIME_UNKNOWN)
        return;
    pts_us = sane(pts_us);
    int64_t step_us = pts_us - g->now_us;
    if (g->started && step_us <= 0 && step_us >= -REORDER_MAX_US)
        return;
    enum mode mode = mode_of(g);
    if (g->started && mode != AWAKE && step_us > 0 && step_us <= 2 * g->conf->key_interval_us)
        count(mode == ASLEEP ? &g->idle_us : &g->shadow_us, step_us);
    g->started = true;
    g->now_us = pts_us;
}

/* A packet that is no part of a film which could sleep. */
static void push_other(struct gate *g, struct packet *packet)
{
    if (packet->end && mode_of(g) == SHADOW) {
        end_shadow(g);
        set_mode(g, AWAKE);
    }
    flush(g, packet->end);
    if (packet->av || packet->blind)
        advance(g, packet->pts_us);
    packet_ring_push(&g->ring, packet);
}

static void restart(struct gate *g)
{
    if (mode_of(g) == SHADOW)
        end_shadow(g);
    flush(g, true);
    set_mode(g, AWAKE);
    groups_restart(&g->groups, g->conf->key_interval_us);
    g->trying = false;
}

static void note_large(struct gate *g)
{
    enum mode mode = mode_of(g);
    if (mode == AWAKE || !size_trusted(&g->trust, g->now_us))
        return;
    if (mode == ASLEEP)
        gate_hold(g, WAKE_SIZE, g->now_us + SIZE_HOLD_US);
    else if (!g->shadow.awake)
        tell_shadow_woke(g, g->now_us);
}

/* Whether the camera falls, or stays, asleep with this packet. */
static bool sleeps(struct gate *g, bool look)
{
    bool may = may_sleep(g);
    enum mode mode = mode_of(g);
    if (mode == ASLEEP)
        return may;
    if (mode == SHADOW) {
        if (!g->shadow.awake && holders(g, FROM_OUTSIDE, g->now_us))
            tell_shadow_woke(g, g->now_us);
        if (!may || (look && shadow_over(g))) {
            end_shadow(g);
            set_mode(g, AWAKE);
        }
    }
    return may && look && mode_of(g) == AWAKE && g->ring.count == 0 &&
           !holders(g, ANYBODY, g->now_us);
}

static void push_picture(struct gate *g, struct packet *packet)
{
    if (packet->gap)
        restart(g);
    advance(g, packet->pts_us);
    follow_schedule(g, packet->wall_us);
    judge_trial(g);
    bool look = groups_push(&g->groups, g->now_us, packet_bytes(packet), packet->key);
    if (look) {
        g->looks_us[g->look_at] = g->now_us;
        g->look_at = (g->look_at + 1) % (int)ARRAY_LEN(g->looks_us);
    }
    if (sleeps(g, look)) {
        set_mode(g, ASLEEP);
        g->look = look ? LOOK_DUE : g->look;
    } else if (mode_of(g) == ASLEEP) {
        leave_sleep(g, AWAKE);
    }
    packet_ring_push(&g->ring, packet);
    if (packet->large)
        note_large(g);
}

void gate_push(struct gate *g, struct packet *packet)
{
    count(&g->packets, packet->av != NULL);
    settle(g);
    /* What should have been shown was not: then it is decoded with all the rest. */
    if (g->look == LOOK_DUE)
        leave_sleep(g, AWAKE);
    if (packet->av && !packet->recorded)
        push_picture(g, packet);
    else
        push_other(g, packet);
    publish_held(g);
}

struct packet *gate_next(struct gate *g, enum gate_how *ret_how)
{
    settle(g);
    if (mode_of(g) == ASLEEP) {
        if (g->look != LOOK_DUE)
            return NULL;
        g->look = LOOK_SHOWN;
        count(&g->decoded, 1);
        *ret_how = GATE_ALONE;
        return packet_ref(packet_ring_newest(&g->ring));
    }
    bool replay;
    struct packet *packet = packet_ring_pop(&g->ring, &replay);
    publish_held(g);
    if (!packet)
        return NULL;
    *ret_how = replay ? GATE_REPLAY : GATE_LIVE;
    count(&g->decoded, packet->av != NULL);
    count(&g->replayed, replay);
    return packet;
}

bool gate_is_idle(const struct gate *g)
{
    return mode_of(g) == ASLEEP;
}

bool gate_shadowing(const struct gate *g)
{
    return mode_of(g) == SHADOW;
}

void gate_shadow_woke(struct gate *g, int64_t pts_us)
{
    /* Where key frames follow each other quickly, only some would have been looked at. */
    int64_t near_us = groups_key_us(&g->groups) / 2;
    bool looked_at = false;
    for (size_t i = 0; i < ARRAY_LEN(g->looks_us); i++)
        looked_at |= llabs(sane(pts_us) - g->looks_us[i]) <= near_us;
    if (looked_at && mode_of(g) == SHADOW)
        tell_shadow_woke(g, sane(pts_us));
}

void gate_visit(struct gate *g, int64_t first_us, int64_t last_us)
{
    pthread_mutex_lock(&g->lock);
    shadow_visit(&g->shadow, sane(first_us), sane(last_us));
    judge_misses(g);
    pthread_mutex_unlock(&g->lock);
}

struct gate_stats gate_stats(struct gate *g)
{
    struct gate_stats s = {
        .idle = gate_is_idle(g),
        .shadowing = gate_shadowing(g),
        .key_interval_s = (double)load(&g->key_us) / US_PER_S,
        .packets = load(&g->packets),
        .decoded = load(&g->decoded),
        .replayed = load(&g->replayed),
        .held_bytes = load(&g->held_bytes),
        .idle_us = load(&g->idle_us),
        .shadow_us = load(&g->shadow_us),
        .miss_high = 1,
    };
    for (int i = 0; i < WAKE_REASONS; i++)
        s.wakes[i] = load(&g->wakes[i]);
    pthread_mutex_lock(&g->lock);
    s.visits = g->shadow.visits;
    s.missed = g->shadow.missed;
    STR_COPY(s.reason, g->off_reason[0] ? g->off_reason : g->reason);
    pthread_mutex_unlock(&g->lock);
    if (s.visits) {
        s.miss = (double)s.missed / (double)s.visits;
        shadow_bounds(s.missed, s.visits, &s.miss_low, &s.miss_high);
    }
    return s;
}
