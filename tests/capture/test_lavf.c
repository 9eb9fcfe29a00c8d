/* Recordings through libavformat: stamps, ends, what is refused, and that files do not reach into
 * the network. The capture_ops table is driven as the capture thread does. */
#include "test.h"

#include "capture/capture.h"
#include "double/clip.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <stdlib.h>

struct source {
    unsigned char *priv;
    atomic_bool stop;
    struct capture_conf conf;
};

static bool open_source(struct source *s, const char *url, struct err *err)
{
    opt_defaults(&capture_section, &s->conf);
    STR_COPY(s->conf.url, url);
    s->priv = xcalloc(1, capture_lavf.priv_size);
    return capture_lavf.open(s->priv, &s->conf, &s->stop, err);
}

static void close_source(struct source *s)
{
    capture_lavf.close(s->priv);
    free(s->priv);
}

static void in_folder(char *out, size_t bytes, const struct clip_folder *folder, const char *name)
{
    CHECK((size_t)snprintf(out, bytes, "%s/%s", folder->path, name) < bytes);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void finds_the_source(void **state)
{
    (void)state;
    static const struct {
        const char *url, *name;
        bool live;
    } cases[] = {
        {"rtsp://camera/stream", "lavf", true},
        {"RTSPS://camera/stream", "lavf", true},
        {"recording.mp4", "lavf", false},
        {"/a/b c.mkv", "lavf", false},
        {"scene", "scene", false},
        {"scene:42", "scene", false},
        {"scenes.mp4", "lavf", false},
        {"rtsp.mp4", "lavf", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct capture_ops *ops = capture_find(cases[i].url);
        CHECK_STR(ops->name, cases[i].name);
        CHECK_INT(ops->live(cases[i].url), cases[i].live);
    }
}

static void packets_with_stamps_to_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *encoder, *file;
        int b_frames;
        int64_t slack_us; /* the container's time base is coarse */
    } cases[] = {
        {"mpeg4", "a.mp4", 0, 100},  {"mpeg4", "b.mp4", 2, 100}, {"mpeg4", "a.avi", 0, 100},
        {"mpeg4", "b.mkv", 2, 1000}, {"mjpeg", "c.avi", 0, 100}, {"libx264", "d.mp4", 3, 100},
        {"libx264", "d.ts", 3, 100},
    };
    struct clip_folder folder = clip_folder_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct clip_spec spec = {cases[i].encoder,
                                 64,
                                 48,
                                 25,
                                 50,
                                 .gop = 25,
                                 .b_frames = cases[i].b_frames,
                                 .paint = clip_paint_number,
                                 .full_range = strcmp(cases[i].encoder, "mjpeg") == 0};
        struct clip clip;
        if (!clip_encode(&spec, &clip))
            continue;
        char path[512];
        in_folder(path, sizeof path, &folder, cases[i].file);
        clip_write(&clip, path);
        struct source s = {0};
        struct err err = {0};
        if (!open_source(&s, path, &err))
            fail_msg("%s: %s", cases[i].file, err.msg);
        CHECK_NEAR(capture_lavf.duration_us(s.priv), 2e6, 2e5);
        bool seen[50] = {false};
        int keys = 0;
        for (int k = 0; k < 50; k++) {
            AUTO(packet_unref) struct packet *p = NULL;
            CHECK(capture_lavf.read(s.priv, &p, &err));
            if (!p)
                fail_msg("%s: ended after %d", cases[i].file, k);
            int at = (int)((p->pts_us + 20000) / 40000);
            if (at < 0 || at >= 50 || seen[at] || llabs(p->pts_us - at * 40000) > cases[i].slack_us)
                fail_msg("%s: packet %d stamped %lld us", cases[i].file, k, (long long)p->pts_us);
            seen[at] = true;
            keys += p->key;
            CHECK(p->stream && p->av && !p->gap && !p->end);
            CHECK_INT(k == 0, k == 0 && p->key);
        }
        CHECK(keys >= 2);
        struct packet *end = NULL;
        CHECK(capture_lavf.read(s.priv, &end, &err) && !end);
        close_source(&s);
        clip_done(&clip);
    }
    clip_folder_done(&folder);
}

/* A bare stream has no stamps at all; without any its pictures would come all at once. */
static void a_bare_stream_is_stamped_by_its_rate(void **state)
{
    (void)state;
    struct clip_spec spec = {"libx264", 64, 48, 20, 30, .paint = clip_paint_number};
    struct clip clip;
    if (!clip_encode(&spec, &clip))
        SKIP("this libavcodec has no libx264");
    struct clip_folder folder = clip_folder_new();
    char path[512];
    in_folder(path, sizeof path, &folder, "a.h264");
    FILE *file = fopen(path, "wb");
    const AVCodecParameters *params = clip.stream->params;
    fwrite(params->extradata, 1, (size_t)params->extradata_size, file);
    for (int i = 0; i < clip.count; i++)
        fwrite(clip.items[i]->av->data, 1, (size_t)clip.items[i]->av->size, file);
    fclose(file);
    struct source s = {0};
    struct err err = {0};
    CHECK(open_source(&s, path, &err));
    int64_t step_us = 0;
    for (int i = 0; i < 30; i++) {
        AUTO(packet_unref) struct packet *p = NULL;
        CHECK(capture_lavf.read(s.priv, &p, &err));
        assert_non_null(p);
        if (i == 1)
            step_us = p->pts_us;
        CHECK_NEAR(p->pts_us, i * step_us, 2);
    }
    CHECK(step_us == 40000 || step_us == 50000); /* libavformat's guess, or the headers' word */
    close_source(&s);
    clip_done(&clip);
    clip_folder_done(&folder);
}

