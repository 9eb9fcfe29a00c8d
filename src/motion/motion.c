/* A running average of a small luma picture, in three steps per frame:
 *
 *   luma --box filter--> cells --compare and learn--> changed cells --count--> 8x8 blocks --join-->
 * boxes
 *
 * A cell that differs learns slowly (it may be an object that stands still), one that does not
 * learns fast (light drifts). So whoever stops moving keeps the gate open for about half a minute,
 * and what stays for good becomes background. Nothing here can shut the detector out for long: a
 * change of the whole picture starts the background afresh and counts as worth a look.
 *
 * Costs 40 us for a 768x432 picture and 160 us for 1080p with AVX2: a few percent of decoding it.
 */
#include "motion/motion.h"

#include "base/simd.h"

#include <libyuv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GRID_WIDTH_MIN 240 /* cells; a person 8 % of the picture high is still 3 x 11 cells */
#define BLOCK          8   /* cells a side */
#define BLOCK_CHANGED                                                                              \
    12 /* of its 64 cells: sensor noise and compression flicker do not reach it                    \
        */
#define LIGHTING_SHARE 0.6   /* of all cells at once: no object is that large */
#define NOISE_FACTOR   4     /* a cell must differ by this many times the usual difference */
#define NOISE_RATE     0.05f /* share of the newest frame's in what is usual */

/* Key frames seen alone come one by one and tell less of each other: they differ by how each was
 * coded, too, so their noise is another. */
#define KEY_SENSITIVE  2 /* times less must differ: threshold, cells of a block, area */
#define KEY_NOISE_RATE 0.1f
#define USUAL_FACTOR   3  /* a place must differ by this many times what it usually does */
#define USUAL_LOOKS    16 /* key frames until that is known */

#define LEARN_FAST_US (4 * US_PER_S) /* time constants of the running average */
#define LEARN_SLOW_US (30 * US_PER_S)

static const struct opt mask_rows[] = {
    {"polygon", OPT_POINTS(struct mask_conf, polygon, 3, OPT_POINTS_MAX), .flags = OPT_REQUIRED,
     .help = "Corners as [x, y], 0 to 1 from the top left of the picture."},
    {0},
};

static const struct section mask_section = {
    .name = "mask",
    .help = "A place whose movement does not count: a tree, a flag, a busy road.",
    .bytes = sizeof(struct mask_conf),
    .rows = mask_rows,
};

static const struct opt motion_rows[] = {
    {"enabled", OPT_BOOL(struct motion_conf, enabled), .def = "true",
     .help = "Look only where something moves. Off: the detector looks all the time."},
    {"threshold", OPT_DOUBLE(struct motion_conf, threshold, 1, 255), .def = "14",
     .unit = "brightness steps of 255",
     .help =
         "How much a spot must differ from the background. Raised by itself in noisy pictures."},
    {"area", OPT_DOUBLE(struct motion_conf, area, 0, 1), .def = "0.0005",
     .unit = "share of the picture", .help = "How much of the picture must differ."},
    {"hold", OPT_DURATION(struct motion_conf, hold_us, 0, 60), .def = "3s",
     .help = "Keep looking this long after the last movement."},
    {"refresh", OPT_DURATION(struct motion_conf, refresh_us, 1, 3600), .def = "10s",
     .help = "Without movement, look anyway this often."},
    {"masks", OPT_MAP(struct motion_conf, masks, &mask_section, MASKS_MAX),
     .help = "Places whose movement does not count."},
    {0},
};

const struct section motion_section = {
    .name = "motion",
    .help = "The gate in front of the detector.",
    .bytes = sizeof(struct motion_conf),
    .rows = motion_rows,
};

