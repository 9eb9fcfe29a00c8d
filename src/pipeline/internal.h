/* Inside the pipeline: one camera's way through the stages, and who may touch which part of it. */
#pragma once

#include "base/pool.h"
#include "base/queue.h"
#include "batch/batch.h"
#include "capture/inbox.h"
#include "decode/decode.h"
#include "gate/gate.h"
#include "gate/hint.h"
#include "motion/view.h"
#include "pipeline/pipeline.h"

#include <pthread.h>

struct camera {
    /* set at start, then read-only */
    struct pipeline *pipeline;
    const struct camera_conf *conf;
    int index;
    bool recorded; /* uploads: nothing of them may be dropped */
    struct log log;
    struct queue *packets; /* capture -> vision */
    struct strand strand;
    struct gate *gate; /* belongs to the strand but for what its header says */

    /* capture thread only */
    bool skipping; /* vision fell behind: packets are dropped up to the next key frame */
    struct size_hint sizes;

    /* vision: the worker that holds the strand */
    struct decoder *decoder;
    struct motion *motion;
    struct motion *key_motion; /* what key frames alone would tell; only while shadow checking */
    struct view *view;
    enum gate_how how; /* the packet at hand */
    int lone_failures; /* key frames in a row that gave no picture by themselves */
    bool broken;       /* this stream cannot be decoded; told once */
    bool was_active;
    bool gap;          /* the next frame follows an interruption */
    int64_t passed_us; /* newest frame taken into account; replayed ones up to it are not again */
    int64_t next_look_us, last_sent_us, next_view_us;
    int64_t dense_until_us;   /* looks are denser up to here */
    struct observation *held; /* the slot was not free for them; oldest first */
    struct observation **held_end;
    int64_t handed_us; /* time spent on the decoder's pictures, which is not decoding */

    /* scene thread only */
    struct tracker *tracker;
    struct memory *memory;
    struct batch *batch;
    int64_t scene_us;                       /* newest time the scene knows of */
    int64_t watched_from_us, watched_to_us; /* wall time that risk has not been told of yet */
    struct health {
        enum view_state view;
        bool turned;        /* what is remembered has been shifted, by: */
        struct point shift; /* share of the picture; 0, 0: nobody knows */
        bool lost;          /* and that has been told */
        int64_t unwell_us;  /* since when it has been the other way round; 0: it is as told */
    } health;

    /* relaxed counters */
    atomic_llong frames, looks, skipped, dropped, damaged, ignored, decode_us, motion_us,
        queued_bytes;
    atomic_int view_state; /* enum view_state */

    pthread_mutex_t live_lock;
    /* protected by live_lock: what the page shows */
    struct capture *capture; /* NULL: disabled, not started yet, or stopped */
    struct frame *live_frame;
    struct detections live_boxes;
    struct err failure;            /* why it cannot be decoded; code ERR_NONE if it can */
    struct decoder_stats decoding; /* codec, hardware and why not */
};

/* What the scene has to tell, in order. */
struct news {
    struct event *event;    /* owned, or */
    struct upload *upload;  /* shared: everything seen in that file has been told before, or */
    struct camera *watched; /* it was, for so long (wall time) */
    int64_t from_us, to_us;
};
NODISCARD struct news *news_new(struct event *event, struct upload *upload); /* takes both */
NODISCARD struct news *news_watched(struct camera *camera, int64_t from_us, int64_t to_us);

struct pipeline {
    /* set at start, then read-only */
    struct pipeline_params params;
    struct camera *cameras; /* CAMERAS_MAX places */
    struct pool *vision;
    struct detect *detect;
    struct queue *observations; /* detect -> scene */
    struct queue *news;         /* scene -> risk */
    struct thread *scene, *risk;
    struct risk *assessor; /* risk thread only, but for its counts */
    struct inbox *inbox;

    atomic_int camera_count; /* grows when an upload folder appears */
    atomic_bool stopping;
    atomic_llong scene_us, risk_us;

    /* inbox thread only, until it has been joined */
    struct camera_conf *found[CAMERAS_MAX]; /* of upload folders; owned */
    int found_count;

    pthread_mutex_t lock;
    pthread_cond_t ended_changed;
    /* protected by lock */
    int ended; /* inputs */
};

/* vision.c. capture's door, on the capture thread; takes the packet. */
void vision_receive(void *camera, struct packet *packet);
strand_fn vision_run;
void vision_slot_emptied(void *pipeline, int camera); /* detect's word that the slot is free */
/* Passes an observation on to the detector, now or when its slot is free; takes. */
void vision_pass_on(struct camera *camera, struct observation *observation);

/* watch.c. decoder_sink_fn: one frame of the camera, on its strand. */
void watch_frame(void *camera, struct frame *frame);

/* scene.c */
void scene_receive(void *pipeline, struct observation *observation); /* detect's sink */
void scene_main(void *pipeline);

/* health.c, on the scene thread: tells what happened to a camera. */
void health_see(struct camera *camera, const struct observation *observation);
void health_tick(struct camera *camera, int64_t now_us);
void health_end(
    struct camera *camera); /* what has begun is over, because nobody watches any more */

/* pipeline.c. The camera's input is over. */
void pipeline_input_ended(struct pipeline *pipeline);

/* What its capture is doing; false: it has none. Any thread. */
bool camera_status(struct camera *camera, struct capture_status *ret);

/* Opens the gate of a camera from outside its strand. */
void pipeline_wake(struct camera *camera, enum gate_wake why, int64_t until_us);

static inline int pipeline_count(const struct pipeline *p)
{
    return atomic_load_explicit(&p->camera_count, memory_order_acquire);
}

static inline void count(atomic_llong *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static inline int64_t read_count(const atomic_llong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}
