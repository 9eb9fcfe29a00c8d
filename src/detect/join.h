/* What several looks at parts of one frame found, as the findings of one look: what two parts saw
 * counts once, and what a part shows only up to its edge is not taken for all of it. Pure. */
#pragma once

#include "detect/detect.h"
#include "detect/regions.h"

#define CUTS_MAX 8 /* of one frame; the best */

/* looks: of the same frame, each with what it found; ret: none of theirs. Gives how many things are
 * only known in part, because no look showed them whole; ret_cuts: CUTS_MAX of them, best first. */
int join_looks(const struct look *looks, int count, struct detections *ret, struct cut *ret_cuts);
