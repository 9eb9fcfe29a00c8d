/* Pictures for people: a frame as a JPEG, smaller, or with its objects outlined and named. Pure
 * functions on shared frames: what is given is never changed. Any thread. */
#pragma once

#include "base/err.h"
#include "model/detection.h"
#include "model/event.h"

#define PICTURE_TEXT_BYTES 64 /* longer tabs are cut */

struct picture_box {
    struct box box;
    const char
        *text; /* the label tab: "person 93 %"; NULL or empty: none. ASCII, the rest is '?' */
    enum object_kind kind; /* decides the colour */
};

/* Text for a tab: "person 93 %". Returns out. */
const char *picture_label(char out[PICTURE_TEXT_BYTES], const char *label, float confidence);

/* A private copy at most max_width_px wide, proportions kept; never larger than the original. NULL
 * when there is no memory. */
NODISCARD struct frame *picture_scaled(const struct frame *frame, int max_width_px);

/* A private copy of the part under the box (widened to even pixels, at least 2x2). NULL when there
 * is no memory. */
NODISCARD struct frame *picture_cropped(const struct frame *frame, struct box box);

/* A private copy with the boxes drawn on it, the first on top. NULL when there is no memory. */
NODISCARD struct frame *picture_annotated(const struct frame *frame,
                                          const struct picture_box *boxes, int count);

/* The same with everything that was detected, and with the one object where its best picture was
 * taken (frame: that picture, of any size). */
NODISCARD struct frame *picture_of_detections(const struct frame *frame,
                                              const struct detections *found);
NODISCARD struct frame *picture_of_track(const struct frame *frame, const struct track *track);

/* The frame as a JPEG file of quality 1..100, converted to JPEG's full-range BT.601 if need be. The
 * caller frees *ret with free(). ERR_EXHAUSTED without memory, ERR_INTERNAL if the encoder refuses.
 */
NODISCARD bool picture_jpeg(const struct frame *frame, int quality, uint8_t **ret,
                            size_t *ret_bytes, struct err *err);
