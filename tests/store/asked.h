/* Events that a model is asked about, and what it says. */
#pragma once

#include "fixture.h"

#include "store/fsck.h"

FIXTURE struct blob *window_blob(const char *text)
{
    return blob_new(text, strlen(text));
}

/* Gives the event a window and asks. */
FIXTURE struct event *asking(struct event *e, enum ask ask, const char *window)
{
    blob_unref(&e->window);
    e->window = window_blob(window);
    e->ask = (int)ask;
    return e;
}

/* Done: "no incident" with that score, on one claim. */
FIXTURE struct outcome outcome_of(struct fixture *f, const struct event *e, enum outcome_end end)
{
    struct outcome o = {.event = e->id, .revision = e->revision, .end = end};
    struct judgement *j = &o.judgement;
    j->id = uuid7_new(&f->ids);
    j->score = 90;
    j->verdict = MODEL_CONFIRMED;
    j->max_change = 15;
    j->rules_score = e->verdict.score;
    STR_COPY(j->summary, "somebody tries the \"door\"");
    STR_COPY(j->reasoning, "he stays, and comes back");
    STR_COPY(j->model, "small");
    j->claim_count = 1;
    STR_COPY(j->claims[0].text, "he was at the door");
    j->claims[0].evidence_count = 1;
    j->claims[0].evidence[0].track = e->tracks[0].id;
    j->claims[0].evidence[0].at = e->tracks[0].best;
    j->wall_us = INT64_C(1785000100123456);
    if (end != OUTCOME_JUDGED)
        STR_COPY(j->reason, end == OUTCOME_LATER ? "the server is down" : "it is no use");
    o.run_count = 1;
    o.runs[0] = (struct run){.id = j->id,
                             .event = e->id,
                             .revision = e->revision,
                             .attempt = 1,
                             .seed = INT64_C(-9000000000),
                             .temperature = 0.3,
                             .prompt_version = 1,
                             .schema_version = 2,
                             .request = window_blob("what?"),
                             .prompt_tokens = 700,
                             .cached_tokens = -1,
                             .reply_tokens = 40,
                             .spent_us = 5,
                             .wall_us = 6};
    STR_COPY(o.runs[0].outcome, end == OUTCOME_JUDGED ? "ok" : "refused");
    STR_COPY(o.runs[0].model, "small");
    for (int i = 0; i < 32; i++)
        o.runs[0].prompt_sha256[i] = (uint8_t)i;
    if (end == OUTCOME_JUDGED)
        o.runs[0].reply = window_blob("that.");
    return o;
}

FIXTURE void put_outcome(struct fixture *f, const struct event *e, enum outcome_end end)
{
    struct outcome o = outcome_of(f, e, end);
    store_put_outcome(f->store, &o);
}

/* A member of the event's JSON as it is read, as text; "(none)" for null. */
FIXTURE const char *member(struct fixture *f, const struct uuid *event, const char *path)
{
    static char value[4096];
    struct json out;
    struct err err = {0};
    sqlite3 *db;
    sqlite3_stmt *stmt;
    json_init(&out);
    json_begin_object(&out, NULL);
    if (!store_get_event(f->reader, event, &out, "event", &err))
        fail_msg("%s", err.msg);
    json_end_object(&out);
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, "SELECT json_extract(?1, '$.event' || ?2)", -1, &stmt, NULL),
              SQLITE_OK);
    sqlite3_bind_text(stmt, 1, out.text, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, path, -1, SQLITE_STATIC);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(stmt, 0);
    STR_COPY(value, text ? (const char *)text : "(none)");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    json_done(&out);
    return value;
}

FIXTURE void print_finding(void *ctx, const struct fsck_finding *finding)
{
    if (!finding->is_note && !finding->by_start)
        print_error("%s: %s: %s\n", finding->what, finding->where, finding->text);
    (void)ctx;
}

/* All that is kept agrees. */
FIXTURE void check_agrees(struct fixture *f)
{
    struct fsck_result result;
    struct err err = {0};
    fixture_close(f);
    const struct fsck_params params = {.dir = f->dir, .found = print_finding};
    if (!store_fsck(&params, &result, &err))
        fail_msg("%s", err.msg);
    CHECK_INT(result.found, result.start); /* open events are closed by the next start */
    fixture_open(f);
}
