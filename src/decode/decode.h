/* Stage 2: packets -> frames, by libavcodec, one thread. Frames are pooled, planar 4:2:0 (what is
 * not is converted), and never written again. A camera's decoder is held by one vision worker at a
 * time. */
#pragma once

#include "base/err.h"
#include "model/frame.h"
#include "model/packet.h"

struct decoder;

/* pool_frames: pictures that may be in flight at once, before they are dropped and counted. */
NODISCARD struct decoder *decoder_new(int camera, int pool_frames);
void decoder_free(struct decoder **decoder);

/* Called for each decoded picture, in order; takes the frame. */
typedef void decoder_sink_fn(void *ctx, struct frame *frame);

/* Borrows the packet; an end packet flushes. A damaged picture is no error (it is counted): fails
 * only when the stream cannot be decoded at all, with ERR_INVALID (codec or pixel format unknown).
 */
NODISCARD bool decoder_send(struct decoder *decoder, const struct packet *packet,
                            decoder_sink_fn *sink, void *ctx, struct err *err);

struct decoder_stats {
    int64_t frames, damaged, dropped;
};
struct decoder_stats decoder_stats(const struct decoder *decoder);

/* One still picture (JPEG, PNG, anything libavcodec reads) from a file. */
NODISCARD bool decode_still(const char *path, struct frame **ret, struct err *err);
