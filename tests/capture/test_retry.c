/* Each row: what happens to a source in turn, and when it is tried again or how long it may take.
 */
#include "test.h"

#include "capture/retry.h"

#define MS      US_PER_MS
#define S       US_PER_S
#define NOTICED (2800 * MS)

enum { BEGIN, OPENED, PICTURE, FAILED, OPEN_LIMIT, READ_LIMIT };

struct step {
    int what;
    int64_t at_us;       /* *_LIMIT: the timeout */
    int cause;           /* enum camera_cause; BEGIN..PICTURE: none */
    int64_t expected_us; /* FAILED: the next try, *_LIMIT: the limit */
};

static int64_t do_step(struct retry *r, const struct step *s)
{
    switch (s->what) {
    case BEGIN:
        retry_begin(r, s->at_us);
        return s->expected_us;
    case OPENED:
        retry_opened(r, s->at_us);
        return s->expected_us;
    case PICTURE:
        retry_picture(r, s->at_us);
        return s->expected_us;
    case FAILED:
        return retry_failed_us(r, (enum camera_cause)s->cause, s->at_us);
    case OPEN_LIMIT:
        return retry_open_limit_us(r, s->at_us);
    default:
        return retry_read_limit_us(r, s->at_us);
    }
}

static void play(const char *what, struct retry *r, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t us = do_step(r, &steps[i]);
        if (us != steps[i].expected_us)
            fail_msg("%s, step %zu: %lld us instead of %lld", what, i, (long long)us,
                     (long long)steps[i].expected_us);
    }
}

#define PLAY_ON(r, what, ...)                                                                      \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        play(what, r, steps_, ARRAY_LEN(steps_));                                                  \
    } while (0)

#define PLAY(what, ...)                                                                            \
    do {                                                                                           \
        struct retry r_;                                                                           \
        retry_init(&r_);                                                                           \
        PLAY_ON(&r_, what, __VA_ARGS__);                                                           \
    } while (0)

/* One camera that has been there with pictures every interval_us for a while, from 0 on. Returns
 * when it was lost. */
static int64_t have_worked(struct retry *r, int64_t open_us, int64_t interval_us, int pictures)
{
    retry_init(r);
    retry_begin(r, 0);
    retry_opened(r, open_us);
    for (int i = 0; i < pictures; i++)
        retry_picture(r, open_us + i * interval_us);
    return open_us + pictures * interval_us;
}

static void waits_grow_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        enum camera_cause cause;
        int64_t most_us;
    } rows[] = {{CAUSE_REFUSED, 1750 * MS}, {CAUSE_TIMEOUT, 1750 * MS}, {CAUSE_SILENT, 1750 * MS},
                {CAUSE_ENDED, 1750 * MS},   {CAUSE_NAME, 5 * S},        {CAUSE_MISSING, 30 * S},
                {CAUSE_GARBAGE, 30 * S}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct retry r;
        retry_init(&r);
        int64_t now_us = 100 * S, wait_us = 500 * MS;
        for (int k = 0; k < 20; k++, wait_us = MIN(2 * wait_us, rows[i].most_us)) {
            retry_begin(&r, now_us);
            int64_t next_us = retry_failed_us(&r, rows[i].cause, now_us + 1 * MS);
            if (next_us != now_us + wait_us)
                fail_msg("%s, try %d: %lld us instead of %lld", camera_cause_names[rows[i].cause],
                         k, (long long)(next_us - now_us), (long long)wait_us);
            now_us = next_us;
        }
    }
}

static void a_long_try_is_followed_soon(void **state)
{
    (void)state;
    PLAY("counted from its start", {BEGIN, 0}, {FAILED, 400 * MS, CAUSE_TIMEOUT, 650 * MS},
         {BEGIN, 650 * MS}, {FAILED, 2150 * MS, CAUSE_TIMEOUT, 2400 * MS}, {BEGIN, 2400 * MS},
         {FAILED, 12400 * MS, CAUSE_TIMEOUT, 12650 * MS});
}

static void a_quick_cause_shortens_a_long_wait(void **state)
{
    (void)state;
    struct retry r;
    retry_init(&r);
    for (int i = 0; i < 10; i++) {
        retry_begin(&r, 0);
        (void)retry_failed_us(&r, CAUSE_MISSING, 0);
    }
    PLAY_ON(&r, "missing, then refused", {BEGIN, 0}, {FAILED, 0, CAUSE_MISSING, 30 * S}, {BEGIN, 0},
            {FAILED, 0, CAUSE_REFUSED, 1750 * MS});
}

