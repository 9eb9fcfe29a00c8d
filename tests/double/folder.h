/* A folder that tests upload to, and a clock that runs fast, so that nothing has to be waited for.
 */
#pragma once

#include "base/clock.h"
#include "double/clip.h"

/* Both scales run FAST times as fast as the real ones, from the moment it was made. */
#define FAST 20
struct fast_clock {
    struct clock clock;
    int64_t mono_us, wall_us;
};
void fast_clock_init(struct fast_clock *fast);

/* JPEG pictures of more than 10 KiB, each different. */
#define JPEGS_MAX 32
void jpegs_make(struct clip *ret, int count);

/* Writes a file below root, creating the folders of its name; closes it. */
void upload_bytes(const char *root, const char *name, const void *data, size_t bytes);
void upload_packet(const char *root, const char *name, const struct packet *packet);
/* A clip of noise, so that it is large enough. */
void upload_clip(const char *root, const char *name, const char *encoder, int frames, int fps);

bool upload_exists(const char *root, const char *name);
/* Removes a folder and all below it. */
void folder_remove(const char *path);
