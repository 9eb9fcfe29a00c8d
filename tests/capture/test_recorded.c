/* Files on a camera's timeline. */
#include "test.h"

#include "capture/recorded.h"

#include <libavcodec/packet.h>

#define WALL_US (INT64_C(1700000000) * US_PER_S) /* the wall clock when the monotonic one is 0 */

static struct packet *picture(int64_t wall_us)
{
    struct packet *p = packet_new(av_packet_alloc(), NULL);
    p->wall_us = wall_us;
    return p;
}

/* What is sent in a row, and where it comes to lie; all in seconds. */
struct step {
    enum { PICTURE, END, BLIND, HELD } what;
    double now_s, wall_s; /* wall: of the picture; since when something waits */
    double expected_s;
};
#define STEPS 8

static const struct row {
    const char *name;
    struct step steps[STEPS];
} rows[] = {
    {"where it would have been",
     {{PICTURE, 100, 40, 40}, {PICTURE, 100, 41, 41}, {END, 100, 0, 41}, {PICTURE, 101, 50, 50}}},
    {"not before what was sent, distances kept",
     {{PICTURE, 100, 90, 90},
      {END, 100, 0, 90},
      {PICTURE, 100, 80, 90.000001},
      {PICTURE, 100, 85, 95.000001},
      {END, 100, 0, 95.000001}}},
    {"stills a second apart stay so, however late they come",
     {{BLIND, 100, 0, 95},
      {PICTURE, 102, 99, 99},
      {END, 102, 0, 99},
      {PICTURE, 103, 100, 100},
      {END, 103, 0, 100},
      {BLIND, 104, 0, 101}}},
    {"from the future: now", {{PICTURE, 100, 5000, 100}, {PICTURE, 100, 5001, 101}}},
    {"from long before the start", {{PICTURE, 100, -90000, -90000}, {END, 100, 0, -90000}}},
    {"time goes on though the timeline is ahead",
     {{PICTURE, 100, 90, 90},
      {PICTURE, 100, 190, 190},
      {END, 100, 0, 190},
      {BLIND, 101, 0, 191},
      {BLIND, 103, 0, 193}}},
    {"time waits for what waits",
     {{BLIND, 100, 0, 95}, {HELD, 110, 102, 97}, {HELD, 111, 102, 97}, {BLIND, 112, 0, 107}}},
    {"a reordered picture does not fall behind the file before",
     {{PICTURE, 100, 90, 90}, {END, 100, 0, 90}, {PICTURE, 100, 91, 91}, {PICTURE, 100, 90, 91}}},
};

static void timelines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recorded r;
        recorded_init(&r);
        for (int k = 0; k < STEPS && rows[i].steps[k].now_s > 0; k++) {
            const struct step *s = &rows[i].steps[k];
            int64_t now_us = (int64_t)(s->now_s * US_PER_S);
            int64_t wall_us = WALL_US + (int64_t)(s->wall_s * US_PER_S);
            AUTO(packet_unref)
            struct packet *p = s->what == PICTURE ? picture(wall_us) : packet_new(NULL, NULL);
            p->blind = s->what == BLIND || s->what == HELD;
            if (s->what == HELD)
                p->wall_us = wall_us;
            recorded_stamp(&r, p, now_us, WALL_US + now_us);
            if (p->pts_us != (int64_t)(s->expected_s * US_PER_S + (s->expected_s < 0 ? -.5 : .5)))
                fail_msg("%s: step %d at %.6f", rows[i].name, k, (double)p->pts_us / US_PER_S);
            if (s->what == PICTURE)
                CHECK_INT(p->wall_us, wall_us);
        }
    }
}

/* The wall clock may be put right while files are read: only where they lie follows it. */
static void a_stepped_clock(void **state)
{
    (void)state;
    struct recorded r;
    recorded_init(&r);
    AUTO(packet_unref) struct packet *a = picture(WALL_US + 99 * US_PER_S);
    recorded_stamp(&r, a, 100 * US_PER_S, WALL_US + 100 * US_PER_S);
    AUTO(packet_unref) struct packet *b = picture(WALL_US + 100 * US_PER_S);
    recorded_stamp(&r, b, 101 * US_PER_S, WALL_US + 3701 * US_PER_S);
    CHECK_INT(b->pts_us - a->pts_us, US_PER_S);
    AUTO(packet_unref) struct packet *unknown = picture(TIME_UNKNOWN);
    recorded_stamp(&r, unknown, 102 * US_PER_S, WALL_US + 102 * US_PER_S);
    CHECK_INT(unknown->wall_us, WALL_US + 102 * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timelines),
        cmocka_unit_test(a_stepped_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
