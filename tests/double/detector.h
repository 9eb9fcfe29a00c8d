/* Detectors that tests drive. */
#pragma once

#include "detect/detect.h"

#include <pthread.h>

/* Looks at the picture itself: everything brighter than 180 is one "person", whatever moves it.
 * With the model name "fail" it opens and then fails at every look; with "missing" it does not
 * open. */
extern const struct detector_ops detector_bright;

/* Stops at every look until the test lets it go on, so that the stage's slots can be filled behind
 * it. The frames given to it must come from gate_frame. */
extern const struct detector_ops detector_gated;

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int arrived; /* looks that have begun */
    int allowed; /* looks that may end */
};
void gate_init(struct gate *gate);
void gate_done(struct gate *gate);
void gate_open(struct gate *gate, int looks); /* lets so many more looks end */
void gate_wait_arrived(struct gate *gate, int looks);

/* A frame without pixels that tells detector_gated its gate (borrowed for the frame's life). */
NODISCARD struct frame *gate_frame(struct gate *gate, int camera, int64_t pts_us);
