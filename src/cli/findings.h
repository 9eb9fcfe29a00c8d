/* What hsi analyze has found: every track and every event, turned into its lines of the output, and
 * its pictures written, as soon as it is over, so that a week of recordings needs no more memory
 * than a minute. */
#pragma once

#include "base/json.h"
#include "model/event.h"

#include <pthread.h>
#include <stdio.h>

struct live_track;

struct findings {
    /* set by findings_init, then read-only */
    bool json;             /* rows are JSON, else lines for people */
    const char *snapshots; /* folder for pictures, empty: none wanted */

    pthread_mutex_t lock; /* tracks end on one thread, events on another */
    /* protected by lock */
    struct finding {
        int camera, order;
        int64_t start_us;
        char *text;
    } * tracks, *events;
    int track_count, event_count;
    struct err failure; /* the first picture that could not be written */
};

/* snapshots is borrowed, and the folder must exist. */
void findings_init(struct findings *findings, bool json, const char *snapshots);
void findings_done(struct findings *findings);

/* Open events are none yet. Any thread, each camera's in order. */
void findings_add_event(struct findings *findings, const struct event *event);
void findings_add_track(struct findings *findings, int camera, const char *camera_name,
                        const struct live_track *live);

/* Once all have been added: in the order of the inputs and, within each, of time, whatever the
 * threads did. As the members "tracks" and "events" of an open object, or as lines for people. */
void findings_put_json(struct findings *findings, struct json *out);
void findings_print(struct findings *findings, FILE *out);