struct motion {
    const struct motion_conf *conf;
    int picture_width, picture_height; /* px, of the frames the grid was made for */
    int factor;                        /* px a side of a cell; a power of two */
    int width, height;                 /* cells */
    int stride;                        /* cells a row in memory, a multiple of BLOCK */
    int blocks_x, blocks_y;
    int unmasked;         /* cells */
    uint8_t *cells;       /* the frame, small */
    uint8_t *previous;    /* the one before a key frame seen alone */
    uint8_t *halfway;     /* between picture and cells, where that takes two steps */
    uint8_t *open;        /* per cell: 1, or 0 where a mask covers it */
    uint8_t *changed;     /* per cell: 1 differs */
    uint16_t *background; /* 8.8 fixed point */
    uint16_t *usual;      /* per cell, 8.8: by how much key frames seen alone differ there */
    uint8_t *kinds;       /* per cell: PLAIN, NEWS */
    uint8_t *blocks;      /* per block: 1 changed, 2 already in a box */
    bool learned;         /* background holds a picture */
    float noise;          /* usual difference of a quiet cell, luma steps */
    float key_noise;      /* the same for key frames seen alone */
    int64_t last_us;      /* previous frame */
    int64_t active_until_us;
};

struct motion *motion_new(const struct motion_conf *conf)
{
    struct motion *m = NEW(struct motion);
    m->conf = conf;
    m->active_until_us = INT64_MIN;
    return m;
}

static size_t halfway_bytes(const struct motion *m)
{
    size_t rest = (size_t)m->factor / 4;
    return (size_t)m->stride * (size_t)m->height * rest * rest;
}

static void free_grid(struct motion *m)
{
    free(m->cells);
    free(m->previous);
    free(m->halfway);
    free(m->open);
    free(m->changed);
    free(m->background);
    free(m->usual);
    free(m->kinds);
    free(m->blocks);
}

void motion_free(struct motion **motion)
{
    if (!*motion)
        return;
    free_grid(*motion);
    free(*motion);
    *motion = NULL;
}

static void *copy_of(const void *p, size_t bytes)
{
    return p ? memcpy(xcalloc(bytes, 1), p, bytes) : NULL;
}

struct motion *motion_copy(const struct motion *m)
{
    struct motion *copy = NEW(struct motion);
    *copy = *m;
    size_t cells = (size_t)m->stride * (size_t)m->height;
    copy->cells = copy_of(m->cells, cells);
    copy->previous = copy_of(m->previous, cells);
    copy->halfway = copy_of(m->halfway, halfway_bytes(m));
    copy->open = copy_of(m->open, cells);
    copy->changed = copy_of(m->changed, cells);
    copy->background = copy_of(m->background, cells * sizeof *m->background);
    copy->usual = copy_of(m->usual, cells * sizeof *m->usual);
    copy->kinds = copy_of(m->kinds, cells);
    copy->blocks = copy_of(m->blocks, (size_t)(m->blocks_x * m->blocks_y));
    return copy;
}

static void apply_masks(struct motion *m)
{
    const struct mask_conf *masks = m->conf->masks.items;
    m->unmasked = 0;
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            struct point p = {((float)x + 0.5f) / (float)m->width,
                              ((float)y + 0.5f) / (float)m->height};
            bool masked = false;
            for (int i = 0; i < m->conf->masks.count && !masked; i++)
                masked = points_contain(&masks[i].polygon, p);
            m->open[y * m->stride + x] = !masked;
            m->unmasked += !masked;
        }
}

static void make_grid(struct motion *m, const struct frame *frame)
{
    if (m->picture_width == frame->width && m->picture_height == frame->height)
        return;
    free_grid(m);
    m->picture_width = frame->width;
    m->picture_height = frame->height;
    m->factor = 1;
    while (frame->width / (2 * m->factor) >= GRID_WIDTH_MIN)
        m->factor *= 2;
    m->width = frame->width / m->factor;
    m->height = MAX(frame->height / m->factor, 1);
    m->blocks_x = (m->width + BLOCK - 1) / BLOCK;
    m->blocks_y = (m->height + BLOCK - 1) / BLOCK;
    m->stride = m->blocks_x * BLOCK;
    size_t cells = (size_t)m->stride * (size_t)m->height;
    m->cells = xcalloc(cells, 1);
    m->previous = xcalloc(cells, 1);
    m->halfway = m->factor > 4 ? xcalloc(halfway_bytes(m), 1) : NULL;
    m->open = xcalloc(cells, 1);
    m->changed = xcalloc(cells, 1);
    m->background = xcalloc(cells, sizeof(uint16_t));
    m->usual = xcalloc(cells, sizeof(uint16_t));
    m->kinds = xcalloc(cells, 1);
    m->blocks = xcalloc((size_t)(m->blocks_x * m->blocks_y), 1);
    m->learned = false;
    apply_masks(m);
}

