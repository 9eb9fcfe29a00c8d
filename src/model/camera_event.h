/* Something that happened to a camera rather than in front of it: lost, back, covered, moved. Plain
 * data; begins and ends are told apart, so that both can be told to people. */
#pragma once

#include "base/clock.h"
#include "base/opt.h"
#include "base/uuid7.h"

enum camera_event_kind {
    CAMERA_EVENT_LOST,      /* no pictures come, see text for the cause */
    CAMERA_EVENT_FROZEN,    /* the same picture again and again */
    CAMERA_EVENT_BLACK,     /* nothing but black */
    CAMERA_EVENT_COVERED,   /* something is in front of the lens */
    CAMERA_EVENT_DEFOCUSED, /* blurred */
    CAMERA_EVENT_MOVED,     /* it looks elsewhere */
    CAMERA_EVENT_KINDS,
};
extern const char *const camera_event_kind_names[]; /* "lost" "frozen" ..., NULL */

struct camera_event {
    struct uuid id;
    char camera[OPT_NAME_BYTES];
    int index; /* of the camera in the configuration, for who filters live news; -1: not known */
    enum camera_event_kind kind;
    bool ended; /* it is over; else it has begun */
    int64_t wall_us;
    char text[192]; /* for people, in whole sentences; empty: nothing to add */
};
