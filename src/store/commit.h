/* Group commit, for this room; on the store thread. */
#pragma once

#include "store/internal.h"

/* Fills the group with what is waiting; waits at most idle_us for a first change. False once the
 * store is closing and the queue is drained. */
bool store_gather(struct store *store, int64_t idle_us);

/* Commits the group and publishes it; tries again until it succeeds. False only if the store is
 * closing and its time is up, or if the database is damaged: what is left of the group is lost. */
bool store_commit(struct store *store);

/* Writes the pictures of openings, as long as nothing else waits or somebody waits for all of it.
 */
void store_write_late(struct store *store);

/* Forgets them: at the end, the closing change has brought them. */
void store_drop_late(struct store *store);
