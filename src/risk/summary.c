#include "risk/rules.h"

#include <string.h>

#define GROUPS_MAX 8 /* of different labels; more are summed up as "others" */

struct label_group {
    const char *label;
    bool has[EVENT_TRACKS_MAX]; /* which tracks */
    int count;                  /* of them in view at the same time */
};

struct groups {
    struct label_group items[GROUPS_MAX];
    int count;
    int others; /* tracks of yet more labels */
    int shown;  /* the sum of what will be named */
    int tracks; /* all, also those that came one after the other */
};

static void group_track(struct groups *groups, const struct event *event, int track)
{
    const char *label = event->tracks[track].label;
    int g = 0;
    while (g < groups->count && strcmp(groups->items[g].label, label) != 0)
        g++;
    groups->tracks++;
    if (g == GROUPS_MAX) {
        groups->others++;
        return;
    }
    if (g == groups->count)
        groups->items[groups->count++] = (struct label_group){.label = label};
    groups->items[g].has[track] = true;
}

/* The tracks of kinds from..to by kind and label, in order of appearance. */
static struct groups group_tracks(const struct event *event, int from, int to)
{
    struct groups groups = {0};
    for (int kind = from; kind <= to; kind++)
        for (int i = 0; i < event->track_count; i++)
            if ((int)label_kind(event->tracks[i].label) == kind)
                group_track(&groups, event, i);
    groups.shown = groups.others;
    for (int g = 0; g < groups.count; g++) {
        groups.items[g].count = tracks_together(event, groups.items[g].has);
        groups.shown += groups.items[g].count;
    }
    return groups;
}

/* "a cat, 2 dogs and a bird" */
static void add_groups(struct text *text, const struct groups *groups)
{
    for (int i = 0; i < groups->count; i++) {
        bool last = i == groups->count - 1 && groups->others == 0;
        text_add(text, "%s", i == 0 ? "" : last ? " and " : ", ");
        text_add_objects(text, groups->items[i].label, groups->items[i].count);
    }
    if (groups->others == 1)
        text_add(text, " and another");
    else if (groups->others > 1)
        text_add(text, " and %d others", groups->others);
}

/* What the sentence is about: of the kind that matters most in the event, the track that came
 * closest to the house, and stayed longest there. */
struct subject {
    enum object_kind kind;
    bool plural;
    const struct track *track;
    const struct zone_visit *visit; /* NULL: in no zone */
    enum zone_kind zone_kind;
};

static int closeness(enum zone_kind kind)
{
    static const int order[] = {
        [ZONE_SIDEWALK] = 0, [ZONE_OTHER] = 1, [ZONE_DRIVEWAY] = 2,
        [ZONE_YARD] = 3,     [ZONE_ENTRY] = 4, [ZONE_RESTRICTED] = 5,
    };
    return order[kind];
}

static void consider_visits(const struct facts *facts, const struct track *track,
                            struct subject *subject)
{
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen)
            continue;
        enum zone_kind kind = facts_zone_kind(facts, z);
        int step = subject->visit ? closeness(kind) - closeness(subject->zone_kind) : 1;
        if (step < 0 || (step == 0 && visit->dwell_us <= subject->visit->dwell_us))
            continue;
        subject->track = track;
        subject->visit = visit;
        subject->zone_kind = kind;
    }
}

static struct subject find_subject(const struct facts *facts)
{
    const struct event *event = facts->event;
    struct subject subject = {.kind = KIND_OTHER};
    for (int i = 0; i < event->track_count; i++)
        subject.kind = MIN(subject.kind, label_kind(event->tracks[i].label));
    for (int i = 0; i < event->track_count; i++) {
        const struct track *track = &event->tracks[i];
        if (label_kind(track->label) != subject.kind)
            continue;
        if (!subject.track)
            subject.track = track;
        int64_t span = track->last.pts_us - track->first.pts_us;
        if (!subject.visit && span > subject.track->last.pts_us - subject.track->first.pts_us)
            subject.track = track;
        consider_visits(facts, track, &subject);
    }
    return subject;
}

