/* The stage: one slot per camera, one thread.
 *
 * A slot holds the newest observation of its camera. Here, and only here, a live system drops
 * frames: when inference is slower than the cameras, a newer frame takes the slot. What is to be
 * kept is never displaced: whoever pushes it, or after it, is refused and told when to come again.
 * Cameras are served in turn, so none starves. Observations that need no inference pass through the
 * same slot, which keeps every camera's observations in time order.
 *
 * A model that takes several pictures at once gets those of other cameras along with the one whose
 * turn it is. The turn never passes anybody who waits. */
#include "detect/detect.h"

#include "detect/looker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct detect {
    /* set at start, then read-only */
    struct detect_params params;
    struct thread *thread;

    pthread_mutex_t lock;
    pthread_cond_t filled; /* its clock is CLOCK_MONOTONIC */

    /* protected by lock */
    struct slot *slots; /* by camera */
    int turn;           /* the camera to look at first */
    bool stopping;
    struct detect_stats stats;

    /* detect thread only */
    struct looker *looker;
    int64_t failing_logged_us; /* a broken detector is worth one line a minute, not one a frame */
};

struct slot {
    struct observation *observation; /* NULL: free */
    int64_t since_us;                /* when it came */
    int64_t look_us;                 /* when the newest one came that is to be looked at */
    bool refused;                    /* somebody waits for the slot */
    bool gap;                        /* an observation that gave way came after an interruption */
};

#define FAILING_LOG_INTERVAL_US (60 * US_PER_S)
/* After so long in the slot a picture in which something moves tells of the past: the camera's next
 * one is worth more. Where nothing moves the next one is far, and nothing has changed. */
#define STALE_US (2 * US_PER_S)
/* A camera whose last look is no older will want the next one soon. */
#define ACTIVE_US (500 * US_PER_MS)

/* Observations of different cameras, taken in turn. */
struct gathered {
    int count; /* looked at together */
    struct observation *items[LOOKER_ROOM_MAX];
    int passed_count; /* passed on as they are */
    struct observation *passed[LOOKER_ROOM_MAX];
    int waited_count; /* cameras for whose slot somebody waits */
    int waited[2 * LOOKER_ROOM_MAX];
};

static bool wants_look(const struct observation *o)
{
    return o->analyse && o->frame;
}

static bool is_gathered(const struct gathered *g, int camera)
{
    for (int i = 0; i < g->count; i++)
        if (g->items[i]->camera == camera)
            return true;
    for (int i = 0; i < g->passed_count; i++)
        if (g->passed[i]->camera == camera)
            return true;
    return false;
}

static bool is_stale(const struct slot *slot, int64_t now_us)
{
    const struct observation *o = slot->observation;
    return wants_look(o) && !o->keep && o->motion.active && now_us - slot->since_us > STALE_US;
}

/* What is to be kept is looked at alone: which others it would meet depends on chance, and what is
 * found in it shall not. */
static bool has_room(const struct detect *d, const struct gathered *g, const struct slot *slot,
                     int64_t now_us)
{
    const struct observation *o = slot->observation;
    if (!wants_look(o) || is_stale(slot, now_us))
        return g->passed_count < LOOKER_ROOM_MAX;
    if (g->count == 0)
        return true;
    return g->count < looker_room(d->looker) && !o->keep && !g->items[0]->keep;
}

/* Empties the slot; what has become stale is not looked at. Lock held. */
static void take(struct detect *d, struct slot *slot, int64_t now_us, struct gathered *g)
{
    bool stale = is_stale(slot, now_us);
    struct observation *o = TAKE(slot->observation);
    if (slot->refused)
        g->waited[g->waited_count++] = o->camera;
    slot->refused = false;
    d->stats.stale += stale;
    o->analyse = o->analyse && !stale;
    if (wants_look(o)) {
        ASSERT(g->count < LOOKER_ROOM_MAX);
        g->items[g->count++] = o;
    } else {
        ASSERT(g->passed_count < LOOKER_ROOM_MAX);
        g->passed[g->passed_count++] = o;
    }
}

/* One round from whose turn it is, up to the first one that has to wait for the next run: then it
 * is its turn. Gives whether another camera is likely to want a look in a moment. Lock held. */
static bool take_turns(struct detect *d, struct gathered *g)
{
    int64_t now_us = clock_mono_us(d->params.clock);
    bool expected = false;
    int first = d->turn;
    for (int i = 0; i < d->params.cameras; i++) {
        int camera = (first + i) % d->params.cameras;
        struct slot *slot = &d->slots[camera];
        if (is_gathered(g, camera))
            continue;
        if (!slot->observation) {
            expected |= now_us - slot->look_us <= ACTIVE_US;
            continue;
        }
        if (!has_room(d, g, slot, now_us))
            return false;
        take(d, slot, now_us, g);
        d->turn = (camera + 1) % d->params.cameras;
    }
    return expected && g->count > 0 && !g->items[0]->keep && g->count < looker_room(d->looker);
}

static struct timespec in_us(int64_t us)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + us * 1000;
    return (struct timespec){t.tv_sec + ns / 1000000000, ns % 1000000000};
}

