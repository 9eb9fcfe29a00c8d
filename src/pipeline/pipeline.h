/* THE wiring: stage -> queue -> stage, for all cameras. The only room that sees every stage.
 *
 *   capture:<cam> --packets--> vision pool --slot--> detect --observations--> scene --events-->
 * risk --> sink
 *
 * Live, pressure ends in the slot, where a newer frame replaces an older one. Otherwise (analyze)
 * every queue blocks and nothing is lost. */
#pragma once

#include "config.h"
#include "track/track.h"

struct pipeline_params {
    const struct config *config; /* borrowed for the pipeline's life, as all pointers here */
    struct detector *detector;
    struct uuid_gen *ids;
    const struct clock *clock;
    struct log log;
    struct bus *bus;       /* camera states and live boxes; NULL: nowhere */
    bool realtime;         /* false: as fast as possible, dropping nothing, until the inputs end */
    bool pictures;         /* keep each track's best frame */
    int64_t start_wall_us; /* of the recordings, if they cannot say; TIME_UNKNOWN */

    /* Every change of an event, with its verdict, in order per camera; takes. Risk thread. */
    void (*event_sink)(void *ctx, struct event *event);
    /* Every confirmed track when it has ended; borrowed. Scene thread. NULL: not wanted. */
    void (*track_sink)(void *ctx, int camera, const struct live_track *track);
    void *sink_ctx;
};

struct pipeline;

NODISCARD bool pipeline_start(const struct pipeline_params *params, struct pipeline **ret,
                              struct err *err);

/* Stops the stages in the order data flows: open events are closed and reach the sink. Frees.
 * Returns false if a capture thread had to be left behind, stuck in a name look-up: what params
 * borrowed must then stay, and the process end by _exit. */
bool pipeline_stop(struct pipeline **pipeline);

/* Waits until every input has ended or timeout_us is over; true if they have. */
bool pipeline_wait_ended(struct pipeline *pipeline, int64_t timeout_us);

/* After the inputs ended: false and err if this one broke or showed no picture. */
NODISCARD bool pipeline_input_result(struct pipeline *pipeline, int camera, struct err *err);

/* Least share done of all inputs, 0..1; < 0 when unknown. Any thread, like all below. */
double pipeline_progress(struct pipeline *pipeline);

/* Appends members to an open object: name, state, reason, picture size, rates, counts. */
void pipeline_camera_json(struct pipeline *pipeline, int camera, struct json *out);

/* The newest frame that came through, NULL if none yet, and the objects seen in it. The caller owns
 * the reference. */
NODISCARD struct frame *pipeline_camera_frame(struct pipeline *pipeline, int camera,
                                              struct detections *ret_boxes);

/* Time spent per stage, summed over cameras. */
struct pipeline_stats {
    int64_t frames, looks, skipped_packets, dropped_frames, overwritten, failed_looks;
    int64_t decode_us, motion_us, infer_us, scene_us, risk_us;
};
struct pipeline_stats pipeline_stats(struct pipeline *pipeline);