struct learning {
    int threshold;  /* 8.8: a cell that differs by more is changed */
    int fast, slow; /* 15 bit fractions of the difference to move by */
};

/* One row: marks and learns. Gives how many cells changed, and in *quiet the differences, 8.8, of
 * the other open ones: what moves under a mask must not blunt the rest of the picture. Cells beyond
 * the picture's edge are never open. */
VECTORISED static int compare_row(const uint8_t *restrict cells, const uint8_t *restrict open,
                                  uint16_t *restrict background, uint8_t *restrict changed,
                                  int count, const struct learning *restrict learning,
                                  int *restrict quiet)
{
    const struct learning l = *learning;
    int changes = 0;
    int sum = 0;
    for (int i = 0; i < count; i++) {
        int difference = (cells[i] << 8) - background[i];
        int size = difference < 0 ? -difference : difference;
        int differs = (size > l.threshold) & open[i];
        int rate = differs ? l.slow : l.fast;
        background[i] = (uint16_t)(background[i] + ((difference * rate) >> 15));
        changed[i] = (uint8_t)differs;
        changes += differs;
        sum += differs == open[i] ? 0 : size;
    }
    *quiet = sum;
    return changes;
}

/* The whole grid. *ret_quiet_sum: differences of the unchanged open cells, 8.8. */
static int compare_cells(struct motion *m, const struct learning *learning, int64_t *ret_quiet_sum)
{
    int changes = 0;
    *ret_quiet_sum = 0;
    for (int y = 0; y < m->height; y++) {
        ptrdiff_t at = (ptrdiff_t)y * m->stride;
        int quiet;
        changes += compare_row(m->cells + at, m->open + at, m->background + at, m->changed + at,
                               m->width, learning, &quiet);
        *ret_quiet_sum += quiet;
    }
    return changes;
}

static int learning_rate(int64_t elapsed_us, int64_t constant_us)
{
    double share = 1 - exp(-(double)elapsed_us / (double)constant_us);
    /* Below 1/256 of a step nothing would be learned from small differences at all. */
    return CLAMP((int)(share * 32768), 128, 16384);
}

static void learn_whole(struct motion *m)
{
    int count = m->stride * m->height;
    for (int i = 0; i < count; i++)
        m->background[i] = (uint16_t)(m->cells[i] << 8);
    memset(m->changed, 0, (size_t)count);
    m->learned = true;
}

/* Changed cells of one block: a row of it is eight bytes of 0 or 1. */
static int count_block(const struct motion *m, int bx, int by)
{
    int count = 0;
    int rows = MIN((by + 1) * BLOCK, m->height);
    for (int y = by * BLOCK; y < rows; y++) {
        uint64_t row;
        memcpy(&row, m->changed + (ptrdiff_t)y * m->stride + bx * BLOCK, sizeof row);
        count += (int)(row * 0x0101010101010101u >> 56); /* the bytes' sum, at most eight */
    }
    return count;
}

/* Marks the blocks that count; gives how many cells changed in them. */
static int mark_blocks(struct motion *m, int threshold)
{
    int cells = 0;
    for (int by = 0; by < m->blocks_y; by++)
        for (int bx = 0; bx < m->blocks_x; bx++) {
            int count = count_block(m, bx, by);
            bool counts = count >= threshold;
            m->blocks[by * m->blocks_x + bx] = counts;
            cells += counts ? count : 0;
        }
    return cells;
}

struct patch {
    int x0, y0, x1, y1, blocks; /* block coordinates, inclusive */
};

