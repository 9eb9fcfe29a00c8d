/* Each row: what happens to a source in turn, and the wait that follows. */
#include "test.h"

#include "capture/retry.h"

#define MS     US_PER_MS
#define WORKED (-1) /* instead of an error: pictures came */

struct step {
    int code; /* enum err_code or WORKED */
    int64_t wait_us;
};

static void play(const char *what, const struct step *steps, size_t count)
{
    struct retry retry = {0};
    for (size_t i = 0; i < count; i++) {
        if (steps[i].code == WORKED) {
            retry_worked(&retry);
            continue;
        }
        int64_t wait_us = retry_after_us(&retry, (enum err_code)steps[i].code);
        if (wait_us != steps[i].wait_us)
            fail_msg("%s, step %zu: %lld us instead of %lld", what, i, (long long)wait_us,
                     (long long)steps[i].wait_us);
    }
}

#define PLAY(what, ...)                                                                            \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        play(what, steps_, ARRAY_LEN(steps_));                                                     \
    } while (0)

static void waits_grow_up_to_two_seconds(void **state)
{
    (void)state;
    PLAY("away", {ERR_UNAVAILABLE, 500 * MS}, {ERR_NOT_FOUND, 1000 * MS},
         {ERR_UNAVAILABLE, 2000 * MS}, {ERR_UNAVAILABLE, 2000 * MS}, {WORKED, 0},
         {ERR_UNAVAILABLE, 500 * MS});
}

static void wrong_credentials_wait_for_minutes(void **state)
{
    (void)state;
    PLAY("never worked", {ERR_DENIED, 300 * US_PER_S}, {ERR_DENIED, 300 * US_PER_S});
    PLAY("away before", {ERR_UNAVAILABLE, 500 * MS}, {ERR_DENIED, 300 * US_PER_S});
}

static void credentials_that_worked_get_two_quick_tries(void **state)
{
    (void)state;
    PLAY("worked", {WORKED, 0}, {ERR_DENIED, 500 * MS}, {ERR_DENIED, 1000 * MS},
         {ERR_DENIED, 300 * US_PER_S}, {ERR_DENIED, 300 * US_PER_S}, {WORKED, 0},
         {ERR_DENIED, 500 * MS});
    PLAY("a camera that starts anew", {WORKED, 0}, {ERR_UNAVAILABLE, 500 * MS},
         {ERR_DENIED, 1000 * MS}, {ERR_UNAVAILABLE, 2000 * MS}, {ERR_DENIED, 2000 * MS},
         {ERR_UNAVAILABLE, 2000 * MS}, {ERR_DENIED, 300 * US_PER_S});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_up_to_two_seconds),
        cmocka_unit_test(wrong_credentials_wait_for_minutes),
        cmocka_unit_test(credentials_that_worked_get_two_quick_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
