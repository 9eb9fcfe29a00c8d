/* Schema versions: numbered scripts NNNN_name.up.sql and NNNN_name.down.sql, each run in a
 * transaction of its own. The version a database has is the number of its last script. */
#pragma once

#include "base/embed.h"
#include "base/err.h"

struct sqlite3;

/* src/store/migrations, put into the program at build time. */
extern const struct embedded embedded_migrations[];

#define STORE_APPLICATION_ID 0x48534931 /* "HSI1" in the database's header */

/* The newest version the scripts lead to. */
int migrate_newest(const struct embedded *scripts);

/* The version of the database, 0 for an empty one. ERR_DATA_LOSS, with a hint, for a damaged one,
 * another program's, or one newer than the scripts. */
NODISCARD bool migrate_version(struct sqlite3 *db, const struct embedded *scripts, int *ret,
                               struct err *err);

/* Takes the database to version target, up or down. Unless it is empty it is first copied to
 * backup_path (NULL: no copy). After a failure it has the version of the last script that
 * succeeded. */
NODISCARD bool migrate_to(struct sqlite3 *db, const struct embedded *scripts, int target,
                          const char *backup_path, struct err *err);
