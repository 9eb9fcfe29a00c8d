/* A tracker's part played by hand, on a timeline of milliseconds, for one batch whose every change
 * is kept and checked for what must always hold. */
#pragma once

#include "test.h"

#include "batch/batch.h"

#include <ctype.h>

#define CAST_MAX    128
#define CHANGES_MAX 4096
#define MS          US_PER_MS
#define WALL_US     (1700000000 * US_PER_S) /* at camera time 0 */

/* Letters are tracks; the sink checks every change. */
struct show {
    struct uuid_gen ids;
    struct fake_clock clock;
    struct batch_conf conf;
    struct batch *batch;
    struct track cast[CAST_MAX];
    int64_t wall_us; /* at camera time 0, or TIME_UNKNOWN */

    struct event *changes[CHANGES_MAX]; /* everything the sink was given */
    int count;
    int64_t sent, received;        /* sightings */
    int64_t received_us[CAST_MAX]; /* the latest, by track */
};

static inline void check_track(const struct event *event, const struct track *track)
{
    CHECK(track->first.pts_us >= event->start_us);
    CHECK(track->last.pts_us >= track->first.pts_us);
    for (int z = 0; z < ZONES_MAX; z++) {
        CHECK(track->zones[z].dwell_us >= 0);
        CHECK(track->zones[z].seen || (!track->zones[z].inside && !track->zones[z].dwell_us));
    }
}

static inline void check_order(const struct event *event, const struct event *before)
{
    if (!before || before->state == EVENT_CLOSED) {
        CHECK_INT(event->revision, 0);
        CHECK_INT(event->state, EVENT_OPEN);
        return;
    }
    CHECK(uuid_equal(&event->id, &before->id));
    CHECK_INT(event->revision, before->revision + 1);
    CHECK_INT(event->start_us, before->start_us);
    CHECK(event->track_count >= before->track_count);
}

static inline void sink(void *ctx, struct event *event)
{
    struct show *show = ctx;
    CHECK(show->count < CHANGES_MAX);
    check_order(event, show->count ? show->changes[show->count - 1] : NULL);
    CHECK(event->track_count >= 1 && event->track_count <= show->conf.max_tracks);
    CHECK_INT(event->close_reason != CLOSE_NONE, event->state == EVENT_CLOSED);
    CHECK(event->end_us >= event->start_us);
    CHECK(event->end_us < event->start_us + show->conf.window_us);
    for (int i = 0; i < event->track_count; i++)
        check_track(event, &event->tracks[i]);
    for (int i = 0; i < event->sighting_count; i++) {
        const struct sighting *at = &event->sightings[i].at;
        CHECK(event->sightings[i].track < event->track_count);
        int who = event->tracks[event->sightings[i].track].id.bytes[0] - 1;
        CHECK(at->pts_us > show->received_us[who]); /* none twice, none out of order */
        CHECK(at->pts_us >= event->start_us && at->pts_us <= event->end_us);
        show->received_us[who] = at->pts_us;
        show->received++;
    }
    for (int i = 0; i < event->track_count; i++) {
        int who = event->tracks[i].id.bytes[0] - 1;
        CHECK(show->received_us[who] >= event->start_us); /* nobody is listed who was not seen */
    }
    show->changes[show->count++] = event;
}

static inline void begin(struct show *show)
{
    memset(show, 0, sizeof *show);
    fake_clock_init(&show->clock, 0, WALL_US);
    show->ids.clock = &show->clock.clock;
    opt_defaults(&batch_section, &show->conf);
    show->wall_us = WALL_US;
    show->batch = batch_new(&show->conf, 3, "porch", &show->ids, sink, show);
    for (int i = 0; i < CAST_MAX; i++) {
        show->cast[i].id.bytes[0] = (uint8_t)(i + 1);
        show->cast[i].best.pts_us = TIME_UNKNOWN;
        STR_COPY(show->cast[i].label, "person");
        show->received_us[i] = INT64_MIN;
    }
}

static inline void finish(struct show *show)
{
    batch_free(&show->batch);
    CHECK(show->batch == NULL);
    for (int i = 0; i < show->count; i++)
        event_unref(&show->changes[i]);
    for (int i = 0; i < CAST_MAX; i++)
        frame_unref(&show->cast[i].picture);
}

static inline struct track *who(struct show *show, char letter)
{
    return &show->cast[toupper((unsigned char)letter) - 'A'];
}

static inline int64_t wall_of(const struct show *show, int64_t pts_us)
{
    return show->wall_us == TIME_UNKNOWN ? TIME_UNKNOWN : show->wall_us + pts_us;
}

/* What the tracker does with a detection. */
static inline void sight(struct show *show, struct track *track, int64_t pts_us)
{
    for (int z = 0; z < ZONES_MAX; z++)
        if (track->zones[z].inside && track->last.pts_us > track->zones[z].entered.pts_us - 1)
            track->zones[z].dwell_us += pts_us - track->last.pts_us;
    track->last = (struct sighting){pts_us, wall_of(show, pts_us), {.1f, .1f, .2f, .3f}, .7f};
    show->sent++;
}

static inline void push(struct show *show, int64_t pts_us, const struct batch_track *tracks,
                        int count)
{
    batch_push(show->batch, pts_us, wall_of(show, pts_us), 77, tracks, count);
}

/* One look: "AbC" sees A and C, and b is alive but hidden. */
static inline void look(struct show *show, int64_t ms, const char *letters)
{
    struct batch_track tracks[32];
    int count = 0;
    for (; *letters; letters++) {
        bool seen = isupper((unsigned char)*letters);
        if (seen)
            sight(show, who(show, *letters), ms * MS);
        tracks[count++] = (struct batch_track){who(show, *letters), seen};
    }
    push(show, ms * MS, tracks, count);
}

/* One look at count tracks from the first. */
static inline void look_many(struct show *show, int64_t ms, int first, int count)
{
    struct batch_track tracks[CAST_MAX];
    for (int i = 0; i < count; i++) {
        sight(show, &show->cast[first + i], ms * MS);
        tracks[i] = (struct batch_track){&show->cast[first + i], true};
    }
    push(show, ms * MS, tracks, count);
}

/* Looks five times a second from from_ms on, before to_ms. */
static inline void watch(struct show *show, int64_t from_ms, int64_t to_ms, const char *letters)
{
    for (int64_t ms = from_ms; ms < to_ms; ms += 200)
        look(show, ms, letters);
}

static inline void tick(struct show *show, int64_t ms)
{
    batch_tick(show->batch, ms * MS);
}

static inline void tick_blind(struct show *show, int64_t ms)
{
    batch_tick_blind(show->batch, ms * MS);
}

static inline const struct event *last(const struct show *show)
{
    CHECK(show->count > 0);
    return show->changes[show->count - 1];
}

/* The nth event, as it ended up; NULL if there were fewer. */
static inline const struct event *event_at(const struct show *show, int n)
{
    for (int i = 0; i < show->count; i++) {
        bool final = i + 1 == show->count || show->changes[i + 1]->revision == 0;
        if (final && n-- == 0)
            return show->changes[i];
    }
    return NULL;
}

static inline int events(const struct show *show)
{
    int count = 0;
    for (int i = 0; i < show->count; i++)
        count += show->changes[i]->revision == 0;
    return count;
}
