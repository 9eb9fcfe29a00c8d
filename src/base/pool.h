/* A few worker threads shared by many owners of state.
 *
 * A strand is one owner (a camera's decoder and motion model): its function runs on any worker, but
 * never on two at once, so what it owns needs no lock. Strands that have work take turns. */
#pragma once

#include "base/thread.h"

struct pool;

/* One piece of work; true: there is more, come back when the others had their turn. */
typedef bool strand_fn(void *ctx);

struct strand {
    /* set by strand_init, then read-only */
    struct pool *pool;
    strand_fn *run;
    void *ctx;

    /* protected by the pool's lock */
    struct strand *next; /* in the line of those with work */
    bool waiting;        /* in the line */
    bool running;
    bool woken; /* while it ran */
};

NODISCARD bool pool_start(int threads, enum role role, const char *name, struct pool **ret,
                          struct err *err);

/* Finishes what has been woken and joins the workers. What is woken later is not run. */
void pool_join(struct pool *pool);

/* As pool_join, and frees. No strand may be woken any more. */
void pool_stop(struct pool **pool);

void strand_init(struct strand *strand, struct pool *pool, strand_fn *run, void *ctx);

/* There is work: run will be called (again) after this. Any thread. */
void strand_wake(struct strand *strand);
