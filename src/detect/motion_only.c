/* The detector for a machine without a model: every moving patch is an object called "motion". It
 * cannot tell a cat from a burglar, and says so wherever its name is shown. */
#include "detect/detect.h"

#define MOTION_SCORE 0.5f /* neither sure nor unsure */

static bool motion_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    (void)priv, (void)conf, (void)err;
    return true;
}

static bool motion_run(void *priv, struct look *looks, int count, struct err *err)
{
    (void)priv, (void)err;
    ASSERT(count == 1);
    const struct motion_result *motion = looks->motion;
    struct detections *ret = looks->ret;
    /* When the light changes, everything "moves". */
    for (int i = 0; i < motion->box_count && !motion->lighting; i++)
        ret->items[ret->count++] = (struct detection){
            .box = motion->boxes[i], .score = MOTION_SCORE, .label = "motion"};
    return true;
}

static void motion_describe(const void *priv, struct detector_info *ret)
{
    (void)priv;
    STR_COPY(ret->name, "motion only");
    STR_COPY(ret->backend, "none");
    ret->batch = 1;
}

static void motion_close(void *priv)
{
    (void)priv;
}

const struct detector_ops detector_motion = {
    .name = "motion",
    .priv_size = 1,
    .open = motion_open,
    .run = motion_run,
    .describe = motion_describe,
    .close = motion_close,
};
