/* Frames of the built-in scene with their labels, to train and to measure the demonstration model.
 *
 *   scene_dump STORY FIRST_SEED SEEDS FRAMES STEP_MS START_MS > file
 *   scene_dump picture SEED TIME_MS [STORY] > one frame, raw yuv420p 640x360
 *   scene_dump clip SEED FRAMES STEP_MS START_MS > frames like that, of the street
 *
 * STORY is street or practice. The file: "HSISCENE", then int32 width, height, frames, then per
 * frame int32 seed, int32 time_ms, float daylight, int32 count, count rows of {int32 class, float
 * x0, y0, x1, y1} (pixels), and the planes Y, U, V at width x height. Pictures are at half size,
 * which is how the 320 px model gets to see them, so no chroma has to be thrown away. Little
 * endian. */
#include "capture/scene/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_WIDTH  320
#define HALF_HEIGHT 180
_Static_assert(2 * HALF_WIDTH == SCENE_WIDTH && 2 * HALF_HEIGHT == SCENE_HEIGHT, "half the scene");

static const char *const classes[] = {"person", "bicycle", "car", "truck", "cat", "dog", NULL};

static int class_of(const char *label)
{
    for (int i = 0; classes[i]; i++)
        if (strcmp(classes[i], label) == 0)
            return i;
    ASSERT(!"a label that the model does not learn");
    return -1;
}

static void put(const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, stdout) != bytes) {
        fprintf(stderr, "scene_dump: cannot write to standard output\n");
        exit(1);
    }
}

static void put_half_luma(const struct frame *frame)
{
    for (int y = 0; y < HALF_HEIGHT; y++) {
        const uint8_t *a = frame->plane[0] + (ptrdiff_t)(2 * y) * frame->stride[0];
        const uint8_t *b = a + frame->stride[0];
        uint8_t row[HALF_WIDTH];
        for (int x = 0; x < HALF_WIDTH; x++)
            row[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
        put(row, sizeof row);
    }
}

static void put_plane(const struct frame *frame, int plane, int width, int height)
{
    for (int y = 0; y < height; y++)
        put(frame->plane[plane] + (ptrdiff_t)y * frame->stride[plane], (size_t)width);
}

static void put_frame(struct scene *scene, uint64_t seed, int64_t t_us, struct frame *frame)
{
    struct detection truth[SCENE_TRUTH_MAX * 2];
    int count = scene_truth(scene, t_us, truth, (int)ARRAY_LEN(truth));
    scene_render(scene, t_us, frame);
    int32_t head[2] = {(int32_t)seed, (int32_t)(t_us / US_PER_MS)}, count32 = count;
    float day = scene_daylight(scene, t_us);
    put(head, sizeof head);
    put(&day, sizeof day);
    put(&count32, sizeof count32);
    for (int i = 0; i < count; i++) {
        int32_t class = class_of(truth[i].label);
        float box[4] = {truth[i].box.x0 * HALF_WIDTH, truth[i].box.y0 * HALF_HEIGHT,
                        truth[i].box.x1 * HALF_WIDTH, truth[i].box.y1 * HALF_HEIGHT};
        put(&class, sizeof class);
        put(box, sizeof box);
    }
    put_half_luma(frame);
    for (int p = 1; p < 3; p++)
        put_plane(frame, p, HALF_WIDTH, HALF_HEIGHT);
}

static int dump(enum scene_story story, const long long arg[5])
{
    long long first = arg[0], seeds = arg[1], frames = arg[2];
    int32_t head[3] = {HALF_WIDTH, HALF_HEIGHT, (int32_t)(seeds * frames)};
    put("HSISCENE", 8);
    put(head, sizeof head);
    AUTO(frame_unref) struct frame *frame = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    ASSERT(frame);
    for (long long s = first; s < first + seeds; s++) {
        AUTO(scene_free) struct scene *scene = scene_new((uint64_t)s, story);
        for (long long i = 0; i < frames; i++)
            put_frame(scene, (uint64_t)s, (arg[4] + i * arg[3]) * US_PER_MS, frame);
    }
    return 0;
}

static void put_picture(const struct frame *frame)
{
    put_plane(frame, 0, SCENE_WIDTH, SCENE_HEIGHT);
    put_plane(frame, 1, HALF_WIDTH, HALF_HEIGHT);
    put_plane(frame, 2, HALF_WIDTH, HALF_HEIGHT);
}

static int clip(const long long arg[5])
{
    AUTO(frame_unref) struct frame *frame = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    ASSERT(frame);
    AUTO(scene_free) struct scene *scene = scene_new((uint64_t)arg[0], SCENE_STREET);
    for (long long i = 0; i < arg[1]; i++) {
        scene_render(scene, (arg[3] + i * arg[2]) * US_PER_MS, frame);
        put_picture(frame);
    }
    return 0;
}

static int picture(uint64_t seed, int64_t t_ms, enum scene_story story)
{
    AUTO(frame_unref) struct frame *frame = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    ASSERT(frame);
    AUTO(scene_free) struct scene *scene = scene_new(seed, story);
    scene_render(scene, t_ms * US_PER_MS, frame);
    put_picture(frame);
    struct detection truth[SCENE_TRUTH_MAX * 2];
    int count = scene_truth(scene, t_ms * US_PER_MS, truth, (int)ARRAY_LEN(truth));
    for (int i = 0; i < count; i++)
        fprintf(stderr, "%s %.0f %.0f %.0f %.0f\n", truth[i].label, truth[i].box.x0 * SCENE_WIDTH,
                truth[i].box.y0 * SCENE_HEIGHT, truth[i].box.x1 * SCENE_WIDTH,
                truth[i].box.y1 * SCENE_HEIGHT);
    return 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    long long arg[5] = {0};
    for (int i = 0; i < 5 && i + 2 < argc; i++)
        arg[i] = strtoll(argv[i + 2], NULL, 10);
    bool practice = strcmp(argv[argc - 1], "practice") == 0 || strcmp(word, "practice") == 0;
    enum scene_story story = practice ? SCENE_PRACTICE : SCENE_STREET;
    if (strcmp(word, "picture") == 0 && argc >= 4)
        return picture((uint64_t)arg[0], arg[1], story);
    if (strcmp(word, "clip") == 0 && argc == 6)
        return clip(arg);
    if ((strcmp(word, "street") == 0 || practice) && argc == 7)
        return dump(story, arg);
    fprintf(stderr, "usage: scene_dump street|practice FIRST_SEED SEEDS FRAMES STEP_MS START_MS\n"
                    "       scene_dump picture SEED TIME_MS [practice]\n"
                    "       scene_dump clip SEED FRAMES STEP_MS START_MS\n");
    return 2;
}
