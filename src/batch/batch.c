#include "batch/batch.h"

#include "batch/part.h"

#include <stdlib.h>
#include <string.h>

#define PICTURE_REST_US (1 * US_PER_S) /* better pictures alone change an event no more often */
#define UPDATE_US       (5 * US_PER_S) /* an open event in which something moves changes this often */

/* Alive tracks that found no room in the event after the one that they filled; see go_on. */
#define LEFT_OUT_MAX 128

/* A track that was alive when its event closed. It comes into the next event when it is seen again:
 * who has left without our knowing yet opens nothing. */
struct waiting {
    struct uuid id;
    struct part part;
};

struct batch {
    struct batch_conf conf;
    int camera;
    char camera_name[OPT_NAME_BYTES];
    struct uuid_gen *ids; /* borrowed */
    batch_sink_fn *sink;
    void *ctx;

    struct event *event; /* being built, owned; NULL: nothing is open */
    struct part parts[EVENT_TRACKS_MAX];
    int64_t opened_us, last_seen_us, published_us;
    bool picture_waits; /* for PICTURE_REST_US to be over */

    /* Of the event that closed at boundary_us; with or without a new one open. */
    struct waiting waiting[EVENT_TRACKS_MAX];
    int waiting_count;
    struct uuid waiting_from; /* that event */
    int64_t boundary_us;

    int64_t now_us;         /* the latest time told */
    int64_t arrived_us;     /* of the push being worked on; 0 outside of one */
    int64_t wall_offset_us; /* wall minus camera time at the latest sighting, or TIME_UNKNOWN */
    struct uuid left_out[LEFT_OUT_MAX];
    int left_out_count;
};

static const struct opt batch_rows[] = {
    {"window", OPT_DURATION(struct batch_conf, window_us, 1, 90), .def = "90s",
     .help = "An event closes this long after it opened; who is still there goes on in a new one."},
    {"quiet", OPT_DURATION(struct batch_conf, quiet_us, 1, 90), .def = "10s",
     .help = "An event closes when nothing has moved for this long."},
    {"max_tracks", OPT_INT(struct batch_conf, max_tracks, 1, EVENT_TRACKS_MAX), .def = "64",
     .unit = "tracks",
     .help = "An event closes when it has this many people, vehicles and animals and another one "
             "comes."},
    {0},
};

const struct section batch_section = {
    .name = "batch",
    .help = "When what is seen on one camera belongs together as one event.",
    .bytes = sizeof(struct batch_conf),
    .rows = batch_rows,
};

struct batch *batch_new(const struct batch_conf *conf, int camera, const char *camera_name,
                        struct uuid_gen *ids, batch_sink_fn *sink, void *ctx)
{
    struct batch *batch = NEW(struct batch);
    batch->conf = *conf;
    batch->camera = camera;
    STR_COPY(batch->camera_name, camera_name);
    batch->ids = ids;
    batch->sink = sink;
    batch->ctx = ctx;
    batch->now_us = INT64_MIN;
    batch->wall_offset_us = TIME_UNKNOWN;
    return batch;
}

void batch_free(struct batch **batch)
{
    if (*batch)
        event_unref(&(*batch)->event);
    free(*batch);
    *batch = NULL;
}

static int64_t wall_at(const struct batch *batch, int64_t pts_us)
{
    return batch->wall_offset_us == TIME_UNKNOWN ? TIME_UNKNOWN : pts_us + batch->wall_offset_us;
}

/* -- one event -- */

/* Sends the event as it is now down the line. */
static void publish(struct batch *batch)
{
    struct event *event = batch->event;
    event->wall_start_us = wall_at(batch, event->start_us);
    event->wall_end_us = wall_at(batch, event->end_us);
    event->trigger_arrived_us = batch->arrived_us;
    batch->sink(batch->ctx, event_copy(event));
    event->revision++;
    event->sighting_count = 0;
    batch->picture_waits = false;
    batch->published_us = batch->now_us;
}

static void open_event(struct batch *batch, int64_t at_us)
{
    struct event *event = event_new();
    event->id = uuid7_new(batch->ids);
    event->camera = batch->camera;
    STR_COPY(event->camera_name, batch->camera_name);
    event->start_us = event->end_us = at_us;
    batch->event = event;
    batch->opened_us = at_us;
    batch->picture_waits = false;
}

static void close_event(struct batch *batch, enum close_reason reason)
{
    ASSERT(batch->event->revision > 0); /* the look that opens an event publishes it */
    batch->event->state = EVENT_CLOSED;
    batch->event->close_reason = reason;
    publish(batch);
    event_unref(&batch->event);
}

