/* Each row: what happens in turn, and whether the next request may be made. */
#include "test.h"

#include "risk/llm/breaker.h"

#define S US_PER_S

enum { END, ASK, ASK_NO, GOOD, BAD, GONE };

struct step {
    int what;
    int64_t at_us;
};

#define FIVE_BAD                                                                                   \
    {BAD, 0}, {BAD, 1 * S}, {BAD, 2 * S}, {BAD, 3 * S},                                            \
    {                                                                                              \
        BAD, 4 * S                                                                                 \
    }

static const struct {
    const char *name;
    struct step steps[24];
    int64_t opened;
} table[] = {
    {"at first all may pass", {{ASK, 0}, {ASK, 0}, {ASK, 0}}, 0},
    {"four failures change nothing",
     {{BAD, 0}, {BAD, 0}, {BAD, 0}, {BAD, 0}, {ASK, 0}, {ASK, 0}},
     0},
    {"five in a row open it", {FIVE_BAD, {ASK_NO, 4 * S}, {ASK_NO, 63 * S}}, 1},
    {"a success in between begins anew",
     {{BAD, 0}, {BAD, 0}, {BAD, 0}, {BAD, 0}, {GOOD, 0}, {BAD, 0}, {BAD, 0}, {ASK, 0}},
     0},
    {"after a minute one may try",
     {FIVE_BAD, {ASK, 64 * S}, {ASK_NO, 64 * S}, {ASK_NO, 900 * S}},
     1},
    {"the trial succeeds: all may",
     {FIVE_BAD, {ASK, 64 * S}, {GOOD, 65 * S}, {ASK, 65 * S}, {ASK, 65 * S}},
     1},
    {"the trial fails: a minute from then",
     {FIVE_BAD, {ASK, 64 * S}, {BAD, 70 * S}, {ASK_NO, 129 * S}, {ASK, 130 * S}, {ASK_NO, 130 * S}},
     1},
    {"a trial that was cancelled makes room for the next",
     {FIVE_BAD, {ASK, 64 * S}, {GONE, 65 * S}, {ASK, 65 * S}, {ASK_NO, 65 * S}},
     1},
    {"what was under way does not put the trial off",
     {FIVE_BAD, {BAD, 30 * S}, {BAD, 40 * S}, {ASK_NO, 63 * S}, {ASK, 64 * S}},
     1},
    {"one failure after it had closed does not open it again",
     {FIVE_BAD, {ASK, 64 * S}, {GOOD, 65 * S}, {BAD, 66 * S}, {ASK, 66 * S}},
     1},
    {"five more do",
     {FIVE_BAD, {ASK, 64 * S}, {GOOD, 65 * S}, FIVE_BAD, {ASK_NO, 66 * S - 3 * S}},
     2},
    {"a success of what was under way closes it", {FIVE_BAD, {GOOD, 10 * S}, {ASK, 10 * S}}, 1},
};

static void plays(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct breaker b = {0};
        for (const struct step *s = table[i].steps; s->what != END; s++) {
            if (s->what == GOOD)
                breaker_success(&b);
            else if (s->what == BAD)
                breaker_failure(&b, s->at_us);
            else if (s->what == GONE)
                breaker_withdraw(&b);
            else if (breaker_allows(&b, s->at_us) != (s->what == ASK))
                fail_msg("%s: step %d", table[i].name, (int)(s - table[i].steps));
        }
        if (b.opened != table[i].opened)
            fail_msg("%s: opened %d times", table[i].name, (int)b.opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plays)};
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
