#include "risk/llm/evidence.h"

#include "risk/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one event: three sightings, zones and crossings of every track, and the reasons. */
#define CANDIDATES_MAX (EVENT_TRACKS_MAX * (3 + ZONES_MAX + CROSSINGS_MAX) + REASONS_MAX)

/* Tracks so strong that a picture of them may be shown: that moment must have a name. */
#define PICTURED_RANKS 8

struct candidate {
    struct evidence_item item;
    int weight;
    int rank; /* of its track; 0 is the strongest */
};

struct gathering {
    const struct window *window;
    const struct event *event;
    int rank_of[EVENT_TRACKS_MAX];
    struct candidate *candidates;
    int count;
};

/* -- which tracks matter -- */

struct ranked {
    int track, points;
    float confidence;
};

static int by_strength(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    if (a->points != b->points)
        return a->points > b->points ? -1 : 1;
    if (a->confidence != b->confidence)
        return a->confidence > b->confidence ? -1 : 1;
    return a->track - b->track;
}

static int track_of(const struct event *event, const struct uuid *id)
{
    for (int i = 0; i < event->track_count && !uuid_is_zero(id); i++)
        if (uuid_equal(&event->tracks[i].id, id))
            return i;
    return -1;
}

int evidence_rank_tracks(const struct window *window, int ret[EVENT_TRACKS_MAX])
{
    const struct event *event = window->event;
    struct ranked ranked[EVENT_TRACKS_MAX];
    for (int i = 0; i < event->track_count; i++) {
        float confidence = event->tracks[i].confidence;
        ranked[i] = (struct ranked){i, 0, isfinite(confidence) ? confidence : 0};
    }
    for (int i = 0; i < event->verdict.reason_count; i++) {
        const struct reason *reason = &event->verdict.reasons[i];
        int track = track_of(event, &reason->track);
        if (track >= 0 && reason_is_finding(reason))
            ranked[track].points += abs(CLAMP(reason->points, -100, 100));
    }
    qsort(ranked, (size_t)event->track_count, sizeof *ranked, by_strength);
    for (int i = 0; i < event->track_count; i++)
        ret[i] = ranked[i].track;
    return event->track_count;
}

/* -- all moments -- */

/* Seconds since the event began, bounded: the numbers may be anything. */
static double seconds_of(const struct gathering *g, int64_t pts_us)
{
    double us = (double)pts_us - (double)g->event->start_us;
    return CLAMP(us / (double)US_PER_S, -1e6, 1e6);
}

static struct candidate *add(struct gathering *g, int kind, int track, const struct sighting *at,
                             int weight)
{
    ASSERT(g->count < CANDIDATES_MAX);
    struct candidate *c = &g->candidates[g->count++];
    c->item.kind = kind;
    c->item.track = track;
    c->item.what.at = *at;
    c->weight = weight;
    c->rank = track < 0 ? 0 : g->rank_of[track];
    if (track >= 0)
        c->item.what.track = g->event->tracks[track].id;
    return c;
}

/* A name from outside inside a sentence of ours: the quotes around it are the only ones. */
static void add_name(struct text *text, const char *name)
{
    char plain[OPT_NAME_BYTES];
    STR_COPY(plain, name);
    for (char *p = plain; *p; p++)
        if (*p == '\'')
            *p = '`';
    text_add(text, "'%s'", plain);
}

static void begin_says(struct text *text, struct candidate *c)
{
    text_init(text, c->item.says, sizeof c->item.says);
    if (c->item.track >= 0)
        text_add(text, "t%d ", c->item.track + 1);
}

static int zone_weight(const struct gathering *g, int zone)
{
    static const int weights[] = {
        [ZONE_ENTRY] = 800,    [ZONE_DRIVEWAY] = 600,   [ZONE_YARD] = 600,
        [ZONE_SIDEWALK] = 300, [ZONE_RESTRICTED] = 900, [ZONE_OTHER] = 400,
    };
    struct facts facts = {.event = g->event, .context = &g->window->context};
    return weights[facts_zone_kind(&facts, zone)];
}

static void add_zones(struct gathering *g, int track)
{
    const struct track *t = &g->event->tracks[track];
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &t->zones[z];
        if (!visit->seen)
            continue;
        struct candidate *c = add(g, EVIDENCE_ENTERED, track, &visit->entered, zone_weight(g, z));
        STR_COPY(c->item.what.zone, visit->name);
        struct text text;
        begin_says(&text, c);
        text_add(&text, "was first in ");
        add_name(&text, visit->name);
        text_add(&text, " at %.1f s, stayed ", seconds_of(g, visit->entered.pts_us));
        text_add_span(&text, CLAMP(visit->dwell_us, 0, INT64_C(100000) * US_PER_S));
    }
}

static void add_crossings(struct gathering *g, int track)
{
    const struct track *t = &g->event->tracks[track];
    for (int i = 0; i < MIN(t->crossing_count, CROSSINGS_MAX); i++) {
        const struct crossing *crossing = &t->crossings[i];
        struct candidate *c = add(g, EVIDENCE_CROSSED, track, &crossing->at, 700);
        struct text text;
        begin_says(&text, c);
        text_add(&text, "crossed ");
        add_name(&text, crossing->name);
        text_add(&text, " %s at %.1f s", crossing->direction > 0 ? "inwards" : "outwards",
                 seconds_of(g, crossing->at.pts_us));
    }
}

