/* The stage: one slot per camera, one thread.
 *
 * A slot holds the newest observation of its camera. Here, and only here, a live system drops
 * frames: when inference is slower than the cameras, a newer frame takes the slot. What is to be
 * kept is never displaced: whoever pushes it, or after it, is refused and told when to come again.
 * Cameras are served in turn, so none starves. Observations that need no inference pass through the
 * same slot, which keeps every camera's observations in time order. */
#include "detect/detect.h"

#include <pthread.h>
#include <stdlib.h>

struct detect {
    /* set at start, then read-only */
    struct detect_params params;
    struct thread *thread;

    pthread_mutex_t lock;
    pthread_cond_t filled;

    /* protected by lock */
    struct observation **slots;
    bool *refused; /* per camera: somebody waits for its slot */
    bool *gaps;    /* per camera: an observation that gave way came after an interruption */
    bool stopping;
    struct detect_stats stats;

    /* detect thread only */
    int turn;                  /* the camera to look at first */
    int64_t failing_logged_us; /* a broken detector is worth one line a minute, not one a frame */
};

#define FAILING_LOG_INTERVAL_US (60 * US_PER_S)

/* The next filled slot in turn, emptied; NULL: all are empty. Lock held. */
static struct observation *take_slot(struct detect *d)
{
    for (int i = 0; i < d->params.cameras; i++) {
        int camera = (d->turn + i) % d->params.cameras;
        struct observation *o = d->slots[camera];
        if (!o)
            continue;
        d->slots[camera] = NULL;
        d->turn = (camera + 1) % d->params.cameras;
        return o;
    }
    return NULL;
}

/* Waits for one; NULL when stopping and none is left. */
static struct observation *next_observation(struct detect *d)
{
    pthread_mutex_lock(&d->lock);
    struct observation *o;
    while (!(o = take_slot(d)) && !d->stopping)
        pthread_cond_wait(&d->filled, &d->lock);
    bool waited_for = o && d->refused[o->camera];
    if (waited_for)
        d->refused[o->camera] = false;
    pthread_mutex_unlock(&d->lock);
    if (waited_for && d->params.emptied)
        d->params.emptied(d->params.sink_ctx, o->camera);
    return o;
}

static void look(struct detect *d, struct observation *o)
{
    ASSERT_ON(ROLE_DETECT);
    struct err err = {0};
    int64_t before_us = clock_mono_us(d->params.clock);
    struct look look = {o->frame, &o->motion, BOX_WHOLE, &o->detections};
    o->analysed = detector_run(d->params.detector, &look, 1, &err);
    o->looked[0] = look.region;
    o->looked_count = o->analysed;
    o->infer_us = clock_mono_us(d->params.clock) - before_us;
    pthread_mutex_lock(&d->lock);
    d->stats.inferences += o->analysed;
    d->stats.failed += !o->analysed;
    d->stats.infer_us += o->infer_us;
    pthread_mutex_unlock(&d->lock);
    if (!o->analysed && before_us - d->failing_logged_us > FAILING_LOG_INTERVAL_US) {
        log_err(&d->params.log, LOG_ERROR, &err);
        d->failing_logged_us = before_us;
    }
}

static void detect_main(void *arg)
{
    struct detect *d = arg;
    struct observation *o;
    while ((o = next_observation(d))) {
        if (o->analyse && o->frame)
            look(d, o);
        d->params.sink(d->params.sink_ctx, o);
    }
}

bool detect_start(const struct detect_params *params, struct detect **ret, struct err *err)
{
    struct detect *d = NEW(struct detect);
    d->params = *params;
    d->slots = xcalloc((size_t)params->cameras, sizeof(*d->slots));
    d->refused = xcalloc((size_t)params->cameras, sizeof(*d->refused));
    d->gaps = xcalloc((size_t)params->cameras, sizeof(*d->gaps));
    d->failing_logged_us = -FAILING_LOG_INTERVAL_US;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->filled, NULL);
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
    struct observation *old = d->slots[o->camera];
    bool yields = old && old->analyse && !o->analyse;
    if (yields) {
        /* A picture nothing moves in must not push out one that is to be looked at. */
        d->gaps[o->camera] |= o->gap;
        return o;
    }
    o->gap |= d->gaps[o->camera] || (old && old->gap);
    d->gaps[o->camera] = false;
    d->slots[o->camera] = o;
    d->stats.overwritten += old && old->analyse;
    pthread_cond_signal(&d->filled);
    return old;
}

bool detect_push(struct detect *d, struct observation **observation)
{
    struct observation *dropped = NULL;
    struct observation *o = *observation;
    pthread_mutex_lock(&d->lock);
    const struct observation *old = d->slots[o->camera];
    bool room = !old || (!old->keep && !o->keep);
    if (room)
        dropped = settle(d, TAKE(*observation));
    else
        d->refused[o->camera] = true;
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
        observation_free(&d->slots[i]);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->filled);
    free(d->slots);
    free(d->refused);
    free(d->gaps);
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
