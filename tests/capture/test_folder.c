/* A folder as a camera: which files become pictures, once each, and what is said of the others. */
#include "test.h"

#include "capture/capture.h"
#include "double/folder.h"

#include <fcntl.h>
#include <libavcodec/packet.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOADS_MAX 4096
#define PATIENCE_US (60 * US_PER_S)

/* What is known from before. */
struct memory {
    uint8_t sha256[UPLOAD_SHA256_BYTES];
    const char *refusal; /* NULL: nothing is known */
};

struct folder_test {
    struct clip_folder root;
    struct fast_clock fast;
    struct capture_conf conf;
    struct capture_params params;
    struct memory memory;
    atomic_bool stop;
    void *priv;
    bool open, hold; /* hold: the store does not answer */
    int pictures, blinds, gaps;
    int64_t wall_us[UPLOADS_MAX];
    int count;
    struct upload *uploads[UPLOADS_MAX];
    int pictures_of[UPLOADS_MAX];
    struct clip jpegs;
};

static bool recall(void *ctx, const char *camera, const uint8_t *sha256, char *ret_refusal)
{
    const struct memory *m = ctx;
    CHECK_STR(camera, "porch");
    if (!m->refusal || memcmp(m->sha256, sha256, UPLOAD_SHA256_BYTES) != 0)
        return false;
    str_copy(ret_refusal, UPLOAD_REFUSAL_BYTES, m->refusal);
    return true;
}

static struct folder_test *prepare(int after)
{
    struct folder_test *t = NEW(struct folder_test);
    t->root = clip_folder_new();
    fast_clock_init(&t->fast);
    opt_defaults(&capture_section, &t->conf);
    snprintf(t->conf.url, sizeof t->conf.url, "folder:%s", t->root.path);
    t->conf.after = after;
    t->params = (struct capture_params){.name = "porch",
                                        .conf = &t->conf,
                                        .clock = &t->fast.clock,
                                        .upload_find = recall,
                                        .upload_ctx = &t->memory};
    jpegs_make(&t->jpegs, JPEGS_MAX);
    t->priv = xcalloc(1, capture_folder.priv_size);
    capture_folder.recorded->attach(t->priv, &t->params);
    return t;
}

static void open_source(struct folder_test *t)
{
    struct err err = {0};
    if (!capture_folder.open(t->priv, &t->conf, &t->stop, &err))
        fail_msg("%s", err.msg);
    t->open = true;
}

static void finish(struct folder_test *t)
{
    capture_folder.close(t->priv);
    capture_folder.recorded->detach(t->priv);
    free(t->priv);
    for (int i = 0; i < t->count; i++)
        upload_unref(&t->uploads[i]);
    clip_done(&t->jpegs);
    folder_remove(t->root.path);
    free(t);
}

static void take(struct folder_test *t, struct packet *p)
{
    CHECK(!p->end);
    if (p->av) {
        CHECK(p->stream);
        CHECK(p->wall_us != TIME_UNKNOWN);
        t->wall_us[MIN(t->pictures, UPLOADS_MAX - 1)] = p->wall_us;
        t->pictures++;
        t->gaps += p->gap;
        t->pictures_of[t->count]++;
    } else if (p->upload) {
        CHECK(t->count < UPLOADS_MAX);
        CHECK(!p->blind);
        t->uploads[t->count++] = upload_ref(p->upload);
        atomic_store(&p->upload->stored, !t->hold);
    } else {
        CHECK(p->blind);
        t->blinds++;
    }
    packet_unref(&p);
}

static struct capture_uploads counts(struct folder_test *t)
{
    struct capture_uploads uploads = {0};
    capture_folder.recorded->report(t->priv, &uploads);
    CHECK(uploads.active);
    return uploads;
}

/* Reads until so many files have been told and nothing more is on its way. */
static void pump(struct folder_test *t, int uploads)
{
    int64_t end_us = clock_mono_us(&clock_real) + PATIENCE_US;
    if (!t->open)
        open_source(t);
    for (int blinds = 0; t->count < uploads || blinds < 2;) {
        struct packet *p = NULL;
        struct err err = {0};
        if (!capture_folder.read(t->priv, &p, &err))
            fail_msg("%s", err.msg);
        blinds = p->blind && counts(t).waiting == 0 ? blinds + 1 : 0;
        take(t, p);
        if (clock_mono_us(&clock_real) > end_us)
            fail_msg("%d of %d files after a minute", t->count, uploads);
    }
    CHECK_INT(t->count, uploads);
}

