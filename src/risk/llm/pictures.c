#include "risk/llm/pictures.h"

#include <fcntl.h>
#include <libavutil/sha.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>

#define PATH_BYTES 1024

/* Of a picture, before it is shrunk to an eighth: a 64 megapixel camera's, and no bomb. */
#define PICTURE_PX_MAX (64LL * 1024 * 1024)
#define SHRINK         8

/* A difference hash over a part of a picture: brighter or darker than the next cell, or neither.
 * Levels below the step are noise and the coder's work. */
#define HASH_COLUMNS 9
#define HASH_ROWS    8
#define HASH_STEP    6
#define HASH_ALIKE   5 /* of 64 cells may differ */

/* A small grey picture. */
struct thumb {
    unsigned char *luma; /* owned; NULL: none */
    int width, height;
};

struct shown {
    struct prompt_picture picture;
    struct thumb thumb;
    struct box box;
};

/* -- files -- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static unsigned char *read_file(const char *path, size_t *ret_bytes)
{
    AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 4 ||
        st.st_size > PICTURE_FILE_BYTES_MAX)
        return NULL;
    size_t bytes = (size_t)st.st_size, used = 0;
    AUTO(free_ptr) unsigned char *data = malloc(bytes);
    while (data && used < bytes) {
        ssize_t n = read(fd, data + used, bytes - used);
        if (n <= 0)
            return NULL;
        used += (size_t)n;
    }
    static const unsigned char start[] = {0xff, 0xd8, 0xff};
    if (!data || memcmp(data, start, sizeof start) != 0)
        return NULL;
    *ret_bytes = bytes;
    return TAKE(data);
}

static void hash_file(const unsigned char *data, size_t bytes, uint8_t ret[32])
{
    AUTO(free_ptr) struct AVSHA *sha = av_sha_alloc();
    ASSERT(sha && av_sha_init(sha, 256) == 0);
    av_sha_update(sha, data, bytes);
    av_sha_final(sha, ret);
}

/* -- what they show -- */

static void handle_close(tjhandle *handle)
{
    if (*handle)
        tjDestroy(*handle);
}

static bool thumb_decode(const unsigned char *jpeg, size_t bytes, struct thumb *ret)
{
    AUTO(handle_close) tjhandle handle = tjInitDecompress();
    int width, height, sampling, colours;
    if (!handle || tjDecompressHeader3(handle, jpeg, (unsigned long)bytes, &width, &height,
                                       &sampling, &colours) != 0)
        return false;
    if (width < 1 || height < 1 || (long long)width * height > PICTURE_PX_MAX)
        return false;
    tjscalingfactor eighth = {1, SHRINK};
    *ret = (struct thumb){NULL, TJSCALED(width, eighth), TJSCALED(height, eighth)};
    AUTO(free_ptr) unsigned char *luma = malloc((size_t)ret->width * (size_t)ret->height);
    if (!luma || tjDecompress2(handle, jpeg, (unsigned long)bytes, luma, ret->width, ret->width,
                               ret->height, TJPF_GRAY, TJFLAG_STOPONWARNING) != 0)
        return false;
    ret->luma = TAKE(luma);
    return true;
}

/* Mean of the pixels from (x0, y0) to before (x1, y1), at least one of them. */
static int mean_luma(const struct thumb *thumb, float x0, float y0, float x1, float y1)
{
    int left = CLAMP((int)(x0 * (float)thumb->width), 0, thumb->width - 1);
    int top = CLAMP((int)(y0 * (float)thumb->height), 0, thumb->height - 1);
    int right = CLAMP((int)(x1 * (float)thumb->width), left + 1, thumb->width);
    int bottom = CLAMP((int)(y1 * (float)thumb->height), top + 1, thumb->height);
    long sum = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            sum += thumb->luma[(size_t)y * (size_t)thumb->width + (size_t)x];
    return (int)(sum / ((long)(right - left) * (bottom - top)));
}

static void difference_hash(const struct thumb *thumb, struct box part,
                            signed char ret[HASH_ROWS][HASH_COLUMNS - 1])
{
    float width = box_width(part) / HASH_COLUMNS, height = box_height(part) / HASH_ROWS;
    for (int row = 0; row < HASH_ROWS; row++) {
        float y = part.y0 + (float)row * height;
        int before = mean_luma(thumb, part.x0, y, part.x0 + width, y + height);
        for (int column = 1; column < HASH_COLUMNS; column++) {
            float x = part.x0 + (float)column * width;
            int now = mean_luma(thumb, x, y, x + width, y + height);
            ret[row][column - 1] = (signed char)((now - before > HASH_STEP) -
                                                 (before - now > HASH_STEP));
            before = now;
        }
    }
}

