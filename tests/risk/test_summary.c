/* The sentence about the whole event. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

struct row {
    bool unzoned;
    struct actor actors[12];
    const char *summary;
};

static const struct row rows[] = {
    {.summary = "Something moved."},
    {true, {{.label = "person", .seconds = 2}}, "A person was seen at 09:05, briefly."},
    {true,
     {{.label = "person", .seconds = 5}, {.label = "person", .seconds = 7}},
     "2 people were seen at 09:05, for 7 s."},
    {true,
     {{.label = "person", .seconds = 5, .crosses = -1}},
     "A person crossed the gate on the way out at 09:05, for 5 s."},
    {false,
     {{.label = "person", .seconds = 5, .growth = 2, AT({DOOR, 1})}},
     "A person walked up to the front door at 09:05 and left at once."},
    {false,
     {{.label = "person", .seconds = 5, AT({DOOR, 1, true})}},
     "A person was at the front door at 09:05."},
    {false,
     {{.label = "person", .seconds = 9, AT({HALL, 9, true})}},
     "A person was in the hall at 09:05 and stayed 9 s."},
    {false,
     {{.label = "truck", .seconds = 9, AT({PAVEMENT, 9})}},
     "A truck passed along the sidewalk at 09:05, for 9 s."},
    /* The zone nearest to the house counts, and there the longest stay. */
    {false,
     {{.label = "person", .seconds = 30, AT({LAWN, 30})},
      {.label = "person", .seconds = 9, AT({POOL, 4}, {DOOR, 9})},
      {.label = "person", .seconds = 9, AT({POOL, 6}, {DOOR, 9})}},
     "3 people were at the pool at 09:05 and stayed 6 s."},
    {false,
     {{.label = "cat", .seconds = 5},
      {.label = "car", .seconds = 5},
      {.label = "dog"},
      {.label = "dog"},
      {.label = "suitcase"}},
     "A car was seen at 09:05, for 5 s; a cat, 2 dogs and a suitcase were also seen."},
    {true,
     {{.label = "a1"},
      {.label = "b2"},
      {.label = "c3"},
      {.label = "d4"},
      {.label = "e5"},
      {.label = "f6"},
      {.label = "g7"},
      {.label = "h8"},
      {.label = "i9"},
      {.label = "j0"}},
     "An a1, a b2, a c3, a d4, an e5, a f6, a g7, a h8 and 2 others were seen at 09:05, briefly."},
};

static void summaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        stage_open(&stage, !rows[i].unzoned, "2026-11-20T09:05:00+01:00");
        for (size_t a = 0; a < ARRAY_LEN(rows[i].actors) && rows[i].actors[a].label; a++)
            stage_enter(&stage, &rows[i].actors[a]);
        struct facts facts = {.event = stage.event, .context = &stage.context};
        char out[256];
        facts_summary(&facts, out, sizeof out);
        CHECK_STR(out, rows[i].summary);
        stage_close(&stage);
    }
}

static void shift(struct track *track, int64_t by_us)
{
    track->first.pts_us += by_us;
    track->last.pts_us += by_us;
}

/* One person who comes and goes is not a crowd. */
static void people_who_come_in_turn(void **state)
{
    (void)state;
    static const struct {
        int64_t every_s; /* each is 10 s in view */
        const char *summary;
    } cases[] = {
        {0, "4 people were seen at 09:05, for 10 s; a cat was also seen."},
        {5, "3 people were seen at 09:05, for 10 s (4 visits in all); a cat was also seen."},
        {6, "2 people were seen at 09:05, for 10 s (4 visits in all); a cat was also seen."},
        {20, "A person was seen at 09:05, for 10 s (4 visits in all); a cat was also seen."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage stage;
        stage_open(&stage, false, "2026-11-20T09:05:00+01:00");
        struct actor person = {.label = "person", .seconds = 10};
        struct actor cat = {.label = "cat", .seconds = 2};
        for (int n = 0; n < 4; n++)
            shift(stage_enter(&stage, &person), n * cases[i].every_s * US_PER_S);
        stage_enter(&stage, &cat);
        shift(stage_enter(&stage, &cat), 9 * US_PER_S);
        struct facts facts = {.event = stage.event, .context = &stage.context};
        char out[256];
        facts_summary(&facts, out, sizeof out);
        CHECK_STR(out, cases[i].summary);
        stage_close(&stage);
    }
}

static void a_crowd_of_long_names_fits(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, NULL);
    for (int i = 0; i < EVENT_TRACKS_MAX; i++) {
        char label[LABEL_BYTES];
        snprintf(label, sizeof label, "%c\xc3\xbc%020d", 'a' + i % 26, i);
        struct actor actor = {.label = label, .seconds = i, AT({POOL, 5})};
        stage_enter(&stage, &actor);
    }
    struct facts facts = {.event = stage.event, .context = &stage.context};
    char out[256];
    memset(out, '#', sizeof out);
    facts_summary(&facts, out, sizeof out);
    CHECK(memchr(out, '\0', sizeof out) != NULL);
    CHECK_CONTAINS(out, "...");
    stage_close(&stage);
}

static int in_berlin(void **state)
{
    (void)state;
    stage_timezone();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries),
        cmocka_unit_test(people_who_come_in_turn),
        cmocka_unit_test(a_crowd_of_long_names_fits),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
