#include "risk/rules.h"

#include <stdlib.h>
#include <string.h>

static bool list_has(const struct opt_list *list, const char *word)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i], word) == 0)
            return true;
    return false;
}

enum zone_kind facts_zone_kind(const struct facts *facts, int zone)
{
    const struct opt_map *zones = facts->context->zones;
    if (!zones || zone >= zones->count)
        return ZONE_OTHER;
    return (enum zone_kind)((const struct zone_conf *)zones->items)[zone].kind;
}

const char *facts_owner(const struct facts *facts, const char *zone)
{
    const struct household *household = facts->context->household;
    return household ? household_owner(household, zone) : NULL;
}

const struct usual *facts_usual(const struct facts *facts, int track)
{
    const struct usual *usual = facts->context->usual;
    return usual && usual[track].known ? &usual[track] : NULL;
}

/* How many of the track's label are in view at the same time, at most. */
static int alike_together(const struct event *event, int track)
{
    bool alike[EVENT_TRACKS_MAX] = {false};
    for (int i = 0; i < event->track_count; i++)
        alike[i] = strcmp(event->tracks[i].label, event->tracks[track].label) == 0;
    return tracks_together(event, alike);
}

/* Whether it may be this one: expected in every place the track was in. */
static bool may_be(const struct facts *facts, const struct track *track,
                   const struct expected_person *person)
{
    if (!expected_person_is(person, track->label, NULL))
        return false;
    for (int z = 0; z < ZONES_MAX; z++)
        if (track->zones[z].seen && facts_zone_kind(facts, z) != ZONE_SIDEWALK &&
            !expected_person_is(person, track->label, track->zones[z].name))
            return false;
    return true;
}

const char *facts_expected(const struct facts *facts, int track)
{
    const struct household *household = facts->context->household;
    const struct track *who = &facts->event->tracks[track];
    const char *first = NULL;
    int known = 0;
    for (int i = 0; household && i < household->count; i++) {
        const struct expected_person *person = &household->items[i];
        known += person->now && strcmp(person->label, who->label) == 0;
        if (!first && may_be(facts, who, person))
            first = person->name;
    }
    return first && known >= alike_together(facts->event, track) ? first : NULL;
}

/* Somebody who steps in from the side doubles in width without coming nearer, so height decides
 * too. */
static double growth_between(struct box first, struct box now)
{
    if (box_area(first) <= 0)
        return 0;
    double taller = box_height(now) / box_height(first);
    return MIN(box_area(now) / (double)box_area(first), taller * taller);
}

double track_growth(const struct track *track, struct sighting *ret_at)
{
    /* A visitor who has turned back is small again: the best picture remembers how near they were.
     */
    double last = growth_between(track->first.box, track->last.box);
    double best = track->best.score > 0 ? growth_between(track->first.box, track->best.box) : 0;
    *ret_at = best > last ? track->best : track->last;
    return MAX(best, last);
}

int tracks_together(const struct event *event, const bool has[EVENT_TRACKS_MAX])
{
    int most = 0;
    for (int i = 0; i < event->track_count; i++) {
        /* The fullest moment is one at which somebody comes. */
        int64_t at_us = event->tracks[i].first.pts_us;
        int count = 0;
        for (int k = 0; k < event->track_count; k++)
            count += has[k] && event->tracks[k].first.pts_us <= at_us &&
                     event->tracks[k].last.pts_us >= at_us;
        most = MAX(most, count);
    }
    return most;
}

static bool hours_hold(const struct facts *facts, int hours, int64_t wall_us)
{
    const struct opt_times *night = &facts->context->night;
    struct opt_times small = times_small(night);
    switch ((enum rule_hours)hours) {
    case HOURS_ANY:
        return true;
    case HOURS_DAY:
        return wall_us != TIME_UNKNOWN && !times_contain(night, wall_us);
    case HOURS_NIGHT:
        return times_contain(night, wall_us);
    case HOURS_SMALL:
        return times_contain(&small, wall_us);
    case HOURS_EDGE:
        return times_contain(night, wall_us) && !times_contain(&small, wall_us);
    case HOURS_EARLY: {
        /* A night without a middle has no morning of its own either. */
        struct opt_times early = {small.to_min, night->to_min};
        return small.from_min != small.to_min && times_contain(&early, wall_us);
    }
    case HOURS_AWAY:
        return times_contain(&facts->context->away, wall_us);
    }
    return false;
}

/* Takes the sighting as evidence if the rule's hours hold at it. */
static bool take_evidence(const struct rule_when *when, const struct facts *facts,
                          const struct sighting *at, struct match *match)
{
    if (!hours_hold(facts, when->hours, at->wall_us))
        return false;
    match->at = *at;
    return true;
}

