/* How something looks, in 48 bytes: an 8 x 6 picture of its brightness from which the light is
 * taken out, so that day, dusk and infrared show nearly the same. */
#pragma once

#include "model/parked.h"

/* All zero, "unknown", where there is nothing to tell: too small, too flat, no frame. */
void looks_of(const struct frame *frame, struct box box, uint8_t ret[PARKED_LOOKS_BYTES]);

bool looks_known(const uint8_t looks[PARKED_LOOKS_BYTES]);

/* Correlation, -1..1: about 0 for two different things, 1 for the same. Both must be known. */
float looks_likeness(const uint8_t a[PARKED_LOOKS_BYTES], const uint8_t b[PARKED_LOOKS_BYTES]);

/* Moves `usual` a little towards `now`; takes it over where it was unknown. */
void looks_learn(uint8_t usual[PARKED_LOOKS_BYTES], const uint8_t now[PARKED_LOOKS_BYTES]);
