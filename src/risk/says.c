#include "risk/rules.h"

#include <string.h>

const char *const rule_placeholders[] = {"label", "zone", "line", "dwell", "count", "time", NULL};

static bool is_word(const char *start, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(start, word, bytes) == 0;
}

bool rule_says_unknown(const char *says, char *ret, size_t bytes)
{
    for (const char *open = strchr(says, '{'); open; open = strchr(open + 1, '{')) {
        size_t span = strcspn(open + 1, "{}");
        bool known = false;
        for (int i = 0; rule_placeholders[i]; i++)
            known |= open[1 + span] == '}' && is_word(open + 1, span, rule_placeholders[i]);
        if (known)
            continue;
        span = MIN(span, bytes - 1);
        memcpy(ret, open + 1, span);
        ret[span] = '\0';
        return true;
    }
    return false;
}

static void add_placeholder(struct text *text, const char *word, size_t bytes,
                            const struct scene *scene, const struct match *match)
{
    if (is_word(word, bytes, "label"))
        text_add_objects(text, scene->event->tracks[match->track].label, 1);
    else if (is_word(word, bytes, "zone") && match->visit)
        text_add_place(text, match->visit->name);
    else if (is_word(word, bytes, "line") && match->crossing)
        text_add_place(text, match->crossing->name);
    else if (is_word(word, bytes, "dwell"))
        text_add_span(text, match->dwell_us);
    else if (is_word(word, bytes, "count"))
        text_add(text, "%d", match->count);
    else if (is_word(word, bytes, "time"))
        text_add_time(text, match->at.wall_us);
}

void rule_says(const struct rule *rule, const struct scene *scene, const struct match *match,
               char *out, size_t bytes)
{
    struct text text;
    text_init(&text, out, bytes);
    const char *p = rule->says;
    while (*p) {
        size_t plain = strcspn(p, "{");
        text_add(&text, "%.*s", (int)plain, p);
        p += plain;
        if (*p != '{')
            continue;
        size_t word = strcspn(p + 1, "}");
        add_placeholder(&text, p + 1, word, scene, match);
        p += 1 + word + (p[1 + word] == '}');
    }
    text_capitalise(&text);
}

/* -- the whole event in one sentence -- */

#define GROUPS_MAX 8 /* of different labels; more are summed up as "others" */

struct label_group {
    const char *label;
    int count;
};

/* The tracks of one kind by label, in order of appearance. */
static int group_labels(const struct event *event, enum object_kind kind,
                        struct label_group groups[GROUPS_MAX], int *others)
{
    int count = 0;
    for (int i = 0; i < event->track_count; i++) {
        const char *label = event->tracks[i].label;
        if (label_kind(label) != kind)
            continue;
        int g = 0;
        while (g < count && strcmp(groups[g].label, label) != 0)
            g++;
        if (g == GROUPS_MAX) {
            *others += 1;
            continue;
        }
        if (g == count)
            groups[count++] = (struct label_group){label, 0};
        groups[g].count++;
    }
    return count;
}

/* "a cat, 2 dogs and a bird" */
static void add_groups(struct text *text, const struct label_group *groups, int count, int others)
{
    for (int i = 0; i < count; i++) {
        bool last = i == count - 1 && others == 0;
        text_add(text, "%s", i == 0 ? "" : last ? " and " : ", ");
        text_add_objects(text, groups[i].label, groups[i].count);
    }
    if (others)
        text_add(text, " and %d others", others);
}

/* What the sentence is about: of the kind that matters most in the event, the track that came
 * closest to the house, and stayed longest there. */
struct subject {
    enum object_kind kind;
    int tracks; /* of that kind */
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

static void consider_visits(const struct scene *scene, const struct track *track,
                            struct subject *subject)
{
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen)
            continue;
        enum zone_kind kind = scene_zone_kind(scene, z);
        int step = subject->visit ? closeness(kind) - closeness(subject->zone_kind) : 1;
        if (step < 0 || (step == 0 && visit->dwell_us <= subject->visit->dwell_us))
            continue;
        subject->track = track;
        subject->visit = visit;
        subject->zone_kind = kind;
    }
}

static struct subject find_subject(const struct scene *scene)
{
    const struct event *event = scene->event;
    struct subject subject = {.kind = KIND_OTHER};
    for (int i = 0; i < event->track_count; i++)
        subject.kind = MIN(subject.kind, label_kind(event->tracks[i].label));
    for (int i = 0; i < event->track_count; i++) {
        const struct track *track = &event->tracks[i];
        if (label_kind(track->label) != subject.kind)
            continue;
        subject.tracks++;
        if (!subject.track)
            subject.track = track;
        int64_t span = track->last.pts_us - track->first.pts_us;
        if (!subject.visit && span > subject.track->last.pts_us - subject.track->first.pts_us)
            subject.track = track;
        consider_visits(scene, track, &subject);
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
    const char *were = subject->tracks == 1 ? "was" : "were";
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
    struct label_group groups[GROUPS_MAX];
    int count = 0, others = 0, tracks = 0;
    for (int kind = (int)subject + 1; kind < KIND_COUNT; kind++) {
        struct label_group more[GROUPS_MAX];
        int n = group_labels(event, (enum object_kind)kind, more, &others);
        for (int i = 0; i < n; i++) {
            tracks += more[i].count;
            if (count < GROUPS_MAX)
                groups[count++] = more[i];
            else
                others += more[i].count;
        }
    }
    tracks += others;
    if (tracks == 0)
        return;
    text_add(text, "; ");
    add_groups(text, groups, count, others);
    text_add(text, tracks == 1 ? " was also seen" : " were also seen");
}

void scene_summary(const struct scene *scene, char *out, size_t bytes)
{
    struct text text;
    text_init(&text, out, bytes);
    struct subject subject = find_subject(scene);
    if (!subject.track) {
        text_add(&text, "Something moved.");
        return;
    }
    struct label_group groups[GROUPS_MAX];
    int others = 0;
    int count = group_labels(scene->event, subject.kind, groups, &others);
    add_groups(&text, groups, count, others);
    add_deed(&text, &subject);
    add_moment(&text, scene->event,
               subject.visit ? &subject.visit->entered : &subject.track->first);
    add_stay(&text, &subject);
    add_company(&text, scene->event, subject.kind);
    text_add(&text, ".");
    text_capitalise(&text);
}
