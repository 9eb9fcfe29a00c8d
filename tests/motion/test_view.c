/* What can happen to a view, on the rendered street by day and by night, on a photograph and on a
 * real recording: what must be told, how soon, and what must not. */
#include "test.h"

#include "capture/scene/scene.h"
#include "decode/decode.h"
#include "motion/view.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

/* ---- where pictures come from ------------------------------------------------------------------
 */

enum place { DAY, NIGHT, PHOTOGRAPH };

static const char *const state_names[] = {"good",    "frozen",    "black",
                                          "covered", "defocused", "moved"};

struct stage {
    enum place place;
    struct scene *scene;
    int64_t scene_us; /* the scene's clock where this camera's is 0 */
    struct frame *photograph;
    struct view *view;
    struct view_result result;
    int64_t now_us, step_us;
    uint64_t state, random;
    int random_left;
    bool people;
};

static const char *data_path(char path[512], const char *name)
{
    const char *folder = getenv("HSI_TEST_DATA");
    if (!folder)
        return NULL;
    snprintf(path, 512, "%s/%s", folder, name);
    return path;
}

/* False: not on this machine. */
static bool stage_open(struct stage *s, enum place place, int64_t step_us)
{
    *s = (struct stage){.place = place, .step_us = step_us, .state = 88172645463325252u};
    char path[512];
    struct err err = {0};
    if (place == PHOTOGRAPH &&
        (!data_path(path, "dog.jpg") || !decode_still(path, &s->photograph, &err)))
        return false;
    s->scene = scene_new(SCENE_SEED, SCENE_STREET);
    if (place == NIGHT)
        while (scene_daylight(s->scene, s->scene_us) > 0)
            s->scene_us += SCENE_CYCLE_US;
    s->view = view_new();
    return true;
}

static void stage_close(struct stage *s)
{
    view_free(&s->view);
    scene_free(&s->scene);
    frame_unref(&s->photograph);
}

/* One random byte after another: eight for every step of the generator. */
static int noise(struct stage *s, int amplitude)
{
    if (s->random_left == 0) {
        s->state ^= s->state << 13, s->state ^= s->state >> 7, s->state ^= s->state << 17;
        s->random = s->state;
        s->random_left = 8;
    }
    int byte = (int)(s->random & 255);
    s->random >>= 8;
    s->random_left--;
    return byte * (2 * amplitude + 1) / 256 - amplitude;
}

static struct frame *picture_now(struct stage *s)
{
    if (s->place == PHOTOGRAPH) {
        struct frame *f = frame_copy(s->photograph);
        assert_non_null(f);
        return f;
    }
    struct frame *f = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    assert_non_null(f);
    scene_render(s->scene, s->scene_us + s->now_us, f);
    return f;
}

/* ---- what happens to them ----------------------------------------------------------------------
 */

/* Does it to f; strength is the case's own. since_us: since it began. */
typedef void deed_fn(struct stage *s, struct frame *f, int strength, int64_t since_us);

static uint8_t *row_of(struct frame *f, int y)
{
    return frame_plane_w(f, 0) + (ptrdiff_t)y * f->stride[0];
}

static void map_luma(struct frame *f, const uint8_t map[256])
{
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            row_of(f, y)[x] = map[row_of(f, y)[x]];
}

static void add_noise(struct stage *s, struct frame *f, int amplitude)
{
    for (int y = 0; y < f->height; y++) {
        uint8_t *row = row_of(f, y);
        for (int x = 0; x < f->width; x++) {
            int v = row[x] + noise(s, amplitude);
            row[x] = (uint8_t)CLAMP(v, 0, 255);
        }
    }
}

static void fill_chroma(struct frame *f, int value)
{
    for (int p = 1; p < 3; p++)
        memset(frame_plane_w(f, p), value, (size_t)f->stride[p] * (size_t)((f->height + 1) / 2));
}

static void nothing(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)f, (void)strength, (void)since_us;
}

