#include "model/feedback.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

const char *const feedback_kind_names[] = {"accurate", "false_positive", "missed",
                                           "too_high", "too_low",        NULL};

/* What one word about one event is worth: five false alarms make up for a person at night, three
 * missed ones for half a level. What was accurate speaks for the score as it was, so it pulls back.
 */
static const int steps[] = {
    [FEEDBACK_ACCURATE] = 0,  [FEEDBACK_FALSE_POSITIVE] = -4, [FEEDBACK_MISSED] = 6,
    [FEEDBACK_TOO_HIGH] = -3, [FEEDBACK_TOO_LOW] = 3,
};
#define ACCURATE_PULL 1

static int by_pair(const struct feedback_row *a, const struct feedback_row *b)
{
    int zone = strcmp(a->zone, b->zone);
    return zone ? zone : strcmp(a->label, b->label);
}

static int by_pair_and_event(const void *pa, const void *pb)
{
    const struct feedback_row *a = pa, *b = pb;
    int pair = by_pair(a, b);
    int event = pair ? pair : memcmp(&a->event, &b->event, sizeof a->event);
    return event ? event : a->kind - b->kind;
}

/* Rows from..to are of one pair. */
static struct offset sum_up(const struct feedback_row *rows, int from, int to)
{
    struct offset offset = {0};
    int64_t sum = 0;
    int up = 0, down = 0, accurate = 0;
    for (int i = from; i < to; i++) {
        /* Two tracks of one event in one place are one word about it. */
        if (i > from && memcmp(&rows[i].event, &rows[i - 1].event, sizeof rows[i].event) == 0)
            continue;
        int step = steps[rows[i].kind];
        sum += step;
        up += step > 0;
        down += step < 0;
        accurate += rows[i].kind == FEEDBACK_ACCURATE;
    }
    int64_t pull = MIN((int64_t)accurate * ACCURATE_PULL, sum < 0 ? -sum : sum);
    sum += sum < 0 ? pull : -pull;
    STR_COPY(offset.zone, rows[from].zone);
    STR_COPY(offset.label, rows[from].label);
    offset.points = (int)CLAMP(sum, -OFFSET_POINTS_MAX, OFFSET_POINTS_MAX);
    offset.count = offset.points < 0 ? down : offset.points > 0 ? up : 0;
    return offset;
}

/* Of more pairs than there is room for, those that say most stay; of equals the first by name. */
static void keep(struct offsets *ret, const struct offset *offset)
{
    if (ret->count < OFFSETS_MAX) {
        ret->items[ret->count++] = *offset;
        return;
    }
    int least = 0;
    for (int i = 1; i < ret->count; i++)
        if (abs(ret->items[i].points) <= abs(ret->items[least].points))
            least = i;
    if (abs(ret->items[least].points) >= abs(offset->points))
        return;
    memmove(&ret->items[least], &ret->items[least + 1],
            (size_t)(ret->count - least - 1) * sizeof ret->items[0]);
    ret->items[ret->count - 1] = *offset;
}

void feedback_offsets(const struct feedback_row *rows, int count, struct offsets *ret)
{
    memset(ret, 0, sizeof *ret);
    if (count <= 0)
        return;
    AUTO(free_ptr) struct feedback_row *sorted = xcalloc((size_t)count, sizeof *sorted);
    int known = 0;
    for (int i = 0; i < count; i++)
        if (rows[i].kind >= 0 && rows[i].kind < (int)ARRAY_LEN(steps))
            sorted[known++] = rows[i];
    qsort(sorted, (size_t)known, sizeof *sorted, by_pair_and_event);
    for (int from = 0, to; from < known; from = to) {
        for (to = from + 1; to < known && by_pair(&sorted[from], &sorted[to]) == 0;)
            to++;
        struct offset offset = sum_up(sorted, from, to);
        if (offset.points != 0)
            keep(ret, &offset);
    }
}
