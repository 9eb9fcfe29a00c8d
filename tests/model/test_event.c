/* event: copies are whole, their own, and no larger than need be. */
#include "test.h"

#include "model/event.h"

/* No two bytes next to each other alike. */
static void fill(void *at, size_t bytes, int seed)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)at)[i] = (uint8_t)(i * 7 + (size_t)seed);
}

static struct event *filled(int tracks, int sightings)
{
    struct event *e = event_new();
    fill(&e->id, offsetof(struct event, tracks) - offsetof(struct event, id), 1);
    fill(e->tracks, sizeof e->tracks, 2);
    fill(e->sightings, sizeof e->sightings, 3);
    fill(&e->verdict, sizeof e->verdict, 4);
    e->track_count = tracks;
    e->sighting_count = sightings;
    for (int i = 0; i < EVENT_TRACKS_MAX; i++)
        e->tracks[i].picture = NULL;
    return e;
}

static bool is_zero(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((const uint8_t *)at)[i])
            return false;
    return true;
}

static void copies_have_all_that_is_in_use(void **state)
{
    (void)state;
    static const struct {
        int tracks, sightings;
    } cases[] = {{0, 0}, {1, 3}, {5, 40}, {EVENT_TRACKS_MAX, EVENT_SIGHTINGS_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(event_unref) struct event *e = filled(cases[i].tracks, cases[i].sightings);
        AUTO(event_unref) struct event *copy = event_copy(e);
        int tracks = cases[i].tracks, sightings = cases[i].sightings;
        CHECK(memcmp(&copy->id, &e->id,
                     offsetof(struct event, tracks) - offsetof(struct event, id)) == 0);
        CHECK_INT(copy->track_count, tracks);
        CHECK(memcmp(copy->tracks, e->tracks, (size_t)tracks * sizeof e->tracks[0]) == 0);
        CHECK(is_zero(copy->tracks + tracks,
                      (size_t)(EVENT_TRACKS_MAX - tracks) * sizeof e->tracks[0]));
        CHECK_INT(copy->sighting_count, sightings);
        CHECK(memcmp(copy->sightings, e->sightings, (size_t)sightings * sizeof e->sightings[0]) ==
              0);
        CHECK(is_zero(copy->sightings + sightings,
                      (size_t)(EVENT_SIGHTINGS_MAX - sightings) * sizeof e->sightings[0]));
        CHECK(memcmp(&copy->verdict, &e->verdict, sizeof e->verdict) == 0);
    }
}

static void copies_share_pictures(void **state)
{
    (void)state;
    struct event *e = event_new();
    e->track_count = 2;
    e->tracks[1].picture = frame_alloc(16, 16);
    AUTO(event_unref) struct event *copy = event_copy(e);
    CHECK(copy->tracks[1].picture == e->tracks[1].picture);
    CHECK(copy->tracks[0].picture == NULL);
    event_unref(&e);
    frame_plane_w(copy->tracks[1].picture, 0)[0] = 7; /* still there, and its only holder's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_have_all_that_is_in_use),
        cmocka_unit_test(copies_share_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
