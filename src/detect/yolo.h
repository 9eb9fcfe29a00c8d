/* A YOLO output tensor into boxes. Pure functions; the tensor is hostile (a model is a file from
 * outside): sizes are checked by yolo_layout, values may be anything. */
#pragma once

#include "base/err.h"
#include "base/opt.h"
#include "detect/letterbox.h"
#include "model/detection.h"

#define YOLO_CLASSES_MAX 512
#define YOLO_ROWS_MAX    100000 /* anchors or rows; YOLO at 1280 has 33,600 */

enum yolo_head {
    YOLO_END_TO_END, /* [1, rows, 6]: x0 y0 x1 y1 score class, in tensor pixels; no NMS needed */
    YOLO_ANCHORS,    /* [1, 4 + classes, anchors]: cx cy w h, then a score per class; needs NMS */
};

struct yolo_layout {
    enum yolo_head head;
    int rows, classes; /* classes: 0 when the head does not say (end to end) */
};

/* From the output's shape. Fails with ERR_INVALID, naming the shape and the ones that are known. */
NODISCARD bool yolo_layout(const int64_t *dims, size_t dim_count, struct yolo_layout *ret,
                           struct err *err);

/* What a model calls its classes, and which of them count from what score. */
struct yolo_classes {
    int count;
    char names[YOLO_CLASSES_MAX][LABEL_BYTES];
    float threshold[YOLO_CLASSES_MAX]; /* > 1: never */
};

/* Reads "{0: 'person', 1: 'bicycle', ...}", a Python dict as the exporters write it. Classes it
 * does not name keep an empty name. Fails with ERR_INVALID naming the offset. */
NODISCARD bool yolo_parse_names(const char *text, struct yolo_classes *ret, struct err *err);

/* Boxes above their class's threshold, best first, clipped to the picture, of `lb`'s picture. */
void yolo_decode(const struct yolo_layout *layout, const float *tensor, const struct letterbox *lb,
                 const struct yolo_classes *classes, struct detections *ret);
