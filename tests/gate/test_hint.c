/* Packet sizes as a hint. */
#include "test.h"

#include "gate/hint.h"

#include <math.h>

static uint64_t random_state = 88172645463325252u;

/* Roughly normal, deviation 1. */
static double noise(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        random_state ^= random_state << 13, random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        sum += (double)(random_state >> 11) * 0x1p-53;
    }
    return sum;
}

/* That many packets around a size; returns how many were large. */
static int play(struct size_hint *h, int count, double bytes, double deviation)
{
    int large = 0;
    for (int i = 0; i < count; i++) {
        large += size_hint_push(h, (int64_t)(bytes * exp(deviation * noise())), false);
        large += size_hint_push(h, (int64_t)bytes * 10, true); /* key frames are no matter */
    }
    return large;
}

static void much_larger_than_usual(void **state)
{
    (void)state;
    static const struct {
        double usual, deviation; /* bytes, of the logarithm */
        double then;
        bool large;
    } rows[] = {
        {2000, 0.05, 2200, false}, {2000, 0.05, 8000, true}, {2000, 0, 2400, false},
        {2000, 0, 8000, true},     {60, 0.1, 80, false},     {60, 0.1, 2000, true},
        {8000, 0.4, 12000, false}, {8000, 0.4, 80000, true}, {8000, 0.1, 14000, true},
        {8000, 0.1, 2000, false},  {0, 0, 0, false},         {0, 0, 2e9, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct size_hint h = {0};
        int before = play(&h, 5000, rows[i].usual, rows[i].deviation);
        if (before > 3)
            fail_msg("row %zu: %d large where nothing happens", i, before);
        bool large = play(&h, 3, rows[i].then, rows[i].deviation) > 0;
        if (large != rows[i].large)
            fail_msg("row %zu: %d", i, large);
    }
}

static void three_in_a_row_say_more_than_one(void **state)
{
    (void)state;
    struct size_hint h = {0};
    play(&h, 5000, 8000, 0.2);
    CHECK(!size_hint_push(&h, 15000, false));
    CHECK(!size_hint_push(&h, 8000, false));
    CHECK(!size_hint_push(&h, 8000, false));
    int large = 0;
    for (int i = 0; i < 3; i++)
        large += size_hint_push(&h, 15000, false);
    CHECK(large > 0);
}

static void never_before_it_knows_the_camera(void **state)
{
    (void)state;
    struct size_hint h = {0};
    CHECK_INT(play(&h, 99, 1000, 0.1), 0);
    CHECK(!size_hint_push(&h, 1000000, false));
    CHECK(size_hint_push(&h, 1000000, false));
}

static void what_lasts_becomes_usual(void **state)
{
    (void)state;
    static const double nights[] = {100, 700, 6000, 40000};
    for (size_t i = 0; i < ARRAY_LEN(nights); i++) {
        struct size_hint h = {0};
        play(&h, 5000, 2000, 0.1);
        play(&h, 15 * 60, nights[i], 0.2); /* a minute at 15 a second */
        CHECK(play(&h, 1000, nights[i], 0.2) <= 1);
        /* ... against which a visit still shows. */
        CHECK(play(&h, 3, nights[i] * 10, 0.2) > 0);
    }
}

/* A busy evening: a second of visit in twelve, on and on. */
static void visits_do_not_become_usual(void **state)
{
    (void)state;
    struct size_hint h = {0};
    play(&h, 500, 150, 0.3);
    for (int i = 0; i < 100; i++) {
        if (play(&h, 10, 3000, 0.4) == 0)
            fail_msg("visit %d was not large", i);
        int after = play(&h, 117, 150, 0.3);
        if (after > 4)
            fail_msg("%d large after visit %d", after, i);
    }
}

static void any_size_is_harmless(void **state)
{
    (void)state;
    struct size_hint h = {0};
    static const int64_t sizes[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    for (int i = 0; i < 10000; i++)
        (void)size_hint_push(&h, sizes[i * 7 % 5], i % 3 == 0);
    CHECK(isfinite(h.one.mean) && isfinite(h.one.variance));
    CHECK(isfinite(h.three.mean) && isfinite(h.three.variance));
    play(&h, 5000, 2000, 0.1);
    CHECK(play(&h, 3, 20000, 0.1) > 0);
}

static void trust(void **state)
{
    (void)state;
    static const struct {
        const char *outcomes; /* + something was seen */
        bool trusted;
    } rows[] = {
        {"", true},
        {"-------------------", true},
        {"--------------------", false},
        {"+-------------------", false},
        {"++------------------", true},
        {"++-------------------", false},
        {"+++++--------------------+", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct size_trust t = {0};
        for (const char *c = rows[i].outcomes; *c; c++)
            size_trust_tell(&t, 1000, *c == '+');
        CHECK_INT(size_trusted(&t, 1000), rows[i].trusted);
        CHECK(size_trusted(&t, 1000 + 3600 * US_PER_S));
    }
    /* Another chance, with half of the patience. */
    struct size_trust t = {0};
    for (int i = 0; i < 20; i++)
        size_trust_tell(&t, 0, false);
    for (int i = 0; i < 9; i++)
        size_trust_tell(&t, 3600 * US_PER_S, false);
    CHECK(size_trusted(&t, 3600 * US_PER_S));
    size_trust_tell(&t, 3600 * US_PER_S, false);
    CHECK(!size_trusted(&t, 3600 * US_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_larger_than_usual),
        cmocka_unit_test(three_in_a_row_say_more_than_one),
        cmocka_unit_test(never_before_it_knows_the_camera),
        cmocka_unit_test(what_lasts_becomes_usual),
        cmocka_unit_test(visits_do_not_become_usual),
        cmocka_unit_test(any_size_is_harmless),
        cmocka_unit_test(trust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
