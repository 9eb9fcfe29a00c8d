/* Puts an uploaded file away. What lies under its name by then may be another file (cameras that
 * overwrite their one picture, people who are quick): that one stays where it was. */
#pragma once

#include "base/err.h"
#include "capture/folder_known.h"

#define SETTLE_DONE    ".done" /* below the folder */
#define SETTLE_REFUSED ".refused"

/* path is below root. Moves the file to the same path below `into`, with a number behind its name
 * if that is taken. Nothing to do where the file is gone or is another. ERR_UNAVAILABLE. */
NODISCARD bool settle_move(int root, const char *path, const struct file_id *id, const char *into,
                           struct err *err);
NODISCARD bool settle_delete(int root, const char *path, const struct file_id *id, struct err *err);