static void what_is_refused_says_why(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    static const struct {
        const char *name, *content, *says;
        enum err_code code;
    } cases[] = {
        {"none.mp4", NULL, "cannot open: No such file or directory", ERR_NOT_FOUND},
        {"empty.mp4", "", "cannot open: ", ERR_INVALID},
        {"text.mp4", "dear diary, nothing happened at the door today",
         "cannot open: ", ERR_INVALID},
        {"sound.wav", "RIFF\x2c\x00\x00\x00WAVEfmt ", "cannot", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[512];
        in_folder(path, sizeof path, &folder, cases[i].name);
        if (cases[i].content)
            write_text(path, cases[i].content);
        struct source s = {0};
        struct err err = {0};
        if (open_source(&s, path, &err))
            fail_msg("%s was opened", cases[i].name);
        CHECK_CONTAINS(err.msg, cases[i].says);
        CHECK_INT(err.code, cases[i].code);
        CHECK_INT(capture_lavf.duration_us(s.priv), TIME_UNKNOWN);
        close_source(&s);
    }
    clip_folder_done(&folder);
}

/* Nothing listens on the port, so "refused" would mean that somebody knocked. */
static void files_do_not_reach_into_the_network(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    char playlist[512];
    in_folder(playlist, sizeof playlist, &folder, "list.m3u8");
    write_text(playlist, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"
                         "#EXT-X-ENDLIST\n");
    const char *const urls[] = {playlist, "http://127.0.0.1:9/a.mp4", "tcp://127.0.0.1:9"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct source s = {0};
        struct err err = {0};
        CHECK(!open_source(&s, urls[i], &err));
        CHECK(!strstr(err.msg, "refused"));
        close_source(&s);
    }
    clip_folder_done(&folder);
}

/* Loopback only: a port nobody listens on. */
static void a_camera_that_is_not_there(void **state)
{
    (void)state;
    struct source s = {0};
    struct err err = {0};
    opt_defaults(&capture_section, &s.conf);
    STR_COPY(s.conf.username, "me");
    STR_COPY(s.conf.password, "s3cret/@:%");
    STR_COPY(s.conf.url, "rtsp://127.0.0.1:9/stream");
    s.conf.timeout_us = 1 * US_PER_S;
    s.priv = xcalloc(1, capture_lavf.priv_size);
    CHECK(!capture_lavf.open(s.priv, &s.conf, &s.stop, &err));
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    CHECK_CONTAINS(err.msg, "cannot connect: ");
    CHECK(!strstr(err.msg, "s3cret") && !strstr(err.msg, "me:"));
    close_source(&s);
    /* Told to stop, it does not even try. */
    atomic_store(&s.stop, true);
    s.priv = xcalloc(1, capture_lavf.priv_size);
    CHECK(!capture_lavf.open(s.priv, &s.conf, &s.stop, &err));
    CHECK_INT(err.code, ERR_CANCELLED);
    close_source(&s);
}

/* A recording that was cut off, or written over: an end or an error, never more than it had. */
static void broken_recordings(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    struct clip_spec spec = {"mpeg4", 64, 48, 25, 40, .paint = clip_paint_walker};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    static const char *const files[] = {"a.mp4", "a.avi", "a.mkv", "a.ts"};
    uint64_t x = 88172645463325252u;
    AUTO(free_ptr) uint8_t *bytes = xcalloc(1, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[512];
        in_folder(path, sizeof path, &folder, files[i]);
        clip_write(&clip, path);
        FILE *file = fopen(path, "rb");
        size_t size = fread(bytes, 1, 1 << 20, file);
        fclose(file);
        for (int round = 0; round < 12; round++) {
            size_t keep = round < 4 ? size * (size_t)(round + 1) / 5 : size;
            for (int k = 0; round >= 4 && k < 20; k++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                bytes[x % size] = (uint8_t)(x >> 40);
            }
            file = fopen(path, "wb");
            CHECK(fwrite(bytes, 1, keep, file) == keep);
            fclose(file);
            struct source s = {0};
            struct err err = {0};
            int count = 0;
            bool ok = open_source(&s, path, &err);
            while (ok && count < 10000) {
                struct packet *p = NULL;
                ok = capture_lavf.read(s.priv, &p, &err);
                if (!p)
                    break;
                packet_unref(&p);
                count++;
            }
            CHECK(ok || err.msg[0]);
            CHECK(count < 10000);
            close_source(&s);
        }
    }
    clip_done(&clip);
    clip_folder_done(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_source),
        cmocka_unit_test(packets_with_stamps_to_the_end),
        cmocka_unit_test(a_bare_stream_is_stamped_by_its_rate),
        cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test(files_do_not_reach_into_the_network),
        cmocka_unit_test(a_camera_that_is_not_there),
        cmocka_unit_test(broken_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
