/* Stage 2: packets -> frames, by libavcodec, one thread. Frames are pooled, planar 4:2:0 (what is
 * not is converted), and never written again. A camera's decoder is held by one vision worker at a
 * time. */
#pragma once

#include "base/opt.h"
#include "model/frame.h"
#include "model/packet.h"

enum decode_hardware { DECODE_AUTO, DECODE_OFF, DECODE_VAAPI, DECODE_CUDA, DECODE_V4L2 };
extern const char *const decode_hardware_names[]; /* "auto" "off" "vaapi" "cuda" "v4l2", NULL */

struct decode_conf {
    int hardware;     /* enum decode_hardware */
    char device[128]; /* of VAAPI or CUDA: "/dev/dri/renderD129"; empty: the first */
};
extern const struct section decode_section;

struct decoder;

/* pool_frames: pictures that may be in flight at once, before they are dropped and counted. conf is
 * borrowed for its life; NULL: software. */
NODISCARD struct decoder *decoder_new(int camera, int pool_frames, const struct decode_conf *conf);
void decoder_free(struct decoder **decoder);

/* Called for each decoded picture, in order; takes the frame. */
typedef void decoder_sink_fn(void *ctx, struct frame *frame);

/* Borrows the packet; an end packet, and one that ends a file, flushes. A damaged picture is no
 * error (it is counted): fails only when the stream cannot be decoded at all, with ERR_INVALID
 * (codec or pixel format unknown).
 */
NODISCARD bool decoder_send(struct decoder *decoder, const struct packet *packet,
                            decoder_sink_fn *sink, void *ctx, struct err *err);

/* The same for a key frame by itself: its picture comes at once, and what was sent before or comes
 * after has nothing to do with it. */
NODISCARD bool decoder_send_alone(struct decoder *decoder, const struct packet *packet,
                                  decoder_sink_fn *sink, void *ctx, struct err *err);

#define DECODE_REASON_BYTES 192

struct decoder_stats {
    int64_t frames, damaged, dropped;
    int64_t bytes;                    /* pixels of the pictures in flight now */
    char codec[16];                   /* "h264"; empty before the first packet */
    const char *hardware;             /* "off" for software */
    char reason[DECODE_REASON_BYTES]; /* why it is software where hardware was wanted; else empty */
};
struct decoder_stats decoder_stats(const struct decoder *decoder);

/* One still picture (JPEG, PNG, anything libavcodec reads) from a file. */
NODISCARD bool decode_still(const char *path, struct frame **ret, struct err *err);
