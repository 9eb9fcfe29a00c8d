/* A model's output: its shape and its numbers. The first bytes are the shape, the size of the
 * picture and the thresholds; the rest, over and over, is the tensor. */
#include "detect/yolo.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 16
#define FLOATS_MAX 200000 /* larger tensors would be slow, not different */
#define CLASSES    6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sane(const struct detections *d, const struct yolo_classes *classes)
{
    ASSERT(d->count >= 0 && d->count <= DETECTIONS_MAX);
    for (int i = 0; i < d->count; i++) {
        const struct detection *at = &d->items[i];
        struct box b = at->box;
        ASSERT(b.x0 >= 0 && b.x0 < b.x1 && b.x1 <= 1 && b.y0 >= 0 && b.y0 < b.y1 && b.y1 <= 1);
        ASSERT(at->score >= 0 && at->score <= 1);
        ASSERT(i == 0 || at->score <= d->items[i - 1].score);
        bool known = false;
        for (int c = 0; c < classes->count && !known; c++)
            known = classes->threshold[c] <= 1 && strcmp(at->label, classes->names[c]) == 0;
        ASSERT(known);
    }
}

static void name_classes(struct yolo_classes *classes, uint8_t thresholds)
{
    classes->count = CLASSES;
    for (int i = 0; i < CLASSES; i++) {
        classes->names[i][0] = (char)('a' + i);
        classes->threshold[i] = thresholds >> i & 1 ? 0.25f : 2.0f;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES + sizeof(float))
        return 0;
    int16_t head[HEAD_BYTES / 2];
    memcpy(head, data, HEAD_BYTES);
    int64_t dims[4] = {head[0], head[1], head[2], head[3]};
    struct yolo_layout layout;
    if (!yolo_layout(dims, (size_t)(data[8] % 5), &layout, NULL))
        return 0;
    int per_row = layout.head == YOLO_END_TO_END ? 6 : 4 + layout.classes;
    size_t floats = (size_t)layout.rows * (size_t)per_row;
    if (floats > FLOATS_MAX)
        return 0;
    AUTO(free_ptr) float *tensor = xcalloc(floats, sizeof(float));
    const uint8_t *values = data + HEAD_BYTES;
    size_t given = (size - HEAD_BYTES) / sizeof(float);
    for (size_t i = 0; i < floats; i++)
        memcpy(&tensor[i], values + i % given * sizeof(float), sizeof(float));
    AUTO(free_ptr) struct yolo_classes *classes = NEW(struct yolo_classes);
    name_classes(classes, data[9]);
    struct letterbox lb = letterbox_fit(1 + (uint16_t)head[5] % FRAME_SIDE_MAX,
                                        1 + (uint16_t)head[6] % FRAME_SIDE_MAX, 640, 640);
    AUTO(free_ptr) struct detections *found = NEW(struct detections);
    yolo_decode(&layout, tensor, &lb, classes, found);
    check_sane(found, classes);
    return 0;
}
