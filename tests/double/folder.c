#include "double/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libavcodec/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t fast_mono_us(const struct clock *clock)
{
    const struct fast_clock *fast = (const struct fast_clock *)clock;
    return fast->mono_us + FAST * (clock_mono_us(&clock_real) - fast->mono_us);
}

static int64_t fast_wall_us(const struct clock *clock)
{
    const struct fast_clock *fast = (const struct fast_clock *)clock;
    return fast->wall_us + fast_mono_us(clock) - fast->mono_us;
}

void fast_clock_init(struct fast_clock *fast)
{
    *fast = (struct fast_clock){
        {fast_mono_us, fast_wall_us}, clock_mono_us(&clock_real), clock_wall_us(&clock_real)};
}

static void paint_noise(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                        const int stride[3])
{
    uint32_t random = 2463534242U + (uint32_t)index * 7919;
    for (int y = 0; y < spec->height; y++)
        for (int x = 0; x < spec->width; x++) {
            random = random * 1664525 + 1013904223;
            plane[0][(ptrdiff_t)y * stride[0] + x] = (uint8_t)(random >> 24);
        }
}

void jpegs_make(struct clip *ret, int count)
{
    struct clip_spec spec = {"mjpeg",           160, 120, 10, count, .paint = paint_noise,
                             .full_range = true};
    ASSERT(clip_encode(&spec, ret));
}

void upload_bytes(const char *root, const char *name, const void *data, size_t bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        ASSERT(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ASSERT(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    close(fd);
}

void upload_packet(const char *root, const char *name, const struct packet *p)
{
    upload_bytes(root, name, p->av->data, (size_t)p->av->size);
}

void upload_clip(const char *root, const char *name, const char *encoder, int frames, int fps)
{
    struct clip_spec spec = {encoder, 160, 120, fps, frames, .paint = paint_noise, .gop = 10};
    struct clip clip;
    ASSERT(clip_encode(&spec, &clip));
    char path[1024], format[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    /* Its format follows from a name it need not keep. */
    snprintf(format, sizeof format, "%s/.made.mp4", root);
    clip_write(&clip, format);
    clip_done(&clip);
    ASSERT(rename(format, path) == 0);
}

bool upload_exists(const char *root, const char *name)
{
    char path[1024];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", root, name);
    return lstat(path, &st) == 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
