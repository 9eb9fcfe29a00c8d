/* What people said about events, and the adjustments that follow. Plain data. */
#pragma once

#include "base/opt.h"
#include "base/uuid7.h"

#define FEEDBACK_NOTE_BYTES 512
#define OFFSETS_MAX         128 /* of one camera */
#define OFFSET_POINTS_MAX   20  /* either way */

enum feedback_kind {
    FEEDBACK_ACCURATE,
    FEEDBACK_FALSE_POSITIVE, /* nothing was there, or nothing worth an event */
    FEEDBACK_MISSED,         /* something worse than the event says went on */
    FEEDBACK_TOO_HIGH,
    FEEDBACK_TOO_LOW,
};
extern const char *const feedback_kind_names[];

/* One per event: a later one takes its place. */
struct feedback {
    struct uuid event;
    int kind; /* enum feedback_kind */
    char note[FEEDBACK_NOTE_BYTES];
    int64_t wall_us;
};

/* Feedback as it adjusts: the event's camera, and each pair of zone and label in it. */
struct feedback_row {
    struct uuid event;
    int kind;
    char zone[OPT_NAME_BYTES]; /* empty: none */
    char label[32];
};

/* Points added to whatever is seen of this label in this zone of this camera. */
struct offset {
    char zone[OPT_NAME_BYTES];
    char label[32];
    int points; /* within OFFSET_POINTS_MAX either way */
    int count;  /* of feedback behind it */
};
struct offsets {
    int count;
    struct offset items[OFFSETS_MAX];
};

/* One camera's offsets from all its feedback, in any order; the same rows give the same offsets, so
 * taking feedback back takes its effect back. */
void feedback_offsets(const struct feedback_row *rows, int count, struct offsets *ret);
