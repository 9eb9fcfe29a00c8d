#include "detect/yolo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YOLO_NMS_IOU        0.7f /* two boxes of a class that overlap more are one object */
#define YOLO_CANDIDATES_MAX 1000 /* entering NMS, the best */

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

/* Labels end up on terminals. */
static bool is_printable(const char *text, ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
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
    if (!close || close == p || close - p >= LABEL_BYTES || !is_printable(p, close - p))
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
    bool ok = *p == '{';
    p += ok;
    while (ok && *(p = skip_blanks(p)) != '}') {
        ok = parse_name(&p, ret);
        if (ok && *p == ',')
            p++;
        else if (*p != '}')
            ok = false;
    }
    if (ok && ret->count > 0)
        return true;
    if (ok)
        err_set(err, ERR_INVALID, "the model's class names have no class in them");
    else
        err_set(err, ERR_INVALID, "the model's class names do not read at character %td", p - text);
    err_hint(err,
             "expected {0: 'person', 1: 'bicycle', ...} in the metadata entry 'names', at most %d "
             "of at most %d bytes",
             YOLO_CLASSES_MAX, LABEL_BYTES - 1);
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

/* The best candidates so far, in no order: room for twice as many as will be kept, so that sorting
 * them out is rare. */
struct candidates {
    int count;
    struct candidate items[2 * YOLO_CANDIDATES_MAX];
};

static void keep_best(struct candidates *all)
{
    qsort(all->items, (size_t)all->count, sizeof all->items[0], by_score);
    all->count = MIN(all->count, YOLO_CANDIDATES_MAX);
}

static void add_candidate(struct candidates *all, struct candidate c)
{
    if (all->count == 2 * YOLO_CANDIDATES_MAX)
        keep_best(all);
    all->items[all->count++] = c;
}

static void append(struct detections *ret, const struct candidate *c, const struct letterbox *lb,
                   const struct yolo_classes *classes)
{
    struct detection *d = &ret->items[ret->count];
    d->box = letterbox_unmap(lb, c->x0, c->y0, c->x1, c->y1);
    /* Clipping makes an edge of the picture out of a NaN, so the box alone does not tell. */
    if (!(c->x0 < c->x1 && c->y0 < c->y1 && box_area(d->box) > 0))
        return;
    d->score = MIN(c->score, 1.0f);
    STR_COPY(d->label, classes->names[c->label]);
    ret->count++;
}

static bool wanted(const struct yolo_classes *classes, float label, float score)
{
    if (!(label >= 0 && label < (float)classes->count))
        return false;
    float threshold = classes->threshold[(int)label];
    return threshold <= 1 && score >= threshold;
}

static void decode_end_to_end(const struct yolo_layout *layout, const float *tensor,
                              const struct letterbox *lb, const struct yolo_classes *classes,
                              struct detections *ret)
{
    struct candidates found;
    found.count = 0;
    for (int i = 0; i < layout->rows; i++) {
        const float *row = tensor + (ptrdiff_t)i * 6;
        if (wanted(classes, row[5], row[4]))
            add_candidate(&found,
                          (struct candidate){row[0], row[1], row[2], row[3], row[4], (int)row[5]});
    }
    keep_best(&found);
    for (int i = 0; i < found.count && ret->count < DETECTIONS_MAX; i++)
        append(ret, &found.items[i], lb, classes);
}

static float candidate_iou(const struct candidate *a, const struct candidate *b)
{
    return box_iou((struct box){a->x0, a->y0, a->x1, a->y1},
                   (struct box){b->x0, b->y0, b->x1, b->y1});
}

/* The best class of every anchor, where it is above its threshold. */
static void collect_anchors(const struct yolo_layout *layout, const float *tensor,
                            const struct yolo_classes *classes, struct candidates *found)
{
    ptrdiff_t rows = layout->rows;
    for (ptrdiff_t i = 0; i < rows; i++) {
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
        add_candidate(found, (struct candidate){cx - w, cy - h, cx + w, cy + h, score, label});
    }
}

static void decode_anchors(const struct yolo_layout *layout, const float *tensor,
                           const struct letterbox *lb, const struct yolo_classes *classes,
                           struct detections *ret)
{
    struct candidates found;
    found.count = 0;
    collect_anchors(layout, tensor, classes, &found);
    keep_best(&found);
    const struct candidate *kept[DETECTIONS_MAX];
    int kept_count = 0;
    for (int i = 0; i < found.count && kept_count < DETECTIONS_MAX; i++) {
        const struct candidate *c = &found.items[i];
        bool duplicate = false;
        for (int k = 0; k < kept_count && !duplicate; k++)
            duplicate = kept[k]->label == c->label && candidate_iou(kept[k], c) > YOLO_NMS_IOU;
        if (!duplicate)
            kept[kept_count++] = c;
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
