/* What stands where it has been standing: a camera's memory of parked cars and other still objects,
 * kept across restarts. A car that the detector loses in the rain or at dusk and finds again is the
 * same car; only one that really goes or comes is news (decision 0012). One per camera, on the
 * scene thread; pure. */
#pragma once

#include "model/parked.h"

struct memory;

/* remember_us: an object unseen for longer is forgotten. */
NODISCARD struct memory *memory_new(int64_t remember_us);
void memory_free(struct memory **memory);

/* What the store kept; also what another run of the program saved. Values from outside: what makes
 * no sense is left out. */
void memory_load(struct memory *memory, const struct parked *items, int count);

/* Something that stands somewhere, or seems to. All borrowed for the call. */
struct memory_sight {
    const struct detection *detection;
    const struct frame *frame; /* NULL: only place and label count */
    int64_t wall_us;           /* TIME_UNKNOWN: nothing ages */
};

/* The remembered object that this is, NULL: it is none. Those in taken are somebody else. Valid
 * until the next call that changes the memory. */
const struct parked *memory_find(const struct memory *memory, const struct memory_sight *sight,
                                 const struct uuid *taken, int taken_count);

/* The object of that id stands there: remembers or refreshes it. Once a minute is enough; more
 * often does no harm. */
void memory_keep(struct memory *memory, const struct uuid *id, const struct memory_sight *sight);

/* It has driven away under somebody's eyes. */
void memory_forget(struct memory *memory, const struct uuid *id);

/* The camera was turned: everything stands elsewhere by this much (share of the picture); unknown:
 * nothing is remembered in its place any more. */
void memory_shift(struct memory *memory, float x, float y, bool known);

/* Everything remembered, oldest first; valid until the next call that changes it. */
const struct parked *memory_items(const struct memory *memory, int *ret_count);
/* True once after something worth saving has changed: at once when an object came or went, every
 * few minutes when they are only still there. */
bool memory_take_changed(struct memory *memory);