/* Reads on until the condition holds. */
#define PUMP_UNTIL(t, condition)                                                                   \
    do {                                                                                           \
        int64_t end_us_ = clock_mono_us(&clock_real) + PATIENCE_US;                                \
        while (!(condition)) {                                                                     \
            struct packet *p_ = NULL;                                                              \
            struct err err_ = {0};                                                                 \
            if (!capture_folder.read((t)->priv, &p_, &err_))                                       \
                fail_msg("%s", err_.msg);                                                          \
            take(t, p_);                                                                           \
            if (clock_mono_us(&clock_real) > end_us_)                                              \
                fail_msg("never: %s", #condition);                                                 \
        }                                                                                          \
    } while (0)

static const AVPacket *jpeg(const struct folder_test *t, int i)
{
    return t->jpegs.items[i]->av;
}

/* --- what is taken and what is refused --- */

static void put_good(struct folder_test *t, const char *name)
{
    upload_packet(t->root.path, name, t->jpegs.items[0]);
}

static void put_half(struct folder_test *t, const char *name)
{
    upload_bytes(t->root.path, name, jpeg(t, 0)->data, (size_t)jpeg(t, 0)->size * 9 / 10);
}

static void put_endless(struct folder_test *t, const char *name)
{
    upload_bytes(t->root.path, name, jpeg(t, 0)->data, (size_t)jpeg(t, 0)->size - 2);
}

static void put_padded(struct folder_test *t, const char *name)
{
    size_t bytes = (size_t)jpeg(t, 0)->size;
    AUTO(free_ptr) uint8_t *padded = xcalloc(1, bytes + 4096);
    memcpy(padded, jpeg(t, 0)->data, bytes);
    upload_bytes(t->root.path, name, padded, bytes + 4096);
}

static void put_nothing(struct folder_test *t, const char *name)
{
    upload_bytes(t->root.path, name, "", 0);
}

static void put_small(struct folder_test *t, const char *name)
{
    upload_bytes(t->root.path, name, jpeg(t, 0)->data, 10 * 1024 - 1);
}

static void put_text(struct folder_test *t, const char *name)
{
    char text[20000];
    memset(text, 'a', sizeof text);
    for (size_t i = 60; i < sizeof text; i += 61)
        text[i] = '\n';
    upload_bytes(t->root.path, name, text, sizeof text);
}

static void put_playlist(struct folder_test *t, const char *name)
{
    char text[20000];
    memset(text, '\n', sizeof text);
    static const char head[] = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.mp4\n";
    memcpy(text, head, sizeof head - 1);
    upload_bytes(t->root.path, name, text, sizeof text);
}

static void put_noise(struct folder_test *t, const char *name)
{
    AUTO(free_ptr) uint8_t *noise = xcalloc(1, 50000);
    uint32_t random = 1;
    for (int i = 0; i < 50000; i++)
        noise[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
    memcpy(noise, jpeg(t, 0)->data, 9000); /* it begins as a picture */
    upload_bytes(t->root.path, name, noise, 50000);
}

static void put_clip(struct folder_test *t, const char *name)
{
    upload_clip(t->root.path, name, "mpeg4", 20, 10);
}

static void cut_clip(struct folder_test *t, const char *name, bool head)
{
    put_clip(t, name);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", t->root.path, name);
    AUTO(free_ptr) uint8_t *all = xcalloc(1, 1 << 20);
    FILE *file = fopen(path, "rb");
    size_t bytes = fread(all, 1, 1 << 20, file);
    fclose(file);
    /* The index is at the end: without it nothing can be read. In front of it lie the pictures. */
    if (!head)
        memset(all + bytes / 3, 0, bytes / 3);
    upload_bytes(t->root.path, name, all, head ? bytes / 2 : bytes);
}

static void put_headless_clip(struct folder_test *t, const char *name)
{
    cut_clip(t, name, true);
}

static void put_damaged_clip(struct folder_test *t, const char *name)
{
    cut_clip(t, name, false);
}

static void put_mjpeg(struct folder_test *t, const char *name)
{
    AUTO(free_ptr) uint8_t *all = xcalloc(1, 1 << 20);
    size_t bytes = 0;
    for (int i = 0; i < 5; i++) {
        memcpy(all + bytes, jpeg(t, i)->data, (size_t)jpeg(t, i)->size);
        bytes += (size_t)jpeg(t, i)->size;
    }
    upload_bytes(t->root.path, name, all, bytes);
}

static void put_link(struct folder_test *t, const char *name)
{
    char away[600], path[600];
    upload_packet(t->root.path, ".away", t->jpegs.items[0]);
    snprintf(away, sizeof away, "%s/.away", t->root.path);
    snprintf(path, sizeof path, "%s/%s", t->root.path, name);
    CHECK_INT(symlink(away, path), 0);
}

static void put_linked_folder(struct folder_test *t, const char *name)
{
    char path[600];
    upload_packet(t->root.path, ".elsewhere/x.jpg", t->jpegs.items[0]);
    snprintf(path, sizeof path, "%s/%s", t->root.path, name);
    CHECK_INT(symlink(".elsewhere", path), 0);
}

static void put_pipe(struct folder_test *t, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", t->root.path, name);
    CHECK_INT(mkfifo(path, 0666), 0);
}

static const struct upload_case {
    const char *name;
    void (*put)(struct folder_test *t, const char *name);
    int pictures;
    const char *refusal; /* part of it; NULL: taken. "-": nothing is said of it */
    const char *shown;   /* its name for people; NULL: as it is */
} cases[] = {
    {"good.jpg", put_good, 1, NULL},
    {"no name at all", put_good, 1, NULL},
    {"picture.mp4", put_good, 1, NULL}, /* the content decides */
    {"padded.jpg", put_padded, 1, NULL},
    {"2024/05/01/12/deep.jpg", put_good, 1, NULL},
    {"1/2/3/4/5/too deep.jpg", put_good, 0, "-"},
    {"half.jpg", put_half, 0, "cut off"},
    {"endless.jpg", put_endless, 0, "cut off"},
    {"noise.jpg", put_noise, 0, "the picture is"},
    {"empty.jpg", put_nothing, 0, "it is empty"},
    {"small.jpg", put_small, 0, "10239 bytes: a picture or clip has 10 KiB at least"},
    {"notes.jpg", put_text, 0, "neither a picture nor a clip"},
    {"list.mp4", put_playlist, 0, "neither a picture nor a clip (hls)"},
    {"clip.mp4", put_clip, 20, NULL},
    {"clip.jpg", put_clip, 20, NULL},
    {"headless.mp4", put_headless_clip, 0, "cannot"},
    {"damaged.mp4", put_damaged_clip, 20, NULL},
    {"motion.mjpeg", put_mjpeg, 5, NULL},
    {".hidden.jpg", put_good, 0, "-"},
    {"going.jpg.part", put_good, 0, "-"},
    {"going.JPG.TMP", put_good, 0, "-"},
    {"link.jpg", put_link, 0, "-"},
    {"folder", put_linked_folder, 0, "-"},
    {"pipe.jpg", put_pipe, 0, "-"},
    {"bad\xff\n\x1b[2Jname.jpg", put_good, 1, NULL, "bad\\xff\\x0a\\x1b[2Jname.jpg"},
};

static void each_kind_of_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct upload_case *c = &cases[i];
        struct folder_test *t = prepare(AFTER_KEEP);
        c->put(t, c->name);
        bool silent = c->refusal && strcmp(c->refusal, "-") == 0;
        pump(t, silent ? 0 : 1);
        if (t->pictures != c->pictures)
            fail_msg("%s: %d pictures, expected %d (%s)", c->name, t->pictures, c->pictures,
                     t->count ? t->uploads[0]->refusal : "");
        if (!silent) {
            const struct upload *u = t->uploads[0];
            CHECK_STR(u->camera, "porch");
            CHECK_STR(u->name, c->shown ? c->shown : c->name);
            if (c->refusal)
                CHECK_CONTAINS(u->refusal, c->refusal);
            else
                CHECK_STR(u->refusal, "");
            CHECK_INT(counts(t).accepted, !c->refusal);
            CHECK_INT(counts(t).refused, c->refusal != NULL);
            CHECK_INT(t->gaps >= 1, c->pictures > 0);
        }
        CHECK_INT(counts(t).waiting, 0);
        CHECK(upload_exists(t->root.path, c->name)); /* kept */
        finish(t);
    }
}

