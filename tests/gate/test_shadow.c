/* Shadow checking: when, what counts as found, and how sure one may be. */
#include "test.h"

#include "gate/shadow.h"

#include <stdlib.h>

#define S US_PER_S

static void bounds_are_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t missed, visits;
        double low, high;
    } rows[] = {
        {0, 1, 0, .9750},         {1, 1, .0250, 1},          {0, 10, 0, .3085},
        {1, 10, .0025, .4450},    {5, 10, .1871, .8129},     {10, 10, .6915, 1},
        {5, 100, .0164, .1128},   {3, 40, .0157, .2039},     {0, 1000, 0, .003682},
        {1, 300, .000084, .0184}, {500, 1000, .4685, .5315}, {1000, 100000, .009392, .010636},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double low, high;
        shadow_bounds(rows[i].missed, rows[i].visits, &low, &high);
        CHECK_NEAR(low, rows[i].low, 0.00006);
        CHECK_NEAR(high, rows[i].high, 0.00006);
    }
    double low, high;
    shadow_bounds(0, 0, &low, &high);
    CHECK(low == 0 && high == 1);
}

static void bounds_hold_each_other(void **state)
{
    (void)state;
    for (int64_t visits = 1; visits < 60; visits++) {
        double before_low = -1, before_high = 0;
        for (int64_t missed = 0; missed <= visits; missed++) {
            double low, high, other_low, other_high;
            shadow_bounds(missed, visits, &low, &high);
            double share = (double)missed / (double)visits;
            CHECK(low <= share && share <= high && low > before_low && high > before_high);
            shadow_bounds(visits - missed, visits, &other_low, &other_high);
            CHECK_NEAR(low, 1 - other_high, 1e-9);
            before_low = low, before_high = high;
        }
    }
}

static void stretches_are_chosen_by_chance(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.02, 0.5, 1};
    for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
        for (uint64_t seed = 0; seed < 5; seed++) {
            int chosen = 0, in_a_row = 0;
            bool before = false;
            for (int i = -10000; i < 10000; i++) {
                int64_t at_us = i * SHADOW_STRETCH_US;
                bool now = shadow_chosen(seed, shares[k], at_us);
                CHECK_INT(shadow_chosen(seed, shares[k], at_us + SHADOW_STRETCH_US - 1), now);
                chosen += now;
                in_a_row += now && before;
                before = now;
            }
            CHECK_NEAR(chosen / 20000.0, shares[k], 4 * 0.0036);
            CHECK_NEAR(in_a_row / 20000.0, shares[k] * shares[k], 4 * 0.0036);
            CHECK(shares[k] != 0 || chosen == 0);
            CHECK(shares[k] != 1 || chosen == 20000);
        }
    }
    int same = 0; /* cameras take turns */
    for (int i = 0; i < 10000; i++)
        same += shadow_chosen(1, 0.5, i * SHADOW_STRETCH_US) ==
                shadow_chosen(2, 0.5, i * SHADOW_STRETCH_US);
    CHECK_NEAR(same, 5000, 250);
}

/* Each letter is half a second, from 100 s on; a look every 2 s, which is every fourth letter.
 * w: a virtual wake; h: somebody holds it at the look; v: from the first to the last, a visit.
 * Capitals: the visit too. */
struct film {
    const char *name, *letters;
    int visits, missed;
};

static void play(struct shadow *s, const char *letters)
{
    int64_t first_us = INT64_MIN, last_us = 0;
    shadow_begin(s, 100 * S, 2 * S);
    for (int i = 0; letters[i]; i++) {
        int64_t at_us = 100 * S + i * S / 2;
        if (i % 4 == 0)
            shadow_look(s, at_us, letters[i] == 'h' || letters[i] == 'H', 2 * S);
        if (letters[i] == 'w' || letters[i] == 'W')
            shadow_woke(s, at_us);
        if (letters[i] == 'v' || letters[i] == 'W' || letters[i] == 'H') {
            first_us = first_us == INT64_MIN ? at_us : first_us;
            last_us = at_us;
        }
    }
    shadow_end(s, 100 * S + (int64_t)strlen(letters) * S / 2);
    if (first_us != INT64_MIN)
        shadow_visit(s, first_us, last_us);
}

