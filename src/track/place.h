/* Has a box really moved? A box also changes when its object is half hidden, when the light
 * changes, or when the detector is in two minds: then one edge moves and the opposite one stays.
 * Only a box whose opposite edges move together, or apart like those of something coming nearer,
 * has moved. */
#pragma once

#include "model/box.h"

/* How far `now` is from `then`, as a share of the size of `then`: 0 at rest, 1 a whole length away.
 */
float place_shift(struct box then, struct box now);
