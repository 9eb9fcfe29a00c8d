/* How a camera groups its pictures: how far apart its key frames are, and what lies between two
 * looks at them. A group goes from one key frame worth a look to the next. Pure. */
#pragma once

#include "base/clock.h"

#define GROUPS_KEPT     4
#define GROUPS_KEYS_MIN 3 /* before anything is known of a camera */
/* Key frames may follow each other faster than they need be looked at: every picture of Motion JPEG
 * is one. A little less than half a second, so that a group of that length is looked at every time.
 */
#define LOOK_EVERY_US (475 * US_PER_MS)

enum groups_verdict {
    GROUPS_UNKNOWN, /* too few key frames yet */
    GROUPS_FINE,
    GROUPS_LONG, /* key frames too far apart */
    GROUPS_ODD,  /* the limit is kept only at times */
    GROUPS_LARGE /* too much between two looks to keep it in memory */
};

struct group {
    int64_t longest_us; /* between two key frames */
    int64_t span_us;    /* between its ends */
    int64_t packets, bytes;
    bool back; /* time went back */
};

struct groups {
    int64_t limit_us; /* as the user put it; some tolerance is added */
    bool started;
    int keys; /* seen, counted up to GROUPS_KEYS_MIN */
    int64_t since_us;
    int64_t last_key_us;
    struct group now;
    struct group past[GROUPS_KEPT]; /* newest first */
    int past_count;
    uint64_t over; /* of the last 64 groups, whether the limit was broken; newest lowest */
};

void groups_restart(struct groups *groups, int64_t limit_us);

/* The next packet in decoding order. True: a key frame that begins a group, to be looked at. */
bool groups_push(struct groups *groups, int64_t now_us, int64_t bytes, bool key);

/* now_us: a key frame that does not come is noticed before it does. */
enum groups_verdict groups_verdict(const struct groups *groups, int64_t now_us);

/* Longest lately between two key frames, and between two looks; 0 if not known. */
int64_t groups_key_us(const struct groups *groups);
int64_t groups_look_us(const struct groups *groups);