/* The patch of touching blocks around (x, y), marked as taken. stack holds one entry per block. */
static struct patch take_patch(struct motion *m, int x, int y, int *stack)
{
    struct patch p = {x, y, x, y, 0};
    int depth = 0;
    stack[depth++] = y * m->blocks_x + x;
    m->blocks[y * m->blocks_x + x] = 2;
    while (depth > 0) {
        int at = stack[--depth];
        int cx = at % m->blocks_x;
        int cy = at / m->blocks_x;
        p = (struct patch){MIN(p.x0, cx), MIN(p.y0, cy), MAX(p.x1, cx), MAX(p.y1, cy),
                           p.blocks + 1};
        for (int ny = MAX(cy - 1, 0); ny <= MIN(cy + 1, m->blocks_y - 1); ny++)
            for (int nx = MAX(cx - 1, 0); nx <= MIN(cx + 1, m->blocks_x - 1); nx++) {
                uint8_t *block = &m->blocks[ny * m->blocks_x + nx];
                if (*block != 1)
                    continue;
                *block = 2;
                stack[depth++] = ny * m->blocks_x + nx;
            }
    }
    return p;
}

static int by_blocks(const void *a, const void *b)
{
    const struct patch *pa = a;
    const struct patch *pb = b;
    if (pa->blocks != pb->blocks)
        return pb->blocks - pa->blocks;
    return pa->y0 != pb->y0 ? pa->y0 - pb->y0 : pa->x0 - pb->x0;
}

static void find_boxes(struct motion *m, struct motion_result *ret)
{
    int count = m->blocks_x * m->blocks_y;
    AUTO(free_ptr) int *stack = xcalloc((size_t)count, sizeof(int));
    AUTO(free_ptr) struct patch *patches = xcalloc((size_t)count, sizeof(struct patch));
    int patch_count = 0;
    for (int i = 0; i < count; i++)
        if (m->blocks[i] == 1)
            patches[patch_count++] = take_patch(m, i % m->blocks_x, i / m->blocks_x, stack);
    qsort(patches, (size_t)patch_count, sizeof *patches, by_blocks);
    ret->box_count = MIN(patch_count, MOTION_BOXES_MAX);
    float sx = (float)BLOCK / (float)m->width;
    float sy = (float)BLOCK / (float)m->height;
    for (int i = 0; i < ret->box_count; i++) {
        struct patch p = patches[i];
        ret->boxes[i] = box_clip((struct box){(float)p.x0 * sx, (float)p.y0 * sy,
                                              (float)(p.x1 + 1) * sx, (float)(p.y1 + 1) * sy});
    }
}

/* libyuv has fast box filters for exact halves and quarters. */
static void shrink(struct motion *m, const struct frame *frame)
{
    int first = MIN(m->factor, 4);
    int rest = m->factor / first;
    int w = m->width * m->factor;
    int h = MIN(m->height * m->factor, frame->height);
    uint8_t *half = rest > 1 ? m->halfway : m->cells;
    int half_stride = rest > 1 ? m->stride * rest : m->stride;
    ScalePlane(frame->plane[0], frame->stride[0], w, h, half, half_stride, m->width * rest,
               m->height * rest, kFilterBox);
    if (rest > 1)
        ScalePlane(half, half_stride, m->width * rest, m->height * rest, m->cells, m->stride,
                   m->width, m->height, kFilterBox);
}

static struct learning learning_for(double threshold, float noise, int64_t elapsed_us)
{
    threshold = MAX(threshold, (double)noise * NOISE_FACTOR);
    return (struct learning){
        .threshold = (int)(MIN(threshold, 255) * 256),
        .fast = learning_rate(elapsed_us, LEARN_FAST_US),
        .slow = learning_rate(elapsed_us, LEARN_SLOW_US),
    };
}

/* Takes the frame into cells. How long since the one before. */
static int64_t take_frame(struct motion *m, const struct frame *frame)
{
    shrink(m, frame);
    int64_t elapsed_us = CLAMP(frame->pts_us - m->last_us, 1, LEARN_SLOW_US);
    m->last_us = frame->pts_us;
    return elapsed_us;
}

/* The whole picture at once: no object is that large. The background starts afresh. */
static bool is_lighting(struct motion *m, int changes)
{
    if (changes <= LIGHTING_SHARE * m->unmasked)
        return false;
    learn_whole(m);
    return true;
}

static void learn_noise(const struct motion *m, int changes, int64_t quiet_sum, float rate,
                        float *noise)
{
    int quiet = m->unmasked - changes;
    if (quiet > 0)
        *noise += rate * ((float)quiet_sum / 256 / (float)quiet - *noise);
}