/* What a run has room for; waits for the first, and for the others as long as is allowed and
 * promises something. False: stopping, and none is left. */
static bool gather(struct detect *d, struct gathered *g)
{
    g->count = g->passed_count = g->waited_count = 0;
    pthread_mutex_lock(&d->lock);
    bool expected;
    while (expected = take_turns(d, g), g->count + g->passed_count == 0 && !d->stopping)
        pthread_cond_wait(&d->filled, &d->lock);
    struct timespec until = in_us(detector_policy(d->params.detector)->batch_wait_us);
    int rc = 0;
    while (expected && !d->stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&d->filled, &d->lock, &until);
        expected = take_turns(d, g);
    }
    pthread_mutex_unlock(&d->lock);
    return g->count + g->passed_count > 0;
}

static void pass_on(struct detect *d, struct observation *const *observations, int count)
{
    for (int i = 0; i < count; i++)
        d->params.sink(d->params.sink_ctx, observations[i]);
}

static void look(struct detect *d, const struct gathered *g)
{
    ASSERT_ON(ROLE_DETECT);
    struct err err = {0};
    struct looked looked;
    looker_look(d->looker, g->items, g->count, &looked, &err);
    pthread_mutex_lock(&d->lock);
    d->stats.inferences += looked.inferences;
    d->stats.regions += looked.regions;
    d->stats.runs += looked.runs;
    d->stats.failed += looked.failed;
    d->stats.infer_us += looked.us;
    pthread_mutex_unlock(&d->lock);
    int64_t now_us = clock_mono_us(d->params.clock);
    if (looked.failed > 0 && now_us - d->failing_logged_us > FAILING_LOG_INTERVAL_US) {
        log_err(&d->params.log, LOG_ERROR, &err);
        d->failing_logged_us = now_us;
    }
}

static void detect_main(void *arg)
{
    struct detect *d = arg;
    struct gathered g;
    while (gather(d, &g)) {
        for (int i = 0; i < g.waited_count && d->params.emptied; i++)
            d->params.emptied(d->params.sink_ctx, g.waited[i]);
        for (int i = 0; i < g.passed_count; i++)
            if (g.passed[i]->gap)
                looker_forget(d->looker, g.passed[i]->camera);
        pass_on(d, g.passed, g.passed_count);
        if (g.count > 0)
            look(d, &g);
        pass_on(d, g.items, g.count);
    }
}

bool detect_start(const struct detect_params *params, struct detect **ret, struct err *err)
{
    struct detect *d = NEW(struct detect);
    d->params = *params;
    d->slots = xcalloc((size_t)params->cameras, sizeof *d->slots);
    for (int i = 0; i < params->cameras; i++)
        d->slots[i].look_us = INT64_MIN / 2;
    d->looker = looker_new(params->detector, params->cameras, params->clock);
    d->failing_logged_us = -FAILING_LOG_INTERVAL_US;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->filled, &attr);
    pthread_condattr_destroy(&attr);
    if (!thread_start(&d->thread, ROLE_DETECT, "detect", detect_main, d, err)) {
        detect_stop(&d);
        return false;
    }
    *ret = d;
    return true;
}

/* Puts the observation into its slot; gives what had to make room for it. Lock held. */
static struct observation *settle(struct detect *d, struct observation *o)
{
    struct slot *slot = &d->slots[o->camera];
    struct observation *old = slot->observation;
    bool yields = old && old->analyse && !o->analyse;
    if (yields) {
        /* A picture nothing moves in must not push out one that is to be looked at. */
        slot->gap |= o->gap;
        return o;
    }
    o->gap |= slot->gap || (old && old->gap);
    slot->gap = false;
    slot->observation = o;
    slot->since_us = clock_mono_us(d->params.clock);
    if (o->analyse)
        slot->look_us = slot->since_us;
    d->stats.overwritten += old && old->analyse;
    pthread_cond_signal(&d->filled);
    return old;
}

bool detect_push(struct detect *d, struct observation **observation)
{
    struct observation *dropped = NULL;
    struct observation *o = *observation;
    pthread_mutex_lock(&d->lock);
    struct slot *slot = &d->slots[o->camera];
    const struct observation *old = slot->observation;
    bool room = !old || (!old->keep && !o->keep);
    if (room)
        dropped = settle(d, TAKE(*observation));
    else
        slot->refused = true;
    pthread_mutex_unlock(&d->lock);
    observation_free(&dropped);
    return room;
}

void detect_stop(struct detect **detect)
{
    struct detect *d = *detect;
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->filled);
    pthread_mutex_unlock(&d->lock);
    thread_join(&d->thread);
    for (int i = 0; i < d->params.cameras; i++)
        observation_free(&d->slots[i].observation);
    looker_free(&d->looker);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->filled);
    free(d->slots);
    free(d);
    *detect = NULL;
}

struct detect_stats detect_stats(struct detect *d)
{
    pthread_mutex_lock(&d->lock);
    struct detect_stats stats = d->stats;
    pthread_mutex_unlock(&d->lock);
    return stats;
}
