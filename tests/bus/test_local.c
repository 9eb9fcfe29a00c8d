/* bus: order, topics, slow subscribers, and threads that come and go while others publish. */
#include "test.h"

#include "base/thread.h"
#include "bus/bus.h"

#include <stdlib.h>

static struct bus_message *message(enum bus_topic topic, int64_t seq)
{
    char text[32];
    int n = snprintf(text, sizeof text, "{\"n\":%lld}", (long long)seq);
    return bus_message_new(topic, 0, seq, text, (size_t)n);
}

static int64_t next_seq(struct bus_subscriber *s, int64_t *ret_missed)
{
    AUTO(bus_message_unref) struct bus_message *m = bus_next(s, ret_missed);
    return m ? m->seq : -1;
}

static void a_message_reaches_who_asked_for_its_topic(void **state)
{
    (void)state;
    struct bus *bus = bus_new();
    struct bus_subscriber *events = bus_subscribe(bus, BUS_EVENT, 4, NULL, NULL);
    struct bus_subscriber *both = bus_subscribe(bus, BUS_EVENT | BUS_CAMERA, 4, NULL, NULL);
    bus_publish(bus, message(BUS_CAMERA, 1));
    bus_publish(bus, message(BUS_EVENT, 2));
    bus_publish(bus, message(BUS_DETECTIONS, 3));
    int64_t missed;
    AUTO(bus_message_unref) struct bus_message *m = bus_next(events, &missed);
    CHECK(m != NULL);
    CHECK_INT(m->seq, 2);
    CHECK_STR(m->json, "{\"n\":2}");
    CHECK_INT(m->bytes, 7);
    CHECK_INT(next_seq(events, &missed), -1);
    CHECK_INT(next_seq(both, &missed), 1);
    CHECK_INT(next_seq(both, &missed), 2);
    CHECK_INT(next_seq(both, &missed), -1);
    CHECK_INT(missed, 0);
    bus_unsubscribe(bus, &events);
    bus_unsubscribe(bus, &both);
    CHECK(both == NULL);
    bus_free(&bus);
}

static void a_slow_subscriber_is_told_how_many_it_missed(void **state)
{
    (void)state;
    struct bus *bus = bus_new();
    struct bus_subscriber *slow = bus_subscribe(bus, BUS_EVENT, 3, NULL, NULL);
    for (int i = 1; i <= 10; i++)
        bus_publish(bus, message(BUS_EVENT, i));
    int64_t missed;
    CHECK_INT(next_seq(slow, &missed), 8);
    CHECK_INT(missed, 7);
    CHECK_INT(next_seq(slow, &missed), 9);
    CHECK_INT(missed, 0);
    for (int i = 11; i <= 13; i++)
        bus_publish(bus, message(BUS_EVENT, i));
    CHECK_INT(next_seq(slow, &missed), 11);
    CHECK_INT(missed, 1);
    bus_unsubscribe(bus, &slow); /* with two still waiting: they must not leak */
    bus_free(&bus);
}

static void count_wake(void *ctx)
{
    ++*(int *)ctx;
}

static void wakes_once_per_filling(void **state)
{
    (void)state;
    struct bus *bus = bus_new();
    int wakes = 0;
    struct bus_subscriber *s = bus_subscribe(bus, BUS_EVENT, 4, count_wake, &wakes);
    int64_t missed;
    bus_publish(bus, message(BUS_EVENT, 1));
    bus_publish(bus, message(BUS_EVENT, 2));
    CHECK_INT(wakes, 1);
    CHECK_INT(next_seq(s, &missed), 1);
    bus_publish(bus, message(BUS_EVENT, 3));
    CHECK_INT(wakes, 1);
    CHECK_INT(next_seq(s, &missed), 2);
    CHECK_INT(next_seq(s, &missed), 3);
    bus_publish(bus, message(BUS_EVENT, 4));
    CHECK_INT(wakes, 2);
    bus_publish(bus, message(BUS_CAMERA, 5));
    CHECK_INT(wakes, 2);
    bus_unsubscribe(bus, &s);
    bus_free(&bus);
}

#define PUBLISHERS  3
#define MESSAGES    4000
#define END_OF_TEST 0 /* seq of the message that ends a reader */

static void publish_many(void *arg)
{
    for (int i = 1; i <= MESSAGES; i++)
        bus_publish(arg, message(BUS_EVENT, i));
}

static void come_and_go(void *arg)
{
    for (int i = 0; i < 500; i++) {
        struct bus_subscriber *s = bus_subscribe(arg, BUS_EVENT, 2, NULL, NULL);
        int64_t missed;
        (void)next_seq(s, &missed);
        bus_unsubscribe(arg, &s);
    }
}

struct tally {
    struct bus_subscriber *subscriber;
    int64_t seen, missed;
};

static void read_all(void *arg)
{
    struct tally *tally = arg;
    for (bool more = true; more;) {
        int64_t missed;
        int64_t seq = next_seq(tally->subscriber, &missed);
        tally->missed += missed;
        tally->seen += seq > END_OF_TEST;
        more = seq != END_OF_TEST;
    }
}

/* Nothing is lost without being counted, whoever else comes and goes meanwhile. */
static void seen_and_missed_add_up_across_threads(void **state)
{
    (void)state;
    struct bus *bus = bus_new();
    struct tally tally = {.subscriber = bus_subscribe(bus, BUS_EVENT, 8, NULL, NULL)};
    struct thread *publishers[PUBLISHERS], *reader, *guest;
    CHECK(thread_start(&reader, ROLE_NONE, "reader", read_all, &tally, NULL));
    CHECK(thread_start(&guest, ROLE_NONE, "guest", come_and_go, bus, NULL));
    for (int i = 0; i < PUBLISHERS; i++)
        CHECK(thread_start(&publishers[i], ROLE_NONE, "publisher", publish_many, bus, NULL));
    for (int i = 0; i < PUBLISHERS; i++)
        thread_join(&publishers[i]);
    bus_publish(bus, message(BUS_EVENT, END_OF_TEST));
    thread_join(&reader);
    thread_join(&guest);
    CHECK_INT(tally.seen + tally.missed, PUBLISHERS * MESSAGES);
    bus_unsubscribe(bus, &tally.subscriber);
    bus_free(&bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reaches_who_asked_for_its_topic),
        cmocka_unit_test(a_slow_subscriber_is_told_how_many_it_missed),
        cmocka_unit_test(wakes_once_per_filling),
        cmocka_unit_test(seen_and_missed_add_up_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
