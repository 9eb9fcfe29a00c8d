/* A bounded queue of pointers between threads: the only way work moves from one stage to the next.
 * What happens when it is full is part of its type, and counted. Any thread may push, pop, close.
 */
#pragma once

#include "base/base.h"

enum queue_policy {
    QUEUE_BLOCK,       /* the pusher waits: pressure travels up. For what must not be lost. */
    QUEUE_DROP_OLDEST, /* the oldest item makes room. For what is only worth having fresh. */
};

struct queue;

struct queue_stats {
    int64_t pushed, dropped;
    int depth, depth_max;
};

/* drop frees an item nobody will pop: pushed out by policy, or left at queue_free. */
NODISCARD struct queue *queue_new(int capacity, enum queue_policy policy, void (*drop)(void *item));

/* Frees what is left in it. No thread may be inside any call any more. */
void queue_free(struct queue **queue);

/* Takes item, also on failure. Returns false if the queue is closed (the item was dropped). */
bool queue_push(struct queue *queue, void *item);

/* Gives the oldest item; waits for one. NULL once the queue is closed and drained. */
NODISCARD void *queue_pop(struct queue *queue);

/* As queue_pop, but gives NULL also when nothing came for timeout_us; *ret_closed tells the two
 * apart: true only when the queue is closed and drained. */
NODISCARD void *queue_pop_within(struct queue *queue, int64_t timeout_us, bool *ret_closed);

/* The oldest item if there is one, never waits. */
NODISCARD void *queue_try_pop(struct queue *queue);

/* Whether a push would find room. Only the answer of a queue with one pusher, asked by it, lasts.
 */
bool queue_has_room(struct queue *queue);

/* No push succeeds any more; pops drain what is there. Wakes everybody. */
void queue_close(struct queue *queue);

struct queue_stats queue_stats(struct queue *queue);
