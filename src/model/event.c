#include "model/event.h"

#include "model/judgement.h"

#include <stdlib.h>
#include <string.h>

const char *const event_state_names[] = {"open", "closed", NULL};
const char *const close_reason_names[] = {"",         "window", "quiet", "tracks", "end_of_input",
                                          "shutdown", "crash",  NULL};
const char *const risk_level_names[] = {"unknown", "low", "medium", "high", "critical", NULL};

enum risk_level risk_level_of(int score)
{
    if (score < 0)
        return RISK_UNKNOWN;
    if (score <= 29)
        return RISK_LOW;
    if (score <= 59)
        return RISK_MEDIUM;
    return score <= 84 ? RISK_HIGH : RISK_CRITICAL;
}

void track_remember_crossing(struct track *track, const struct crossing *crossing)
{
    int kept = MIN(track->crossing_count, CROSSINGS_MAX);
    if (kept == CROSSINGS_MAX) {
        kept--;
        memmove(track->crossings, track->crossings + 1, (size_t)kept * sizeof *track->crossings);
    }
    track->crossings[kept] = *crossing;
    track->crossing_count++;
}

struct event *event_new(void)
{
    struct event *e = NEW(struct event);
    atomic_init(&e->refs, 1);
    e->wall_start_us = e->wall_end_us = TIME_UNKNOWN;
    e->verdict.score = SCORE_NONE;
    return e;
}

struct event *event_ref(struct event *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void event_unref(struct event **event)
{
    struct event *e = *event;
    *event = NULL;
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < e->track_count; i++)
        frame_unref(&e->tracks[i].picture);
    blob_unref(&e->window);
    free(e->judgement);
    free(e);
}

/* Most events have few tracks, and room for many: 200 KB, of which only what is in use is copied.
 */
struct event *event_copy(const struct event *src)
{
    struct event *e = NEW(struct event);
    const size_t head = offsetof(struct event, id), head_end = offsetof(struct event, tracks);
    const size_t tail = offsetof(struct event, verdict);
    memcpy((char *)e + head, (const char *)src + head, head_end - head);
    memcpy(e->tracks, src->tracks, (size_t)src->track_count * sizeof src->tracks[0]);
    e->sighting_count = src->sighting_count;
    memcpy(e->sightings, src->sightings, (size_t)src->sighting_count * sizeof src->sightings[0]);
    memcpy((char *)e + tail, (const char *)src + tail, sizeof *e - tail);
    atomic_init(&e->refs, 1);
    for (int i = 0; i < e->track_count; i++)
        if (e->tracks[i].picture)
            frame_ref(e->tracks[i].picture);
    if (e->window)
        e->window = blob_ref(e->window);
    if (e->judgement) {
        e->judgement = NEW(struct judgement);
        *e->judgement = *src->judgement;
    }
    return e;
}
