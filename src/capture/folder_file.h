/* One uploaded file: opened once, hashed, recognised by its content, and read as a picture. */
#pragma once

#include "base/err.h"
#include "capture/folder_watch.h"
#include "model/packet.h"

#include <stdatomic.h>
#include <time.h>

#define FILE_BYTES_MIN    (10 * 1024)
#define FILE_BYTES_MAX    (INT64_C(8) << 30)
#define STILL_BYTES_MAX   (INT64_C(64) << 20)
#define STILL_SIDE_MIN    16 /* px */
#define FILE_SHA256_BYTES 32

struct folder_file {
    int fd; /* -1: not open */
    struct file_id id;
    struct timespec changed; /* the inode's own time, which nobody can set */
    int64_t written_us;      /* wall clock, not in the future */
    uint8_t sha256[FILE_SHA256_BYTES];
    bool still;
    int codec;     /* enum AVCodecID of a still */
    char path[40]; /* leads to the open file, wherever its name points to meanwhile */
};

/* ERR_NOT_FOUND: it is gone or has changed since it was seen. ERR_UNAVAILABLE: it cannot be read
 * now. */
NODISCARD bool file_open(int root, const struct watch_item *item, int64_t now_wall_us,
                         struct folder_file *ret, struct err *err);
void file_close(struct folder_file *file);

/* Of the content; of a file beyond FILE_BYTES_MAX, of its first part and its size. ERR_CANCELLED,
 * ERR_UNAVAILABLE. */
NODISCARD bool file_hash(struct folder_file *file, const atomic_bool *stop, struct err *err);

bool file_is_unchanged(const struct folder_file *file);

/* Whether it is something to look at. ERR_INVALID says why not. */
NODISCARD bool file_recognise(struct folder_file *file, struct err *err);
extern const char file_clip_formats[]; /* what counts as a clip, as libavformat lists names */

/* The picture, if all of it decodes (ERR_INVALID else), as a packet of a stream that is shared with
 * the still before if that fits: *stream. Its wall time is set. */
NODISCARD bool file_read_still(struct folder_file *file, struct stream **stream,
                               struct packet **ret, struct err *err);

/* Whether a clip's pictures decode at all, found out with its first packets. */
struct clip_check;
NODISCARD struct clip_check *clip_check_new(const struct stream *stream);
void clip_check_free(struct clip_check **check);
bool clip_check_decodes(struct clip_check *check, const struct packet *packet); /* NULL: the end */