static void a_still_says_what_it_is(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    put_good(t, "a.jpg");
    char path[512];
    snprintf(path, sizeof path, "%s/a.jpg", t->root.path);
    struct timespec times[2] = {{1700000000, 0}, {1700000000, 123456789}};
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    open_source(t);
    struct packet *p = NULL;
    struct err err = {0};
    CHECK(capture_folder.read(t->priv, &p, &err));
    CHECK(p->still && p->key && p->gap && p->av);
    CHECK_INT(p->wall_us, INT64_C(1700000000123456));
    packet_unref(&p);
    pump(t, 1);
    CHECK_INT(t->uploads[0]->wall_us, INT64_C(1700000000123456));
    CHECK_INT(t->uploads[0]->bytes, jpeg(t, 0)->size);
    finish(t);
}

static void a_clip_ends_when_it_was_written(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    put_clip(t, "a.mp4");
    char path[512];
    snprintf(path, sizeof path, "%s/a.mp4", t->root.path);
    struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    pump(t, 1);
    CHECK_INT(t->pictures, 20);
    for (int i = 0; i < 20; i++) /* 10 a second */
        CHECK_NEAR(t->wall_us[i] - INT64_C(1699999998000000), i * 100000, 1000);
    finish(t);
}

/* --- once each --- */

