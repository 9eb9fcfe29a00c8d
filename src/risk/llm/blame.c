#include "risk/llm/blame.h"

#define REST_FIRST_US    (2 * US_PER_S)
#define REST_LONGEST_US  (300 * US_PER_S)
#define REST_HOPELESS_US (3600 * US_PER_S)
#define REST_DOUBLINGS   11 /* what it takes from the first to the longest */

static struct blame_entry *find(struct blame *b, const struct uuid *event)
{
    for (int i = 0; i < BLAME_WINDOWS_MAX; i++)
        if (uuid_equal(&b->entries[i].event, event))
            return &b->entries[i];
    return NULL;
}

/* One that is free, or any. */
static struct blame_entry *place(struct blame *b)
{
    static const struct uuid none;
    struct blame_entry *e = find(b, &none);
    uint32_t mix = (uint32_t)b->failed * UINT32_C(2654435761);
    mix = (mix ^ mix >> 15) * UINT32_C(2246822519);
    return e ? e : &b->entries[(mix ^ mix >> 13) % BLAME_WINDOWS_MAX];
}

void blame_judged(struct blame *b, const struct uuid *event)
{
    b->judged++;
    struct blame_entry *e = find(b, event);
    if (e)
        *e = (struct blame_entry){0};
}

bool blame_failed(struct blame *b, const struct uuid *event, bool hopeless)
{
    struct blame_entry *e = find(b, event);
    bool again = e != NULL;
    if (!again) {
        e = place(b);
        *e = (struct blame_entry){.event = *event};
    }
    if (!again || b->judged > e->judged) {
        e->tries++;
        e->hopeless += hopeless;
    }
    e->judged = b->judged;
    b->failed++;
    if (e->tries < BLAME_TRIES && e->hopeless < BLAME_HOPELESS_TRIES)
        return false;
    *e = (struct blame_entry){0}; /* queued again by somebody, it begins anew */
    return true;
}

int64_t blame_rest_us(const struct uuid *event, int tries, bool hopeless)
{
    int64_t rest_us = MIN(REST_FIRST_US << CLAMP(tries, 0, REST_DOUBLINGS),
                          hopeless ? REST_HOPELESS_US : REST_LONGEST_US);
    uint32_t mix = (uint32_t)tries * UINT32_C(2654435761);
    for (size_t i = 8; i < sizeof event->bytes; i++)
        mix = (mix ^ event->bytes[i]) * UINT32_C(16777619);
    return rest_us + rest_us / 5 * ((int64_t)(mix >> 8 & 0x7ff) - 1024) / 1024;
}
