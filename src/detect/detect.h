/* Stage 4: frames -> detections. A detector is one detector_ops table; the stage keeps one newest
 * frame per camera (a slot), serves the cameras in turn, and passes every observation on in order.
 */
#pragma once

#include "base/log.h"
#include "base/opt.h"
#include "base/thread.h"
#include "model/detection.h"

#define DETECT_MODEL_BYTES 512
#define DETECT_ALL_LABELS  "all"

struct detect_conf {
    char model[DETECT_MODEL_BYTES];   /* path or installed name; empty: motion only */
    char library[DETECT_MODEL_BYTES]; /* libonnxruntime to load; empty: search */
    double fps;                       /* looks per second and camera while something moves */
    double threshold;                 /* least score */
    struct opt_list labels;           /* empty: the default classes; DETECT_ALL_LABELS: every one */
    struct opt_map label_thresholds;  /* struct label_conf, by label */
    int threads;                      /* inference threads */
    int provider;                     /* enum detect_provider */
    int regions;                      /* enum detect_regions */
    int64_t whole_every_us;           /* between looks at all of a picture, while it is active */
    int64_t batch_wait_us;            /* at most, for other cameras' pictures */
};
enum detect_provider { PROVIDER_AUTO, PROVIDER_CPU, PROVIDER_CUDA };
enum detect_regions { REGIONS_AUTO, REGIONS_ON, REGIONS_OFF };
extern const struct section detect_section;

struct label_conf {
    char name[OPT_NAME_BYTES];
    double threshold;
};

/* One part of one frame to look at. */
struct look {
    const struct frame *frame;
    const struct motion_result *motion; /* what the gate saw in the whole frame */
    struct box region;                  /* of the frame; {0, 0, 1, 1}: all of it */
    struct detections *ret;             /* best first, boxes of the whole frame */
};

struct detector_info {
    char name[64];     /* "yolo26n-640", "motion only" */
    char backend[96];  /* "onnxruntime 1.30.0 cpu", "none" */
    char reason[256];  /* why it is not better: "no model configured"; empty if it is */
    int width, height; /* px, of the model's input; 0 for motion only */
    int batch;         /* looks that one run may take, at least 1 */
    char note[256];    /* from the model's own metadata: "demonstration scene only"; may be empty */
};

struct detector_ops {
    const char *name;
    size_t priv_size; /* zeroed before open */
    bool (*open)(void *priv, const struct detect_conf *conf, struct err *err);
    /* 1 to info.batch looks at once; all or none succeed. */
    bool (*run)(void *priv, struct look *looks, int count, struct err *err);
    void (*describe)(const void *priv, struct detector_info *ret);
    void (*close)(void *priv); /* also after a failed open */
};
extern const struct detector_ops detector_onnx, detector_motion;

struct detector;

/* Opens the best detector the configuration and this machine allow: onnx with a model and a
 * library, else motion only, with the reason in its info. Fails only when a model was configured
 * and is unusable (missing, not a model, wrong shape). ops NULL chooses; tests pass a double. */
NODISCARD bool detector_open(const struct detect_conf *conf, const struct detector_ops *ops,
                             struct detector **ret, struct err *err);
void detector_close(struct detector **detector);
const struct detector_info *detector_info(const struct detector *detector);
/* How the stage is to use it; from its configuration. */
struct detect_policy {
    int regions; /* enum detect_regions */
    int64_t whole_every_us, batch_wait_us;
};
const struct detect_policy *detector_policy(const struct detector *detector);
/* As the table's run; on the calling thread, one at a time. */
NODISCARD bool detector_run(struct detector *detector, struct look *looks, int count,
                            struct err *err);

/* The stage: its thread, its slots. */
struct detect;
typedef void detect_sink_fn(void *ctx, struct observation *observation); /* takes */

struct detect_params {
    struct detector *detector; /* borrowed */
    int cameras;
    /* A camera's slot is free again, after a push had been refused. Any thread. NULL: nobody waits.
     */
    void (*emptied)(void *ctx, int camera);
    const struct clock *clock;
    struct log log;
    detect_sink_fn *sink;
    void *sink_ctx;
};
NODISCARD bool detect_start(const struct detect_params *params, struct detect **ret,
                            struct err *err);
/* Takes the observation, or refuses it (false, *observation untouched): when the slot holds one
 * that is to be kept, or this one is to be kept and the slot is not free. emptied then says when to
 * come again. Vision's door; any thread, but one at a time per camera. */
NODISCARD bool detect_push(struct detect *detect, struct observation **observation);
void detect_stop(struct detect **detect); /* finishes what is in the slots, joins, frees */

struct detect_stats {
    int64_t inferences;  /* pictures and parts of pictures that went through the model */
    int64_t regions;     /* those that were parts; a frame may have several */
    int64_t runs;        /* of the model: with batches fewer than inferences */
    int64_t overwritten; /* frames: a newer one took the slot */
    int64_t stale;       /* frames: waited too long for their turn, not looked at */
    int64_t failed;      /* frames */
    int64_t infer_us;    /* total */
};
struct detect_stats detect_stats(struct detect *detect); /* any thread */
