/* Files that a subcommand writes. */
#pragma once

#include "base/err.h"

/* With the folders above it; one that is there is fine. ERR_UNAVAILABLE. */
NODISCARD bool files_make_folder(const char *path, struct err *err);

/* The whole of a new file, or in the place of an old one. ERR_UNAVAILABLE. */
NODISCARD bool files_write(const char *path, const void *data, size_t bytes, struct err *err);

/* The frame as a JPEG of quality 1..100. A NULL frame is one there was no memory for. */
struct frame;
NODISCARD bool files_write_jpeg(const char *path, const struct frame *frame, int quality,
                                struct err *err);
