/* Directories that survive a loss of power: a new name is only on the disk when the directory it is
 * in has been synced. For this room, any thread. */
#pragma once

#include "base/err.h"

/* Makes the directory and those above it that are missing. 0700: pictures of people's homes are
 * nobody else's business. Its names, and its own in its parent, are on the disk afterwards, also
 * those of an earlier process that did not get that far. */
NODISCARD bool dir_make(const char *path, struct err *err);

/* Puts the names in the directory on the disk. */
NODISCARD bool dir_sync(const char *path, struct err *err);