/* Running means along a line of count values, step apart. */
static void blur_line(uint8_t *line, int count, ptrdiff_t step, int radius)
{
    uint8_t copy[4096];
    CHECK(count <= (int)sizeof copy);
    for (int i = 0; i < count; i++)
        copy[i] = line[i * step];
    int sum = 0;
    for (int i = -radius; i <= radius; i++)
        sum += copy[CLAMP(i, 0, count - 1)];
    for (int i = 0; i < count; i++) {
        line[i * step] = (uint8_t)(sum / (2 * radius + 1));
        sum += copy[CLAMP(i + radius + 1, 0, count - 1)] - copy[CLAMP(i - radius, 0, count - 1)];
    }
}

/* strength: thousandths of the width. */
static void defocus(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    int radius = MAX(f->width * strength / 1000, 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < f->height; y++)
            blur_line(row_of(f, y), f->width, 1, radius);
        for (int x = 0; x < f->width; x++)
            blur_line(row_of(f, 0) + x, f->height, f->stride[0], radius);
    }
    add_noise(s, f, 1);
}

/* A cloth, a hand, a sticker: even but for a little light from one side. strength: luma. */
static void cover(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            row_of(f, y)[x] = (uint8_t)(strength + strength * x / (2 * f->width) + noise(s, 2));
}

/* The clock the camera writes into its picture stays sharp and goes on. */
static void write_clock(struct stage *s, struct frame *f)
{
    int height = f->height / 18, width = f->width / 4;
    for (int y = 4; y < 4 + height; y++)
        for (int x = 4; x < 4 + width; x++) {
            int glyph = (x - 4) / height;
            bool ink = ((x / 3 + y / 4 * (glyph + (int)(s->now_us / US_PER_S) % 3)) & 1) != 0;
            row_of(f, y)[x] = ink ? 235 : 16;
        }
}

static void cover_but_clock(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    cover(s, f, strength, since_us);
    write_clock(s, f);
}

static void go_black(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    memset(row_of(f, 0), f->full_range ? 0 : 16, (size_t)f->stride[0] * (size_t)f->height);
    fill_chroma(f, 128);
    if (strength)
        add_noise(s, f, strength);
}

/* strength: 1000 * dx + dy, in thousandths of the width. What comes in is the border's colour. */
static void shift(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)since_us;
    int dx = strength / 1000 * f->width / 1000, dy = strength % 1000 * f->width / 1000;
    AUTO(frame_unref) struct frame *from = frame_copy(f);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            row_of(f, y)[x] =
                from->plane[0][(ptrdiff_t)CLAMP(y - dy, 0, f->height - 1) * from->stride[0] +
                               CLAMP(x - dx, 0, f->width - 1)];
}

/* Turned round: the same kind of scene, but another. */
static void turn_away(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)strength, (void)since_us;
    AUTO(frame_unref) struct frame *from = frame_copy(f);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            row_of(f, y)[x] = from->plane[0][(ptrdiff_t)y * from->stride[0] + f->width - 1 - x];
}

/* strength: to which share, 1/strength, contrast falls. */
static void lights_off(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    uint8_t map[256];
    for (int i = 0; i < 256; i++)
        map[i] = (uint8_t)(18 + MAX(i - 16, 0) / strength);
    map_luma(f, map);
    add_noise(s, f, 2);
}

/* No colour, leaves and cloth as bright as walls, light from the camera. */
static void infrared(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)strength, (void)since_us;
    uint8_t map[256];
    for (int i = 0; i < 256; i++)
        map[i] = (uint8_t)(i < 90 ? 150 - i : i < 170 ? 60 + (i - 90) * 2 : 220 - (i - 170));
    map_luma(f, map);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            int far = abs(2 * x - f->width) * 60 / f->width +
                      abs(2 * y - f->height) * 40 / f->height;
            row_of(f, y)[x] = (uint8_t)MAX(row_of(f, y)[x] - far, 16);
        }
    fill_chroma(f, 128);
    add_noise(s, f, 6);
}

/* strength: percent of the width behind somebody who stands right there. */
static void hide_part(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    int width = f->width * strength / 100;
    for (int y = f->height / 10; y < f->height; y++)
        for (int x = 0; x < width; x++)
            row_of(f, y)[x] = (uint8_t)(60 + 20 * ((x / 40 + y / 70) & 1) + noise(s, 2));
}