/* Closes what is open, if anything, and nobody goes on. */
static void end_all(struct batch *batch, enum close_reason reason)
{
    if (batch->event)
        close_event(batch, reason);
    batch->waiting_count = batch->left_out_count = 0;
}

/* Closes the event at at_us; its alive tracks, the room latest ones if there are more, wait to go
 * on in the next. The rest is remembered as left out: were it to count as new, a crowd larger than
 * an event would open an event with every look. */
static void go_on(struct batch *batch, enum close_reason reason, int64_t at_us, int room)
{
    AUTO(event_unref) struct event *old = event_ref(batch->event);
    close_event(batch, reason);
    batch->left_out_count = reason == CLOSE_TRACKS ? batch->left_out_count : 0;
    batch->waiting_count = 0;
    batch->waiting_from = old->id;
    batch->boundary_us = at_us;

    int alive = 0;
    for (int i = 0; i < old->track_count; i++)
        alive += batch->parts[i].alive;
    int skip = MAX(alive - room, 0);
    for (int i = 0; i < old->track_count; i++) {
        if (!batch->parts[i].alive)
            continue;
        const struct uuid *id = &old->tracks[i].id;
        if (skip > 0) {
            skip--;
            if (batch->left_out_count < LEFT_OUT_MAX)
                batch->left_out[batch->left_out_count++] = *id;
            continue;
        }
        batch->waiting[batch->waiting_count++] = (struct waiting){
            *id, part_carry(&batch->parts[i], &old->tracks[i], at_us)};
    }
}

static bool anyone_alive(const struct batch *batch)
{
    bool alive = batch->waiting_count > 0;
    for (int i = 0; batch->event && i < batch->event->track_count; i++)
        alive |= batch->parts[i].alive;
    return alive;
}

/* Closes what is due by now_us, at the time it was due: a late call does not stretch an event.
 * assume_alive: who was alive at the last look is taken to be seen all the time since. */
static void advance(struct batch *batch, int64_t now_us, bool assume_alive)
{
    ASSERT(now_us >= batch->now_us);
    batch->now_us = now_us;
    while (batch->event || batch->waiting_count > 0) {
        int64_t window_end_us = (batch->event ? batch->opened_us : batch->boundary_us) +
                                batch->conf.window_us;
        int64_t quiet_end_us = batch->last_seen_us + batch->conf.quiet_us;
        bool held = assume_alive && anyone_alive(batch);
        if (!held && quiet_end_us <= MIN(window_end_us, now_us))
            end_all(batch, CLOSE_QUIET);
        else if (window_end_us > now_us)
            return;
        else if (batch->event)
            go_on(batch, CLOSE_WINDOW, window_end_us, batch->conf.max_tracks);
        else
            end_all(batch, CLOSE_WINDOW); /* a whole window without a sighting of who waits */
    }
}

/* -- one look -- */

static int find_track(const struct batch *batch, const struct uuid *id)
{
    for (int i = 0; batch->event && i < batch->event->track_count; i++)
        if (uuid_equal(&batch->event->tracks[i].id, id))
            return i;
    return -1;
}

static int find_waiting(const struct batch *batch, const struct uuid *id)
{
    for (int i = 0; i < batch->waiting_count; i++)
        if (uuid_equal(&batch->waiting[i].id, id))
            return i;
    return -1;
}

static bool is_left_out(const struct batch *batch, const struct uuid *id)
{
    for (int i = 0; i < batch->left_out_count; i++)
        if (uuid_equal(&batch->left_out[i], id))
            return true;
    return false;
}

static bool is_listed(const struct batch_track *tracks, int count, const struct uuid *id)
{
    for (int i = 0; i < count; i++)
        if (uuid_equal(&tracks[i].track->id, id))
            return true;
    return false;
}

/* Whether somebody who was alive at the last look is seen: then he was there in between. */
static bool seen_again(const struct batch *batch, const struct batch_track *tracks, int count)
{
    for (int i = 0; i < count; i++) {
        const struct uuid *id = &tracks[i].track->id;
        int at = find_track(batch, id);
        if (tracks[i].seen && ((at >= 0 && batch->parts[at].alive) || find_waiting(batch, id) >= 0))
            return true;
    }
    return false;
}

/* Who is among the tracks now decides who goes on if the event closes. */
static void mark_alive(struct batch *batch, const struct batch_track *tracks, int count)
{
    for (int i = 0; batch->event && i < batch->event->track_count; i++)
        batch->parts[i].alive = is_listed(tracks, count, &batch->event->tracks[i].id);
    int kept = 0;
    for (int i = 0; i < batch->waiting_count; i++)
        if (is_listed(tracks, count, &batch->waiting[i].id))
            batch->waiting[kept++] = batch->waiting[i];
    batch->waiting_count = kept;
}