/* Where the changed cells are, if they are enough: of a block, and of the picture. */
static bool find_changes(struct motion *m, int block_changed, double area,
                         struct motion_result *ret)
{
    int moving = mark_blocks(m, block_changed);
    ret->area = m->unmasked ? (float)moving / (float)m->unmasked : 0;
    if (moving == 0 || (double)ret->area < area)
        return false;
    find_boxes(m, ret);
    return true;
}

void motion_push(struct motion *m, const struct frame *frame, bool gap, struct motion_result *ret)
{
    *ret = (struct motion_result){.active = true};
    if (!m->conf->enabled)
        return;
    make_grid(m, frame);
    int64_t elapsed_us = take_frame(m, frame);
    bool worth = true;
    if (!m->learned || gap) {
        learn_whole(m);
    } else {
        struct learning learning = learning_for(m->conf->threshold, m->noise, elapsed_us);
        int64_t quiet_sum;
        int changes = compare_cells(m, &learning, &quiet_sum);
        ret->lighting = is_lighting(m, changes);
        if (!ret->lighting) {
            learn_noise(m, changes, quiet_sum, NOISE_RATE, &m->noise);
            worth = find_changes(m, BLOCK_CHANGED, m->conf->area, ret);
        }
    }
    if (worth)
        m->active_until_us = frame->pts_us + m->conf->hold_us;
    ret->active = frame->pts_us <= m->active_until_us;
}

/* How a cell of a key frame seen alone differs. */
#define PLAIN 1 /* motion_push would call it changed */
#define NEWS  2 /* by less, but unlike the key frame before and unlike what is usual there */

/* What somebody left behind in the background would be found again with every key frame until it
 * has faded, and so would a tree in the wind: neither is news. own: 8.8 threshold. To be called
 * before the frame is learned; how many cells are PLAIN. */
static int sort_key_cells(struct motion *m, int own)
{
    float noise = MAX(m->noise, m->key_noise);
    int full = learning_for(m->conf->threshold, noise, 0).threshold;
    int plain_count = 0;
    for (int i = 0; i < m->stride * m->height; i++) {
        int difference = abs((m->cells[i] << 8) - m->background[i]);
        int since_previous = abs(m->cells[i] - m->previous[i]) << 8;
        int usual = m->usual[i];
        bool news = difference > MAX(own, USUAL_FACTOR * usual) && since_previous > own;
        bool plain = difference > full;
        m->kinds[i] = m->open[i] ? (uint8_t)(plain * PLAIN + news * NEWS) : 0;
        m->usual[i] = (uint16_t)(usual + (MIN(difference, 2 * own) - usual) / USUAL_LOOKS);
        plain_count += m->kinds[i] & PLAIN;
    }
    return plain_count;
}

static bool find_kind(struct motion *m, int kind, int block_changed, double area,
                      struct motion_result *ret)
{
    for (int i = 0; i < m->stride * m->height; i++)
        m->changed[i] = (m->kinds[i] & kind) != 0;
    return find_changes(m, block_changed, area, ret);
}

void motion_push_key(struct motion *m, const struct frame *frame, struct motion_result *ret)
{
    *ret = (struct motion_result){.active = true};
    if (!m->conf->enabled)
        return;
    make_grid(m, frame);
    uint8_t *previous = m->cells;
    m->cells = m->previous;
    m->previous = previous;
    int64_t elapsed_us = take_frame(m, frame);
    if (!m->learned) {
        learn_whole(m);
        return;
    }
    struct learning learning = learning_for(m->conf->threshold / KEY_SENSITIVE, m->key_noise,
                                            elapsed_us);
    ret->lighting = is_lighting(m, sort_key_cells(m, learning.threshold));
    if (ret->lighting)
        return;
    int64_t quiet_sum;
    int changes = compare_cells(m, &learning, &quiet_sum);
    learn_noise(m, changes, quiet_sum, KEY_NOISE_RATE, &m->key_noise);
    ret->active = find_kind(m, PLAIN, BLOCK_CHANGED, m->conf->area, ret) ||
                  find_kind(m, NEWS, BLOCK_CHANGED / KEY_SENSITIVE, m->conf->area / KEY_SENSITIVE,
                            ret);
}
