/* A frame into a model's input tensor: scaled to fit, centred, the rest grey (114), RGB 0..1
 * planar. Scaling happens in YUV, on a third of the bytes; one more pass turns it into floats. */
#pragma once

#include "model/box.h"
#include "model/frame.h"

#define LETTERBOX_SIDE_MAX 4096 /* px, of a tensor */

struct letterbox {
    int width, height;               /* px, of the tensor */
    int pad_x, pad_y;                /* px, left and top margin */
    int scaled_width, scaled_height; /* px, of the picture inside it */
};

/* A part of a picture, in px. Begins at even places, where its chroma does. */
struct crop {
    int x, y, width, height;
};

/* The least crop that shows all of the region. */
struct crop crop_of(struct box region, int picture_width, int picture_height);

/* From a box of the crop to one of the picture it was taken from. */
struct box crop_unmap(const struct crop *crop, int picture_width, int picture_height,
                      struct box box);

/* How a picture (or crop) of that size sits in a tensor of that size. */
struct letterbox letterbox_fit(int picture_width, int picture_height, int width, int height);

/* From tensor pixels to a box of the picture, clipped to it. */
struct box letterbox_unmap(const struct letterbox *lb, float x0, float y0, float x1, float y1);

/* Working memory for one tensor; grows to the largest scaled picture it has seen. It remembers
 * which tensor has its margins painted, so nobody else may write to that one. */
struct letterbox_scratch {
    uint8_t *pixels;
    size_t bytes;
    const float *painted;
    struct letterbox painted_as;
};
void letterbox_scratch_done(struct letterbox_scratch *scratch);

/* tensor: float[3][height][width], R then G then B. Only the area around the picture is painted
 * grey, so a caller may pass the same memory again. Returns false when there is no memory for a
 * picture of that size. */
NODISCARD bool letterbox_fill(const struct letterbox *lb, const struct frame *frame, float *tensor,
                              struct letterbox_scratch *scratch);

/* The same of a part of the frame, read where it lies: nothing outside of it is looked at. */
NODISCARD bool letterbox_fill_crop(const struct letterbox *lb, const struct frame *frame,
                                   const struct crop *crop, float *tensor,
                                   struct letterbox_scratch *scratch);
