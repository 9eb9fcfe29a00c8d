/* Which pictures of a window a model is shown: the best of each track, of different classes before
 * the second of one class, never two that look alike, at most four. */
#pragma once

#include "risk/llm/prompt.h"

#define PICTURE_FILE_BYTES_MAX (4 * 1024 * 1024)

struct pictures {
    int count;
    struct prompt_picture items[PROMPT_PICTURES_MAX];
};

/* path_of: where the picture of a track is on disk; false if there is none. Files that cannot be
 * read, are too large or are no JPEG are passed over. Two pictures are alike if they show the same
 * where either of their objects is: one frame with two objects is shown once, one place with
 * different people as often as there are. Reads files: not for a thread that must not wait. */
void pictures_load(const struct window *window, const struct evidence_list *evidence,
                   bool (*path_of)(void *ctx, const struct uuid *track, char *out, size_t bytes),
                   void *ctx, struct pictures *ret);
void pictures_free(struct pictures *pictures);
