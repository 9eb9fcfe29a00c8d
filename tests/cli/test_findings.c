/* However the threads deliver, findings come out by input and time; pictures are on disk and
 * snapshots free as soon as an event is over. */
#include "test.h"

#include "cli/findings.h"
#include "double/clip.h"
#include "track/track.h"

#include <stdlib.h>
#include <sys/stat.h>

static struct event *make_event(int camera, int64_t start_s, enum event_state state)
{
    struct event *e = event_new();
    e->camera = camera;
    snprintf(e->camera_name, sizeof e->camera_name, "cam%d", camera);
    e->state = state;
    e->start_us = start_s * US_PER_S;
    e->end_us = e->start_us + US_PER_S;
    e->wall_start_us = e->wall_end_us = TIME_UNKNOWN;
    e->verdict.score = 40;
    STR_COPY(e->verdict.summary, "Somebody came.");
    e->verdict.reason_count = 1;
    e->verdict.reasons[0].points = 40;
    STR_COPY(e->verdict.reasons[0].rule, "person");
    STR_COPY(e->verdict.reasons[0].text, "A person");
    return e;
}

static void add_event(struct findings *f, int camera, int64_t start_s, enum event_state state)
{
    AUTO(event_unref) struct event *e = make_event(camera, start_s, state);
    findings_add_event(f, e);
}

static void add_track(struct findings *f, int camera, int64_t start_s, const char *label)
{
    AUTO(free_ptr) struct live_track *live = NEW(struct live_track);
    live->track.first.pts_us = live->track.last.pts_us = start_s * US_PER_S;
    STR_COPY(live->track.label, label);
    char name[16];
    snprintf(name, sizeof name, "cam%d", camera);
    findings_add_track(f, camera, name, live);
}

/* Checks that the texts follow each other. */
static void check_order(const char *text, const char *const *parts)
{
    const char *rest = text;
    for (; rest && *parts; parts++) {
        rest = strstr(rest, *parts);
        if (rest)
            rest += strlen(*parts);
        else
            fail_msg("'%s' is missing or out of order in %s", *parts, text);
    }
}

static void json_in_order_of_input_and_time(void **state)
{
    (void)state;
    struct findings f;
    findings_init(&f, true, "");
    add_event(&f, 1, 5, EVENT_CLOSED);
    add_event(&f, 0, 90, EVENT_CLOSED);
    add_event(&f, 1, 3, EVENT_OPEN);
    add_event(&f, 0, 7, EVENT_CLOSED);
    add_track(&f, 1, 2, "cat");
    add_track(&f, 0, 8, "car");
    add_track(&f, 0, 8, "person");
    add_track(&f, 0, 1, "dog");
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    findings_put_json(&f, &j);
    json_end_object(&j);
    check_order(j.text, (const char *const[]){"{\"tracks\":[{", "\"dog\"", "\"car\"", "\"person\"",
                                              "\"cat\"", "}],\"events\":[{", "\"cam0\"",
                                              "\"start_s\":7,", "\"cam0\"", "\"start_s\":90,",
                                              "\"cam1\"", "\"start_s\":5,", "}]}", NULL});
    CHECK_INT(f.event_count, 3);
    json_done(&j);
    findings_done(&f);
}

static void lines_for_people(void **state)
{
    (void)state;
    struct findings f;
    findings_init(&f, false, "");
    add_event(&f, 1, 5, EVENT_CLOSED);
    add_event(&f, 0, 7, EVENT_CLOSED);
    add_track(&f, 0, 7, "person");
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    findings_print(&f, out);
    fclose(out);
    CHECK_STR(text, "cam0  7.0-8.0 s  40 medium  Somebody came.\n"
                    "    +40  person               A person (at 0.0 s)\n"
                    "cam1  5.0-6.0 s  40 medium  Somebody came.\n"
                    "    +40  person               A person (at 0.0 s)\n");
    free(text);
    findings_done(&f);
}

static struct frame *grey(int width, int height)
{
    struct frame *f = frame_alloc(width, height);
    assert_non_null(f);
    for (int p = 0; p < 3; p++)
        memset(frame_plane_w(f, p), 128, (size_t)f->stride[p] * (size_t)(p ? height / 2 : height));
    return f;
}

static void pictures_are_written_at_once(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    struct findings f;
    findings_init(&f, true, folder.path);
    AUTO(event_unref) struct event *e = make_event(0, 1, EVENT_CLOSED);
    e->track_count = 2; /* the second has no picture */
    STR_COPY(e->tracks[0].label, "person");
    e->tracks[0].id.bytes[0] = 7;
    e->tracks[0].picture = grey(64, 48);
    findings_add_event(&f, e);
    CHECK_INT(f.failure.code, ERR_NONE);
    char id[UUID_TEXT_BYTES], path[600];
    uuid_format(id, &e->tracks[0].id);
    struct stat st;
    snprintf(path, sizeof path, "%s/%s.jpg", folder.path, id);
    CHECK(stat(path, &st) == 0 && st.st_size > 100);
    snprintf(path, sizeof path, "%s/%s-boxes.jpg", folder.path, id);
    CHECK(stat(path, &st) == 0 && st.st_size > 100);
    f.snapshots = "/dev/null/none"; /* the event counts even so */
    findings_add_event(&f, e);
    CHECK_INT(f.failure.code, ERR_UNAVAILABLE);
    CHECK_INT(f.event_count, 2);
    CHECK_INT(atomic_load(&e->refs), 1);
    findings_done(&f);
    clip_folder_done(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_in_order_of_input_and_time),
        cmocka_unit_test(lines_for_people),
        cmocka_unit_test(pictures_are_written_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