/* Headlights into the lens, over half the picture, for two seconds of every five. */
static void headlights(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)strength;
    if (since_us / US_PER_S % 5 >= 2)
        return;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            int far = abs(x - f->width / 2) + abs(y - f->height / 2);
            int glare = MAX(300 - far * 600 / f->width, 40);
            row_of(f, y)[x] = (uint8_t)MIN(row_of(f, y)[x] + glare, 255);
        }
}

static void rain(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)since_us;
    for (int i = 0; i < strength * 10; i++) {
        int x = f->width * (128 + noise(s, 127)) / 256, y = f->height * (128 + noise(s, 127)) / 256;
        for (int k = 0; k < f->height / 12 && y + k < f->height; k++)
            row_of(f, y + k)[x] = (uint8_t)MIN(row_of(f, y + k)[x] + 60, 255);
    }
    uint8_t map[256];
    for (int i = 0; i < 256; i++)
        map[i] = (uint8_t)(50 + i * 6 / 10);
    map_luma(f, map);
}

/* A lamp is switched on: twice the contrast. */
static void lamp_on(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)strength, (void)since_us;
    uint8_t map[256];
    for (int i = 0; i < 256; i++)
        map[i] = (uint8_t)MIN(16 + (i - 16) * 2, 235);
    map_luma(f, map);
}

/* Low bit rate: blocks of eight by eight lose most of what is in them. */
static void compress(struct stage *s, struct frame *f, int strength, int64_t since_us)
{
    (void)s, (void)since_us;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            row_of(f, y)[x] = (uint8_t)(row_of(f, y & ~1)[x & ~1] / strength * strength);
}

/* ---- the plays ---------------------------------------------------------------------------------
 */

static enum view_state show(struct stage *s, deed_fn *deed, int strength, int64_t since_us)
{
    AUTO(frame_unref) struct frame *f = picture_now(s);
    deed(s, f, strength, since_us);
    if (s->place == PHOTOGRAPH)
        add_noise(s, f, 2);
    f->pts_us = s->now_us;
    f->key = true;
    view_push(s->view, f, s->people, false, &s->result);
    s->now_us += s->step_us;
    return s->result.state;
}

/* Ordinary pictures for so long; nothing must be said. */
static void quiet(struct stage *s, const char *name, int64_t length_us)
{
    for (int64_t end_us = s->now_us + length_us; s->now_us < end_us;)
        if (show(s, nothing, 0, 0) != VIEW_GOOD)
            fail_msg("%s: %s though nothing has happened", name, state_names[s->result.state]);
}

struct play {
    const char *name;
    deed_fn *deed;
    int strength;
    enum view_state state; /* VIEW_GOOD: nothing must be said */
    int most_s;            /* until it is */
};

/* Until it is told, and until it is told to be over. */
static void run_play(struct stage *s, const struct play *p)
{
    quiet(s, p->name, 36 * US_PER_S);
    int64_t began_us = s->now_us, told_us = -1;
    while (s->now_us < began_us + 25 * US_PER_S) {
        enum view_state state = show(s, p->deed, p->strength, s->now_us - began_us);
        CHECK_INT(s->result.changed, told_us < 0 && state != VIEW_GOOD);
        if (state != VIEW_GOOD && state != p->state)
            fail_msg("%s at place %d: %s after %g s", p->name, s->place, state_names[state],
                     (double)(s->now_us - began_us) / 1e6);
        if (state != VIEW_GOOD && told_us < 0)
            told_us = s->now_us - began_us;
    }
    if (p->state != VIEW_GOOD &&
        (told_us < 0 || told_us > p->most_s * US_PER_S || told_us < 4 * US_PER_S))
        fail_msg("%s at place %d: told after %g s, not %d", p->name, s->place,
                 (double)told_us / 1e6, p->most_s);
    if (told_us >= 0)
        print_message("# %-28s place %d step %g: %s after %g s\n", p->name, s->place,
                      (double)s->step_us / 1e6, state_names[p->state], (double)told_us / 1e6);
    int64_t over_us = s->now_us;
    while (show(s, nothing, 0, 0) != VIEW_GOOD)
        if (s->now_us > over_us + 8 * US_PER_S)
            fail_msg("%s at place %d: not over after 8 s", p->name, s->place);
    quiet(s, p->name, 10 * US_PER_S);
}

