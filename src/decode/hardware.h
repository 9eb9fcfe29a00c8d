/* Decoding in the graphics chip or a codec chip, where this machine, its driver and the stream's
 * codec allow it. Everything here may fail without harm: software decodes then, and the reason is
 * kept for people. */
#pragma once

#include "decode/decode.h"

#include <libavcodec/avcodec.h>

struct hardware {
    int kind;                  /* enum decode_hardware; DECODE_OFF: software */
    const AVCodec *codec;      /* V4L2 has decoders of its own; NULL: the codec's usual one */
    AVBufferRef *device;       /* owned; NULL for V4L2 */
    enum AVPixelFormat format; /* what its pictures come in, before they are fetched */
    char reason[DECODE_REASON_BYTES]; /* why better kinds, or all, are out */
};

/* Looks for hardware that decodes codec_id, of the kind conf wants. Takes up to some ten
 * milliseconds.
 */
void hardware_find(struct hardware *ret, const struct decode_conf *conf, enum AVCodecID codec_id);
void hardware_done(struct hardware *hardware);
/* The same, and remembers why: software from here on. */
void hardware_give_up(struct hardware *hardware, const char *why);

/* Gives the context the hardware to use, before it is opened. hardware is borrowed by it. */
void hardware_attach(struct hardware *hardware, AVCodecContext *context);

/* The picture in plain memory: fetched from the hardware if it lies there. False: it cannot be. */
NODISCARD bool hardware_fetch(const struct hardware *hardware, AVFrame *picture);
