/* The rendered street: repeatable, truthful about what it shows, and a well-behaved source. */
#include "test.h"

#include "capture/capture.h"
#include "capture/scene/scene.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <libavutil/pixfmt.h>
#include <stdlib.h>
#include <time.h>

/* Where the story of the visit takes place; share/demo/demo.yaml draws its zone there too. */
static const struct box door = {0.42f, 0.36f, 0.52f, 0.60f};

static uint64_t checksum(const struct frame *f)
{
    uint64_t sum = 14695981039346656037u;
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? f->height / 2 : f->height); y++)
            for (int x = 0; x < (p ? f->width / 2 : f->width); x++)
                sum = (sum ^ f->plane[p][(ptrdiff_t)y * f->stride[p] + x]) * 1099511628211u;
    return sum;
}

static uint64_t picture(struct scene *scene, int64_t t_ms)
{
    AUTO(frame_unref) struct frame *f = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    ASSERT(f);
    scene_render(scene, t_ms * US_PER_MS, f);
    return checksum(f);
}

static void the_same_moment_gives_the_same_picture(void **state)
{
    (void)state;
    AUTO(scene_free) struct scene *a = scene_new(7, SCENE_STREET);
    AUTO(scene_free) struct scene *b = scene_new(7, SCENE_STREET);
    AUTO(scene_free) struct scene *other = scene_new(8, SCENE_STREET);
    /* b comes to each moment from elsewhere: what was painted before must leave no trace. */
    static const int64_t detours_ms[] = {45000, 88000, 5000, 900000};
    static const int64_t moments_ms[] = {9000, 44500, 90000, 1500000};
    for (size_t i = 0; i < ARRAY_LEN(moments_ms); i++) {
        (void)picture(b, detours_ms[i % ARRAY_LEN(detours_ms)]);
        uint64_t sum = picture(a, moments_ms[i]);
        CHECK(picture(b, moments_ms[i]) == sum);
        CHECK(picture(other, moments_ms[i]) != sum);
        CHECK(picture(a, moments_ms[i] + 100) != sum);
    }
}

static int truth_at(const struct scene *scene, int64_t t_ms, struct detection *out)
{
    int count = scene_truth(scene, t_ms * US_PER_MS, out, SCENE_TRUTH_MAX);
    for (int i = 0; i < count; i++) {
        struct box b = out[i].box;
        CHECK(b.x0 >= 0 && b.y0 >= 0 && b.x1 <= 1 && b.y1 <= 1 && b.x0 < b.x1 && b.y0 < b.y1);
        CHECK(label_is_default(out[i].label));
    }
    return count;
}

static void truth_lies_inside_the_picture(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 3; seed++) {
        AUTO(scene_free)
        struct scene *scene = scene_new(seed, seed % 2 ? SCENE_STREET : SCENE_PRACTICE);
        struct detection found[SCENE_TRUTH_MAX];
        int total = 0;
        for (int64_t t_ms = 0; t_ms < 130000; t_ms += 2600)
            total += truth_at(scene, t_ms, found);
        CHECK(total > 55); /* more than the parked car */
    }
}

static void somebody_is_at_the_door_within_twelve_seconds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        AUTO(scene_free) struct scene *scene = scene_new(seed, SCENE_STREET);
        struct detection found[SCENE_TRUTH_MAX];
        bool visited = false;
        for (int64_t t_ms = 6000; t_ms < 12000 && !visited; t_ms += 500)
            for (int i = truth_at(scene, t_ms, found); i-- > 0;) {
                struct point foot = box_foot(found[i].box);
                visited |= strcmp(found[i].label, "person") == 0 && foot.x > door.x0 &&
                           foot.x < door.x1 && foot.y > door.y0 && foot.y < door.y1;
            }
        if (!visited)
            fail_msg("seed %d: nobody came", (int)seed);
    }
}

static void visits_leave_time_for_an_event_to_close(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 3; seed++) {
        AUTO(scene_free) struct scene *scene = scene_new(seed, SCENE_STREET);
        struct detection found[SCENE_TRUTH_MAX];
        int pauses = 0, quiet = 0;
        for (int64_t t_ms = 0; t_ms < 260000; t_ms += 1000) {
            quiet = truth_at(scene, t_ms, found) > 1 ? 0 : quiet + 1;
            pauses += quiet == 12; /* more than 10 s with only the parked car */
        }
        if (pauses < 10)
            fail_msg("seed %d: only %d pauses in two cycles", (int)seed, pauses);
    }
}

static void the_parked_car_stays(void **state)
{
    (void)state;
    AUTO(scene_free) struct scene *scene = scene_new(SCENE_SEED, SCENE_STREET);
    struct detection found[SCENE_TRUTH_MAX];
    struct box first = {0};
    /* Passing trucks hide it for a moment; nothing passes in the first forty seconds. */
    for (int64_t t_ms = 0; t_ms < 40000; t_ms += 2500) {
        int cars = 0;
        for (int i = truth_at(scene, t_ms, found); i-- > 0;) {
            if (strcmp(found[i].label, "car") != 0)
                continue;
            cars++;
            first = t_ms ? first : found[i].box;
            CHECK(box_iou(first, found[i].box) > 0.8f);
        }
        CHECK_INT(cars, 1);
    }
}

