/* One decoded picture: planar YUV 4:2:0, refcounted, immutable once it has been queued.
 *
 * The pixels belong to whatever made them (a libavcodec buffer, plain memory) and are given back
 * through release when the last reference goes, on whichever thread that is. Frames of a camera
 * come from a pool of fixed size: when it is empty the picture is dropped and counted, never queued
 * up. */
#pragma once

#include "base/clock.h"

#include <stdatomic.h>

struct frame_pool;

struct frame {
    atomic_int refs;
    struct frame_pool *pool; /* NULL for a frame of its own */

    int camera;         /* index into the configuration snapshot */
    int64_t seq;        /* decoded pictures of this camera, from 0 */
    int64_t pts_us;     /* camera timeline */
    int64_t wall_us;    /* TIME_UNKNOWN if the source cannot say */
    int64_t arrived_us; /* monotonic clock: when its packet was received */

    int width, height;       /* px, both even or the chroma is rounded up */
    const uint8_t *plane[3]; /* Y, U, V; U and V are (w+1)/2 x (h+1)/2 */
    int stride[3];           /* bytes */
    bool key;                /* decoded from a packet that stands alone */
    bool still;              /* a picture of its own, see struct packet */
    bool full_range;         /* 0..255 (JPEG) instead of 16..235 */
    bool bt709;              /* else BT.601 */

    void *backing; /* what release gives back */
    void (*release)(void *backing);
};

NODISCARD struct frame_pool *frame_pool_new(int capacity);
/* The pool dies when its last frame has come back. */
void frame_pool_unref(struct frame_pool **pool);
/* Pictures that found the pool empty. */
int64_t frame_pool_dropped(const struct frame_pool *pool);
int frame_pool_in_use(const struct frame_pool *pool);

/* A blank frame with one reference; NULL when all of the pool's frames are in use. */
NODISCARD struct frame *frame_from_pool(struct frame_pool *pool);

/* A frame with its own zeroed pixels; NULL when there is no memory or the size is absurd. Write to
 * it through frame_plane_w until it is shared. */
NODISCARD struct frame *frame_alloc(int width, int height);
uint8_t *frame_plane_w(struct frame *frame, int plane); /* asserts that it is not shared */

/* The same into a blank frame, such as one from a pool. False when there is no memory. */
NODISCARD bool frame_alloc_pixels(struct frame *frame, int width, int height);

/* A private copy of pixels and stamps, not from any pool; NULL when there is no memory. */
NODISCARD struct frame *frame_copy(const struct frame *frame);

struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame **frame);

#define FRAME_SIDE_MAX 16384 /* px; larger pictures are refused */