/* One is at a door, on a lawn, in a garden. */
static const char *preposition(const struct subject *subject)
{
    static const char *const surfaces[] = {"drive", "driveway", "lawn",   "path",  "patio",
                                           "porch", "terrace",  "stairs", "steps", NULL};
    const char *space = strrchr(subject->visit->name, ' ');
    const char *noun = space ? space + 1 : subject->visit->name;
    for (int i = 0; surfaces[i]; i++)
        if (strcasecmp(noun, surfaces[i]) == 0)
            return "on";
    bool at = subject->zone_kind == ZONE_ENTRY || subject->zone_kind == ZONE_RESTRICTED;
    return at ? "at" : "in";
}

#define CAME_GROWTH 1.5 /* who grew this much came towards the camera */

static void add_deed(struct text *text, const struct subject *subject)
{
    const char *were = subject->plural ? "were" : "was";
    const struct track *track = subject->track;
    bool person = subject->kind == KIND_PERSON;
    if (!subject->visit) {
        if (track->crossing_count > 0) {
            text_add(text, " crossed ");
            text_add_place(text, track->crossings[0].name);
            text_add(text,
                     track->crossings[0].direction > 0 ? " on the way in" : " on the way out");
            return;
        }
        text_add(text, " %s seen", were);
        return;
    }
    struct sighting at;
    bool came = person && track_growth(track, &at) >= CAME_GROWTH;
    if (subject->zone_kind == ZONE_SIDEWALK)
        text_add(text, person ? " walked along " : " passed along ");
    else if (subject->zone_kind == ZONE_ENTRY && came)
        text_add(text, " walked up to ");
    else
        text_add(text, " %s %s ", were, preposition(subject));
    text_add_place(text, subject->visit->name);
}

/* "at 03:12", or a place in the recording when nobody knows the time. */
static void add_moment(struct text *text, const struct event *event, const struct sighting *at)
{
    int64_t wall_us = at->wall_us != TIME_UNKNOWN ? at->wall_us : event->wall_start_us;
    if (wall_us != TIME_UNKNOWN) {
        text_add(text, " at ");
        text_add_time(text, wall_us);
        return;
    }
    int64_t seconds = MAX(at->pts_us, 0) / US_PER_S;
    text_add(text, " %lld:%02d into the recording", (long long)(seconds / 60), (int)(seconds % 60));
}

#define STAY_MIN_US (3 * US_PER_S) /* shorter is not called staying */

static void add_stay(struct text *text, const struct subject *subject)
{
    const struct track *track = subject->track;
    if (!subject->visit || subject->zone_kind == ZONE_SIDEWALK) {
        int64_t span_us = track->last.pts_us - track->first.pts_us;
        text_add(text, span_us >= STAY_MIN_US ? ", for " : ", briefly");
        if (span_us >= STAY_MIN_US)
            text_add_span(text, span_us);
        return;
    }
    const struct zone_visit *visit = subject->visit;
    if (visit->dwell_us < STAY_MIN_US && !visit->inside) {
        text_add(text, " and left at once");
    } else if (visit->dwell_us >= STAY_MIN_US) {
        text_add(text, " and stayed ");
        text_add_span(text, visit->dwell_us);
    }
}

static void add_company(struct text *text, const struct event *event, enum object_kind subject)
{
    struct groups groups = group_tracks(event, (int)subject + 1, KIND_COUNT - 1);
    if (groups.tracks == 0)
        return;
    text_add(text, "; ");
    add_groups(text, &groups);
    text_add(text, groups.shown == 1 ? " was also seen" : " were also seen");
}

void facts_summary(const struct facts *facts, char *out, size_t bytes)
{
    struct text text;
    text_init(&text, out, bytes);
    struct subject subject = find_subject(facts);
    if (!subject.track) {
        text_add(&text, "Something moved.");
        return;
    }
    struct groups groups = group_tracks(facts->event, (int)subject.kind, (int)subject.kind);
    subject.plural = groups.shown > 1;
    add_groups(&text, &groups);
    add_deed(&text, &subject);
    add_moment(&text, facts->event,
               subject.visit ? &subject.visit->entered : &subject.track->first);
    add_stay(&text, &subject);
    /* Whoever comes back, or was lost for a while, is a track of its own but not one more person.
     */
    if (groups.tracks > groups.shown)
        text_add(&text, " (%d visits in all)", groups.tracks);
    add_company(&text, facts->event, subject.kind);
    text_add(&text, ".");
    text_capitalise(&text);
}