/* Seen, and not in the event yet. */
static bool is_newcomer(const struct batch *batch, const struct batch_track *t)
{
    return t->seen && find_track(batch, &t->track->id) < 0 && !is_left_out(batch, &t->track->id);
}

/* A look that brings back somebody who waits opens the next event where the last one ended; with
 * strangers only it begins now. */
static void open_for(struct batch *batch, const struct batch_track *tracks, int count)
{
    bool goes_on = seen_again(batch, tracks, count);
    open_event(batch, goes_on ? batch->boundary_us : batch->now_us);
}

/* Returns the newcomer's index, -1 if there is no room until the next look. */
static int join(struct batch *batch, const struct track *track)
{
    struct event *event = batch->event;
    if (event->track_count >= batch->conf.max_tracks)
        return -1;
    int n = event->track_count++;
    int w = find_waiting(batch, &track->id);
    batch->parts[n] = w < 0 ? part_new(track, batch->now_us) : batch->waiting[w].part;
    part_join(&event->tracks[n], track);
    if (w >= 0) {
        part_resume(&batch->parts[n], track);
        event->continues = batch->waiting_from;
        batch->waiting_count--;
        memmove(&batch->waiting[w], &batch->waiting[w + 1],
                (size_t)(batch->waiting_count - w) * sizeof batch->waiting[0]);
    }
    return n;
}

static void add_sighting(struct batch *batch, int track, const struct sighting *at)
{
    struct event *event = batch->event;
    if (event->sighting_count == EVENT_SIGHTINGS_MAX)
        publish(batch);
    event->sightings[event->sighting_count++] = (struct event_sighting){track, *at};
    event->end_us = MAX(event->end_us, at->pts_us);
    batch->last_seen_us = batch->now_us;
}

/* Takes in one track; returns whether the event must be told about at once. */
static bool take_in(struct batch *batch, const struct batch_track *t)
{
    bool joins = is_newcomer(batch, t);
    int at = joins ? join(batch, t->track) : find_track(batch, &t->track->id);
    if (at < 0)
        return false;
    unsigned news = part_update(&batch->parts[at], &batch->event->tracks[at], t->track, t->seen);
    if (t->seen)
        add_sighting(batch, at, &t->track->last);
    batch->picture_waits |= (news & PART_PICTURE) != 0;
    return joins || (news & PART_TELL);
}

static bool is_due(const struct batch *batch, bool tell, bool moving)
{
    int64_t since_us = batch->now_us - batch->published_us;
    return tell || (batch->picture_waits && since_us >= PICTURE_REST_US) ||
           (moving && since_us >= UPDATE_US);
}

void batch_push(struct batch *batch, int64_t pts_us, int64_t wall_us, int64_t arrived_us,
                const struct batch_track *tracks, int count)
{
    batch->arrived_us = arrived_us;
    advance(batch, pts_us, true);
    /* Nobody of the event is seen, so the silence since the last sighting was one. */
    if (!seen_again(batch, tracks, count))
        advance(batch, pts_us, false);
    mark_alive(batch, tracks, count);

    int newcomers = 0;
    for (int i = 0; i < count; i++)
        newcomers += is_newcomer(batch, &tracks[i]);
    int max = batch->conf.max_tracks;
    if (batch->event && newcomers > 0 && batch->event->track_count + newcomers > max)
        go_on(batch, CLOSE_TRACKS, batch->now_us, max - MIN(newcomers, max));
    if (!batch->event && newcomers > 0)
        open_for(batch, tracks, count);

    bool tell = false, moving = false;
    for (int i = 0; i < count; i++)
        moving |= tracks[i].seen;
    if (moving)
        batch->wall_offset_us = wall_us == TIME_UNKNOWN ? TIME_UNKNOWN : wall_us - pts_us;
    for (int i = 0; i < count; i++)
        tell |= take_in(batch, &tracks[i]);
    if (batch->event && is_due(batch, tell, moving))
        publish(batch);
    batch->arrived_us = 0;
}

void batch_tick(struct batch *batch, int64_t pts_us)
{
    advance(batch, pts_us, true);
}

void batch_tick_blind(struct batch *batch, int64_t pts_us)
{
    advance(batch, pts_us, false);
}

void batch_end(struct batch *batch, enum close_reason reason)
{
    end_all(batch, reason);
}
