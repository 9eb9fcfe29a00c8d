#include "risk/llm/blame.h"
#include "test.h"

#include <stdlib.h>

static struct uuid id_of(int n)
{
    return (struct uuid){.bytes = {[0] = 1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

enum step { FAILS, HOPELESS, OTHER_JUDGED, JUDGED };

/* What happens to window 1, and after which of its failures it is given up. */
static const struct {
    const char *says;
    enum step steps[24];
    int count;
    int gone_after; /* failures; 0: it stays */
} courses[] = {
    {"a server that is down for ever costs nothing",
     {FAILS, FAILS, FAILS, FAILS, FAILS, FAILS},
     6,
     0},
    {"five failures while others are judged are enough",
     {FAILS, OTHER_JUDGED, FAILS, OTHER_JUDGED, FAILS, OTHER_JUDGED, FAILS, OTHER_JUDGED, FAILS},
     9,
     5},
    {"a failure counts once for what was judged in between",
     {FAILS, OTHER_JUDGED, FAILS, FAILS, OTHER_JUDGED, FAILS, FAILS, OTHER_JUDGED, FAILS, FAILS,
      OTHER_JUDGED, FAILS},
     12,
     8},
    {"rubbish is not the window's fault while nobody has anything else",
     {HOPELESS, HOPELESS, HOPELESS},
     3,
     0},
    {"after another's verdict it is", {HOPELESS, OTHER_JUDGED, HOPELESS}, 3, 2},
    {"a verdict before it failed says nothing", {OTHER_JUDGED, HOPELESS, HOPELESS}, 3, 0},
    {"what failed for the server's sake has both its chances",
     {FAILS, OTHER_JUDGED, HOPELESS, OTHER_JUDGED, HOPELESS},
     5,
     3},
    {"a verdict forgives", {HOPELESS, OTHER_JUDGED, JUDGED, HOPELESS, OTHER_JUDGED}, 5, 0},
    {"given up and queued again it begins anew",
     {HOPELESS, OTHER_JUDGED, HOPELESS, OTHER_JUDGED, HOPELESS},
     5,
     2},
};

static void a_window_is_given_up_when_the_server_can_do_better(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(courses); c++) {
        struct blame blame = {0};
        struct uuid id = id_of(1), other = id_of(2);
        int failures = 0, gone_after = 0;
        for (int i = 0; i < courses[c].count; i++) {
            enum step step = courses[c].steps[i];
            if (step == OTHER_JUDGED || step == JUDGED)
                blame_judged(&blame, step == JUDGED ? &id : &other);
            if (step != FAILS && step != HOPELESS)
                continue;
            failures++;
            if (blame_failed(&blame, &id, step == HOPELESS) && !gone_after)
                gone_after = failures;
        }
        if (gone_after != courses[c].gone_after)
            fail_msg("%s: given up after %d failures, expected %d", courses[c].says, gone_after,
                     courses[c].gone_after);
    }
}

/* However many there are, of those that no model can answer all are given up in the end, if a good
 * one is judged now and then. */
static void more_windows_than_can_be_remembered_are_given_up(void **state)
{
    (void)state;
    static const struct {
        int count, rounds; /* of windows; until the last is given up */
    } cases[] = {{65, 3}, {BLAME_WINDOWS_MAX + 1, 4}, {3 * BLAME_WINDOWS_MAX, 40}};
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct blame *blame = NEW(struct blame);
        bool *gone = xcalloc((size_t)cases[c].count, sizeof *gone);
        struct uuid other = id_of(10000);
        int left = cases[c].count, rounds = 0;
        for (; left > 0 && rounds < 100; rounds++)
            for (int i = 0; i < cases[c].count; i++) {
                struct uuid id = id_of(i + 1);
                if (gone[i])
                    continue;
                blame_judged(blame, &other);
                gone[i] = blame_failed(blame, &id, true);
                left -= gone[i];
                CHECK(rounds > 0 || !gone[i]); /* not at the first time */
            }
        if (left > 0 || rounds > cases[c].rounds)
            fail_msg("%d windows: %d left after %d rounds", cases[c].count, left, rounds);
        free(gone);
        free(blame);
    }
}

static void rests_grow_to_five_minutes_or_an_hour(void **state)
{
    (void)state;
    static const int seconds[] = {2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600};
    double least = 1, most = 1;
    for (int n = 0; n < 200; n++)
        for (int tries = 0; tries < (int)ARRAY_LEN(seconds); tries++) {
            struct uuid id = id_of(n);
            int64_t rest_us = blame_rest_us(&id, tries, n % 2);
            CHECK_INT(rest_us, blame_rest_us(&id, tries, n % 2));
            double share = (double)rest_us / (MIN(seconds[tries], n % 2 ? 3600 : 300) * 1e6);
            CHECK_NEAR(share, 1, 0.2);
            least = MIN(least, share);
            most = MAX(most, share);
        }
    CHECK_NEAR(least, 0.8, 0.02);
    CHECK_NEAR(most, 1.2, 0.02);
    struct uuid id = id_of(1);
    CHECK_NEAR((double)blame_rest_us(&id, 1000000, false), 300e6, 60e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_given_up_when_the_server_can_do_better),
        cmocka_unit_test(more_windows_than_can_be_remembered_are_given_up),
        cmocka_unit_test(rests_grow_to_five_minutes_or_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
