#include "detect/yolo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YOLO_NMS_IOU        0.7f /* two boxes of a class that overlap more are one object */
#define YOLO_CANDIDATES_MAX 1000 /* entering NMS; more are ignored */

bool yolo_layout(const int64_t *dims, size_t dim_count, struct yolo_layout *ret, struct err *err)
{
    char shape[96] = "";
    for (size_t i = 0, n = 0; i < dim_count && n < sizeof shape; i++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld", i ? ", " : "",
                              (long long)dims[i]);
    bool three = dim_count == 3 && dims[0] == 1 && dims[1] > 0 && dims[2] > 0;
    if (three && dims[2] == 6 && dims[1] <= YOLO_ROWS_MAX) {
        *ret = (struct yolo_layout){YOLO_END_TO_END, (int)dims[1], 0};
        return true;
    }
    if (three && dims[1] > 4 && dims[1] - 4 <= YOLO_CLASSES_MAX && dims[2] > dims[1] &&
        dims[2] <= YOLO_ROWS_MAX) {
        *ret = (struct yolo_layout){YOLO_ANCHORS, (int)dims[2], (int)dims[1] - 4};
        return true;
    }
    err_set(err, ERR_INVALID, "the model's output has shape [%s]", shape);
    err_hint(err, "known are [1, 300, 6] (YOLO26, end to end) and [1, 4 + classes, anchors] "
                  "(YOLOv8 to YOLO12)");
    return false;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* One "7: 'truck'"; moves *text behind it. */
static bool parse_name(const char **text, struct yolo_classes *classes)
{
    char *end;
    const char *p = skip_blanks(*text);
    long index = strtol(p, &end, 10);
    if (end == p || index < 0 || index >= YOLO_CLASSES_MAX)
        return false;
    p = skip_blanks(end);
    if (*p != ':')
        return false;
    p = skip_blanks(p + 1);
    char quote = *p;
    if (quote != '\'' && quote != '"')
        return false;
    const char *close = strchr(++p, quote);
    if (!close || close == p || close - p >= LABEL_BYTES)
        return false;
    memcpy(classes->names[index], p, (size_t)(close - p));
    classes->names[index][close - p] = '\0';
    classes->count = MAX(classes->count, (int)index + 1);
    *text = skip_blanks(close + 1);
    return true;
}

bool yolo_parse_names(const char *text, struct yolo_classes *ret, struct err *err)
{
    memset(ret, 0, sizeof *ret);
    const char *p = skip_blanks(text);
    bool ok = *p++ == '{';
    while (ok && *(p = skip_blanks(p)) != '}') {
        ok = parse_name(&p, ret);
        if (ok && *p == ',')
            p++;
        else if (*p != '}')
            ok = false;
    }
    if (ok && ret->count > 0)
        return true;
    err_set(err, ERR_INVALID, "the model's class names do not read at character %td", p - text);
    err_hint(err, "expected {0: 'person', 1: 'bicycle', ...} in the metadata entry 'names'");
    return false;
}

struct candidate {
    float x0, y0, x1, y1, score;
    int label;
};

static int by_score(const void *a, const void *b)
{
    const struct candidate *ca = a;
    const struct candidate *cb = b;
    if (ca->score != cb->score)
        return ca->score < cb->score ? 1 : -1;
    if (ca->label != cb->label) /* ties must not depend on the sort's whims */
        return ca->label - cb->label;
    return (ca->x0 > cb->x0) - (ca->x0 < cb->x0);
}

static void append(struct detections *ret, const struct candidate *c, const struct letterbox *lb,
                   const struct yolo_classes *classes)
{
    struct detection *d = &ret->items[ret->count];
    d->box = letterbox_unmap(lb, c->x0, c->y0, c->x1, c->y1);
    /* Not (area <= 0): a NaN box must not pass either. */
    if (!(box_area(d->box) > 0))
        return;
    d->score = MIN(c->score, 1.0f);
    STR_COPY(d->label, classes->names[c->label]);
    ret->count++;
}

static bool wanted(const struct yolo_classes *classes, float label, float score)
{
    if (!(label >= 0 && label < (float)classes->count))
        return false;
    return score >= classes->threshold[(int)label];
}

static void decode_end_to_end(const struct yolo_layout *layout, const float *tensor,
                              const struct letterbox *lb, const struct yolo_classes *classes,
                              struct detections *ret)
{
    struct candidate found[DETECTIONS_MAX];
    int count = 0;
    for (int i = 0; i < layout->rows && count < DETECTIONS_MAX; i++) {
        const float *row = tensor + (ptrdiff_t)i * 6;
        if (wanted(classes, row[5], row[4]))
            found[count++] = (struct candidate){row[0], row[1], row[2],
                                                row[3], row[4], (int)row[5]};
    }
    qsort(found, (size_t)count, sizeof *found, by_score);
    for (int i = 0; i < count; i++)
        append(ret, &found[i], lb, classes);
}

static float candidate_iou(const struct candidate *a, const struct candidate *b)
{
    return box_iou((struct box){a->x0, a->y0, a->x1, a->y1},
                   (struct box){b->x0, b->y0, b->x1, b->y1});
}

/* The best class of every anchor, where it is above its threshold. */
static int collect_anchors(const struct yolo_layout *layout, const float *tensor,
                           const struct yolo_classes *classes, struct candidate *found)
{
    int count = 0;
    ptrdiff_t rows = layout->rows;
    for (ptrdiff_t i = 0; i < rows && count < YOLO_CANDIDATES_MAX; i++) {
        int label = 0;
        float score = -1;
        for (int c = 0; c < layout->classes; c++) {
            float s = tensor[(4 + c) * rows + i];
            if (s > score) {
                score = s;
                label = c;
            }
        }
        if (!wanted(classes, (float)label, score))
            continue;
        float cx = tensor[i], cy = tensor[rows + i];
        float w = tensor[2 * rows + i] / 2, h = tensor[3 * rows + i] / 2;
        found[count++] = (struct candidate){cx - w, cy - h, cx + w, cy + h, score, label};
    }
    return count;
}

static void decode_anchors(const struct yolo_layout *layout, const float *tensor,
                           const struct letterbox *lb, const struct yolo_classes *classes,
                           struct detections *ret)
{
    struct candidate found[YOLO_CANDIDATES_MAX];
    int count = collect_anchors(layout, tensor, classes, found);
    qsort(found, (size_t)count, sizeof *found, by_score);
    const struct candidate *kept[DETECTIONS_MAX];
    int kept_count = 0;
    for (int i = 0; i < count && kept_count < DETECTIONS_MAX; i++) {
        bool duplicate = false;
        for (int k = 0; k < kept_count && !duplicate; k++)
            duplicate = kept[k]->label == found[i].label &&
                        candidate_iou(kept[k], &found[i]) > YOLO_NMS_IOU;
        if (!duplicate)
            kept[kept_count++] = &found[i];
    }
    for (int k = 0; k < kept_count; k++)
        append(ret, kept[k], lb, classes);
}

void yolo_decode(const struct yolo_layout *layout, const float *tensor, const struct letterbox *lb,
                 const struct yolo_classes *classes, struct detections *ret)
{
    ret->count = 0;
    switch (layout->head) {
    case YOLO_END_TO_END:
        decode_end_to_end(layout, tensor, lb, classes, ret);
        return;
    case YOLO_ANCHORS:
        decode_anchors(layout, tensor, lb, classes, ret);
        return;
    }
}
