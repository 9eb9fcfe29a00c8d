/* Detectors that tests drive. */
#pragma once

#include "detect/detect.h"

#include <pthread.h>

/* Looks at the picture itself: everything brighter than 180 is one "person", whatever moves it.
 * With the model name "fail" it opens and then fails at every look; with "missing" it does not
 * open. */
extern const struct detector_ops detector_bright;

/* The same, but it sees only the look's region, as a model with an input of 64x64 does, and takes 3
 * looks at once. With the model name "fail" every run fails. */
extern const struct detector_ops detector_tiled;
#define TILE_SIDE  64
#define TILE_BATCH 3

/* Stops at every look until the test lets it go on, so that the stage's slots can be filled behind
 * it. The frames given to it must come from turnstile_frame. With the model name "batch" it takes
 * GATED_BATCH looks at once. */
#define GATED_BATCH 4
extern const struct detector_ops detector_gated;

struct turnstile {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int arrived; /* looks that have begun */
    int allowed; /* looks that may end */
};
void turnstile_init(struct turnstile *turnstile);
void turnstile_done(struct turnstile *turnstile);
void turnstile_open(struct turnstile *turnstile, int looks); /* lets so many more looks end */
void turnstile_wait_arrived(struct turnstile *turnstile, int looks);

/* A frame without pixels that tells detector_gated its turnstile (borrowed for the frame's life).
 */
NODISCARD struct frame *turnstile_frame(struct turnstile *turnstile, int camera, int64_t pts_us);
