/* Which pictures a model is shown. */
#include "test.h"

#include "risk/llm/pictures.h"
#include "risk/llm/scene.h"

#include "model/picture.h"

#include <libavutil/sha.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH  640
#define HEIGHT 360

struct album {
    char folder[64];
    bool gone[EVENT_TRACKS_MAX]; /* there is no path */
};

static void album_open(struct album *album)
{
    memset(album, 0, sizeof *album);
    const char *base = getenv("TMPDIR");
    snprintf(album->folder, sizeof album->folder, "%.40s/hsi-pictures-XXXXXX",
             base && strlen(base) <= 40 ? base : "/tmp");
    CHECK(mkdtemp(album->folder));
}

static void album_path(const struct album *album, int track, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s/%d.jpg", album->folder, track);
}

static void album_close(struct album *album)
{
    char path[128];
    for (int i = 0; i < EVENT_TRACKS_MAX; i++) {
        album_path(album, i, path, sizeof path);
        (void)unlink(path);
    }
    CHECK_INT(rmdir(album->folder), 0);
}

/* The scene numbers its tracks from 1 in the last byte of their ids. */
static bool path_of(void *ctx, const struct uuid *track, char *out, size_t bytes)
{
    const struct album *album = ctx;
    int index = track->bytes[15] - 1;
    album_path(album, index, out, bytes);
    return !album->gone[index];
}

/* A garden with a pattern, a little noise as every camera has it, and a figure where box is. */
static void paint(const struct album *album, int track, struct box box, unsigned seed, int quality)
{
    struct frame *frame = frame_alloc(WIDTH, HEIGHT);
    CHECK(frame);
    uint8_t *luma_of = frame_plane_w(frame, 0);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            float fx = (float)x / WIDTH, fy = (float)y / HEIGHT;
            bool inside = fx >= box.x0 && fx < box.x1 && fy >= box.y0 && fy < box.y1;
            seed = seed * 1664525u + 1013904223u;
            int luma = inside ? (fy < (box.y0 + box.y1) / 2 ? 40 : 200)
                              : 90 + (x / 40 + y / 40) % 2 * 50;
            luma_of[y * frame->stride[0] + x] = (uint8_t)(luma + (int)(seed >> 29) - 4);
        }
    }
    for (int p = 1; p < 3; p++)
        memset(frame_plane_w(frame, p), 128, (size_t)frame->stride[p] * HEIGHT / 2);
    uint8_t *jpeg = NULL;
    size_t bytes = 0;
    struct err err = {0};
    if (!picture_jpeg(frame, quality, &jpeg, &bytes, &err))
        fail_msg("%s", err.msg);
    frame_unref(&frame);
    char path[128];
    album_path(album, track, path, sizeof path);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(jpeg, 1, bytes, file) == bytes);
    fclose(file);
    free(jpeg);
}

static void write_file(const struct album *album, int track, const void *data, size_t bytes)
{
    char path[128];
    album_path(album, track, path, sizeof path);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, bytes, file) == bytes);
    fclose(file);
}

static struct box box_at(int i)
{
    float x = 0.02f + (float)(i % 6) * 0.16f, y = 0.05f + (float)(i / 6) * 0.3f;
    return (struct box){x, y, x + 0.1f, y + 0.25f};
}

static struct track *enter(struct scene *scene, const char *label, float confidence, struct box box)
{
    struct track *track = stage_enter(&scene->stage,
                                      &(struct actor){.label = label, .seconds = 10});
    track->confidence = confidence;
    track->best.box = box;
    return track;
}

static void load(struct scene *scene, struct album *album, struct pictures *ret)
{
    struct evidence_list *evidence = NEW(struct evidence_list);
    evidence_gather(&scene->window, evidence);
    pictures_load(&scene->window, evidence, path_of, album, ret);
    for (int i = 0; i < ret->count; i++) {
        const struct evidence_item *item = evidence_find(evidence, ret->items[i].evidence);
        CHECK(item);
        print_message("# %s: %s, %zu bytes\n", item->id, item->says, ret->items[i].bytes);
    }
    free(evidence);
}

/* Which track's file it is. */
static int track_of(const struct album *album, const struct prompt_picture *picture)
{
    for (int i = 0; i < EVENT_TRACKS_MAX; i++) {
        char path[128];
        album_path(album, i, path, sizeof path);
        struct stat st;
        FILE *file = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
        if (!file)
            continue;
        unsigned char *bytes = calloc(1, picture->bytes + 1);
        bool same = fread(bytes, 1, picture->bytes + 1, file) == picture->bytes &&
                    memcmp(bytes, picture->data, picture->bytes) == 0;
        free(bytes);
        fclose(file);
        if (same)
            return i;
    }
    return -1;
}

