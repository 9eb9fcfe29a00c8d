/* Files' pictures onto the camera's timeline: where they would have been had the camera been
 * watched then, but never before what was sent already. Distances within a file stay as they are;
 * only files as a whole are moved. */
#pragma once

#include "model/packet.h"

/* Nothing is told about the last seconds until files written then have had time to come to rest, so
 * that stills a second apart are also a second apart on the timeline. */
#define RECORDED_LAG_US (5 * US_PER_S)

struct recorded {
    int64_t last_us;             /* newest on the timeline; TIME_UNKNOWN before the first */
    int64_t sent_us;             /* monotonic: when that was */
    bool within;                 /* a file has begun and not ended */
    int64_t offset_us, floor_us; /* of this file: timeline = wall + offset, but not before floor */
};

void recorded_init(struct recorded *recorded);

/* Stamps a packet of a file by its wall time, or one without a picture. A blind one tells of all
 * time until now, or until its wall time if it has one. */
void recorded_stamp(struct recorded *recorded, struct packet *packet, int64_t now_us,
                    int64_t now_wall_us);