static void day_and_night_differ(void **state)
{
    (void)state;
    AUTO(scene_free) struct scene *scene = scene_new(SCENE_SEED, SCENE_STREET);
    AUTO(frame_unref) struct frame *f = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    int64_t luma[2] = {0}, when_us[2] = {0, 0};
    while (when_us[1] < SCENE_DAY_US && scene_daylight(scene, when_us[1]) > 0.01f)
        when_us[1] += 60 * US_PER_S;
    CHECK(scene_daylight(scene, when_us[0]) > 0.9f); /* the demonstration starts by day */
    for (int i = 0; i < 2; i++) {
        scene_render(scene, when_us[i], f);
        for (int p = 0; p < SCENE_WIDTH * SCENE_HEIGHT; p++)
            luma[i] += f->plane[0][p / SCENE_WIDTH * f->stride[0] + p % SCENE_WIDTH];
    }
    CHECK(luma[0] * 2 > luma[1] * 3);
}

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool accepted, opens;
    } cases[] = {
        {"scene", true, true},
        {"scene:0", true, true},
        {"scene:18446744073709551615", true, true},
        {"scene:18446744073709551616", true, false},
        {"scene:", true, false},
        {"scene:-1", true, false},
        {"scene: 1", true, false},
        {"scene:1x", true, false},
        {"scenery.mp4", false, false},
        {"/videos/scene", false, false},
        {"", false, false},
    };
    const struct capture_ops *ops = &capture_scene;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_INT(ops->accepts(cases[i].url), cases[i].accepted);
        CHECK((capture_find(cases[i].url) == ops) == cases[i].accepted);
        if (!cases[i].accepted)
            continue;
        struct capture_conf conf = {0};
        STR_COPY(conf.url, cases[i].url);
        atomic_bool stop = false;
        struct err err = {0};
        AUTO(free_ptr) void *priv = xcalloc(1, ops->priv_size);
        CHECK_INT(ops->open(priv, &conf, &stop, &err), cases[i].opens);
        CHECK_INT(err.code, cases[i].opens ? ERR_NONE : ERR_INVALID);
        ops->close(priv);
    }
}

static void pictures_come_in_order(void **state)
{
    (void)state;
    const struct capture_ops *ops = &capture_scene;
    struct capture_conf conf = {.url = "scene:3"};
    atomic_bool stop = false;
    struct err err = {0};
    AUTO(free_ptr) void *priv = xcalloc(1, ops->priv_size);
    CHECK(!ops->live(conf.url));
    CHECK(ops->open(priv, &conf, &stop, &err));
    CHECK_INT(ops->duration_us(priv), SCENE_DAY_US);
    for (int i = 0; i < 5; i++) {
        AUTO(packet_unref) struct packet *p = NULL;
        CHECK(ops->read(priv, &p, &err));
        CHECK_INT(p->pts_us, i * 100 * US_PER_MS);
        CHECK_INT(p->av->pts, i);
        CHECK(p->key && !p->gap && p->wall_us == TIME_UNKNOWN);
        CHECK_INT(p->av->size, SCENE_WIDTH * SCENE_HEIGHT * 3 / 2);
        const struct AVCodecParameters *params = p->stream->params;
        CHECK_INT(params->codec_id, AV_CODEC_ID_RAWVIDEO);
        CHECK_INT(params->format, AV_PIX_FMT_YUV420P);
        CHECK_INT(params->width, SCENE_WIDTH);
        CHECK_INT(params->height, SCENE_HEIGHT);
        CHECK_INT(p->stream->time_base_den, SCENE_FPS * p->stream->time_base_num);
    }
    atomic_store(&stop, true);
    AUTO(packet_unref) struct packet *none = NULL;
    CHECK(!ops->read(priv, &none, &err));
    CHECK_INT(err.code, ERR_CANCELLED);
    ops->close(priv);
}

static void the_cost_of_a_picture(void **state)
{
    (void)state;
    enum { PICTURES = 50 };
    AUTO(scene_free) struct scene *scene = scene_new(SCENE_SEED, SCENE_STREET);
    AUTO(frame_unref) struct frame *f = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < PICTURES; i++)
        scene_render(scene, i * 24 * SCENE_FRAME_US, f);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    print_message("# %.2f ms of processor time a picture\n", ms / PICTURES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_moment_gives_the_same_picture),
        cmocka_unit_test(truth_lies_inside_the_picture),
        cmocka_unit_test(somebody_is_at_the_door_within_twelve_seconds),
        cmocka_unit_test(visits_leave_time_for_an_event_to_close),
        cmocka_unit_test(the_parked_car_stays),
        cmocka_unit_test(day_and_night_differ),
        cmocka_unit_test(urls),
        cmocka_unit_test(pictures_come_in_order),
        cmocka_unit_test(the_cost_of_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