static void run_plays(enum place place, int64_t step_us, const struct play *plays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stage s;
        if (!stage_open(&s, place, step_us))
            SKIP("no dog.jpg in HSI_TEST_DATA");
        run_play(&s, &plays[i]);
        stage_close(&s);
    }
}

static const struct play plays[] = {
    {"a dark cloth", cover, 40, VIEW_COVERED, 7},
    {"a bright cloth", cover, 130, VIEW_COVERED, 7},
    {"a cloth, but the clock", cover_but_clock, 60, VIEW_COVERED, 7},
    {"a black picture", go_black, 0, VIEW_BLACK, 7},
    {"a black picture with noise", go_black, 2, VIEW_BLACK, 7},
    {"out of focus", defocus, 25, VIEW_DEFOCUSED, 13},
    {"far out of focus", defocus, 50, VIEW_DEFOCUSED, 13},
    {"turned to the left", shift, 90000, VIEW_MOVED, 13},
    {"turned a little", shift, 40000, VIEW_MOVED, 13},
    {"tilted", shift, 50, VIEW_MOVED, 13},
    {"turned and tilted", shift, 60040, VIEW_MOVED, 13},
    {"turned round", turn_away, 0, VIEW_MOVED, 13},

    {"nothing", nothing, 0, VIEW_GOOD, 0},
    {"light fails to a third", lights_off, 3, VIEW_GOOD, 0},
    {"light fails to an eighth", lights_off, 8, VIEW_GOOD, 0},
    {"infrared", infrared, 0, VIEW_GOOD, 0},
    {"somebody close", hide_part, 40, VIEW_GOOD, 0},
    {"headlights", headlights, 0, VIEW_GOOD, 0},
    {"rain", rain, 40, VIEW_GOOD, 0},
    {"a lamp", lamp_on, 0, VIEW_GOOD, 0},
    {"low bit rate", compress, 12, VIEW_GOOD, 0},
    {"a little out of focus", defocus, 2, VIEW_GOOD, 0},
    {"shaken by the wind", shift, 4004, VIEW_GOOD, 0},
};

static void by_day(void **state)
{
    (void)state;
    run_plays(DAY, US_PER_S, plays, ARRAY_LEN(plays));
}

static void by_day_key_frames_alone(void **state)
{
    (void)state;
    run_plays(DAY, 2 * US_PER_S, plays, ARRAY_LEN(plays));
}

static void by_night(void **state)
{
    (void)state;
    run_plays(NIGHT, 2 * US_PER_S, plays, ARRAY_LEN(plays));
}

static void a_photograph(void **state)
{
    (void)state;
    run_plays(PHOTOGRAPH, 2 * US_PER_S, plays, ARRAY_LEN(plays));
}

/* An hour and a bit: day, dusk, night, dawn, and everybody who comes along. */
static void a_whole_day_says_nothing(void **state)
{
    (void)state;
    struct stage s;
    CHECK(stage_open(&s, DAY, 2 * US_PER_S));
    quiet(&s, "a day", SCENE_DAY_US);
    stage_close(&s);
}

static void where_the_view_went(void **state)
{
    (void)state;
    static const int shifts[] = {90000, 40000, 50, 60040};
    for (size_t i = 0; i < ARRAY_LEN(shifts); i++) {
        struct stage s;
        CHECK(stage_open(&s, DAY, US_PER_S));
        quiet(&s, "before", 60 * US_PER_S);
        for (int k = 0; k < 13; k++)
            show(&s, shift, shifts[i], k * US_PER_S);
        CHECK_INT(s.result.state, VIEW_MOVED);
        CHECK_NEAR(s.result.shift_x, shifts[i] / 1000 / 1000.0, 0.01);
        CHECK_NEAR(s.result.shift_y, shifts[i] % 1000 * (double)SCENE_WIDTH / SCENE_HEIGHT / 1000.0,
                   0.015);
        stage_close(&s);
    }
}