static bool zone_wanted(const struct rule_when *when, const struct facts *facts,
                        const struct track *track, int zone)
{
    const struct zone_visit *visit = &track->zones[zone];
    if (!visit->seen || !list_has(&when->zone_kind, zone_kind_names[facts_zone_kind(facts, zone)]))
        return false;
    bool other = when->owner != OWNER_ANY && facts_owner(facts, visit->name);
    return when->owner == OWNER_ANY || (when->owner == OWNER_OTHER) == other;
}

/* The longest stay in a zone the rule asks for. */
static bool match_zone(const struct rule_when *when, const struct facts *facts,
                       const struct track *track, struct match *match)
{
    bool found = false;
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!zone_wanted(when, facts, track, z))
            continue;
        if (visit->dwell_us < when->min_dwell_us || (when->left && visit->inside) ||
            (when->stays && !visit->inside))
            continue;
        if (when->max_dwell_us && visit->dwell_us > when->max_dwell_us)
            continue;
        if (found && visit->dwell_us <= match->dwell_us)
            continue;
        /* Who came before the hours began and is still there has been seen there within them. */
        if (!take_evidence(when, facts, &visit->entered, match) &&
            !(visit->inside && take_evidence(when, facts, &track->last, match)))
            continue;
        match->visit = visit;
        match->dwell_us = visit->dwell_us;
        match->strength = (double)visit->dwell_us;
        found = true;
    }
    return found;
}

static bool match_line(const struct rule_when *when, const struct facts *facts,
                       const struct track *track, struct match *match)
{
    int known = MIN(track->crossing_count, CROSSINGS_MAX);
    for (int i = 0; i < known; i++) {
        const struct crossing *crossing = &track->crossings[i];
        bool wanted = when->line == RULE_LINE_ANY ||
                      (when->line == RULE_LINE_IN) == (crossing->direction > 0);
        if (!wanted || !take_evidence(when, facts, &crossing->at, match))
            continue;
        match->crossing = crossing;
        return true;
    }
    return false;
}

static bool match_growth(const struct rule_when *when, const struct facts *facts,
                         const struct track *track, struct match *match)
{
    struct sighting at;
    double growth = track_growth(track, &at);
    if (growth < when->min_growth)
        return false;
    /* Zone and line evidence is the more telling one; it is there already. */
    if (match->visit || match->crossing)
        return true;
    match->strength = growth;
    return take_evidence(when, facts, &at, match) ||
           take_evidence(when, facts, &track->first, match);
}

/* Evidence where the rule names no place: the picture that shows it best. */
static bool match_anywhere(const struct rule_when *when, const struct facts *facts,
                           const struct track *track, struct match *match)
{
    match->strength = when->min_duration_us ? (double)match->dwell_us : (double)track->confidence;
    return (track->best.score > 0 && take_evidence(when, facts, &track->best, match)) ||
           take_evidence(when, facts, &track->first, match) ||
           take_evidence(when, facts, &track->last, match);
}

/* Somebody else's ground is none of ours, of whatever kind it is. */
static bool avoids(const struct rule_when *when, const struct facts *facts,
                   const struct track *track)
{
    for (int z = 0; z < ZONES_MAX; z++)
        if (track->zones[z].seen &&
            list_has(&when->never_in, zone_kind_names[facts_zone_kind(facts, z)]) &&
            !facts_owner(facts, track->zones[z].name))
            return false;
    return true;
}

static bool was_also_in(const struct rule_when *when, const struct facts *facts,
                        const struct track *track)
{
    for (int z = 0; z < ZONES_MAX; z++)
        if (track->zones[z].seen &&
            list_has(&when->also_in, zone_kind_names[facts_zone_kind(facts, z)]))
            return true;
    return false;
}

static bool match_usual(const struct rule_when *when, const struct facts *facts, int track)
{
    if (when->unusual <= 0 && when->unusual_dwell <= 0)
        return true;
    const struct usual *usual = facts_usual(facts, track);
    if (!usual || (when->unusual > 0 && usual->probability > when->unusual))
        return false;
    return when->unusual_dwell <= 0 ||
           (usual->dwell_s >= 0 && usual->dwell_probability <= when->unusual_dwell);
}

/* "no" is a statement too: it needs a household that has such somebody, none of whom is about, and
 * the time. */