static bool look_alike_at(const struct shown *a, const struct shown *b, struct box part)
{
    signed char of_a[HASH_ROWS][HASH_COLUMNS - 1], of_b[HASH_ROWS][HASH_COLUMNS - 1];
    difference_hash(&a->thumb, part, of_a);
    difference_hash(&b->thumb, part, of_b);
    int different = 0;
    for (int row = 0; row < HASH_ROWS; row++)
        for (int column = 0; column < HASH_COLUMNS - 1; column++)
            different += of_a[row][column] != of_b[row][column];
    return different <= HASH_ALIKE;
}

static bool look_alike(const struct shown *a, const struct shown *b)
{
    if (memcmp(a->picture.sha256, b->picture.sha256, sizeof a->picture.sha256) == 0)
        return true;
    return look_alike_at(a, b, a->box) && look_alike_at(a, b, b->box);
}

/* -- the choice -- */

/* The box with some of what is around it; all of the picture where it makes no sense. */
static struct box surroundings(struct box box)
{
    float width = box_width(box), height = box_height(box);
    if (!isfinite(width) || !isfinite(height) || !(width > 0) || !(height > 0) ||
        !isfinite(box.x0) || !isfinite(box.y0))
        return BOX_WHOLE;
    struct box wide = {box.x0 - width / 4, box.y0 - height / 4, box.x1 + width / 4,
                       box.y1 + height / 4};
    wide = box_clip(wide);
    return box_area(wide) > 0 ? wide : BOX_WHOLE;
}

static void shown_done(struct shown *shown)
{
    free(shown->thumb.luma);
    free((void *)(uintptr_t)shown->picture.data);
    memset(shown, 0, sizeof *shown);
}

static bool open_picture(const char *path, const struct track *track, struct shown *ret)
{
    memset(ret, 0, sizeof *ret);
    unsigned char *data = read_file(path, &ret->picture.bytes);
    if (!data)
        return false;
    ret->picture.data = data;
    if (!thumb_decode(data, ret->picture.bytes, &ret->thumb)) {
        shown_done(ret);
        return false;
    }
    hash_file(data, ret->picture.bytes, ret->picture.sha256);
    ret->box = surroundings(track->best.box);
    return true;
}

/* The tracks in the order in which their pictures are worth showing: strongest first, but the
 * second of a class only after the first of every other. */
static int order_by_class(const struct window *window, int ret[EVENT_TRACKS_MAX])
{
    const struct track *tracks = window->event->tracks;
    int ranked[EVENT_TRACKS_MAX], nth[EVENT_TRACKS_MAX], used = 0;
    int count = evidence_rank_tracks(window, ranked);
    for (int i = 0; i < count; i++) {
        nth[i] = 0;
        for (int k = 0; k < i; k++)
            nth[i] += strcmp(tracks[ranked[k]].label, tracks[ranked[i]].label) == 0;
    }
    for (int turn = 0; used < count; turn++)
        for (int i = 0; i < count; i++)
            if (nth[i] == turn)
                ret[used++] = ranked[i];
    return count;
}

void pictures_load(const struct window *window, const struct evidence_list *evidence,
                   bool (*path_of)(void *ctx, const struct uuid *track, char *out, size_t bytes),
                   void *ctx, struct pictures *ret)
{
    struct shown chosen[PROMPT_PICTURES_MAX];
    int order[EVENT_TRACKS_MAX], count = 0;
    int tracks = order_by_class(window, order);
    for (int i = 0; i < tracks && count < PROMPT_PICTURES_MAX; i++) {
        const struct track *track = &window->event->tracks[order[i]];
        const struct evidence_item *moment = evidence_of_picture(evidence, window, order[i]);
        char path[PATH_BYTES];
        struct shown *next = &chosen[count];
        if (!moment || !path_of(ctx, &track->id, path, sizeof path) ||
            !open_picture(path, track, next))
            continue;
        memcpy(next->picture.evidence, moment->id, sizeof next->picture.evidence);
        bool seen = false;
        for (int k = 0; k < count; k++)
            seen |= look_alike(&chosen[k], next);
        if (seen)
            shown_done(next);
        else
            count++;
    }
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < count; i++) {
        ret->items[ret->count++] = chosen[i].picture;
        free(chosen[i].thumb.luma);
    }
}

void pictures_free(struct pictures *pictures)
{
    for (int i = 0; i < pictures->count; i++)
        free((void *)(uintptr_t)pictures->items[i].data);
    memset(pictures, 0, sizeof *pictures);
}
