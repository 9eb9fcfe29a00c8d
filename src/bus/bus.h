/* Fan-out after commit: what is published here has happened and is stored (events) or is only worth
 * knowing now (camera state, live boxes). Each subscriber has its own bounded queue: a slow one
 * loses its oldest messages and is told how many, and asks the store, which is the truth. */
#pragma once

#include "base/err.h"

#include <stdatomic.h>

enum bus_topic {
    BUS_EVENT = 1,      /* an event was opened, updated or closed, and committed */
    BUS_CAMERA = 2,     /* a camera changed state */
    BUS_DETECTIONS = 4, /* live boxes of one analysed frame; lossy by nature */
};

/* Immutable once published; refcounted. json is complete: {"type": ..., ...} without the sequence.
 */
struct bus_message {
    atomic_int refs;
    enum bus_topic topic;
    int camera;   /* index; -1: only its name is known, in the json */
    int64_t seq;  /* BUS_EVENT: the store's outbox number, increasing without gaps; else 0 */
    size_t bytes; /* of json, without the terminator */
    char json[];
};

/* A message with one reference; copies json. */
NODISCARD struct bus_message *bus_message_new(enum bus_topic topic, int camera, int64_t seq,
                                              const char *json, size_t bytes);
struct bus_message *bus_message_ref(struct bus_message *message);
void bus_message_unref(struct bus_message **message);

struct bus;
struct bus_subscriber;

NODISCARD struct bus *bus_new(void);
void bus_free(struct bus **bus); /* after every subscriber is gone */

/* Takes the message. Never blocks. Any thread. */
void bus_publish(struct bus *bus, struct bus_message *message);

/* Messages of the topics (a mask), at most capacity waiting. wake (may be NULL) is called from the
 * publisher's thread when the queue stops being empty: it may do nothing but wake somebody. */
NODISCARD struct bus_subscriber *bus_subscribe(struct bus *bus, unsigned topics, int capacity,
                                               void (*wake)(void *ctx), void *ctx);
void bus_unsubscribe(struct bus *bus, struct bus_subscriber **subscriber);

/* The next message or NULL; never blocks. *ret_missed: how many were lost since the last call. */
NODISCARD struct bus_message *bus_next(struct bus_subscriber *subscriber, int64_t *ret_missed);

/* Whether anybody listens to the topic: spares making messages nobody reads. */
bool bus_wanted(struct bus *bus, enum bus_topic topic);
