/* The floor under any pipeline: libavcodec alone, one thread, a clip looped at its own pace. The
 * driver reads this process's CPU time from outside, the same way as hsi's. Runs until it is ended.
 * It wakes for every packet, whatever it does with it, as who receives a stream has to.
 */
#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum mode { ALL, KEYS, DEMUX };

struct player {
    enum mode mode;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVFrame *frame;
    int stream;
    int64_t start_ns, loop_ns; /* wall time of the first picture; length of the loops played */
    int64_t frames;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_until(int64_t at_ns)
{
    struct timespec t = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        continue;
}

static bool open_clip(struct player *p, const char *path)
{
    const AVCodec *codec = NULL;
    if (avformat_open_input(&p->format, path, NULL, NULL) < 0 ||
        avformat_find_stream_info(p->format, NULL) < 0)
        return false;
    p->stream = av_find_best_stream(p->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (p->stream < 0)
        return false;
    p->codec = avcodec_alloc_context3(codec);
    p->frame = av_frame_alloc();
    if (!p->codec || !p->frame)
        return false;
    avcodec_parameters_to_context(p->codec, p->format->streams[p->stream]->codecpar);
    p->codec->thread_count = 1;
    if (p->mode == KEYS) /* a picture by itself is not held back for the order of those around it */
        p->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
    return avcodec_open2(p->codec, codec, NULL) >= 0;
}

static void decode(struct player *p, AVPacket *packet)
{
    if (p->mode == DEMUX || (p->mode == KEYS && !(packet->flags & AV_PKT_FLAG_KEY)))
        return;
    avcodec_send_packet(p->codec, packet);
    while (avcodec_receive_frame(p->codec, p->frame) >= 0)
        p->frames++;
}

/* One pass over the clip, each packet at its time. Returns its length. */
static int64_t play_once(struct player *p)
{
    AVStream *stream = p->format->streams[p->stream];
    AVPacket *packet = av_packet_alloc();
    int64_t zero = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
    int64_t end_ns = 0;
    while (packet && av_read_frame(p->format, packet) >= 0) {
        if (packet->stream_index == p->stream) {
            int64_t at = av_rescale_q(packet->pts - zero, stream->time_base,
                                      (AVRational){1, 1000000000});
            int64_t length = av_rescale_q(packet->duration, stream->time_base,
                                          (AVRational){1, 1000000000});
            wait_until(p->start_ns + p->loop_ns + at);
            decode(p, packet);
            if (at + length > end_ns)
                end_ns = at + length;
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return end_ns;
}

int main(int argc, char **argv)
{
    struct player p = {.mode = ALL};
    if (argc == 3 && strcmp(argv[1], "--key") == 0)
        p.mode = KEYS;
    else if (argc == 3 && strcmp(argv[1], "--demux") == 0)
        p.mode = DEMUX;
    if (argc != (p.mode == ALL ? 2 : 3) || !open_clip(&p, argv[argc - 1])) {
        fprintf(stderr, "usage: %s [--key | --demux] CLIP\n", argv[0]);
        return 2;
    }
    p.start_ns = now_ns();
    for (;;) {
        int64_t length = play_once(&p);
        if (length <= 0 || av_seek_frame(p.format, p.stream, 0, AVSEEK_FLAG_BACKWARD) < 0)
            return 1;
        avcodec_flush_buffers(p.codec);
        p.loop_ns += length;
        printf("%" PRId64 " frames\n", p.frames);
        fflush(stdout);
    }
}
