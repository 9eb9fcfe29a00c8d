/* What the store does when changes cannot be stored; for this room, on the store thread. Waiting
 * cures a full disk and a database that is locked; a change that is refused is set aside, so that
 * the others get through; into a damaged database nothing is written any more. */
#pragma once

#include "store/internal.h"

/* Takes note of a failed commit, for store_stats, and tells it: once until failing_end. */
void failing_begin(struct store *store, const struct err *err);
void failing_end(struct store *store);

/* Waits, at most wait_us, until it is worth trying again. False if the store is closing and its
 * time is up. */
bool failing_wait(struct store *store, int64_t wait_us);

/* Takes the change out of the group and says which one it is. */
void failing_set_aside(struct store *store, int index, const struct err *err);

/* If the database is damaged: nothing is written to it any more. True then. */
bool failing_is_damage(struct store *store, const struct err *err);

/* The end: takes no more changes, counts what is left of them as lost, lets nobody wait for it. */
void failing_give_up(struct store *store);
