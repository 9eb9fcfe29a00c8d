/* A file that a camera has uploaded, from the moment it was read until the store has it.
 *
 * Written by the capture thread until it is sent down the line, immutable after that but for what
 * is atomic. It travels behind its last picture, so whoever receives it has seen all there is. */
#pragma once

#include "base/clock.h"
#include "base/opt.h"

#include <stdatomic.h>

#define UPLOAD_NAME_BYTES    256
#define UPLOAD_SHA256_BYTES  32
#define UPLOAD_REFUSAL_BYTES 160

struct upload {
    atomic_int refs;
    char camera[OPT_NAME_BYTES];
    char name[UPLOAD_NAME_BYTES]; /* path below the camera's folder */
    uint8_t sha256[UPLOAD_SHA256_BYTES];
    int64_t bytes;
    int64_t wall_us;                    /* when it was last written */
    char refusal[UPLOAD_REFUSAL_BYTES]; /* why it was not taken; empty: it was */
    /* Set by the store thread after the commit: only now the file may be moved or deleted. */
    atomic_bool stored;
};

NODISCARD struct upload *upload_new(void);
struct upload *upload_ref(struct upload *upload);
void upload_unref(struct upload **upload);
