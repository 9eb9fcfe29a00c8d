/* What one picture comes to when only its view matters: where edges run, how light its parts are,
 * how sharp. Integers, so that every machine says the same. Only view.c uses it. */
#pragma once

#include "model/frame.h"

#define GLANCE_WIDTH  80 /* cells of the edge map, whatever the picture's size */
#define GLANCE_HEIGHT 45
/* Rows lie farther apart than they are long, with nothing between them: what is shifted out of one
 * does not come into the next. */
#define GLANCE_STRIDE 96
#define GLANCE_CELLS  (GLANCE_STRIDE * GLANCE_HEIGHT)
#define SHIFT_MAX     (GLANCE_STRIDE - GLANCE_WIDTH)
#define TILES_X       8
#define TILES_Y       5
#define TILES         (TILES_X * TILES_Y)
#define TILE_CELLS    (GLANCE_WIDTH / TILES_X * (GLANCE_HEIGHT / TILES_Y))
#define EDGE_MAX      127

/* The direction of the edge in a cell, its angle doubled, so that light beside dark is the same as
 * dark beside light: what infrared light turns round. Its length says how clear the edge is, up to
 * EDGE_MAX; contrast counts little once an edge is clear, so that edges outlive the daylight. */
struct edge_map {
    int16_t x[GLANCE_CELLS], y[GLANCE_CELLS];
};

struct glance {
    struct edge_map edges;
    float luma[TILES];   /* mean, steps of 255 above black */
    float spread[TILES]; /* standard deviation of luma within the tile */
    float fine[TILES]; /* mean square difference of neighbours at a 320th of the picture's width */
    bool mono;         /* no colour anywhere */
    uint64_t hash;     /* of every few rows of luma, every byte of them */
};

void glance_take(struct glance *glance, const struct frame *frame);

/* The edges that run up and down, and those that run across: a view that moves along its edges
 * keeps them where they were, and most views have more of the one kind. */
void edges_split(const struct edge_map *map, struct edge_map *upright, struct edge_map *level);

/* Likeness of two maps shifted against each other, -1..1: b's cell (x + dx, y + dy) lies on a's
 * (x, y). Both shifts at most SHIFT_MAX. norm: edges_norm of the two. */
float edges_likeness(const struct edge_map *a, const struct edge_map *b, float norm, int dx,
                     int dy);
float edges_norm(const struct edge_map *a, const struct edge_map *b);

struct edge_sums {
    int aa, bb, ab; /* products, summed over a tile */
};
struct edge_sums edges_tile(const struct edge_map *a, const struct edge_map *b, int tile);
