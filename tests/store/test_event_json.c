/* event_json: the one form of an event, in full. */
#include "fixture.h"

#include "store/event_json.h"

#include <math.h>

static void id_of(struct uuid *id, uint8_t last)
{
    *id = (struct uuid){{1, 0x99, 0, 0, 0, 0, 0x70, 0, 0x80}};
    id->bytes[15] = last;
}

/* What a reader that is not ours makes of it: the value at a path, as text; "(none)" for null. */
static const char *at(const char *json, const char *path)
{
    static char value[256];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    CHECK_INT(
        sqlite3_prepare_v2(db, "SELECT json_valid(?1), json_extract(?1, ?2)", -1, &stmt, NULL),
        SQLITE_OK);
    sqlite3_bind_text(stmt, 1, json, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, path, -1, SQLITE_STATIC);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    CHECK_INT(sqlite3_column_int(stmt, 0), 1);
    const unsigned char *text = sqlite3_column_text(stmt, 1);
    STR_COPY(value, text ? (const char *)text : "(none)");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

/* Keys, their order, number forms and nulls are what clients and stored rows rely on. */
static void a_whole_event(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    AUTO(event_unref) struct event *e = sample_event(f, "front \"porch\"");
    id_of(&e->id, 1);
    id_of(&e->tracks[0].id, 2);
    e->verdict.reasons[0].track = e->tracks[0].id;
    struct json j;
    json_init(&j);
    event_json_with(&j, NULL, e, 1, NULL);
    CHECK_STR(
        j.text,
        "{\"id\":\"01990000-0000-7000-8000-000000000001\",\"continues\":null,"
        "\"camera\":\"front \\\"porch\\\"\",\"state\":\"open\",\"close_reason\":null,"
        "\"revision\":0,\"started_at\":\"2026-07-25T17:20:00.000Z\","
        "\"ended_at\":\"2026-07-25T17:20:01.250Z\",\"start_s\":6,\"end_s\":7.25,"
        "\"risk_score\":64,\"risk_level\":\"high\",\"rules_score\":64,\"scorer\":\"rules 1\","
        "\"summary\":\"a person at the front door\",\"reasons\":[{\"rule\":\"entry_zone\","
        "\"points\":25,\"text\":\"person in front door\",\"evidence\":{"
        "\"track_id\":\"01990000-0000-7000-8000-000000000002\","
        "\"at\":\"2026-07-25T17:20:00.000Z\",\"at_s\":6,"
        "\"box\":{\"x\":0.1,\"y\":0.2,\"width\":0.2,\"height\":0.4}}}],\"model\":null,\"feedback\":"
        "null,"
        "\"tracks\":[{\"id\":\"01990000-0000-7000-8000-000000000002\",\"label\":\"person\","
        "\"kind\":\"person\",\"confidence\":0.875,\"start_s\":6,\"end_s\":7.25,"
        "\"started_at\":\"2026-07-25T17:20:00.000Z\",\"ended_at\":\"2026-07-25T17:20:01.250Z\","
        "\"stationary\":false,\"zones\":[{\"name\":\"front door\",\"dwell_s\":1.5,"
        "\"inside\":true}],\"crossing_count\":1,\"crossings\":[{\"line\":\"gate\","
        "\"direction\":\"in\",\"at\":\"2026-07-25T17:20:01.250Z\",\"at_s\":7.25,"
        "\"box\":{\"x\":0.2,\"y\":0.2,\"width\":0.2,\"height\":0.4}}],"
        "\"snapshot\":\"/api/events/01990000-0000-7000-8000-000000000001/snapshot"
        "?track=01990000-0000-7000-8000-000000000002\"}],"
        "\"track_ids\":[\"01990000-0000-7000-8000-000000000002\"],"
        "\"snapshot\":\"/api/events/01990000-0000-7000-8000-000000000001/snapshot\"}");
    json_done(&j);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    AUTO(event_unref) struct event *e = event_new();
    id_of(&e->id, 1);
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_END;
    e->verdict.reason_count = 1; /* about the event as a whole */
    e->verdict.reasons[0].at.wall_us = TIME_UNKNOWN;
    e->verdict.reasons[0].at.box.x1 = NAN;
    struct json j;
    json_init(&j);
    event_json(&j, NULL, e);
    static const char *const nulls[] = {"$.continues",  "$.started_at",  "$.ended_at",
                                        "$.risk_score", "$.rules_score", "$.model",
                                        "$.feedback",   "$.snapshot"};
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++) {
        char member[32];
        snprintf(member, sizeof member, "\"%s\":null", nulls[i] + 2);
        CHECK_STR(at(j.text, nulls[i]), "(none)");
        CHECK_CONTAINS(j.text, member);
    }
    CHECK_STR(at(j.text, "$.risk_level"), "unknown");
    CHECK_STR(at(j.text, "$.close_reason"), "end_of_input");
    CHECK_CONTAINS(j.text, "\"evidence\":{\"track_id\":null,\"at\":null,\"at_s\":0,\"box\":null}");
    json_done(&j);
}

static void the_largest_event_is_valid(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    e->track_count = EVENT_TRACKS_MAX;
    for (int i = 0; i < EVENT_TRACKS_MAX; i++) {
        e->tracks[i] = e->tracks[0];
        e->tracks[i].crossing_count = 1000; /* only the first are remembered */
        for (int k = 0; k < ZONES_MAX; k++)
            e->tracks[i].zones[k] = e->tracks[0].zones[1];
    }
    e->verdict.reason_count = REASONS_MAX;
    memset(e->verdict.summary, '\xff', sizeof e->verdict.summary - 1);
    struct json j;
    json_init(&j);
    event_json_with(&j, NULL, e, UINT64_MAX, NULL);
    CHECK_CONTAINS(at(j.text, "$.tracks[63].snapshot"), "/snapshot?track=");
    CHECK_STR(at(j.text, "$.tracks[64]"), "(none)");
    CHECK_STR(at(j.text, "$.tracks[63].crossing_count"), "1000");
    CHECK_STR(at(j.text, "$.tracks[63].crossings[0].line"), "gate");
    CHECK_STR(at(j.text, "$.tracks[63].crossings[7].line"), "");
    CHECK_STR(at(j.text, "$.tracks[63].crossings[8]"), "(none)");
    CHECK_STR(at(j.text, "$.tracks[63].zones[15].name"), "front door");
    CHECK_STR(at(j.text, "$.reasons[23].rule"), "");
    json_done(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_event),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(the_largest_event_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
