#include "model/packet.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <stdlib.h>

struct stream *stream_new(struct AVCodecParameters *params, int num, int den)
{
    struct stream *s = NEW(struct stream);
    atomic_init(&s->refs, 1);
    s->params = params;
    s->time_base_num = num;
    s->time_base_den = den;
    return s;
}

struct stream *stream_ref(struct stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void stream_unref(struct stream **stream)
{
    struct stream *s = *stream;
    *stream = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    avcodec_parameters_free(&s->params);
    free(s);
}

struct packet *packet_new(struct AVPacket *av, struct stream *stream)
{
    struct packet *p = NEW(struct packet);
    atomic_init(&p->refs, 1);
    p->av = av;
    p->stream = stream ? stream_ref(stream) : NULL;
    p->wall_us = TIME_UNKNOWN;
    return p;
}

struct packet *packet_ref(struct packet *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void packet_unref(struct packet **packet)
{
    struct packet *p = *packet;
    *packet = NULL;
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    av_packet_free(&p->av);
    stream_unref(&p->stream);
    upload_unref(&p->upload);
    free(p);
}
