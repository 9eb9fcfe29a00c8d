/* Stage 3: frames -> is it worth a look? A background model on a small luma picture: cheap enough
 * to see every frame, so that the detector need not. One per camera, held by one vision worker at a
 * time; pure: same frames in, same answers out. */
#pragma once

#include "base/opt.h"
#include "model/detection.h"
#include "model/zone.h"

#define MASKS_MAX 16

struct mask_conf {
    char name[OPT_NAME_BYTES];
    struct opt_points polygon;
};

struct motion_conf {
    bool enabled;         /* off: every frame is worth a look */
    double threshold;     /* luma steps (of 255) a cell must differ from the background */
    double area;          /* share of unmasked cells that must differ */
    int64_t hold_us;      /* stay active this long after the last change */
    int64_t refresh_us;   /* without motion, look anyway this often: nothing is starved for ever */
    struct opt_map masks; /* struct mask_conf: places whose movement does not count */
};
extern const struct section motion_section;

struct motion;

NODISCARD struct motion *
motion_new(const struct motion_conf *conf); /* conf borrowed for its life */
void motion_free(struct motion **motion);

/* Compares with the background and learns. gap: predictions about the time before are void. */
void motion_push(struct motion *motion, const struct frame *frame, bool gap,
                 struct motion_result *ret);
