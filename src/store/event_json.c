#include "store/event_json.h"

#include "store/store.h"

#include <stdio.h>

/* Enough for a picture of 10,000 px; more digits would only be noise. */
#define BOX_DECIMALS 4

_Static_assert(EVENT_TRACKS_MAX <= 64, "one bit per track says whether there is a picture");

static void put_seconds(struct json *j, const char *key, int64_t us)
{
    json_double(j, key, (double)us / US_PER_S, 3);
}

static void put_box(struct json *j, const char *key, struct box b)
{
    if (!(box_area(b) > 0)) {
        json_put_null(j, key);
        return;
    }
    json_begin_object(j, key);
    json_double(j, "x", b.x0, BOX_DECIMALS);
    json_double(j, "y", b.y0, BOX_DECIMALS);
    json_double(j, "width", box_width(b), BOX_DECIMALS);
    json_double(j, "height", box_height(b), BOX_DECIMALS);
    json_end_object(j);
}

static void put_sighting(struct json *j, const struct sighting *s)
{
    json_time(j, "at", s->wall_us);
    put_seconds(j, "at_s", s->pts_us);
    put_box(j, "box", s->box);
}

void reasons_json(struct json *j, const char *key, const struct verdict *v)
{
    json_begin_array(j, key);
    for (int i = 0; i < v->reason_count; i++) {
        const struct reason *r = &v->reasons[i];
        json_begin_object(j, NULL);
        json_text(j, "rule", r->rule);
        json_int(j, "points", r->points);
        json_text(j, "text", r->text);
        json_begin_object(j, "evidence");
        json_uuid(j, "track_id", &r->track);
        put_sighting(j, &r->at);
        json_end_object(j);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_zones(struct json *j, const struct track *t)
{
    json_begin_array(j, "zones");
    for (int i = 0; i < ZONES_MAX; i++) {
        const struct zone_visit *z = &t->zones[i];
        if (!z->seen)
            continue;
        json_begin_object(j, NULL);
        json_text(j, "name", z->name);
        put_seconds(j, "dwell_s", z->dwell_us);
        json_bool(j, "inside", z->inside);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_crossings(struct json *j, const struct track *t)
{
    json_begin_array(j, "crossings");
    for (int i = 0; i < MIN(t->crossing_count, CROSSINGS_MAX); i++) {
        const struct crossing *c = &t->crossings[i];
        json_begin_object(j, NULL);
        json_text(j, "line", c->name);
        json_text(j, "direction", c->direction > 0 ? "in" : "out");
        put_sighting(j, &c->at);
        json_end_object(j);
    }
    json_end_array(j);
}

const char *event_snapshot_address(char out[SNAPSHOT_ADDRESS_BYTES], const struct uuid *event,
                                   const struct uuid *track)
{
    char event_text[UUID_TEXT_BYTES], track_text[UUID_TEXT_BYTES];
    uuid_format(event_text, event);
    if (track)
        snprintf(out, SNAPSHOT_ADDRESS_BYTES, "/api/events/%s/snapshot?track=%s", event_text,
                 uuid_format(track_text, track));
    else
        snprintf(out, SNAPSHOT_ADDRESS_BYTES, "/api/events/%s/snapshot", event_text);
    return out;
}

static void put_snapshot(struct json *j, const struct uuid *event, const struct uuid *track)
{
    char address[SNAPSHOT_ADDRESS_BYTES];
    json_text(j, "snapshot", event_snapshot_address(address, event, track));
}

static void put_track(struct json *j, const struct event *e, const struct track *t, bool picture)
{
    json_begin_object(j, NULL);
    json_uuid(j, "id", &t->id);
    json_text(j, "label", t->label);
    json_text(j, "kind", kind_names[label_kind(t->label)]);
    json_double(j, "confidence", t->confidence, 4);
    put_seconds(j, "start_s", t->first.pts_us);
    put_seconds(j, "end_s", t->last.pts_us);
    json_time(j, "started_at", t->first.wall_us);
    json_time(j, "ended_at", t->last.wall_us);
    json_bool(j, "stationary", t->stationary);
    put_zones(j, t);
    json_int(j, "crossing_count", t->crossing_count);
    put_crossings(j, t);
    if (picture)
        put_snapshot(j, &e->id, &t->id);
    else
        json_put_null(j, "snapshot");
    json_end_object(j);
}

void feedback_members_json(struct json *j, const struct feedback *f)
{
    json_text(j, "kind", feedback_kind_names[f->kind]);
    json_text(j, "note", f->note);
    json_time(j, "at", f->wall_us);
}

void feedback_json(struct json *j, const char *key, const struct feedback *f)
{
    if (!f) {
        json_put_null(j, key);
        return;
    }
    json_begin_object(j, key);
    feedback_members_json(j, f);
    json_end_object(j);
}

static void put_score(struct json *j, const char *key, int score)
{
    if (score == SCORE_NONE)
        json_put_null(j, key);
    else
        json_int(j, key, score);
}

/* What the rules alone would give. */
static int rules_score(const struct event *e)
{
    if (!e->judgement)
        return e->verdict.score;
    struct verdict verdict = e->verdict;
    judgement_undo(&verdict);
    return verdict.score;
}

static void put_verdict(struct json *j, const struct event *e, const struct feedback *feedback)
{
    const struct verdict *v = &e->verdict;
    put_score(j, "risk_score", v->score);
    json_text(j, "risk_level", risk_level_names[risk_level_of(v->score)]);
    put_score(j, "rules_score", rules_score(e));
    json_text(j, "scorer", v->scorer);
    json_text(j, "summary", v->summary);
    reasons_json(j, "reasons", v);
    if (e->judgement)
        judgement_json(j, "model", e->judgement);
    else
        json_put_null(j, "model");
    feedback_json(j, "feedback", feedback);
}

void event_json_with(struct json *j, const char *key, const struct event *e, uint64_t pictures,
                     const struct feedback *feedback)
{
    json_begin_object(j, key);
    json_uuid(j, "id", &e->id);
    json_uuid(j, "continues", &e->continues);
    json_text(j, "camera", e->camera_name);
    json_text(j, "state", event_state_names[e->state]);
    json_text(j, "close_reason",
              e->state == EVENT_CLOSED ? close_reason_names[e->close_reason] : NULL);
    json_int(j, "revision", e->revision);
    json_time(j, "started_at", e->wall_start_us);
    json_time(j, "ended_at", e->wall_end_us);
    put_seconds(j, "start_s", e->start_us);
    put_seconds(j, "end_s", e->end_us);
    put_verdict(j, e, feedback);
    json_begin_array(j, "tracks");
    for (int i = 0; i < e->track_count; i++)
        put_track(j, e, &e->tracks[i], pictures >> i & 1);
    json_end_array(j);
    json_begin_array(j, "track_ids");
    for (int i = 0; i < e->track_count; i++)
        json_uuid(j, NULL, &e->tracks[i].id);
    json_end_array(j);
    if (pictures)
        put_snapshot(j, &e->id, NULL);
    else
        json_put_null(j, "snapshot");
    json_end_object(j);
}

void event_json(struct json *out, const char *key, const struct event *event)
{
    event_json_with(out, key, event, 0, NULL);
}

void event_message_json(struct json *out, const char *event_json)
{
    json_begin_object(out, NULL);
    json_text(out, "type", "event");
    json_raw(out, "data", event_json);
    json_end_object(out);
}

void camera_event_json(struct json *out, const char *key, const struct camera_event *e)
{
    json_begin_object(out, key);
    json_uuid(out, "id", &e->id);
    json_text(out, "camera", e->camera);
    json_text(out, "kind", camera_event_kind_names[e->kind]);
    json_bool(out, "ended", e->ended);
    json_time(out, "at", e->wall_us);
    json_text(out, "text", e->text);
    json_end_object(out);
}

void camera_event_message_json(struct json *out, const struct camera_event *e)
{
    json_begin_object(out, NULL);
    json_text(out, "type", "camera_event");
    camera_event_json(out, "data", e);
    json_end_object(out);
}
