/* Feedback as points: bounded, in any order, and taken back as if it had never been. */
#include "test.h"

#include "base/base.h"
#include "model/feedback.h"

#include <stdlib.h>

#define ROW(number, kind_, zone_, label_)                                                          \
    {                                                                                              \
        .event = {{(number)}}, .kind = (kind_), .zone = zone_, .label = label_                     \
    }

static void points_follow_from_the_words(void **state)
{
    (void)state;
    enum { A = FEEDBACK_ACCURATE, F = FEEDBACK_FALSE_POSITIVE, M = FEEDBACK_MISSED };
    enum { H = FEEDBACK_TOO_HIGH, L = FEEDBACK_TOO_LOW };
    static const struct {
        int kinds[8], count, points, behind;
    } cases[] = {
        {{F}, 1, -4, 1},
        {{H}, 1, -3, 1},
        {{L}, 1, 3, 1},
        {{M}, 1, 6, 1},
        {{A}, 1, 0, 0},
        {{F, F, F}, 3, -12, 3},
        {{F, F, A}, 3, -7, 2},
        {{M, A, A}, 3, 4, 1},
        {{H, A, A, A, A}, 5, 0, 0}, /* not beyond zero */
        {{F, M}, 2, 2, 1},
        {{H, L}, 2, 0, 0},
        {{F, F, F, F, F, F}, 6, -20, 6},
        {{M, M, M, M}, 4, 20, 4},
        {{99}, 1, 0, 0}, /* of a newer program */
        {{-1, F}, 2, -4, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feedback_row rows[8];
        for (int k = 0; k < cases[i].count; k++)
            rows[k] = (struct feedback_row)ROW((uint8_t)k, cases[i].kinds[k], "door", "person");
        struct offsets offsets;
        memset(&offsets, 0x5a, sizeof offsets);
        feedback_offsets(rows, cases[i].count, &offsets);
        if (offsets.count != (cases[i].points != 0))
            fail_msg("case %zu: %d offsets", i, offsets.count);
        if (offsets.count == 0)
            continue;
        CHECK_INT(offsets.items[0].points, cases[i].points);
        CHECK_INT(offsets.items[0].count, cases[i].behind);
        CHECK_STR(offsets.items[0].zone, "door");
        CHECK_STR(offsets.items[0].label, "person");
    }
}

static void pairs_are_apart_and_an_event_counts_once(void **state)
{
    (void)state;
    const struct feedback_row rows[] = {
        ROW(1, FEEDBACK_FALSE_POSITIVE, "door", "person"),
        ROW(1, FEEDBACK_FALSE_POSITIVE, "door", "person"),
        ROW(1, FEEDBACK_FALSE_POSITIVE, "lawn", "person"),
        ROW(2, FEEDBACK_MISSED, "lawn", "dog"),
        ROW(3, FEEDBACK_TOO_HIGH, "", "dog"),
    };
    struct offsets offsets;
    feedback_offsets(rows, (int)ARRAY_LEN(rows), &offsets);
    CHECK_INT(offsets.count, 4);
    CHECK_INT(offsets.items[0].points, -3); /* by name of zone, then of label */
    CHECK_INT(offsets.items[1].points, -4);
    CHECK_INT(offsets.items[2].points, 6);
    CHECK_INT(offsets.items[3].points, -4);
    feedback_offsets(rows, 0, &offsets);
    CHECK_INT(offsets.count, 0);
}

static struct feedback_row made_up(int i)
{
    struct feedback_row row = ROW((uint8_t)i, i % 5, "", "person");
    row.event.bytes[1] = (uint8_t)(i >> 8);
    snprintf(row.zone, sizeof row.zone, "zone %03d", (i * 7) % 150);
    return row;
}

static void order_does_not_matter(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    AUTO(free_ptr) struct feedback_row *rows = xcalloc(COUNT, sizeof *rows);
    AUTO(free_ptr) struct offsets *first = NEW(struct offsets), *again = NEW(struct offsets);
    for (int i = 0; i < COUNT; i++)
        rows[i] = made_up(i);
    feedback_offsets(rows, COUNT, first);
    CHECK_INT(first->count, 120); /* a fifth only said "accurate" */
    unsigned state_of = 1;
    for (int i = COUNT - 1; i > 0; i--) {
        state_of = state_of * 1664525 + 1013904223;
        int k = (int)(state_of >> 8) % (i + 1);
        struct feedback_row swap = rows[i];
        rows[i] = rows[k];
        rows[k] = swap;
    }
    feedback_offsets(rows, COUNT, again);
    CHECK(memcmp(first, again, sizeof *first) == 0);
    /* One more word, and the same taken back: */
    rows[COUNT - 1].kind = (rows[COUNT - 1].kind + 1) % 5;
    feedback_offsets(rows, COUNT, again);
    CHECK(memcmp(first, again, sizeof *first) != 0);
    rows[COUNT - 1].kind = (rows[COUNT - 1].kind + 4) % 5;
    feedback_offsets(rows, COUNT, again);
    CHECK(memcmp(first, again, sizeof *first) == 0);
}

static void what_says_most_is_kept(void **state)
{
    (void)state;
    enum { PAIRS = OFFSETS_MAX + 30 };
    AUTO(free_ptr) struct feedback_row *rows = xcalloc(PAIRS, sizeof *rows);
    AUTO(free_ptr) struct offsets *offsets = NEW(struct offsets);
    for (int i = 0; i < PAIRS; i++) {
        rows[i] = (struct feedback_row)ROW((uint8_t)i, FEEDBACK_TOO_LOW, "", "person");
        snprintf(rows[i].zone, sizeof rows[i].zone, "z%04d", i);
        if (i >= PAIRS - 40)
            rows[i].kind = FEEDBACK_MISSED;
    }
    feedback_offsets(rows, PAIRS, offsets);
    CHECK_INT(offsets->count, OFFSETS_MAX);
    int missed = 0;
    for (int i = 0; i < OFFSETS_MAX; i++) {
        missed += offsets->items[i].points == 6;
        CHECK(i == 0 || strcmp(offsets->items[i - 1].zone, offsets->items[i].zone) < 0);
    }
    CHECK_INT(missed, 40);
    CHECK_STR(offsets->items[0].zone, "z0000");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_follow_from_the_words),
        cmocka_unit_test(pairs_are_apart_and_an_event_counts_once),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(what_says_most_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