static bool match_expected(const struct rule_when *when, const struct facts *facts,
                           const struct match *match)
{
    if (when->expected == EXPECTED_EITHER)
        return true;
    const char *label = facts->event->tracks[match->track].label;
    const struct household *household = facts->context->household;
    if (when->expected == EXPECTED_YES)
        return facts_expected(facts, match->track) != NULL;
    if (when->expected == EXPECTED_GUEST)
        return household && household_expects_guest(household, label);
    return household && household_knows(household, label) && match->at.wall_us != TIME_UNKNOWN &&
           !household_may_come(household, label);
}

static bool concerns(const struct rule_when *when, const struct track *track)
{
    if (when->label.count && !list_has(&when->label, track->label))
        return false;
    return !when->kind.count || list_has(&when->kind, kind_names[label_kind(track->label)]);
}

/* No other that the rule might be about was there at the same time. */
static bool is_alone(const struct rule_when *when, const struct event *event, int index)
{
    const struct track *track = &event->tracks[index];
    for (int i = 0; i < event->track_count; i++) {
        const struct track *other = &event->tracks[i];
        if (i != index && concerns(when, other) && other->first.pts_us <= track->last.pts_us &&
            other->last.pts_us >= track->first.pts_us)
            return false;
    }
    return true;
}

static bool match_place(const struct rule_when *when, const struct facts *facts,
                        const struct track *track, struct match *match)
{
    bool placed = when->zone_kind.count || when->line != RULE_LINE_IGNORED;
    if (when->zone_kind.count && !match_zone(when, facts, track, match))
        return false;
    if (when->line != RULE_LINE_IGNORED && !match_line(when, facts, track, match))
        return false;
    if (when->min_growth > 0)
        return match_growth(when, facts, track, match);
    return placed || match_anywhere(when, facts, track, match);
}

static bool match_track(const struct rule_when *when, const struct facts *facts, int index,
                        struct match *match)
{
    const struct track *track = &facts->event->tracks[index];
    int64_t duration_us = track->last.pts_us - track->first.pts_us;
    *match = (struct match){.track = index, .dwell_us = duration_us};
    if (duration_us < when->min_duration_us ||
        (when->max_duration_us && duration_us > when->max_duration_us))
        return false;
    if (when->stationary != REST_EITHER && (when->stationary == REST_YES) != track->stationary)
        return false;
    if ((when->never_in.count && !avoids(when, facts, track)) ||
        (when->also_in.count && !was_also_in(when, facts, track)))
        return false;
    if (when->alone != REST_EITHER &&
        (when->alone == REST_YES) != is_alone(when, facts->event, index))
        return false;
    return match_usual(when, facts, index) && match_place(when, facts, track, match) &&
           match_expected(when, facts, match);
}

static bool match_event(const struct rule_when *when, const struct facts *facts)
{
    bool drawn = facts->context->zones && facts->context->zones->count > 0;
    if (when->zones != RULE_ZONES_ANY && (when->zones == RULE_ZONES_DRAWN) != drawn)
        return false;
    bool with = when->with.count == 0;
    for (int i = 0; i < facts->event->track_count; i++) {
        const char *kind = kind_names[label_kind(facts->event->tracks[i].label)];
        if (list_has(&when->without, kind))
            return false;
        with |= list_has(&when->with, facts->event->tracks[i].label);
    }
    return with;
}

/* Keeps ret sorted, strongest first; equals stay in track order. */
static int insert_match(struct match *ret, int count, int capacity, const struct match *match)
{
    int at = count;
    while (at > 0 && ret[at - 1].strength < match->strength)
        at--;
    if (at == capacity)
        return count;
    int kept = MIN(count, capacity - 1);
    memmove(ret + at + 1, ret + at, (size_t)(kept - at) * sizeof *ret);
    ret[at] = *match;
    return kept + 1;
}

int rule_match(const struct rule *rule, const struct facts *facts, struct match ret[RULE_TIMES_MAX])
{
    const struct rule_when *when = &rule->when;
    if (!match_event(when, facts))
        return 0;
    int capacity = CLAMP(rule->max_times, 1, RULE_TIMES_MAX);
    int kept = 0;
    bool met[EVENT_TRACKS_MAX] = {false};
    for (int i = 0; i < facts->event->track_count; i++) {
        struct match match;
        if (!concerns(when, &facts->event->tracks[i]))
            continue;
        if (match_track(when, facts, i, &match)) {
            met[i] = true;
            kept = insert_match(ret, kept, capacity, &match);
        } else if (when->every) {
            return 0;
        }
    }
    int together = tracks_together(facts->event, met);
    if (together < when->min_count)
        return 0;
    for (int i = 0; i < kept; i++)
        ret[i].count = together;
    return kept;
}
