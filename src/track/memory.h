/* What stands where it has been standing: a camera's memory of parked cars and other still objects,
 * kept across restarts. A car that the detector loses in the rain or at dusk and finds again is the
 * same car; only one that really goes or comes is news. One per camera, on the scene thread; pure.
 */
#pragma once

#include "model/parked.h"

struct memory;

NODISCARD struct memory *memory_new(void);
void memory_free(struct memory **memory);

/* What the store kept; also what another run of the program saved. Values from outside: what makes
 * no sense is left out. */
void memory_load(struct memory *memory, const struct parked *items, int count);

/* The remembered object this detection is, NULL: it is none. frame may be NULL: then only place and
 * label count. */
const struct parked *memory_find(const struct memory *memory, const struct detection *detection,
                                 const struct frame *frame);

/* A track has come to rest, or is still seen at rest (at most once a minute is enough): remembers
 * or refreshes it. */
void memory_keep(struct memory *memory, const struct uuid *track, const struct detection *detection,
                 const struct frame *frame, int64_t wall_us);

/* It has driven away under somebody's eyes. */
void memory_forget(struct memory *memory, const struct uuid *id);

/* The camera was turned: everything stands elsewhere by this much (share of the picture); unknown:
 * nothing is remembered in its place any more. */
void memory_shift(struct memory *memory, float x, float y, bool known);

/* Everything remembered, oldest first; valid until the next call that changes it. */
const struct parked *memory_items(const struct memory *memory, int *ret_count);
/* True once after something worth saving has changed. */
bool memory_take_changed(struct memory *memory);