static void the_same_content_is_looked_at_once(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    put_good(t, "a.jpg");
    put_good(t, "b.jpg");
    t->hold = true; /* one is still on its way when the other is found */
    pump(t, 1);
    CHECK_INT(t->pictures, 1);
    CHECK_INT(counts(t).duplicates, 1);
    t->hold = false;
    atomic_store(&t->uploads[0]->stored, true);
    put_good(t, "c.jpg"); /* the store says that it has it */
    t->memory.refusal = "";
    memcpy(t->memory.sha256, t->uploads[0]->sha256, UPLOAD_SHA256_BYTES);
    PUMP_UNTIL(t, counts(t).duplicates == 2);
    CHECK_INT(t->pictures, 1);
    CHECK_INT(t->count, 1);
    finish(t);
}

static void what_was_refused_before_is_refused_again(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    /* SHA-256 of nothing. */
    static const uint8_t empty[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    memcpy(t->memory.sha256, empty, sizeof empty);
    t->memory.refusal = "said before";
    put_nothing(t, "a.jpg");
    open_source(t);
    PUMP_UNTIL(t, counts(t).refused == 1);
    CHECK_STR(counts(t).last_refusal, "a.jpg: said before");
    CHECK_INT(t->count, 0);
    finish(t);
}

static void a_renamed_file_is_the_same(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    put_good(t, "a.jpg");
    pump(t, 1);
    char from[512], to[512];
    snprintf(from, sizeof from, "%s/a.jpg", t->root.path);
    snprintf(to, sizeof to, "%s/b.jpg", t->root.path);
    CHECK_INT(rename(from, to), 0);
    upload_packet(t->root.path, "c.jpg", t->jpegs.items[1]); /* taken behind it */
    pump(t, 2);
    CHECK_STR(t->uploads[1]->name, "c.jpg");
    CHECK_INT(counts(t).duplicates, 0);
    finish(t);
}

/* A camera that uploads its one picture under the same name again and again. */
static void an_overwritten_file_is_new(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    for (int i = 0; i < 4; i++) {
        upload_packet(t->root.path, "snap.jpg", t->jpegs.items[i]);
        pump(t, i + 1);
        CHECK_INT(t->uploads[i]->bytes, jpeg(t, i)->size);
    }
    CHECK_INT(t->pictures, 4);
    finish(t);
}

static void an_unfinished_file_waits_for_its_end(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    pump(t, 0);
    char path[512];
    snprintf(path, sizeof path, "%s/a.jpg", t->root.path);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    size_t half = (size_t)jpeg(t, 0)->size * 2 / 3;
    CHECK(write(fd, jpeg(t, 0)->data, half) == (ssize_t)half);
    /* Half of it lies there, and stable for a while, but somebody still writes. */
    int64_t start_us = clock_mono_us(&t->fast.clock);
    PUMP_UNTIL(t, counts(t).waiting == 1);
    PUMP_UNTIL(t, t->count > 0 || clock_mono_us(&t->fast.clock) - start_us > 6 * US_PER_S);
    CHECK_INT(t->count, 0);
    CHECK(write(fd, jpeg(t, 0)->data + half, (size_t)jpeg(t, 0)->size - half) > 0);
    close(fd);
    pump(t, 1);
    CHECK_STR(t->uploads[0]->refusal, "");
    CHECK_INT(t->pictures, 1);
    finish(t);
}

static void oldest_first_and_none_left_out(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_DELETE);
    int count = 1000;
    AUTO(free_ptr) uint8_t *copy = xcalloc(1, (size_t)jpeg(t, 0)->size + 8);
    for (int i = 0; i < count; i++) {
        int order = i * 7 % count;
        char name[64], path[600];
        snprintf(name, sizeof name, "%d/%04d.jpg", i % 3, order);
        memcpy(copy, jpeg(t, 0)->data, (size_t)jpeg(t, 0)->size);
        memcpy(copy + jpeg(t, 0)->size, &order, sizeof order);
        upload_bytes(t->root.path, name, copy, (size_t)jpeg(t, 0)->size + sizeof order);
        snprintf(path, sizeof path, "%s/%s", t->root.path, name);
        struct timespec times[2] = {{1700000000 + order, 0}, {1700000000 + order, 0}};
        CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    pump(t, count);
    CHECK_STR(counts(t).last_refusal, "");
    CHECK_INT(t->pictures, count);
    for (int i = 0; i < count; i++)
        CHECK_INT(t->wall_us[i], (1700000000 + i) * US_PER_S);
    CHECK_INT(counts(t).accepted, count);
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%d/%04d.jpg", i % 3, i * 7 % count);
        PUMP_UNTIL(t, !upload_exists(t->root.path, name));
    }
    finish(t);
}

