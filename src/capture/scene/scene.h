/* The built-in rendered street: what a camera across the road would see of a house, its garden and
 * whoever comes along. Everything follows from a seed and the time, so that a demonstration, a test
 * and a training set are repeatable; asking for the same moment twice gives the same pixels.
 *
 * One user at a time; pure apart from its own canvas. */
#pragma once

#include "base/clock.h"
#include "model/detection.h"

#define SCENE_WIDTH    640 /* px */
#define SCENE_HEIGHT   360 /* px */
#define SCENE_FPS      10
#define SCENE_FRAME_US (US_PER_S / SCENE_FPS)
#define SCENE_CYCLE_US (130 * US_PER_S) /* the street's story, told anew with other people */
/* Its light goes round once, in about an hour: slowly enough not to look like motion. The source
 * ends there and may be looped without a seam. */
#define SCENE_DAY_US    (28 * SCENE_CYCLE_US)
#define SCENE_TRUTH_MAX 16
#define SCENE_SEED      1 /* of the URL "scene" */

enum scene_story {
    SCENE_STREET,   /* a quiet street: visitors, passers-by, traffic, with pauses between them */
    SCENE_PRACTICE, /* a new crowd and another light every SCENE_FRAME_US: for training only */
};

struct scene;

NODISCARD struct scene *scene_new(uint64_t seed, enum scene_story story);
void scene_free(struct scene **scene);

/* Paints the moment t_us (>= 0) into dst, a frame of SCENE_WIDTH x SCENE_HEIGHT that is not shared.
 * Sets its pixels only. */
void scene_render(struct scene *scene, int64_t t_us, struct frame *dst);

/* What is to be seen at t_us: label and box of everything of which at least 40 % shows, score 1.
 * Boxes go around the visible part. Returns how many, at most max. */
int scene_truth(const struct scene *scene, int64_t t_us, struct detection *out, int max);

/* 0: night .. 1: day. */
float scene_daylight(const struct scene *scene, int64_t t_us);