static void add_sighting(struct gathering *g, int kind, int track, const struct sighting *at,
                         int weight, const char *words)
{
    struct candidate *c = add(g, kind, track, at, weight);
    struct text text;
    begin_says(&text, c);
    text_add(&text, "was %s at %.1f s", words, seconds_of(g, at->pts_us));
}

static void add_sightings(struct gathering *g, int track)
{
    const struct track *t = &g->event->tracks[track];
    bool pictured = g->rank_of[track] < PICTURED_RANKS;
    add_sighting(g, EVIDENCE_FIRST, track, &t->first, 500, "first seen");
    if (t->best.pts_us != t->first.pts_us && t->best.pts_us != t->last.pts_us)
        add_sighting(g, EVIDENCE_BEST, track, &t->best, pictured ? 950 : 200, "seen best");
    if (t->last.pts_us != t->first.pts_us)
        add_sighting(g, EVIDENCE_LAST, track, &t->last, 350, "last seen");
}

/* The zone that the track was in at that sighting, as far as it is known. */
static const char *zone_at(const struct track *track, int64_t pts_us)
{
    for (int z = 0; z < ZONES_MAX; z++)
        if (track->zones[z].seen && track->zones[z].entered.pts_us == pts_us)
            return track->zones[z].name;
    return "";
}

static void add_rules(struct gathering *g)
{
    for (int i = 0; i < g->event->verdict.reason_count; i++) {
        const struct reason *reason = &g->event->verdict.reasons[i];
        if (!reason_is_finding(reason))
            continue;
        int track = track_of(g->event, &reason->track);
        int weight = 1000 + abs(CLAMP(reason->points, -100, 100));
        struct candidate *c = add(g, EVIDENCE_RULE, track, &reason->at, weight);
        STR_COPY(c->item.what.rule, reason->rule);
        if (track >= 0)
            STR_COPY(c->item.what.zone, zone_at(&g->event->tracks[track], reason->at.pts_us));
        struct text text;
        begin_says(&text, c);
        text_add(&text, track >= 0 ? "made the rule " : "the rule ");
        add_name(&text, reason->rule);
        text_add(&text, track >= 0 ? " fire at %.1f s" : " fired at %.1f s",
                 seconds_of(g, reason->at.pts_us));
    }
}

/* -- the list -- */

static int by_weight(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    if (a->weight != b->weight)
        return b->weight - a->weight;
    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->item.what.at.pts_us != b->item.what.at.pts_us)
        return a->item.what.at.pts_us < b->item.what.at.pts_us ? -1 : 1;
    return strcmp(a->item.says, b->item.says);
}

static int by_track(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    if (a->item.track != b->item.track)
        return a->item.track - b->item.track;
    if (a->item.what.at.pts_us != b->item.what.at.pts_us)
        return a->item.what.at.pts_us < b->item.what.at.pts_us ? -1 : 1;
    return a->item.kind != b->item.kind ? a->item.kind - b->item.kind : by_weight(pa, pb);
}

void evidence_gather(const struct window *window, struct evidence_list *ret)
{
    memset(ret, 0, sizeof *ret);
    AUTO(free_ptr) struct candidate *candidates = xcalloc(CANDIDATES_MAX, sizeof *candidates);
    struct gathering g = {window, window->event, {0}, candidates, 0};
    int order[EVENT_TRACKS_MAX];
    int tracks = evidence_rank_tracks(window, order);
    for (int i = 0; i < tracks; i++)
        g.rank_of[order[i]] = i;
    for (int i = 0; i < tracks; i++) {
        add_sightings(&g, i);
        add_zones(&g, i);
        add_crossings(&g, i);
    }
    add_rules(&g);
    qsort(candidates, (size_t)g.count, sizeof *candidates, by_weight);
    ret->count = MIN(g.count, EVIDENCE_MAX);
    qsort(candidates, (size_t)ret->count, sizeof *candidates, by_track);
    for (int i = 0; i < ret->count; i++) {
        ret->items[i] = candidates[i].item;
        snprintf(ret->items[i].id, sizeof ret->items[i].id, "e%d", i + 1);
    }
}

const struct evidence_item *evidence_find(const struct evidence_list *list, const char *id)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    return NULL;
}

const struct evidence_item *evidence_of_picture(const struct evidence_list *list,
                                                const struct window *window, int track)
{
    const struct evidence_item *nearest = NULL;
    double distance = 0;
    double best = (double)window->event->tracks[track].best.pts_us;
    for (int i = 0; i < list->count; i++) {
        const struct evidence_item *item = &list->items[i];
        double apart = fabs((double)item->what.at.pts_us - best);
        if (item->track == track && (!nearest || apart < distance)) {
            nearest = item;
            distance = apart;
        }
    }
    return nearest;
}
