/* The bus inside one process. One lock for everything: some hundred messages a second pass here,
 * and with a single lock a subscriber that leaves can be sure that nobody calls its wake any more.
 */
#include "bus/bus.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bus_subscriber {
    /* set at creation, then read-only */
    struct bus *bus;
    unsigned topics;
    int capacity;
    void (*wake)(void *ctx);
    void *ctx;

    /* protected by the bus's lock */
    struct bus_subscriber *next;
    int head, count;
    int64_t missed; /* since the last bus_next */
    struct bus_message *ring[];
};

struct bus {
    pthread_mutex_t lock;
    struct bus_subscriber *first; /* protected by lock */
};

struct bus_message *bus_message_new(enum bus_topic topic, int camera, int64_t seq, const char *json,
                                    size_t bytes)
{
    struct bus_message *m = xcalloc(1, sizeof *m + bytes + 1);
    atomic_init(&m->refs, 1);
    m->topic = topic;
    m->camera = camera;
    m->seq = seq;
    m->bytes = bytes;
    memcpy(m->json, json, bytes);
    return m;
}

struct bus_message *bus_message_ref(struct bus_message *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void bus_message_unref(struct bus_message **message)
{
    struct bus_message *m = *message;
    *message = NULL;
    if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
        free(m);
}

struct bus *bus_new(void)
{
    struct bus *bus = NEW(struct bus);
    pthread_mutex_init(&bus->lock, NULL);
    return bus;
}

void bus_free(struct bus **bus)
{
    if (!*bus)
        return;
    ASSERT((*bus)->first == NULL);
    pthread_mutex_destroy(&(*bus)->lock);
    free(*bus);
    *bus = NULL;
}

static struct bus_message *take_oldest(struct bus_subscriber *s)
{
    if (s->count == 0)
        return NULL;
    struct bus_message *m = s->ring[s->head];
    s->head = (s->head + 1) % s->capacity;
    s->count--;
    return m;
}

static void deliver(struct bus_subscriber *s, struct bus_message *message)
{
    ASSERT(s->capacity > 0);
    bool was_empty = s->count == 0;
    if (s->count == s->capacity) {
        struct bus_message *oldest = take_oldest(s);
        bus_message_unref(&oldest);
        s->missed++;
    }
    s->ring[(s->head + s->count) % s->capacity] = bus_message_ref(message);
    s->count++;
    if (was_empty && s->wake)
        s->wake(s->ctx);
}

void bus_publish(struct bus *bus, struct bus_message *message)
{
    pthread_mutex_lock(&bus->lock);
    for (struct bus_subscriber *s = bus->first; s; s = s->next)
        if (s->topics & message->topic)
            deliver(s, message);
    pthread_mutex_unlock(&bus->lock);
    bus_message_unref(&message);
}

struct bus_subscriber *bus_subscribe(struct bus *bus, unsigned topics, int capacity,
                                     void (*wake)(void *ctx), void *ctx)
{
    ASSERT(capacity > 0);
    struct bus_subscriber *s = xcalloc(1, sizeof *s + (size_t)capacity * sizeof(s->ring[0]));
    s->bus = bus;
    s->topics = topics;
    s->capacity = capacity;
    s->wake = wake;
    s->ctx = ctx;
    pthread_mutex_lock(&bus->lock);
    s->next = bus->first;
    bus->first = s;
    pthread_mutex_unlock(&bus->lock);
    return s;
}

void bus_unsubscribe(struct bus *bus, struct bus_subscriber **subscriber)
{
    struct bus_subscriber *s = *subscriber;
    if (!s)
        return;
    ASSERT(s->bus == bus);
    pthread_mutex_lock(&bus->lock);
    struct bus_subscriber **link = &bus->first;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    pthread_mutex_unlock(&bus->lock);
    while (s->count > 0) {
        struct bus_message *m = take_oldest(s);
        bus_message_unref(&m);
    }
    free(s);
    *subscriber = NULL;
}

struct bus_message *bus_next(struct bus_subscriber *s, int64_t *ret_missed)
{
    pthread_mutex_lock(&s->bus->lock);
    struct bus_message *m = take_oldest(s);
    *ret_missed = s->missed;
    s->missed = 0;
    pthread_mutex_unlock(&s->bus->lock);
    return m;
}

bool bus_wanted(struct bus *bus, enum bus_topic topic)
{
    bool wanted = false;
    pthread_mutex_lock(&bus->lock);
    for (const struct bus_subscriber *s = bus->first; s && !wanted; s = s->next)
        wanted = s->topics & topic;
    pthread_mutex_unlock(&bus->lock);
    return wanted;
}
