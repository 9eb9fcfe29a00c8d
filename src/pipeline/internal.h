/* Inside the pipeline: one camera's way through the stages, and who may touch which part of it. */
#pragma once

#include "base/pool.h"
#include "base/queue.h"
#include "batch/batch.h"
#include "decode/decode.h"
#include "pipeline/pipeline.h"

#include <pthread.h>

struct camera {
    /* set at start, then read-only */
    struct pipeline *pipeline;
    const struct camera_conf *conf;
    int index;
    struct log log;
    struct capture *capture;
    struct queue *packets; /* capture -> vision */
    struct strand strand;

    /* capture thread only */
    bool skipping; /* vision fell behind: packets are dropped up to the next key frame */

    /* vision: the worker that holds the strand */
    struct decoder *decoder;
    struct motion *motion;
    bool broken; /* this stream cannot be decoded; told once */
    bool was_active;
    bool gap; /* the next frame follows an interruption */
    int64_t next_look_us, last_sent_us;
    struct observation *held; /* the slot was not free for them; oldest first */
    struct observation **held_end;
    int64_t handed_us; /* time spent on the decoder's pictures, which is not decoding */

    /* scene thread only */
    struct tracker *tracker;
    struct batch *batch;
    int64_t scene_us; /* newest time the scene knows of */

    /* relaxed counters */
    atomic_llong frames, looks, skipped, dropped, damaged, decode_us, motion_us;

    pthread_mutex_t live_lock;
    /* protected by live_lock: what the page shows */
    struct frame *live_frame;
    struct detections live_boxes;
    struct err failure; /* why the stream cannot be decoded; code ERR_NONE if it can */
};

struct pipeline {
    /* set at start, then read-only */
    struct pipeline_params params;
    int camera_count;
    struct camera *cameras;
    struct pool *vision;
    struct detect *detect;
    struct queue *observations; /* detect -> scene */
    struct queue *events;       /* scene -> risk */
    struct thread *scene, *risk;
    struct scorer *scorer; /* risk thread only */

    atomic_bool stopping;
    atomic_llong scene_us, risk_us;

    pthread_mutex_t lock;
    pthread_cond_t ended_changed;
    int ended; /* inputs; protected by lock */
};

/* vision.c. capture's door, on the capture thread; takes the packet. */
void vision_receive(void *camera, struct packet *packet);
strand_fn vision_run;
void vision_slot_emptied(void *pipeline, int camera); /* detect's word that the slot is free */

/* scene.c */
void scene_receive(void *pipeline, struct observation *observation); /* detect's sink */
void scene_main(void *pipeline);

/* pipeline.c. The camera's input is over. */
void pipeline_input_ended(struct pipeline *pipeline);

static inline void count(atomic_llong *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}