static void found_or_missed(void **state)
{
    (void)state;
    static const struct film films[] = {
        {"nobody", "...............", 0, 0},
        {"missed between two looks", ".....v..........", 1, 1},
        {"found by the next look", ".....vv.w.......", 1, 0},
        {"found at the edge", "....v...w.......", 1, 0},
        {"woken too late", ".....v......w...", 1, 1},
        {"woken shortly before", "....w...v.......", 1, 0},
        {"woken long before", "w........v......", 1, 1},
        {"while it was awake still", "w...h...h.v.....", 1, 0},
        {"held, but not awake", "....h...h.v.....", 1, 1},
        {"awake before, asleep again", "w...h.......v...", 1, 1},
        {"a long one, found late", ".vvvvvvvvvvvW...", 1, 0},
        {"a long one, never found", ".vvvHvvvHvvv....", 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        AUTO(free_ptr) struct shadow *s = NEW(struct shadow);
        play(s, films[i].letters);
        if (s->visits != films[i].visits || s->missed != films[i].missed)
            fail_msg("%s: %lld of %lld missed", films[i].name, (long long)s->missed,
                     (long long)s->visits);
    }
}

static void a_fresh_visit_waits_for_the_next_look(void **state)
{
    (void)state;
    AUTO(free_ptr) struct shadow *s = NEW(struct shadow);
    shadow_begin(s, 0, 2 * S);
    shadow_look(s, 2 * S, false, 2 * S);
    shadow_visit(s, 3 * S, 3 * S); /* found at 4 s */
    CHECK_INT(s->visits, 0);
    shadow_woke(s, 4 * S);
    shadow_look(s, 4 * S, false, 2 * S);
    CHECK_INT(s->visits, 1);
    CHECK_INT(s->missed, 0);
    shadow_woke(s, 4 * S);
    shadow_visit(s, 5 * S, 5 * S); /* decoding has begun */
    CHECK_INT(s->visits, 2);
    shadow_look(s, 6 * S, false, 2 * S);
    shadow_visit(s, 13 * S, 13 * S); /* never */
    shadow_look(s, 15 * S, false, 2 * S);
    CHECK_INT(s->visits, 2);
    shadow_look(s, 16 * S, false, 2 * S);
    CHECK_INT(s->visits, 3);
    CHECK_INT(s->missed, 1);
    for (int i = 0; i < SHADOW_PENDING_MAX + 3; i++) /* those that do not fit are not waited for */
        shadow_visit(s, 20 * S, 20 * S);
    CHECK_INT(s->visits, 3 + 3);
    shadow_end(s, 21 * S); /* the rest will never be known better */
    CHECK_INT(s->visits, 3 + SHADOW_PENDING_MAX + 3);
    CHECK_INT(s->pending_count, 0);
}

static void only_visits_that_begin_within_count(void **state)
{
    (void)state;
    AUTO(free_ptr) struct shadow *s = NEW(struct shadow);
    shadow_visit(s, 0, 1);
    shadow_woke(s, 0);
    shadow_end(s, 0);
    shadow_begin(s, 10 * S, S);
    shadow_end(s, 20 * S);
    shadow_visit(s, 10 * S - 1, 15 * S);
    shadow_visit(s, 20 * S, 21 * S);
    CHECK_INT(s->visits, 0);
    shadow_visit(s, 10 * S, 30 * S);
    shadow_visit(s, 20 * S - 1, 0); /* its end before its beginning */
    CHECK_INT(s->visits, 2);
    CHECK_INT(s->missed, 2);
    /* Real wakes after it find who is still here. */
    shadow_woke(s, 20 * S + S / 2);
    shadow_visit(s, 20 * S - 1, 20 * S - 1);
    shadow_woke(s, 30 * S);
    shadow_visit(s, 15 * S, 29 * S);
    CHECK_INT(s->visits, 4);
    CHECK_INT(s->missed, 2);
    shadow_visit(s, 15 * S, 19 * S);
    CHECK_INT(s->missed, 3);
}

static void so_many_are_remembered(void **state)
{
    (void)state;
    AUTO(free_ptr) struct shadow *s = NEW(struct shadow);
    enum { ROUNDS = 5 * SHADOW_STRETCHES + 7 };
    for (int i = 0; i < ROUNDS; i++) {
        shadow_begin(s, i * 100 * S, S);
        for (int k = 0; k < 3 * SHADOW_WAKES_MAX; k++) { /* more than can be told apart */
            shadow_woke(s, (i * 100 + k / 2) * S);
            shadow_look(s, (i * 100 + k / 2) * S, false, S);
        }
        shadow_end(s, (i * 100 + 60) * S);
    }
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_INT(s->visits, MAX(i - (ROUNDS - SHADOW_STRETCHES), 0));
        shadow_visit(s, (i * 100 + 5) * S, (i * 100 + 5) * S);
    }
    CHECK_INT(s->visits, SHADOW_STRETCHES);
    CHECK_INT(s->missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_exact),
        cmocka_unit_test(bounds_hold_each_other),
        cmocka_unit_test(stretches_are_chosen_by_chance),
        cmocka_unit_test(found_or_missed),
        cmocka_unit_test(a_fresh_visit_waits_for_the_next_look),
        cmocka_unit_test(only_visits_that_begin_within_count),
        cmocka_unit_test(so_many_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
