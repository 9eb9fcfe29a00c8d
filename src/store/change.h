/* What travels to the store thread: something to keep, or somebody who waits. For this room. */
#pragma once

#include "store/db.h"
#include "store/store.h"

/* Somebody who waits for what was put before; on the caller's stack. */
struct flush {
    bool tidy; /* and for a round of retention */
    bool done; /* protected by the store's lock */
};

struct baseline_change {
    char camera[OPT_NAME_BYTES];
    int count;
    struct baseline_row rows[];
};

/* Exactly one of the pointers is set. */
struct change {
    struct event *event;               /* owned */
    struct upload *upload;             /* shared */
    struct parked_list *parked;        /* owned */
    struct camera_event *camera_event; /* owned */
    struct outcome *outcome;           /* owned */
    struct feedback *feedback;         /* owned */
    struct baseline_change *baseline;  /* owned */
    struct uuid *requeue;              /* owned; zero: all */
    char *bury;                        /* owned; why all jobs that wait are given up */
    struct flush *flush;
};

/* NULL is fine. */
void change_free(struct change **change);

/* News of an event: nothing that waits with it may keep it waiting. */
bool change_is_opening(const struct change *change);

/* Which one it is, for the log. Returns out. */
#define CHANGE_TEXT_BYTES 400
const char *change_describe(char out[CHANGE_TEXT_BYTES], const struct change *change);
