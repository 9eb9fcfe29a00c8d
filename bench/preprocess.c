/* hsi's way from a decoded picture to a model's input tensor, over a batch of raw I420 pictures.
 * Prints the CPU time of every batch as JSON; bench/preprocess.py does the same work the Python
 * way. */
#include "detect/letterbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAMES_MAX 64

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_plane(FILE *file, struct frame *frame, int plane)
{
    int width = plane ? (frame->width + 1) / 2 : frame->width;
    int height = plane ? (frame->height + 1) / 2 : frame->height;
    uint8_t *row = frame_plane_w(frame, plane);
    for (int y = 0; y < height; y++, row += frame->stride[plane])
        if (fread(row, 1, (size_t)width, file) != (size_t)width)
            return false;
    return true;
}

static int read_frames(const char *path, int width, int height, struct frame **frames)
{
    FILE *file = fopen(path, "rb");
    int count = 0;
    while (file && count < FRAMES_MAX) {
        struct frame *frame = frame_alloc(width, height);
        if (!frame || !read_plane(file, frame, 0) || !read_plane(file, frame, 1) ||
            !read_plane(file, frame, 2)) {
            frame_unref(&frame);
            break;
        }
        frames[count++] = frame;
    }
    if (file)
        fclose(file);
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s FRAMES.yuv WIDTH HEIGHT SIDE BATCHES\n", argv[0]);
        return 2;
    }
    struct frame *frames[FRAMES_MAX];
    int width = (int)strtol(argv[2], NULL, 10), height = (int)strtol(argv[3], NULL, 10);
    int side = (int)strtol(argv[4], NULL, 10), batches = (int)strtol(argv[5], NULL, 10);
    int count = read_frames(argv[1], width, height, frames);
    if (count == 0 || side <= 0 || side > 4096) {
        fprintf(stderr, "%s: no picture of %d x %d in it\n", argv[1], width, height);
        return 1;
    }
    float *tensor = malloc(sizeof *tensor * 3 * (size_t)side * (size_t)side);
    if (!tensor)
        abort();
    struct letterbox lb = letterbox_fit(width, height, side, side);
    struct letterbox_scratch scratch = {0};
    double sum = 0;
    printf("{\"frames\":%d,\"us_per_frame\":[", count);
    for (int batch = 0; batch < batches; batch++) {
        double start = cpu_seconds();
        for (int i = 0; i < count; i++)
            if (!letterbox_fill(&lb, frames[i], tensor, &scratch))
                abort();
        printf("%s%.2f", batch ? "," : "", (cpu_seconds() - start) * 1e6 / count);
    }
    for (size_t i = 0; i < 3 * (size_t)side * (size_t)side; i++)
        sum += (double)tensor[i];
    /* The mean lets the driver see that both sides computed the same picture. */
    printf("],\"mean\":%.5f}\n", sum / (3.0 * side * side));
    letterbox_scratch_done(&scratch);
    free(tensor);
    for (int i = 0; i < count; i++)
        frame_unref(&frames[i]);
    return 0;
}
