/* What people said about earlier events like this one, as rows of the verdict. */
#include "risk/rules.h"

#include <string.h>

/* One row to be: the offset, or NULL where there is none, and the track it is seen at. */
struct adjustment {
    const struct offset *offset;
    int points;
    int track;
};

static const struct offset *find_offset(const struct offsets *offsets, const char *zone,
                                        const char *label)
{
    for (int i = 0; i < offsets->count; i++)
        if (strcmp(offsets->items[i].zone, zone) == 0 &&
            strcmp(offsets->items[i].label, label) == 0)
            return &offsets->items[i];
    return NULL;
}

static void take_higher(struct adjustment *best, const struct offset *offset, int track)
{
    int points = offset ? offset->points : 0;
    if (best->track < 0 || points > best->points)
        *best = (struct adjustment){offset, points, track};
}

/* A track is excused only as far as everywhere it was: one place without a word is enough. */
static struct adjustment of_track(const struct facts *facts, int track)
{
    const struct offsets *offsets = facts->context->offsets;
    const struct track *what = &facts->event->tracks[track];
    struct adjustment best = {.track = -1};
    for (int z = 0; z < ZONES_MAX; z++)
        if (what->zones[z].seen)
            take_higher(&best, find_offset(offsets, what->zones[z].name, what->label), track);
    if (best.track < 0)
        take_higher(&best, find_offset(offsets, "", what->label), track);
    return best;
}

/* Points below zero count only if they are true of every track of the kind that matters most: a
 * neighbour's dog that barks at nothing must not excuse a burglar. */
static struct adjustment excuse(const struct facts *facts)
{
    const struct event *event = facts->event;
    struct adjustment least = {.track = -1};
    enum object_kind leading = KIND_OTHER;
    for (int i = 0; i < event->track_count; i++)
        leading = MIN(leading, label_kind(event->tracks[i].label));
    for (int i = 0; i < event->track_count; i++) {
        if (label_kind(event->tracks[i].label) != leading)
            continue;
        struct adjustment one = of_track(facts, i);
        if (least.track < 0 || one.points > least.points)
            least = one;
    }
    return least;
}

/* Largest first; one row per offset. */
static int insert(struct adjustment rows[FEEDBACK_ROWS_MAX], int count,
                  const struct adjustment *row)
{
    for (int i = 0; i < count; i++)
        if (rows[i].offset == row->offset)
            return count;
    int at = count;
    while (at > 0 && rows[at - 1].points < row->points)
        at--;
    if (at == FEEDBACK_ROWS_MAX)
        return count;
    int kept = MIN(count, FEEDBACK_ROWS_MAX - 1);
    memmove(rows + at + 1, rows + at, (size_t)(kept - at) * sizeof *rows);
    rows[at] = *row;
    return kept + 1;
}

static void add_row(const struct facts *facts, const struct adjustment *row,
                    struct verdict *verdict)
{
    const struct track *track = &facts->event->tracks[row->track];
    struct reason *reason = &verdict->reasons[verdict->reason_count++];
    struct text text;
    STR_COPY(reason->rule, REASON_FEEDBACK);
    reason->points = row->points;
    reason->track = track->id;
    copy_sighting(&reason->at, track->best.score > 0 ? &track->best : &track->first);
    text_init(&text, reason->text, sizeof reason->text);
    text_add(&text, "%d earlier event%s with ", row->offset->count,
             row->offset->count == 1 ? "" : "s");
    text_add_objects(&text, row->offset->label, 1);
    text_add(&text, " ");
    if (row->offset->zone[0]) {
        text_add(&text, "at ");
        text_add_place(&text, row->offset->zone);
    } else {
        text_add(&text, "in no zone");
    }
    text_add(&text, row->points < 0 ? " scored too high, you said" : " scored too low, you said");
}

int feedback_apply(const struct facts *facts, struct verdict *verdict)
{
    struct adjustment rows[FEEDBACK_ROWS_MAX];
    int count = 0, sum = 0;
    if (!facts->context->offsets || facts->event->track_count == 0)
        return 0;
    for (int i = 0; i < facts->event->track_count; i++) {
        struct adjustment one = of_track(facts, i);
        if (one.points > 0)
            count = insert(rows, count, &one);
    }
    struct adjustment less = excuse(facts);
    if (less.points < 0)
        count = insert(rows, count, &less);
    for (int i = 0; i < count; i++) {
        sum += rows[i].points;
        add_row(facts, &rows[i], verdict);
    }
    return sum;
}