/* --- putting away --- */

static void what_becomes_of_files(void **state)
{
    (void)state;
    static const struct {
        int after;
        const char *done, *refused; /* where they are afterwards; NULL: nowhere */
    } rows[] = {
        {AFTER_KEEP, "day/a.jpg", "day/bad.jpg"},
        {AFTER_MOVE, ".done/day/a.jpg", ".refused/day/bad.jpg"},
        {AFTER_DELETE, NULL, ".refused/day/bad.jpg"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct folder_test *t = prepare(rows[i].after);
        put_good(t, "day/a.jpg");
        put_good(t, "day/twin.jpg");
        put_half(t, "day/bad.jpg");
        t->hold = true;
        pump(t, 2);
        CHECK(upload_exists(t->root.path, "day/a.jpg")); /* not before the store has it */
        CHECK(upload_exists(t->root.path, "day/twin.jpg"));
        CHECK(upload_exists(t->root.path, "day/bad.jpg"));
        for (int u = 0; u < 2; u++)
            atomic_store(&t->uploads[u]->stored, true);
        if (rows[i].after != AFTER_KEEP) {
            PUMP_UNTIL(t, !upload_exists(t->root.path, "day/a.jpg"));
            PUMP_UNTIL(t, !upload_exists(t->root.path, "day/twin.jpg"));
            PUMP_UNTIL(t, !upload_exists(t->root.path, "day/bad.jpg"));
        }
        pump(t, 2);
        CHECK(!rows[i].done || upload_exists(t->root.path, rows[i].done));
        CHECK(upload_exists(t->root.path, rows[i].refused));
        if (rows[i].after == AFTER_MOVE)
            CHECK(upload_exists(t->root.path, ".done/day/twin.jpg"));
        CHECK_STR(counts(t).unmoved, "");
        finish(t);
    }
}

static void what_cannot_be_moved_is_told_and_left(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_MOVE);
    put_nothing(t, ".done"); /* a file where the folder should be */
    put_good(t, "a.jpg");
    upload_packet(t->root.path, "b.jpg", t->jpegs.items[1]);
    pump(t, 2);
    CHECK_CONTAINS(counts(t).unmoved, "cannot move it: Not a directory");
    pump(t, 2); /* nothing is looked at again */
    CHECK_INT(t->pictures, 2);
    CHECK(upload_exists(t->root.path, "a.jpg") && upload_exists(t->root.path, "b.jpg"));
    char path[512];
    snprintf(path, sizeof path, "%s/.done", t->root.path);
    CHECK_INT(unlink(path), 0);
    PUMP_UNTIL(t, upload_exists(t->root.path, ".done/a.jpg") &&
                      upload_exists(t->root.path, ".done/b.jpg"));
    CHECK_STR(counts(t).unmoved, "");
    CHECK_INT(t->count, 2);
    finish(t);
}

