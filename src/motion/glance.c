#include "motion/glance.h"

#include "base/simd.h"

#include <libyuv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FINE_WIDTH    320 /* px: differences of neighbours tell a sharp picture from a blurred one */
#define SMALL_WIDTH   (2 * GLANCE_WIDTH)
#define SMALL_HEIGHT  (2 * GLANCE_HEIGHT)
#define ROWS_PER_CELL 3 /* of the picture are read: less than half a burnt-in digit apart */
#define EDGE_HALF     6 /* luma steps over two pixels at which an edge is half as clear as can be */
#define COLOUR_STEPS  6 /* chroma farther from grey is colour */
#define COLOUR_SHARE  0.002
#define BLACK_LUMA    16 /* in limited range */

#define TILE_WIDTH  (GLANCE_WIDTH / TILES_X)
#define TILE_HEIGHT (GLANCE_HEIGHT / TILES_Y)
#define SMALL_STRIDE                                                                               \
    (SMALL_WIDTH + 2) /* a margin all round, so that every pixel has neighbours                    \
                       */

_Static_assert(GLANCE_WIDTH % TILES_X == 0 && GLANCE_HEIGHT % TILES_Y == 0, "whole tiles");
_Static_assert(FINE_WIDTH == 2 * SMALL_WIDTH, "pairs");

#define HASH_LANES 8 /* a multiplication takes several cycles, but many may be under way */

/* Every byte counts, and one changed bit changes the sum. */
static uint64_t hash_row(uint64_t hash, const uint8_t *row, int bytes)
{
    uint64_t lanes[HASH_LANES];
    for (int k = 0; k < HASH_LANES; k++)
        lanes[k] = hash + (uint64_t)k * 0x9e3779b97f4a7c15u;
    int i = 0;
    for (; i + 8 * HASH_LANES <= bytes; i += 8 * HASH_LANES)
        for (int k = 0; k < HASH_LANES; k++) {
            uint64_t word;
            memcpy(&word, row + i + 8 * k, 8);
            lanes[k] = (lanes[k] ^ word) * 0x9fb21c651e98df25u;
            lanes[k] ^= lanes[k] >> 32;
        }
    for (; i < bytes; i++)
        lanes[i % HASH_LANES] = (lanes[i % HASH_LANES] ^ row[i]) * 0x9fb21c651e98df25u;
    for (int k = 1; k < HASH_LANES; k++)
        lanes[0] = (lanes[0] ^ lanes[k] ^ lanes[0] >> 29) * 0xff51afd7ed558ccdu;
    return lanes[0];
}

/* Which rows of the picture are read. */
static int row_step(const struct frame *f)
{
    return MAX(f->height / (ROWS_PER_CELL * SMALL_HEIGHT), 1);
}

static uint64_t hash_luma(const struct frame *f)
{
    int step = row_step(f);
    uint64_t hash = 0;
    for (int y = 0; y < f->height; y += step)
        hash = hash_row(hash, f->plane[0] + (ptrdiff_t)y * f->stride[0], f->width);
    return hash;
}

/* Whether it is a picture in grey, as cameras show by infrared light. */
static bool is_mono(const struct frame *f)
{
    int width = (f->width + 1) / 2, height = (f->height + 1) / 2;
    int step_x = MAX(width / SMALL_WIDTH, 1), step_y = MAX(height / GLANCE_HEIGHT, 1);
    int coloured = 0, count = 0;
    for (int y = 0; y < height; y += step_y) {
        const uint8_t *u = f->plane[1] + (ptrdiff_t)y * f->stride[1];
        const uint8_t *v = f->plane[2] + (ptrdiff_t)y * f->stride[2];
        for (int x = 0; x < width; x += step_x, count++)
            coloured += abs(u[x] - 128) > COLOUR_STEPS || abs(v[x] - 128) > COLOUR_STEPS;
    }
    return coloured <= COLOUR_SHARE * count;
}

struct small {
    uint8_t fine[SMALL_HEIGHT][FINE_WIDTH];
    int16_t luma[SMALL_HEIGHT + 2][SMALL_STRIDE];
};

static void shrink(const struct frame *f, struct small *small)
{
    int step = row_step(f);
    ScalePlane(f->plane[0], f->stride[0] * step, f->width, MAX(f->height / step, 1), small->fine[0],
               FINE_WIDTH, FINE_WIDTH, SMALL_HEIGHT, kFilterBox);
    for (int y = 0; y < SMALL_HEIGHT; y++) {
        int16_t *row = small->luma[y + 1] + 1;
        for (int x = 0; x < SMALL_WIDTH; x++)
            row[x] = (int16_t)((small->fine[y][2 * x] + small->fine[y][2 * x + 1] + 1) / 2);
        row[-1] = row[0];
        row[SMALL_WIDTH] = row[SMALL_WIDTH - 1];
    }
    memcpy(small->luma[0], small->luma[1], sizeof small->luma[0]);
    memcpy(small->luma[SMALL_HEIGHT + 1], small->luma[SMALL_HEIGHT], sizeof small->luma[0]);
}

/* above, row, below: the first pixel's own column; each has a left neighbour. */
VECTORISED static void find_edges(const int16_t *restrict above, const int16_t *restrict row,
                                  const int16_t *restrict below, int16_t *restrict out_x,
                                  int16_t *restrict out_y)
{
    for (int i = 0; i < SMALL_WIDTH; i++) {
        int gx = row[i + 1] - row[i - 1];
        int gy = below[i] - above[i];
        int square = gx * gx + gy * gy;
        float scale = (float)EDGE_MAX / (float)(square + EDGE_HALF * EDGE_HALF);
        out_x[i] = (int16_t)((float)(gx * gx - gy * gy) * scale);
        out_y[i] = (int16_t)((float)(2 * gx * gy) * scale);
    }
}