/* What has been told is the view from then on; turned back, it has moved again. */
static void a_moved_view_is_learned(void **state)
{
    (void)state;
    struct stage s;
    CHECK(stage_open(&s, DAY, US_PER_S));
    quiet(&s, "before", 60 * US_PER_S);
    int64_t moved_us = s.now_us;
    while (show(&s, turn_away, 0, 0) != VIEW_MOVED)
        CHECK(s.now_us < moved_us + 13 * US_PER_S);
    CHECK(s.result.shift_x == 0 && s.result.shift_y == 0);
    int64_t told_us = s.now_us;
    while (show(&s, turn_away, 0, 0) == VIEW_MOVED)
        CHECK(!s.result.changed && s.now_us < told_us + 130 * US_PER_S);
    CHECK(s.result.changed && s.result.state == VIEW_GOOD);
    CHECK(s.now_us > told_us + 110 * US_PER_S);
    for (int i = 0; i < 60; i++)
        CHECK_INT(show(&s, turn_away, 0, 0), VIEW_GOOD);
    int64_t back_us = s.now_us;
    while (show(&s, nothing, 0, 0) != VIEW_MOVED)
        CHECK(s.now_us < back_us + 13 * US_PER_S);
    stage_close(&s);
}

/* The camera's own pictures, again and again. */
static enum view_state repeat(struct stage *s, struct frame *f, bool key, bool gap)
{
    f->pts_us = s->now_us;
    f->key = key;
    view_push(s->view, f, false, gap, &s->result);
    s->now_us += s->step_us;
    return s->result.state;
}

static void not_one_bit_changes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool keys, one_bit, gaps;
        int from_s, to_s; /* told between them; 0: not in five minutes */
    } cases[] = {
        {"key frames", true, false, false, 29, 32},
        {"between two key frames", false, false, false, 119, 122},
        {"one bit", true, true, false, 0, 0},
        {"a connection that breaks", true, false, true, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage s;
        CHECK(stage_open(&s, DAY, US_PER_S));
        quiet(&s, cases[i].name, 40 * US_PER_S);
        AUTO(frame_unref) struct frame *f = picture_now(&s);
        int told_s = 0;
        for (int k = 0; k < 300 && !told_s; k++) {
            row_of(f, 0)[SCENE_WIDTH - 1] ^= cases[i].one_bit && k % 20 == 19;
            if (repeat(&s, f, cases[i].keys, cases[i].gaps && k % 20 == 19) == VIEW_FROZEN)
                told_s = k;
        }
        if (told_s < cases[i].from_s || told_s > cases[i].to_s)
            fail_msg("%s: frozen after %d s", cases[i].name, told_s);
        int64_t over_us = s.now_us;
        while (show(&s, nothing, 0, 0) != VIEW_GOOD)
            CHECK(s.now_us < over_us + 8 * US_PER_S);
        stage_close(&s);
    }
}

static void nothing_is_said_before_the_view_is_known(void **state)
{
    (void)state;
    static const struct play first[] = {
        {"black at once", go_black, 0, VIEW_BLACK, 40},
        {"covered at once", cover, 60, VIEW_GOOD, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        struct stage s;
        CHECK(stage_open(&s, DAY, US_PER_S));
        for (int k = 0; k < 29; k++)
            CHECK_INT(show(&s, first[i].deed, first[i].strength, 0), VIEW_GOOD);
        for (int k = 0; k < 30; k++)
            show(&s, first[i].deed, first[i].strength, 0);
        CHECK_INT(s.result.state, first[i].state);
        /* Whatever comes from under it is the view. */
        for (int k = 0; k < 60; k++)
            show(&s, nothing, 0, 0);
        CHECK_INT(s.result.state, VIEW_GOOD);
        stage_close(&s);
    }
}

static void people_make_it_wait(void **state)
{
    (void)state;
    int told_s[2] = {0};
    for (int people = 0; people < 2; people++) {
        struct stage s;
        CHECK(stage_open(&s, DAY, US_PER_S));
        quiet(&s, "before", 60 * US_PER_S);
        s.people = people;
        for (int k = 1; k < 60 && !told_s[people]; k++)
            if (show(&s, turn_away, 0, 0) == VIEW_MOVED)
                told_s[people] = k;
        stage_close(&s);
    }
    CHECK(told_s[0] >= 10 && told_s[0] <= 12);
    CHECK(told_s[1] >= 38 && told_s[1] <= 44);
}

/* Other sizes of the same view, stamps that jump, tiny pictures. */
static void odd_pictures(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 2}, {7, 5}, {320, 180}, {3, 1000}, {1921, 1081}};
    AUTO(view_free) struct view *view = view_new();
    struct view_result r;
    int64_t now_us = -5 * US_PER_S;
    for (int k = 0; k < 120; k++) {
        const int *size = sizes[k % (int)ARRAY_LEN(sizes)];
        AUTO(frame_unref) struct frame *f = frame_alloc(size[0], size[1]);
        assert_non_null(f);
        memset(row_of(f, 0), 40 + k, (size_t)f->stride[0] * (size_t)f->height);
        f->pts_us = now_us += k % 7 == 0 ? -86400 * US_PER_S : k % 11 * US_PER_S;
        view_push(view, f, false, k % 13 == 0, &r);
        CHECK(r.state == VIEW_GOOD && !r.changed);
    }
}

