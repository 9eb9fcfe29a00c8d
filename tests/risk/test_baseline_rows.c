/* What a baseline has learned comes back from the store as it was, and nothing else does. */
#include "test.h"

#include "risk/baseline_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct baseline *learned(void)
{
    struct baseline_conf conf;
    opt_defaults(&baseline_section, &conf);
    struct baseline *b = baseline_new(&conf);
    AUTO(event_unref) struct event *e = event_new();
    int64_t start_us = INT64_C(1790000000) * US_PER_S;
    for (int week = 0; week < 6; week++) {
        int64_t at_us = start_us + week * INT64_C(7) * 86400 * US_PER_S;
        baseline_watched(b, at_us - 3600 * US_PER_S, at_us + 3600 * US_PER_S);
        e->id.bytes[0] = (uint8_t)(week + 1);
        e->state = EVENT_CLOSED;
        e->wall_start_us = at_us;
        e->wall_end_us = at_us + 20 * US_PER_S;
        e->track_count = 1;
        struct track *t = &e->tracks[0];
        t->id.bytes[0] = (uint8_t)(week + 1);
        STR_COPY(t->label, "person");
        t->first.wall_us = at_us;
        t->last.wall_us = at_us + 20 * US_PER_S;
        t->last.pts_us = 20 * US_PER_S;
        STR_COPY(t->zones[0].name, "front door");
        t->zones[0].seen = true;
        t->zones[0].dwell_us = (7 + week) * US_PER_S;
        t->zones[0].entered = t->first;
        baseline_learn(b, e);
    }
    return b;
}

static int state_of(struct baseline *b, struct baseline_watch *watch, struct baseline_cell **ret)
{
    *ret = xcalloc(BASELINE_CELLS_MAX, sizeof **ret);
    baseline_watch_state(b, watch);
    return baseline_changes(b, *ret, BASELINE_CELLS_MAX);
}

static void what_was_learned_comes_back(void **state)
{
    (void)state;
    AUTO(baseline_free) struct baseline *b = learned();
    struct baseline_watch watch;
    AUTO(free_ptr) struct baseline_cell *cells = NULL;
    int count = state_of(b, &watch, &cells);
    CHECK(count >= 2);
    int row_count;
    AUTO(free_ptr) struct baseline_row *made = baseline_rows_make(&watch, cells, count, &row_count);
    AUTO(baseline_rows_free) struct baseline_rows *rows = baseline_rows_new();
    for (int i = row_count - 1; i >= 0; i--) /* in any order */
        baseline_rows_add(rows, &made[i]);
    struct baseline_conf conf;
    opt_defaults(&baseline_section, &conf);
    AUTO(baseline_free) struct baseline *again = baseline_new(&conf);
    CHECK(baseline_rows_load(rows, again));
    struct baseline_watch watch_again;
    baseline_watch_state(again, &watch_again);
    CHECK(memcmp(watch.hours, watch_again.hours, sizeof watch.hours) == 0);
    CHECK_INT(watch.wall_us, watch_again.wall_us);
    CHECK_INT(watch.hour_wall_us, watch_again.hour_wall_us);
    CHECK(watch.hour_watched == watch_again.hour_watched);
    AUTO(event_unref) struct event *e = event_new();
    e->wall_start_us = e->wall_end_us = INT64_C(1790000000 + 42 * 86400) * US_PER_S;
    e->track_count = 1;
    STR_COPY(e->tracks[0].label, "person");
    e->tracks[0].first.wall_us = e->tracks[0].last.wall_us = e->wall_start_us;
    struct usual before, after;
    baseline_usual(b, e, 0, &before);
    baseline_usual(again, e, 0, &after);
    CHECK(before.per_hour == after.per_hour && before.weeks == after.weeks);
    CHECK(before.probability == after.probability);
}

static void rows_of_another_program_are_left_out(void **state)
{
    (void)state;
    static const struct baseline_row bad[] = {
        {"cell 3", {0}, 48},
        {"cell x 1 door", {0}, 48},
        {"cell 3 0 door", {0}, 47},
        {"watch 21", {0}, 64},
        {"watch -1", {0}, 64},
        {"watch 0", {0}, 8},
        {"time", {0}, 7},
        {"", {0}, 0},
        {"something else", {0}, 64},
        {"cell 3 0 a name that is longer than any zone may have, far longer", {0}, 48},
    };
    AUTO(baseline_rows_free) struct baseline_rows *rows = baseline_rows_new();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        baseline_rows_add(rows, &bad[i]);
    struct baseline_conf conf;
    opt_defaults(&baseline_section, &conf);
    AUTO(baseline_free) struct baseline *b = baseline_new(&conf);
    CHECK(!baseline_rows_load(rows, b));
    AUTO(free_ptr) struct baseline_cell *cells = xcalloc(BASELINE_CELLS_MAX, sizeof *cells);
    CHECK_INT(baseline_changes(b, cells, BASELINE_CELLS_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_comes_back),
        cmocka_unit_test(rows_of_another_program_are_left_out),
    };
    return cmocka_run_group_tests_name("risk/baseline_rows", tests, NULL, NULL);
}
