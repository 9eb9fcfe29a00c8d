/* Where to look in a camera's next picture: parts of it, about as large as the model's input,
 * around what moves and what was found before; all of it on a schedule and whenever parts do not
 * pay. A part costs as much as the whole picture does, but shows more of what is in it.
 *
 * One per camera, on the detect thread. Pure: what is asked for depends only on this camera's own
 * observations and findings, so a recording is looked at in the same way every time. */
#pragma once

#include "model/detection.h"

#define REGION_SPOTS_MAX 32 /* places where something was found, remembered at once */

struct regions_params {
    int width, height; /* px, of the model's input; 0: parts mean nothing to it */
    float worth;       /* least times by which the whole would be shrunk, for parts to pay */
    int parts_max;     /* of one look, besides the whole; 0: always the whole */
    int64_t whole_every_us;
};

/* Something found, and where it should be by now. */
struct spot {
    struct box box;
    struct point speed; /* of its centre, per second */
    enum object_kind kind;
    float best; /* highest score */
    int misses; /* looks in a row at its place without it */
    int64_t seen_us;
    struct box rest_box; /* where it has been resting */
    int64_t rest_us;     /* since then */
};

struct regions {
    struct regions_params params;
    bool looked;      /* at least once */
    int64_t last_us;  /* of the newest look */
    int64_t whole_us; /* of the newest look at all of a picture */
    int spot_count;
    struct spot spots[REGION_SPOTS_MAX];
};

void regions_init(struct regions *regions, const struct regions_params *params);
/* The picture was interrupted: nothing is known any more. */
void regions_forget(struct regions *regions);

/* Where to look in the observation's frame. Gives how many, 1 to LOOKED_MAX; the whole picture, if
 * it is among them, first. */
int regions_plan(struct regions *regions, const struct observation *observation,
                 struct box ret[LOOKED_MAX]);

/* What parts showed only up to their edge, so that it counts as not found. */
struct cut {
    struct box box; /* as far as it was seen */
    enum object_kind kind;
    bool left, top, right, bottom; /* sides on which it goes on */
};

/* One more part of the frame, that shows all of them whole. */
struct box regions_widen(const struct regions *regions, const struct frame *frame,
                         const struct cut *cuts, int count);

/* What the look came to: analysed, looked and detections of the observation. cuts: what even the
 * last part had cut. */
void regions_learn(struct regions *regions, const struct observation *observation,
                   const struct cut *cuts, int cut_count);
