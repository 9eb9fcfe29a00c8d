/* Stage 6: tracks -> events. Per camera: a window opens with the first confirmed moving track (the
 * event exists from then on), and closes 90 s later, or when nothing moving has been seen for 10 s,
 * or at 64 tracks; never by the number of boxes or the rate of looks: silence counts only while
 * somebody looks (decision 0011). On the scene thread; pure: time comes with the calls. */
#pragma once

#include "base/opt.h"
#include "base/uuid7.h"
#include "model/event.h"

struct batch_conf {
    int64_t window_us; /* longest event */
    int64_t quiet_us;  /* nothing moving for this long closes it */
    int max_tracks;    /* this many tracks close it */
};
extern const struct section batch_section;

struct batch;

/* Called with every change of an event, in order: revision 0 opens it. Takes the event. */
typedef void batch_sink_fn(void *ctx, struct event *event);

NODISCARD struct batch *batch_new(const struct batch_conf *conf, int camera,
                                  const char *camera_name, struct uuid_gen *ids,
                                  batch_sink_fn *sink, void *ctx);
void batch_free(struct batch **batch);

/* The moving tracks at one moment: since the track was first seen, not since the window opened. */
struct batch_track {
    const struct track *track; /* borrowed for the call */
    bool seen;                 /* in this very frame; else it is alive but hidden */
};

/* One analysed frame: all tracks that are moving and have not ended, the hidden ones too. Opens,
 * updates or closes. Times must not go back, between pushes and ticks either. */
void batch_push(struct batch *batch, int64_t pts_us, int64_t wall_us, int64_t arrived_us,
                const struct batch_track *tracks, int count);

/* Frames came, but none was worth a look. Who was there at the last look still is, so that only the
 * silence after tracks that have left counts. */
void batch_tick(struct batch *batch, int64_t pts_us);

/* Nothing came at all: the camera is gone, and nobody's presence may be assumed. All silence
 * counts. */
void batch_tick_blind(struct batch *batch, int64_t pts_us);

/* Closes what is open, if anything: end of input, shutdown. */
void batch_end(struct batch *batch, enum close_reason reason);