static void one_of_each_class_first(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        float confidence;
    } tracks[] = {{"person", 0.9f}, {"person", 0.8f}, {"cat", 0.3f},
                  {"person", 0.7f}, {"car", 0.5f},    {"cat", 0.2f}};
    static const int expected[] = {0, 4, 2, 1};
    struct album album;
    album_open(&album);
    struct scene scene;
    scene_open(&scene, NULL);
    for (int i = 0; i < (int)ARRAY_LEN(tracks); i++) {
        enter(&scene, tracks[i].label, tracks[i].confidence, box_at(i));
        paint(&album, i, box_at(i), (unsigned)i, 85);
    }
    struct pictures pictures;
    load(&scene, &album, &pictures);
    CHECK_INT(pictures.count, PROMPT_PICTURES_MAX);
    for (int i = 0; i < pictures.count; i++) {
        CHECK_INT(track_of(&album, &pictures.items[i]), expected[i]);
        uint8_t sum[32];
        struct AVSHA *sha = av_sha_alloc();
        CHECK(sha && av_sha_init(sha, 256) == 0);
        av_sha_update(sha, pictures.items[i].data, pictures.items[i].bytes);
        av_sha_final(sha, sum);
        free(sha);
        assert_memory_equal(sum, pictures.items[i].sha256, sizeof sum);
    }
    pictures_free(&pictures);
    CHECK_INT(pictures.count, 0);

    /* What a rule fired for goes before what the detector is sure of. */
    scene_reason(&scene, "at-entry", 10, 3, 5);
    load(&scene, &album, &pictures);
    CHECK_INT(track_of(&album, &pictures.items[0]), 3);
    CHECK_INT(track_of(&album, &pictures.items[3]), 0);
    pictures_free(&pictures);
    scene_close(&scene);
    album_close(&album);
}

/* Two objects of one frame: it is shown once, also when it was encoded twice with other noise. */
static void never_two_alike(void **state)
{
    (void)state;
    struct album album;
    album_open(&album);
    struct scene scene;
    scene_open(&scene, NULL);
    enter(&scene, "person", 0.9f, box_at(0));
    enter(&scene, "dog", 0.8f, box_at(1));
    paint(&album, 0, box_at(0), 7, 85);
    paint(&album, 1, box_at(0), 7, 85);
    struct pictures pictures;
    load(&scene, &album, &pictures);
    CHECK_INT(pictures.count, 1);
    CHECK_INT(track_of(&album, &pictures.items[0]), 0);
    pictures_free(&pictures);

    for (unsigned seed = 0; seed < 20; seed++) {
        paint(&album, 1, box_at(0), seed * 7919, 60 + (int)seed);
        load(&scene, &album, &pictures);
        CHECK_INT(pictures.count, 1);
        pictures_free(&pictures);
    }
    /* The same garden with somebody elsewhere is another picture, wherever that is. */
    for (int i = 1; i < 18; i++) {
        scene.stage.event->tracks[1].best.box = box_at(i);
        paint(&album, 1, box_at(i), (unsigned)i, 85);
        load(&scene, &album, &pictures);
        CHECK_INT(pictures.count, 2);
        pictures_free(&pictures);
    }
    scene_close(&scene);
    album_close(&album);
}

static void what_is_no_picture(void **state)
{
    (void)state;
    static const unsigned char no_jpeg[] = "\x89PNG\r\n\x1a\n0000000000000000";
    static const unsigned char half[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F'};
    struct album album;
    album_open(&album);
    struct scene scene;
    scene_open(&scene, NULL);
    for (int i = 0; i < 9; i++)
        enter(&scene, "person", 0.9f - (float)i / 100, box_at(i));
    write_file(&album, 0, no_jpeg, sizeof no_jpeg);
    write_file(&album, 1, half, sizeof half);
    write_file(&album, 2, "", 0);
    char path[128], target[128];
    album_path(&album, 4, target, sizeof target);
    album_path(&album, 3, path, sizeof path);
    CHECK_INT(symlink(target, path), 0); /* what is elsewhere is not ours to send */
    album.gone[4] = true;
    paint(&album, 4, box_at(4), 1, 85);
    /* 5 has a path, but no file; 6 is a pipe that nobody writes to; 7 is too large. */
    album_path(&album, 6, path, sizeof path);
    CHECK_INT(mkfifo(path, 0600), 0);
    paint(&album, 7, box_at(7), 1, 85);
    album_path(&album, 7, path, sizeof path);
    CHECK_INT(truncate(path, PICTURE_FILE_BYTES_MAX + 1), 0);
    paint(&album, 8, box_at(8), 1, 85);
    struct pictures pictures;
    load(&scene, &album, &pictures);
    CHECK_INT(pictures.count, 1);
    CHECK_INT(track_of(&album, &pictures.items[0]), 8);
    pictures_free(&pictures);

    /* Boxes that make no sense stand for the whole picture. */
    static const float nan = __builtin_nanf("");
    static const struct box boxes[] = {{0}, {nan, nan, nan, nan}, {2, 2, 3, 3}, {-9, 0, 1e30f, 1}};
    album.gone[4] = false;
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        scene.stage.event->tracks[4].best.box = scene.stage.event->tracks[8].best.box = boxes[i];
        load(&scene, &album, &pictures);
        CHECK_INT(pictures.count, 2);
        pictures_free(&pictures);
    }
    /* A file cut anywhere is no picture, or one that can be shown. */
    album_path(&album, 8, path, sizeof path);
    album.gone[4] = true;
    struct stat st;
    CHECK_INT(stat(path, &st), 0);
    for (int part = 15; part > 0; part--) {
        CHECK_INT(truncate(path, st.st_size * part / 16), 0);
        load(&scene, &album, &pictures);
        CHECK(pictures.count <= 1);
        pictures_free(&pictures);
    }
    scene_close(&scene);
    album_close(&album);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_each_class_first),
        cmocka_unit_test(never_two_alike),
        cmocka_unit_test(what_is_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