static void a_full_line_waits_for_the_store(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    AUTO(free_ptr) uint8_t *copy = xcalloc(1, (size_t)jpeg(t, 0)->size + 8);
    memcpy(copy, jpeg(t, 0)->data, (size_t)jpeg(t, 0)->size);
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.jpg", i);
        memcpy(copy + jpeg(t, 0)->size, &i, sizeof i);
        upload_bytes(t->root.path, name, copy, (size_t)jpeg(t, 0)->size + sizeof i);
    }
    t->hold = true;
    open_source(t);
    PUMP_UNTIL(t, t->count == 256);
    t->hold = false;
    for (int i = 0; i < 256; i++)
        atomic_store(&t->uploads[i]->stored, true);
    pump(t, 300);
    CHECK_INT(t->pictures, 300);
    finish(t);
}

/* --- the folder itself --- */

static void a_folder_that_goes_and_comes_back(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    put_good(t, "a.jpg");
    t->hold = true;
    pump(t, 1);
    char away[512];
    snprintf(away, sizeof away, "%s-away", t->root.path);
    CHECK_INT(rename(t->root.path, away), 0);
    struct err err = {0};
    struct packet *p = NULL;
    while (capture_folder.read(t->priv, &p, &err))
        take(t, p);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_CONTAINS(err.msg, "is not there");
    CHECK(err.hint[0]);
    CHECK_INT(capture_folder.cause(t->priv), CAUSE_MISSING);
    capture_folder.close(t->priv);
    CHECK(!capture_folder.open(t->priv, &t->conf, &t->stop, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    capture_folder.close(t->priv);
    CHECK_INT(rename(away, t->root.path), 0);
    t->open = false;
    pump(t, 1); /* what was on its way is not looked at again */
    CHECK_INT(t->pictures, 1);
    finish(t);
}

static void stopping_is_quick(void **state)
{
    (void)state;
    struct folder_test *t = prepare(AFTER_KEEP);
    pump(t, 0);
    atomic_store(&t->stop, true);
    struct packet *p = NULL;
    struct err err = {0};
    CHECK(!capture_folder.read(t->priv, &p, &err));
    CHECK_INT(err.code, ERR_CANCELLED);
    finish(t);
}

static int open_files(void)
{
    int count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static void nothing_is_left_open(void **state)
{
    (void)state;
    int before = open_files();
    struct folder_test *t = prepare(AFTER_MOVE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cases[i].put(t, cases[i].name);
    open_source(t);
    PUMP_UNTIL(t, counts(t).refused >= 6 && counts(t).accepted >= 3);
    finish(t);
    CHECK_INT(open_files(), before);
}

static void addresses(void **state)
{
    (void)state;
    struct err err = {0};
    CHECK(capture_find("folder:/srv/porch") == &capture_folder);
    CHECK(capture_folder.check("folder:/srv/porch", &err));
    CHECK(!capture_folder.check("folder:", &err));
    CHECK_CONTAINS(err.msg, "no path");
    CHECK(capture_find("folders/a.mp4") == &capture_lavf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_file),
        cmocka_unit_test(a_still_says_what_it_is),
        cmocka_unit_test(a_clip_ends_when_it_was_written),
        cmocka_unit_test(the_same_content_is_looked_at_once),
        cmocka_unit_test(what_was_refused_before_is_refused_again),
        cmocka_unit_test(a_renamed_file_is_the_same),
        cmocka_unit_test(an_overwritten_file_is_new),
        cmocka_unit_test(an_unfinished_file_waits_for_its_end),
        cmocka_unit_test(oldest_first_and_none_left_out),
        cmocka_unit_test(what_becomes_of_files),
        cmocka_unit_test(what_cannot_be_moved_is_told_and_left),
        cmocka_unit_test(a_full_line_waits_for_the_store),
        cmocka_unit_test(a_folder_that_goes_and_comes_back),
        cmocka_unit_test(stopping_is_quick),
        cmocka_unit_test(nothing_is_left_open),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
