#include "store/failing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* While closing, time is short: a disk that comes back is noticed at once. */
#define RETRY_CLOSING_US (100 * US_PER_MS)

/* Returns whether it was failing before. */
static bool set_failing(struct store *s, const char *reason)
{
    pthread_mutex_lock(&s->lock);
    bool before = s->failing;
    s->failing = reason != NULL;
    STR_COPY(s->reason, reason ? reason : "");
    pthread_mutex_unlock(&s->lock);
    return before;
}

static void tell_failing(struct store *s, const struct err *err)
{
    struct err told = *err;
    err_wrap(&told, "cannot store events, they wait and are tried again");
    log_err(&s->log, LOG_ERROR, &told);
}

void failing_begin(struct store *s, const struct err *err)
{
    if (!set_failing(s, err->msg))
        tell_failing(s, err);
    atomic_fetch_add_explicit(&s->failed, 1, memory_order_relaxed); /* after the word of it */
}

void failing_end(struct store *s)
{
    if (set_failing(s, NULL))
        log_info(&s->log, "storing events again");
}

bool failing_wait(struct store *s, int64_t wait_us)
{
    int64_t start_us = clock_mono_us(&clock_real);
    bool go_on = true;
    pthread_mutex_lock(&s->lock);
    while (go_on) {
        int64_t now_us = clock_mono_us(&clock_real);
        int64_t end_us = start_us + (s->closing ? MIN(wait_us, RETRY_CLOSING_US) : wait_us);
        if (s->closing)
            end_us = MIN(end_us, s->give_up_us);
        if (now_us >= end_us) {
            go_on = !s->closing || now_us < s->give_up_us;
            break;
        }
        struct timespec end = {end_us / US_PER_S, end_us % US_PER_S * 1000};
        pthread_cond_timedwait(&s->changed, &s->lock, &end);
    }
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

void failing_set_aside(struct store *s, int index, const struct err *err)
{
    struct group *g = &s->group;
    char text[CHANGE_TEXT_BYTES];
    struct err told = *err;
    err_wrap(&told, "%s is set aside: it cannot be stored",
             change_describe(text, g->changes[index]));
    log_err(&s->log, LOG_ERROR, &told);
    atomic_fetch_add_explicit(&s->set_aside, 1, memory_order_relaxed);
    change_free(&g->changes[index]);
    g->count--;
    memmove(g->changes + index, g->changes + index + 1,
            (size_t)(g->count - index) * sizeof g->changes[0]);
}

bool failing_is_damage(struct store *s, const struct err *err)
{
    if (err->code != ERR_DATA_LOSS)
        return false;
    if (s->damaged)
        return true;
    s->damaged = true;
    db_leave_as_is(s->db);
    set_failing(s, err->msg);
    struct err told = *err;
    err_wrap(&told, "nothing more is stored until the next start");
    log_err(&s->log, LOG_ERROR, &told);
    return true;
}

/* The queue is closed first: whoever put a change after the draining would wait for ever. */
void failing_give_up(struct store *s)
{
    queue_close(s->queue);
    int lost = s->group.count;
    for (int i = 0; i < s->group.count; i++)
        change_free(&s->group.changes[i]);
    s->group.count = 0;
    store_release(s, TAKE(s->group.flush));
    for (struct change *change; (change = queue_try_pop(s->queue));) {
        lost += change->flush ? 0 : 1;
        store_release(s, change->flush);
        change_free(&change);
    }
    atomic_fetch_add_explicit(&s->lost, lost, memory_order_relaxed);
}
