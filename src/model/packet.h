/* One compressed picture of one camera, on its way from capture to decode and to recording.
 *
 * Refcounted with our own count (libavutil's is invisible to the thread sanitizer) and immutable
 * once queued. Memory: the AVPacket's buffer plus this struct. */
#pragma once

#include "model/upload.h"

struct AVPacket;
struct AVCodecParameters;

/* What a decoder needs to know; one for all packets of a session, replaced when it changes. */
struct stream {
    atomic_int refs;
    struct AVCodecParameters *params; /* owned */
    int time_base_num, time_base_den; /* of the AVPacket's own stamps */
};

struct packet {
    atomic_int refs;
    struct AVPacket *av;   /* owned */
    struct stream *stream; /* shared */
    int64_t pts_us;        /* camera timeline: monotonic over reconnects and loops */
    int64_t wall_us;       /* when it happened, TIME_UNKNOWN if the source cannot say */
    int64_t arrived_us;    /* monotonic clock, when it was received */
    bool key;              /* decoding can start here */
    bool gap;              /* packets before this one were lost: forget predictions */
    bool recorded;         /* of a recording that waits for us: nothing of it may be dropped */
    bool still; /* a picture of its own, not one of a film: what it shows counts at once */
    bool large; /* much larger than usual between key frames: perhaps something moves */
    bool blind; /* no picture: nothing else has come until pts_us (av is NULL) */
    bool end;   /* end of input: no more packets follow (av is NULL) */
    struct upload *upload; /* shared; what was before belongs to this file, which ends here (av is
                              NULL); NULL for all other packets */
};

/* Takes params, also on failure. */
NODISCARD struct stream *stream_new(struct AVCodecParameters *params, int num, int den);
struct stream *stream_ref(struct stream *stream);
void stream_unref(struct stream **stream);

/* Takes av; shares stream (both NULL for a packet without a picture). */
NODISCARD struct packet *packet_new(struct AVPacket *av, struct stream *stream);
struct packet *packet_ref(struct packet *packet);
void packet_unref(struct packet **packet);
