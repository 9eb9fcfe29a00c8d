/* err, clock, uuid7, json, queue: the small bricks. */
#include "test.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/thread.h"

#include <stdlib.h>
#include <unistd.h>

static void err_context_goes_in_front(void **state)
{
    (void)state;
    struct err err = {0};
    CHECK(!err_set(&err, ERR_UNAVAILABLE, "connection refused"));
    CHECK(!err_wrap(&err, "camera %s", "porch"));
    CHECK_STR(err.msg, "camera porch: connection refused");
    CHECK_INT(err.code, ERR_UNAVAILABLE);
}

static void suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"threshold", "hold", "area", "cameras", NULL};
    static const struct {
        const char *word, *expected;
    } cases[] = {
        {"treshold", "threshold"},
        {"thershold", "threshold"},
        {"THRESHOLD", "threshold"},
        {"camera", "cameras"},
        {"hodl", "hold"},
        {"xyzzy", NULL},
        {"", NULL},
        {"q", NULL},
        {"are", "area"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = suggest(cases[i].word, names);
        if (cases[i].expected)
            CHECK_STR(got ? got : "(none)", cases[i].expected);
        else
            CHECK(got == NULL);
    }
}

static void times_round_trip(void **state)
{
    (void)state;
    char text[TIME_TEXT_BYTES];
    int64_t us;
    CHECK(time_parse("2026-11-20T13:09:00.123Z", &us));
    CHECK_STR(time_format(text, us), "2026-11-20T13:09:00.123Z");
    CHECK(time_parse("2026-11-20 14:09:00+01:00", &us));
    CHECK_STR(time_format(text, us), "2026-11-20T13:09:00.000Z");
    CHECK(time_parse("1969-12-31T23:59:59.5Z", &us));
    CHECK_INT(us, -500000);
    static const char *const bad[] = {"",
                                      "2026-11-20",
                                      "2026-11-20T13:09:00",
                                      "2026-02-30T00:00:00Z",
                                      "2026-11-20T24:00:00Z",
                                      "2026-11-20T13:09:00Zx",
                                      "2026-11-20T13:09:00.Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!time_parse(bad[i], &us));
}

static void uuids_increase_when_the_clock_does_not(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 0, 1700000000 * US_PER_S);
    struct uuid_gen gen = {.clock = &clock.clock};
    struct uuid last = uuid7_new(&gen);
    CHECK_INT(uuid7_wall_us(&last), 1700000000 * US_PER_S);
    for (int i = 0; i < 100000; i++) {
        if (i == 50000)
            clock.now_wall_us -= 3600 * US_PER_S;
        struct uuid next = uuid7_new(&gen);
        CHECK(memcmp(next.bytes, last.bytes, sizeof next.bytes) > 0);
        CHECK_INT(next.bytes[6] >> 4, 7);
        CHECK_INT(next.bytes[8] >> 6, 2);
        last = next;
    }
    char text[UUID_TEXT_BYTES];
    struct uuid parsed;
    CHECK(uuid_parse(uuid_format(text, &last), &parsed));
    CHECK(uuid_equal(&parsed, &last));
    CHECK(!uuid_parse("018bcfe5-6800-7000-8000-00000000000", &parsed));
    CHECK(!uuid_parse("018bcfe5x6800-7000-8000-000000000000", &parsed));
}

static void json_escapes(void **state)
{
    (void)state;
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "a\"b", "x\\\n\x01\xff\xc3\xa9\xed\xa0\x80");
    json_double(&j, "d", 0.5000, 3);
    json_double(&j, "nan", 0.0 / 0.0, 3);
    json_begin_array(&j, "list");
    json_int(&j, NULL, -1);
    json_bool(&j, NULL, true);
    json_time(&j, NULL, TIME_UNKNOWN);
    json_end_array(&j);
    json_end_object(&j);
    CHECK_STR(j.text, "{\"a\\\"b\":\"x\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"
                      "\xef\xbf\xbd\",\"d\":0.5,\"nan\":null,\"list\":[-1,true,null]}");
    json_done(&j);
}

/* A text from outside can forge neither an entry nor a field of one. */
static void log_lines_stay_whole(void **state)
{
    (void)state;
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    AUTO(log_sink_free) struct log_sink *sink = log_sink_new(ends[1], LOG_INFO, &clock_real);
    struct log root = log_root(sink);
    struct log log = log_child(&root, "capture");
    log_warn(&log,
             "camera says \"no\" level=error\nat\xc2\x9b\xc3\xa4 \xc2\xa0 rtsp://u:a\"b\\c@h/1 \\");
    char line[512];
    ssize_t n = read(ends[0], line, sizeof line - 1);
    CHECK(n > 0);
    line[MAX(n, 0)] = '\0';
    CHECK_CONTAINS(
        line,
        " level=warn part=\"capture\" "
        "msg=\"camera says \\\"no\\\" level=error at  \xc3\xa4 \xc2\xa0 rtsp://***@h/1 \\\\\"\n");
    close(ends[0]);
    close(ends[1]);
}

static int freed;
static void count_free(void *item)
{
    freed++;
    free(item);
}

static void queue_drops_the_oldest(void **state)
{
    (void)state;
    freed = 0;
    struct queue *q = queue_new(2, QUEUE_DROP_OLDEST, count_free);
    for (int i = 0; i < 3; i++) {
        int *item = NEW(int);
        *item = i;
        CHECK(queue_push(q, item));
    }
    CHECK_INT(queue_stats(q).dropped, 1);
    AUTO(free_ptr) int *first = queue_pop(q);
    CHECK_INT(*first, 1);
    queue_close(q);
    CHECK(!queue_push(q, NEW(int)));
    AUTO(free_ptr) int *second = queue_pop(q);
    CHECK_INT(*second, 2);
    CHECK(queue_pop(q) == NULL);
    bool closed;
    CHECK(queue_pop_within(q, 1000, &closed) == NULL && closed);
    queue_free(&q);
    CHECK_INT(freed, 2);
}

#define PUSHES 20000
static void push_many(void *arg)
{
    struct queue *q = arg;
    for (int i = 0; i < PUSHES; i++)
        queue_push(q, NEW(int));
}

static void queue_blocks_and_loses_nothing(void **state)
{
    (void)state;
    struct queue *q = queue_new(4, QUEUE_BLOCK, free);
    struct thread *a, *b;
    CHECK(thread_start(&a, ROLE_NONE, "a", push_many, q, NULL));
    CHECK(thread_start(&b, ROLE_NONE, "b", push_many, q, NULL));
    for (int i = 0; i < 2 * PUSHES; i++)
        free(queue_pop(q));
    thread_join(&a);
    thread_join(&b);
    CHECK_INT(queue_stats(q).depth, 0);
    CHECK_INT(queue_stats(q).dropped, 0);
    queue_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_context_goes_in_front),
        cmocka_unit_test(suggestions),
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(uuids_increase_when_the_clock_does_not),
        cmocka_unit_test(json_escapes),
        cmocka_unit_test(log_lines_stay_whole),
        cmocka_unit_test(queue_drops_the_oldest),
        cmocka_unit_test(queue_blocks_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
