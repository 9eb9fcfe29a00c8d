#include "cli/findings.h"

#include "cli/files.h"
#include "model/picture.h"
#include "store/store.h"
#include "track/track.h"

#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_QUALITY 88

void findings_init(struct findings *f, bool json, const char *snapshots)
{
    *f = (struct findings){.json = json, .snapshots = snapshots};
    pthread_mutex_init(&f->lock, NULL);
}

void findings_done(struct findings *f)
{
    for (int i = 0; i < f->track_count; i++)
        free(f->tracks[i].text);
    for (int i = 0; i < f->event_count; i++)
        free(f->events[i].text);
    free(f->tracks);
    free(f->events);
    pthread_mutex_destroy(&f->lock);
}

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* Takes the text. Under the lock. */
static void add(struct finding **items, int *count, int camera, int64_t start_us, char *text)
{
    *items = xrealloc(*items, (size_t)*count + 1, sizeof **items);
    (*items)[*count] = (struct finding){camera, *count, start_us, text};
    (*count)++;
}

static char *event_lines(const struct event *e)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    const struct verdict *v = &e->verdict;
    fprintf(out, "%s  %.1f-%.1f s  %d %s  %s\n", e->camera_name, seconds(e->start_us),
            seconds(e->end_us), v->score, risk_level_names[risk_level_of(v->score)], v->summary);
    for (int i = 0; i < v->reason_count; i++)
        fprintf(out, "    %+3d  %-20s %s (at %.1f s)\n", v->reasons[i].points, v->reasons[i].rule,
                v->reasons[i].text, seconds(v->reasons[i].at.pts_us));
    ASSERT(fclose(out) == 0);
    return text;
}

static char *event_as_json(const struct event *e)
{
    struct json j;
    json_init(&j);
    event_json(&j, NULL, e);
    char *text = json_take(&j);
    json_done(&j);
    return text;
}

static bool write_track(const struct findings *f, const struct track *track, struct err *err)
{
    char id[UUID_TEXT_BYTES], path[400];
    uuid_format(id, &track->id);
    snprintf(path, sizeof path, "%s/%s.jpg", f->snapshots, id);
    if (!files_write_jpeg(path, track->picture, SNAPSHOT_QUALITY, err))
        return false;
    AUTO(frame_unref) struct frame *boxed = picture_of_track(track->picture, track);
    snprintf(path, sizeof path, "%s/%s-boxes.jpg", f->snapshots, id);
    return files_write_jpeg(path, boxed, SNAPSHOT_QUALITY, err);
}

static bool write_tracks(const struct findings *f, const struct event *event, struct err *err)
{
    for (int i = 0; f->snapshots[0] && i < event->track_count; i++)
        if (event->tracks[i].picture && !write_track(f, &event->tracks[i], err))
            return false;
    return true;
}

void findings_add_event(struct findings *f, const struct event *event)
{
    if (event->state != EVENT_CLOSED)
        return;
    struct err err = {0};
    bool written = write_tracks(f, event, &err);
    char *text = f->json ? event_as_json(event) : event_lines(event);
    pthread_mutex_lock(&f->lock);
    add(&f->events, &f->event_count, event->camera, event->start_us, text);
    if (!written && f->failure.code == ERR_NONE)
        f->failure = err;
    pthread_mutex_unlock(&f->lock);
}

void findings_add_track(struct findings *f, int camera, const char *camera_name,
                        const struct live_track *live)
{
    if (!f->json)
        return;
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_uuid(&j, "id", &live->track.id);
    json_text(&j, "camera", camera_name);
    json_text(&j, "label", live->track.label);
    json_double(&j, "start_s", seconds(live->track.first.pts_us), 3);
    json_double(&j, "end_s", seconds(live->track.last.pts_us), 3);
    json_double(&j, "confidence", live->track.confidence, 3);
    json_bool(&j, "moved", live->moved);
    json_end_object(&j);
    pthread_mutex_lock(&f->lock);
    add(&f->tracks, &f->track_count, camera, live->track.first.pts_us, json_take(&j));
    pthread_mutex_unlock(&f->lock);
    json_done(&j);
}

static int compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->camera != b->camera)
        return a->camera < b->camera ? -1 : 1;
    if (a->start_us != b->start_us)
        return a->start_us < b->start_us ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static void sort(struct finding *items, int count)
{
    if (count > 1)
        qsort(items, (size_t)count, sizeof *items, compare);
}

void findings_put_json(struct findings *f, struct json *out)
{
    sort(f->tracks, f->track_count);
    sort(f->events, f->event_count);
    json_begin_array(out, "tracks");
    for (int i = 0; i < f->track_count; i++)
        json_raw(out, NULL, f->tracks[i].text);
    json_end_array(out);
    json_begin_array(out, "events");
    for (int i = 0; i < f->event_count; i++)
        json_raw(out, NULL, f->events[i].text);
    json_end_array(out);
}

void findings_print(struct findings *f, FILE *out)
{
    sort(f->events, f->event_count);
    for (int i = 0; i < f->event_count; i++)
        fputs(f->events[i].text, out);
}
