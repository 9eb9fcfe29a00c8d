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

/* The same for a key frame seen alone, the frames since the last one not decoded. More sensitive: a
 * visit may show in this one picture only, and a false alarm costs no more than decoding those
 * frames after all. active is about this picture by itself: no hold, before or after. What differs
 * is learned so slowly that motion_push, shown the frames before it and this one again, still finds
 * it. */
void motion_push_key(struct motion *motion, const struct frame *frame, struct motion_result *ret);

/* Another one that knows and has seen the same, and goes its own way from here. Shares conf. */
NODISCARD struct motion *motion_copy(const struct motion *motion);
