/* THE wiring: stage -> queue -> stage, for all cameras. The only room that sees every stage.
 *
 *   cap:<camera> --packets--> vision pool (gate, decode, motion) --slot--> detect --observations-->
 *   scene (track, batch) --news--> risk --> sinks
 *
 * Live, pressure ends in the slot, where a newer frame replaces an older one. Otherwise (analyze)
 * everything is kept, whoever is ahead waits, and nothing is lost. */
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
    bool idle;             /* where it is allowed to, decode no more than key frames */
    bool realtime;         /* false: as fast as possible, dropping nothing, until the inputs end */
    bool pictures;         /* keep each track's best frame */
    int64_t start_wall_us; /* of the recordings, if they cannot say; TIME_UNKNOWN */

    /* Every change of an event, with its verdict, in order per camera; takes. Risk thread. */
    void (*event_sink)(void *ctx, struct event *event);
    /* Every confirmed track when it has ended; borrowed. Scene thread. NULL: not wanted. */
    void (*track_sink)(void *ctx, int camera, const struct live_track *track);
    /* What happens to cameras; borrowed. Scene thread. NULL: not wanted. */
    void (*camera_event_sink)(void *ctx, const struct camera_event *event);
    /* A file that was uploaded; all events seen in it came before. Takes. Risk thread. NULL: not
     * wanted. */
    void (*upload_sink)(void *ctx, struct upload *upload);
    /* Whether a camera has sent a file with this content before, and why it was refused then, if it
     * was (UPLOAD_REFUSAL_BYTES). Capture threads. NULL: none was. */
    bool (*upload_find)(void *ctx, const char *camera, const uint8_t *sha256, char *ret_refusal);
    /* A camera's still objects: what was kept of them (at most PARKED_MAX, returns how many), at
     * its start; and what to keep now, borrowed, on the scene thread. NULL: not kept. */
    int (*parked_load)(void *ctx, const char *camera, struct parked *items);
    void (*parked_sink)(void *ctx, const char *camera, const struct parked *items, int count);
    /* What feedback makes of a camera's scores, and its baseline: at its first event, and what it
     * has learned since. Risk thread. NULL: not kept. */
    bool (*offsets_of)(void *ctx, const char *camera, struct offsets *ret);
    bool (*baseline_load)(void *ctx, const char *camera, struct baseline *baseline);
    void (*baseline_sink)(void *ctx, const char *camera, const struct baseline_watch *watch,
                          const struct baseline_cell *cells, int count);
    void *sink_ctx; /* for all of them */

    /* Whether a language model may be asked about events. Risk thread. NULL: no. */
    bool (*model_known)(void *ctx);
    void *model_ctx;
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

/* Cameras there are by now: those of the configuration, then those found among the uploads. Their
 * names stay. */
int pipeline_camera_count(struct pipeline *pipeline);
const char *pipeline_camera_name(struct pipeline *pipeline, int camera);

/* Appends members to an open object: name, state, reason, picture size, rates, counts. */
void pipeline_camera_json(struct pipeline *pipeline, int camera, struct json *out);

/* The newest frame that came through, NULL if none yet, and the objects seen in it. The caller owns
 * the reference. Who asks is taken to be watching: an idle camera decodes everything for a while.
 */
NODISCARD struct frame *pipeline_camera_frame(struct pipeline *pipeline, int camera,
                                              struct detections *ret_boxes);

/* Time spent per stage, summed over cameras. */
struct pipeline_stats {
    int64_t frames, looks, skipped_packets, dropped_frames, overwritten, failed_looks;
    int64_t stale, regions;
    int64_t packets, decoded_packets; /* of an idle camera fewer are decoded */
    int64_t decode_us, motion_us, infer_us, scene_us, risk_us;
    int64_t packet_bytes, idle_bytes, frame_bytes; /* in memory now */
    struct risk_shadow_stats shadow;
};
struct pipeline_stats pipeline_stats(struct pipeline *pipeline);
