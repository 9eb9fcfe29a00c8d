/* Something that stands where it has been standing: a parked car, a bench, a garden statue. What a
 * camera's memory of still objects consists of, as the tracker uses it and the store keeps it. */
#pragma once

#include "base/uuid7.h"
#include "model/detection.h"

#define PARKED_MAX         64 /* remembered per camera; the one unseen for longest gives way */
#define PARKED_LOOKS_BYTES 48 /* a small picture of it, see track/memory.c */

struct parked {
    struct uuid id; /* of the track that came to rest here first */
    char label[LABEL_BYTES];
    struct box box;                    /* usual place */
    uint8_t looks[PARKED_LOOKS_BYTES]; /* usual appearance, free of brightness and contrast */
    uint32_t hours[24];                /* sightings by hour of the day (UTC) */
    int64_t since_wall_us;             /* came to rest */
    int64_t seen_wall_us;              /* last seen */
};