static void pictures_end_what_was_wrong(void **state)
{
    (void)state;
    PLAY("after two seconds of them", {BEGIN, 0}, {FAILED, 0, CAUSE_REFUSED, 500 * MS}, {BEGIN, 0},
         {FAILED, 0, CAUSE_REFUSED, 1000 * MS}, {BEGIN, 0}, {OPENED, 0}, {PICTURE, 0},
         {PICTURE, 2 * S}, {FAILED, 3 * S, CAUSE_ENDED, 3250 * MS}, {BEGIN, 3250 * MS},
         {FAILED, 3250 * MS, CAUSE_ENDED, 4250 * MS});
    PLAY("one alone ends nothing", {BEGIN, 0}, {FAILED, 0, CAUSE_MISSING, 500 * MS}, {BEGIN, 0},
         {FAILED, 0, CAUSE_MISSING, 1000 * MS}, {BEGIN, 0}, {OPENED, 0}, {PICTURE, 0},
         {FAILED, 0, CAUSE_GARBAGE, 2000 * MS});
}

static void wrong_credentials_wait_for_minutes(void **state)
{
    (void)state;
    PLAY("never worked", {BEGIN, 0}, {FAILED, 1, CAUSE_DENIED, 300 * S + 1}, {BEGIN, 400 * S},
         {FAILED, 400 * S, CAUSE_DENIED, 700 * S});
    PLAY("away before", {BEGIN, 0}, {FAILED, 0, CAUSE_REFUSED, 500 * MS}, {BEGIN, 500 * MS},
         {FAILED, 500 * MS, CAUSE_DENIED, 300 * S + 500 * MS});
}

static void credentials_that_worked_get_two_quick_tries(void **state)
{
    (void)state;
    PLAY("worked", {BEGIN, 0}, {OPENED, 0}, {PICTURE, 0}, {FAILED, 0, CAUSE_DENIED, 500 * MS},
         {BEGIN, 0}, {FAILED, 0, CAUSE_DENIED, 1000 * MS}, {BEGIN, 0},
         {FAILED, 0, CAUSE_DENIED, 300 * S}, {BEGIN, 0}, {FAILED, 0, CAUSE_DENIED, 300 * S},
         {BEGIN, 0}, {OPENED, 0}, {PICTURE, 0}, {FAILED, 0, CAUSE_DENIED, 1750 * MS});
}

static void the_first_try_has_all_the_time(void **state)
{
    (void)state;
    PLAY("never worked", {BEGIN, 0}, {OPEN_LIMIT, 10 * S, 0, 10 * S},
         {READ_LIMIT, 10 * S, 0, 10 * S}, {FAILED, 10 * S, CAUSE_TIMEOUT, 10250 * MS},
         {BEGIN, 10250 * MS}, {OPEN_LIMIT, 10 * S, 0, 1500 * MS}, {OPEN_LIMIT, 1 * S, 0, 1 * S});
}

static void a_camera_that_worked_is_given_up_quickly(void **state)
{
    (void)state;
    struct retry r;
    int64_t now_us = have_worked(&r, 100 * MS, 40 * MS, 100);
    for (int n = 0; n < 70; n++) {
        retry_begin(&r, now_us);
        bool patient = n == 8 || n == 16 || n == 32 || n == 64;
        CHECK_INT(retry_open_limit_us(&r, 10 * S), patient ? 10 * S : 1500 * MS);
        now_us = retry_failed_us(&r, CAUSE_TIMEOUT, now_us + 1500 * MS);
        if (n % 3 == 0) /* says nothing about how fast it answers */
            now_us = retry_failed_us(&r, CAUSE_REFUSED, now_us);
    }
    now_us = have_worked(&r, 1 * S, 40 * MS, 100);
    retry_begin(&r, now_us);
    CHECK_INT(retry_open_limit_us(&r, 10 * S), 2500 * MS);
    CHECK_INT(retry_open_limit_us(&r, 2 * S), 2 * S);
    retry_opened(&r, now_us);
    retry_picture(&r, now_us + 2 * S); /* it waits for its own key frame before it sends */
    retry_begin(&r, now_us);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), 4500 * MS);
    CHECK_INT(retry_read_limit_us(&r, 4 * S), 4 * S);
}