/* ---- a real recording --------------------------------------------------------------------------
 */

struct film {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *picture;
    int frames;
};

static bool film_open(struct film *film, const char *path)
{
    *film = (struct film){.packet = av_packet_alloc(), .picture = av_frame_alloc()};
    if (avformat_open_input(&film->format, path, NULL, NULL) < 0)
        return false;
    CHECK(avformat_find_stream_info(film->format, NULL) >= 0);
    const AVCodecParameters *par = film->format->streams[0]->codecpar;
    film->codec = avcodec_alloc_context3(avcodec_find_decoder(par->codec_id));
    avcodec_parameters_to_context(film->codec, par);
    CHECK(avcodec_open2(film->codec, NULL, NULL) == 0);
    return true;
}

static void film_close(struct film *film)
{
    av_packet_free(&film->packet);
    av_frame_free(&film->picture);
    avcodec_free_context(&film->codec);
    avformat_close_input(&film->format);
}

/* Every tenth of ten pictures a second, from number `first`. */
static void film_show(struct film *film, int first, struct view *view)
{
    struct view_result r;
    while (avcodec_receive_frame(film->codec, film->picture) == 0) {
        if (film->frames++ % 10 != first)
            continue;
        AUTO(frame_unref)
        struct frame *f = frame_alloc(film->picture->width, film->picture->height);
        for (int y = 0; y < f->height; y++)
            memcpy(row_of(f, y), film->picture->data[0] + (ptrdiff_t)y * film->picture->linesize[0],
                   (size_t)f->width);
        f->pts_us = film->frames * US_PER_S / 10;
        view_push(view, f, false, false, &r);
        if (r.state != VIEW_GOOD)
            fail_msg("%s after %g s", state_names[r.state], film->frames / 10.0);
    }
}

static void six_visits_say_nothing(void **state)
{
    (void)state;
    char path[512];
    struct film film;
    if (!data_path(path, "person-walk.mp4") || !film_open(&film, path))
        SKIP("no person-walk.mp4 in HSI_TEST_DATA");
    film_close(&film);
    for (int first = 0; first < 10; first += 5) {
        CHECK(film_open(&film, path));
        AUTO(view_free) struct view *view = view_new();
        while (av_read_frame(film.format, film.packet) >= 0) {
            CHECK(avcodec_send_packet(film.codec, film.packet) == 0);
            av_packet_unref(film.packet);
            film_show(&film, first, view);
        }
        CHECK(film.frames > 1300);
        film_close(&film);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_day),
        cmocka_unit_test(by_day_key_frames_alone),
        cmocka_unit_test(by_night),
        cmocka_unit_test(a_photograph),
        cmocka_unit_test(a_whole_day_says_nothing),
        cmocka_unit_test(where_the_view_went),
        cmocka_unit_test(a_moved_view_is_learned),
        cmocka_unit_test(not_one_bit_changes),
        cmocka_unit_test(nothing_is_said_before_the_view_is_known),
        cmocka_unit_test(people_make_it_wait),
        cmocka_unit_test(odd_pictures),
        cmocka_unit_test(six_visits_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