static void map_edges(const struct small *small, struct edge_map *map)
{
    int16_t x[2][SMALL_WIDTH], y[2][SMALL_WIDTH];
    for (int cy = 0; cy < GLANCE_HEIGHT; cy++) {
        for (int k = 0; k < 2; k++) {
            const int16_t *row = small->luma[2 * cy + k + 1] + 1;
            find_edges(row - SMALL_STRIDE, row, row + SMALL_STRIDE, x[k], y[k]);
        }
        for (int cx = 0; cx < GLANCE_WIDTH; cx++) {
            int at = cy * GLANCE_STRIDE + cx;
            int l = 2 * cx, r = 2 * cx + 1;
            map->x[at] = (int16_t)((x[0][l] + x[0][r] + x[1][l] + x[1][r]) / 4);
            map->y[at] = (int16_t)((y[0][l] + y[0][r] + y[1][l] + y[1][r]) / 4);
        }
    }
}

static int square_differences(const uint8_t *row, int count)
{
    int sum = 0;
    for (int i = 0; i + 1 < count; i++) {
        int d = row[i + 1] - row[i];
        sum += d * d;
    }
    return sum;
}

static void measure_tile(const struct small *small, int tile, int black, struct glance *g)
{
    enum { W = 2 * TILE_WIDTH, H = 2 * TILE_HEIGHT };
    int x0 = tile % TILES_X * W, y0 = tile / TILES_X * H;
    int sum = 0, squares = 0, fine = 0;
    for (int y = y0; y < y0 + H; y++) {
        const int16_t *row = small->luma[y + 1] + 1 + x0;
        for (int x = 0; x < W; x++) {
            sum += row[x];
            squares += row[x] * row[x];
        }
        fine += square_differences(small->fine[y] + (ptrdiff_t)2 * x0, 2 * W);
    }
    float mean = (float)sum / (W * H);
    g->luma[tile] = mean - (float)black;
    g->spread[tile] = sqrtf(MAX((float)squares / (W * H) - mean * mean, 0));
    g->fine[tile] = (float)fine / (H * (2 * W - 1));
}

/* Slanting edges are both: a little noise must not make them the other kind. */
void edges_split(const struct edge_map *map, struct edge_map *upright, struct edge_map *level)
{
    for (int i = 0; i < GLANCE_CELLS; i++) {
        int x = map->x[i], y = map->y[i];
        bool up = 2 * x > -abs(y), lies = 2 * x < abs(y);
        upright->x[i] = (int16_t)(up ? x : 0);
        upright->y[i] = (int16_t)(up ? y : 0);
        level->x[i] = (int16_t)(lies ? x : 0);
        level->y[i] = (int16_t)(lies ? y : 0);
    }
}

void glance_take(struct glance *g, const struct frame *frame)
{
    struct small small;
    shrink(frame, &small);
    map_edges(&small, &g->edges);
    for (int i = 0; i < TILES; i++)
        measure_tile(&small, i, frame->full_range ? 0 : BLACK_LUMA, g);
    g->mono = is_mono(frame);
    g->hash = hash_luma(frame);
}

static inline int product(const int16_t *restrict a, const int16_t *restrict b, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Rows of the one lie shift cells after those of the other. */
VECTORISED static int map_product(const struct edge_map *restrict a,
                                  const struct edge_map *restrict b, int shift)
{
    int from = shift < 0 ? -shift : 0, to = shift > 0 ? shift : 0;
    int count = GLANCE_CELLS - from - to;
    return product(a->x + from, b->x + to, count) + product(a->y + from, b->y + to, count);
}

float edges_norm(const struct edge_map *a, const struct edge_map *b)
{
    return sqrtf((float)map_product(a, a, 0)) * sqrtf((float)map_product(b, b, 0));
}

float edges_likeness(const struct edge_map *a, const struct edge_map *b, float norm, int dx, int dy)
{
    ASSERT(abs(dx) <= SHIFT_MAX && abs(dy) <= SHIFT_MAX);
    /* Of edges spread evenly, so much has not been shifted out. */
    float shared = (float)((GLANCE_WIDTH - abs(dx)) * (GLANCE_HEIGHT - abs(dy))) /
                   (GLANCE_WIDTH * GLANCE_HEIGHT);
    int sum = map_product(a, b, dy * GLANCE_STRIDE + dx);
    return norm > 0 ? (float)sum / (norm * shared) : 0;
}

VECTORISED static struct edge_sums tile_sums(const int16_t *restrict a, const int16_t *restrict b)
{
    struct edge_sums s = {0};
    for (int y = 0; y < TILE_HEIGHT; y++, a += GLANCE_STRIDE, b += GLANCE_STRIDE) {
        s.aa += product(a, a, TILE_WIDTH);
        s.bb += product(b, b, TILE_WIDTH);
        s.ab += product(a, b, TILE_WIDTH);
    }
    return s;
}

struct edge_sums edges_tile(const struct edge_map *a, const struct edge_map *b, int tile)
{
    int at = tile / TILES_X * TILE_HEIGHT * GLANCE_STRIDE + tile % TILES_X * TILE_WIDTH;
    struct edge_sums x = tile_sums(a->x + at, b->x + at);
    struct edge_sums y = tile_sums(a->y + at, b->y + at);
    return (struct edge_sums){x.aa + y.aa, x.bb + y.bb, x.ab + y.ab};
}
