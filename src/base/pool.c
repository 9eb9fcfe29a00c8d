#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct pool {
    int count;
    struct thread **threads;
    pthread_mutex_t lock;
    pthread_cond_t work;

    /* protected by lock */
    struct strand *first, *last;
    bool stopping;
};

/* Lock held. */
static void line_up(struct pool *pool, struct strand *s)
{
    s->waiting = true;
    s->next = NULL;
    if (pool->last)
        pool->last->next = s;
    else
        pool->first = s;
    pool->last = s;
    pthread_cond_signal(&pool->work);
}

static struct strand *take_first(struct pool *pool)
{
    struct strand *s = pool->first;
    pool->first = s->next;
    if (!pool->first)
        pool->last = NULL;
    s->waiting = false;
    return s;
}

static void worker(void *arg)
{
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (!pool->first)
            break;
        struct strand *s = take_first(pool);
        s->running = true;
        s->woken = false;
        pthread_mutex_unlock(&pool->lock);
        bool more = s->run(s->ctx);
        pthread_mutex_lock(&pool->lock);
        s->running = false;
        if (more || s->woken)
            line_up(pool, s);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool pool_start(int threads, enum role role, const char *name, struct pool **ret, struct err *err)
{
    struct pool *pool = NEW(struct pool);
    pool->threads = xcalloc((size_t)threads, sizeof(*pool->threads));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    for (; pool->count < threads; pool->count++) {
        char numbered[16];
        snprintf(numbered, sizeof numbered, "%s:%d", name, pool->count);
        if (!thread_start(&pool->threads[pool->count], role, numbered, worker, pool, err)) {
            pool_stop(&pool);
            return false;
        }
    }
    *ret = pool;
    return true;
}

void pool_join(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->count; i++)
        thread_join(&p->threads[i]);
}

void pool_stop(struct pool **pool)
{
    struct pool *p = *pool;
    if (!p)
        return;
    pool_join(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    free(p->threads);
    free(p);
    *pool = NULL;
}

void strand_init(struct strand *strand, struct pool *pool, strand_fn *run, void *ctx)
{
    *strand = (struct strand){.pool = pool, .run = run, .ctx = ctx};
}

void strand_wake(struct strand *s)
{
    pthread_mutex_lock(&s->pool->lock);
    if (s->running)
        s->woken = true;
    else if (!s->waiting)
        line_up(s->pool, s);
    pthread_mutex_unlock(&s->pool->lock);
}
