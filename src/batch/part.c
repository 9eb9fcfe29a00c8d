#include "batch/part.h"

#include <string.h>

/* A track is confirmed shortly after it appeared. What it did meanwhile (a door is often where a
 * camera first sees somebody) belongs to the event that it opens. */
#define CONFIRMING_US (2 * US_PER_S)

/* Each of these in a zone is news. */
#define DWELL_STEP_US (10 * US_PER_S)

static void copy_nature(struct track *mine, const struct track *track)
{
    mine->id = track->id;
    STR_COPY(mine->label, track->label);
    mine->confidence = track->confidence;
    mine->growth = track->growth;
    mine->stationary = track->stationary;
}

struct part part_new(const struct track *track, int64_t now_us)
{
    struct part part = {.since_us = now_us - CONFIRMING_US, .alive = true};
    part.crossed_until_us = part.since_us - 1;
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (visit->seen && visit->entered.pts_us < part.since_us)
            part.dwell_before_us[z] = visit->dwell_us;
    }
    return part;
}

struct part part_carry(const struct part *old_part, const struct track *old, int64_t boundary_us)
{
    struct part part = {.since_us = boundary_us, .alive = true};
    part.crossed_until_us = boundary_us - 1;
    for (int z = 0; z < ZONES_MAX; z++)
        part.dwell_before_us[z] = old_part->dwell_before_us[z] + old->zones[z].dwell_us;
    return part;
}

void part_resume(struct part *part, const struct track *track)
{
    /* The tracker has added the time between the last sighting and this one; what of it lies before
     * the boundary is not ours. */
    int64_t ours_us = track->last.pts_us - part->since_us;
    for (int z = 0; z < ZONES_MAX; z++) {
        int64_t *before_us = &part->dwell_before_us[z];
        *before_us = MAX(*before_us, track->zones[z].dwell_us - ours_us);
    }
}

void part_join(struct track *mine, const struct track *track)
{
    *mine = (struct track){.first = track->last, .last = track->last};
    mine->best.pts_us = TIME_UNKNOWN;
    copy_nature(mine, track);
}

static bool update_zone(struct part *part, struct track *mine, const struct track *track, int z)
{
    struct zone_visit *visit = &mine->zones[z];
    const struct zone_visit *whole = &track->zones[z];
    bool entered = whole->inside && !visit->inside;
    /* Passed through while it was being confirmed. */
    bool was_in = whole->seen && whole->entered.pts_us >= part->since_us;
    if ((whole->inside || was_in) && !visit->seen) {
        visit->seen = entered = true;
        visit->entered = was_in ? whole->entered : track->last;
        STR_COPY(visit->name, whole->name);
    }
    visit->inside = whole->inside;
    if (!visit->seen)
        return false;
    visit->dwell_us = MAX(whole->dwell_us - part->dwell_before_us[z], 0);
    int steps = (int)(visit->dwell_us / DWELL_STEP_US);
    bool longer = steps > part->dwell_steps[z];
    part->dwell_steps[z] = steps;
    return entered || longer;
}

static bool update_crossings(struct part *part, struct track *mine, const struct track *track)
{
    int before = mine->crossing_count;
    for (int i = 0; i < MIN(track->crossing_count, CROSSINGS_MAX); i++)
        if (track->crossings[i].at.pts_us > part->crossed_until_us)
            track_remember_crossing(mine, &track->crossings[i]);
    part->crossed_until_us = MAX(part->crossed_until_us, track->last.pts_us);
    return mine->crossing_count > before;
}

static bool update_picture(const struct part *part, struct track *mine, const struct track *track)
{
    /* An older picture may be of another window, or of a car hours before it moved. */
    if (track->best.pts_us == mine->best.pts_us || track->best.pts_us < part->since_us)
        return false;
    frame_unref(&mine->picture);
    mine->best = track->best;
    mine->picture = track->picture ? frame_ref(track->picture) : NULL;
    return true;
}

unsigned part_update(struct part *part, struct track *mine, const struct track *track, bool seen)
{
    copy_nature(mine, track);
    if (seen)
        mine->last = track->last;
    bool tell = update_crossings(part, mine, track);
    for (int z = 0; z < ZONES_MAX; z++)
        tell |= update_zone(part, mine, track, z);
    bool better = update_picture(part, mine, track);
    return (tell ? PART_TELL : 0u) | (better ? PART_PICTURE : 0u);
}