static void a_loss_is_noticed_by_the_pace(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t interval_us;
        int pictures;
        int64_t timeout_us, lost_us;
    } rows[] = {
        {"25 a second", 40 * MS, 100, 10 * S, NOTICED},
        {"one a second", 1 * S, 10, 10 * S, 3 * S},
        {"one in two seconds", 2 * S, 3, 10 * S, 6 * S},
        {"one in twenty seconds", 20 * S, 3, 10 * S, 60 * S},
        {"one in an hour", 3600 * S, 3, 10 * S, 300 * S},
        {"pace not known yet", 20 * S, 1, 10 * S, 10 * S},
        {"two of a slow one", 20 * S, 2, 10 * S, 60 * S},
        {"two of a fast one", 40 * MS, 2, 10 * S, 10 * S},
        {"short timeout", 40 * MS, 1, 1 * S, NOTICED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct retry r;
        have_worked(&r, 100 * MS, rows[i].interval_us, rows[i].pictures);
        int64_t us = retry_read_limit_us(&r, rows[i].timeout_us);
        if (us != rows[i].lost_us)
            fail_msg("%s: %lld us", rows[i].what, (long long)us);
    }
}

static void the_pace_is_what_it_was_lately(void **state)
{
    (void)state;
    struct retry r;
    int64_t now_us = have_worked(&r, 0, 1 * S, 100);
    retry_picture(&r, now_us += 2 * S); /* held up once */
    CHECK(retry_read_limit_us(&r, 10 * S) > 3100 * MS && retry_read_limit_us(&r, 10 * S) < 4 * S);
    for (int i = 0; i < 50; i++)
        retry_picture(&r, now_us += 40 * MS);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), NOTICED);
    /* How long it was away is no interval, and its pace is known when it is back. */
    retry_begin(&r, now_us + 1000 * S);
    retry_opened(&r, now_us + 1000 * S);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), 1500 * MS);
    retry_picture(&r, now_us + 1001 * S);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), NOTICED);
}

/* Noise that looks like a picture now and then must not teach it patience without end. */
static void rare_pictures_make_no_runaway(void **state)
{
    (void)state;
    struct retry r;
    int64_t now_us = have_worked(&r, 0, 200 * MS, 20);
    for (int i = 0; i < 10; i++)
        retry_picture(&r, now_us += 2900 * MS);
    CHECK(retry_read_limit_us(&r, 10 * S) < 9 * S);
}

/* Set from 25 pictures a second to one in five seconds while it was away. */
static void a_camera_that_became_slow_is_learnt_anew(void **state)
{
    (void)state;
    struct retry r;
    int64_t now_us = have_worked(&r, 100 * MS, 40 * MS, 100);
    for (int i = 0; i < 2; i++) {
        retry_begin(&r, now_us);
        retry_opened(&r, now_us += 100 * MS);
        retry_picture(&r, now_us);
        CHECK_INT(retry_read_limit_us(&r, 10 * S), NOTICED);
        now_us = retry_failed_us(&r, CAUSE_SILENT, now_us + 3 * S);
    }
    retry_begin(&r, now_us);
    retry_opened(&r, now_us += 100 * MS);
    retry_picture(&r, now_us);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), 10 * S);
    retry_picture(&r, now_us += 5 * S);
    retry_picture(&r, now_us += 5 * S);
    CHECK_INT(retry_read_limit_us(&r, 10 * S), 15 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_as_the_table_says),
        cmocka_unit_test(a_long_try_is_followed_soon),
        cmocka_unit_test(a_quick_cause_shortens_a_long_wait),
        cmocka_unit_test(pictures_end_what_was_wrong),
        cmocka_unit_test(wrong_credentials_wait_for_minutes),
        cmocka_unit_test(credentials_that_worked_get_two_quick_tries),
        cmocka_unit_test(the_first_try_has_all_the_time),
        cmocka_unit_test(a_camera_that_worked_is_given_up_quickly),
        cmocka_unit_test(a_loss_is_noticed_by_the_pace),
        cmocka_unit_test(the_pace_is_what_it_was_lately),
        cmocka_unit_test(rare_pictures_make_no_runaway),
        cmocka_unit_test(a_camera_that_became_slow_is_learnt_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
