/* Pictures against rows, both ways; only for fsck. */
#pragma once

#include "store/db_check.h"

/* Whether the files of each row of a picture are there, in their sizes. */
NODISCARD bool fsck_pictures(const char *dir, struct db *db, const struct check *check,
                             struct err *err);

/* Files that belong to no row. Mending removes them; outside a transaction. */
NODISCARD bool fsck_strays(const char *dir, struct db *db, const struct check *check,
                           struct err *err);
