/* Packets that wait: in order, counted, bounded. */
#include "test.h"

#include "gate/ring.h"

#include <libavcodec/packet.h>
#include <stdlib.h>

static struct packet *packet_of(int number, int bytes)
{
    struct packet *p = packet_new(bytes >= 0 ? av_packet_alloc() : NULL, NULL);
    if (p->av)
        p->av->size = bytes;
    p->arrived_us = number;
    return p;
}

static void check_pop(struct packet_ring *r, int number, bool replayed)
{
    bool replay = !replayed;
    AUTO(packet_unref) struct packet *p = packet_ring_pop(r, &replay);
    assert_non_null(p);
    CHECK_INT(p->arrived_us, number);
    CHECK_INT(replay, replayed);
}

static void leave_in_order(void **state)
{
    (void)state;
    AUTO(free_ptr) struct packet_ring *r = NEW(struct packet_ring);
    bool replay;
    CHECK(!packet_ring_pop(r, &replay));
    CHECK(!packet_ring_newest(r));
    for (int round = 0; round < 3; round++) { /* so that it goes around */
        for (int i = 0; i < RING_SLOTS; i++)
            packet_ring_push(r, packet_of(i, i % 2 ? 3 : -1));
        CHECK_INT(r->bytes, 3 * RING_SLOTS / 2);
        CHECK_INT(packet_ring_newest(r)->arrived_us, RING_SLOTS - 1);
        for (int i = 0; i < RING_SLOTS; i++)
            check_pop(r, i, false);
        CHECK_INT(r->bytes, 0);
        packet_ring_push(r, packet_of(0, 1));
        check_pop(r, 0, false);
    }
}

static void some_are_replayed(void **state)
{
    (void)state;
    AUTO(free_ptr) struct packet_ring *r = NEW(struct packet_ring);
    for (int i = 0; i < 5; i++)
        packet_ring_push(r, packet_of(i, 10));
    packet_ring_trim(r, 3);
    CHECK_INT(r->bytes, 30);
    packet_ring_replay(r);
    packet_ring_push(r, packet_of(5, 10));
    check_pop(r, 2, true);
    check_pop(r, 3, true);
    check_pop(r, 4, true);
    check_pop(r, 5, false);
    packet_ring_push(r, packet_of(6, -5)); /* an absurd size */
    packet_ring_replay(r);
    packet_ring_trim(r, 0);
    CHECK_INT(r->bytes, 0);
    packet_ring_push(r, packet_of(7, 0));
    check_pop(r, 7, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leave_in_order),
        cmocka_unit_test(some_are_replayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
