/* Tensors and class names of a model, friendly and hostile. */
#include "test.h"

#include "detect/yolo.h"

#include <math.h>
#include <stdlib.h>

static void layouts(void **state)
{
    (void)state;
    static const struct {
        int64_t dims[4];
        size_t count;
        bool ok;
        struct yolo_layout expected;
    } cases[] = {
        {{1, 300, 6}, 3, true, {YOLO_END_TO_END, 300, 0}},
        {{1, 1, 6}, 3, true, {YOLO_END_TO_END, 1, 0}},
        {{1, YOLO_ROWS_MAX, 6}, 3, true, {YOLO_END_TO_END, YOLO_ROWS_MAX, 0}},
        {{1, 84, 8400}, 3, true, {YOLO_ANCHORS, 8400, 80}},
        {{1, 5, 8400}, 3, true, {YOLO_ANCHORS, 8400, 1}},
        {{1, 6, 8400}, 3, true, {YOLO_ANCHORS, 8400, 2}},
        {{1, 4 + YOLO_CLASSES_MAX, 8400}, 3, true, {YOLO_ANCHORS, 8400, YOLO_CLASSES_MAX}},
        {{1, 5 + YOLO_CLASSES_MAX, 8400}, 3},
        {{1, YOLO_ROWS_MAX + 1, 6}, 3},
        {{1, 84, YOLO_ROWS_MAX + 1}, 3},
        {{1, 4, 8400}, 3},
        {{1, 8400, 84}, 3},
        {{2, 300, 6}, 3},
        {{0, 300, 6}, 3},
        {{-1, 300, 6}, 3},
        {{1, -1, 6}, 3},
        {{1, 0, 6}, 3},
        {{1, 84, -1}, 3},
        {{1, INT64_MAX, 6}, 3},
        {{1, 84, INT64_MAX}, 3},
        {{1, INT64_MIN, INT64_MIN}, 3},
        {{300, 6}, 2},
        {{1, 1, 300, 6}, 4},
        {{0}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct yolo_layout got = {0};
        struct err err = {0};
        bool ok = yolo_layout(cases[i].dims, cases[i].count, &got, &err);
        if (ok != cases[i].ok)
            fail_msg("case %zu: %s", i, ok ? "taken" : err.msg);
        if (ok) {
            CHECK_INT(got.head, cases[i].expected.head);
            CHECK_INT(got.rows, cases[i].expected.rows);
            CHECK_INT(got.classes, cases[i].expected.classes);
        } else {
            CHECK_INT(err.code, ERR_INVALID);
            CHECK_CONTAINS(err.hint, "[1, 300, 6]");
        }
    }
    struct yolo_layout got;
    struct err err = {0};
    CHECK(!yolo_layout((const int64_t[]){1, 8400, 84}, 3, &got, &err));
    CHECK_STR(err.msg, "the model's output has shape [1, 8400, 84]");
}

static void names_that_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count, at;
        const char *name;
    } cases[] = {
        {"{0: 'person'}", 1, 0, "person"},
        {"{0: 'person', 1: 'bicycle'}", 2, 1, "bicycle"},
        {"  { 0 :'person' ,\n 1\t: \"d'oh\" , } ", 2, 1, "d'oh"},
        {"{1: 'second', 0: 'first'}", 2, 0, "first"},
        {"{7: 'truck'}", 8, 7, "truck"},
        {"{7: 'truck'}", 8, 0, ""},
        {"{511: 'last'}", 512, 511, "last"},
        {"{0: 'exactly 23 characters!!'}", 1, 0, "exactly 23 characters!!"},
        {"{0: 'tr\xc3\xa4ger'}", 1, 0, "tr\xc3\xa4ger"},
    };
    AUTO(free_ptr) struct yolo_classes *classes = NEW(struct yolo_classes);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        if (!yolo_parse_names(cases[i].text, classes, &err))
            fail_msg("%s: %s", cases[i].text, err.msg);
        CHECK_INT(classes->count, cases[i].count);
        CHECK_STR(classes->names[cases[i].at], cases[i].name);
    }
}

static void names_that_do_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "at character 0"},
        {"person", "at character 0"},
        {"{}", "no class"},
        {"{", "at character 1"},
        {"{0", "at character 1"},
        {"{0: ", "at character 1"},
        {"{0: 'person'", "at character 12"},
        {"{0: 'person' 1: 'car'}", "at character 13"},
        {"{0: 'person', x: 'car'}", "at character 14"},
        {"{0: person}", "at character 1"},
        {"{0: ''}", "at character 1"},
        {"{0: 'person}", "at character 1"},
        {"{-1: 'person'}", "at character 1"},
        {"{512: 'one too many'}", "at character 1"},
        {"{99999999999999999999: 'x'}", "at character 1"},
        {"{0: 'longer than the 23 bytes of a label'}", "at character 1"},
        {"{0: 'es\x1b[31mcape'}", "at character 1"},
        {"['person', 'car']", "at character 0"},
    };
    AUTO(free_ptr) struct yolo_classes *classes = NEW(struct yolo_classes);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        if (yolo_parse_names(cases[i].text, classes, &err))
            fail_msg("'%s' was read", cases[i].text);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].says);
        CHECK_CONTAINS(err.hint, "{0: 'person'");
    }
}

static void six_hundred_names_are_too_many(void **state)
{
    (void)state;
    AUTO(free_ptr) char *text = xcalloc(1, 16384);
    AUTO(free_ptr) struct yolo_classes *classes = NEW(struct yolo_classes);
    for (int count = YOLO_CLASSES_MAX; count <= 600; count += 600 - YOLO_CLASSES_MAX) {
        size_t n = (size_t)snprintf(text, 16384, "{");
        for (int i = 0; i < count; i++)
            n += (size_t)snprintf(text + n, 16384 - n, "%s%d: 'class %d'", i ? ", " : "", i, i);
        snprintf(text + n, 16384 - n, "}");
        struct err err = {0};
        CHECK_INT(yolo_parse_names(text, classes, &err), count == YOLO_CLASSES_MAX);
        if (count == 600)
            CHECK_CONTAINS(err.hint, "at most 512");
    }
}

/* A picture of 640x320 in a tensor of 640x640: margins of 160 above and below. */
static struct letterbox wide(void)
{
    return letterbox_fit(640, 320, 640, 640);
}

static struct yolo_classes *two_classes(void)
{
    struct yolo_classes *c = NEW(struct yolo_classes);
    c->count = 3;
    STR_COPY(c->names[0], "person");
    STR_COPY(c->names[1], "car");
    STR_COPY(c->names[2], "kite");
    c->threshold[0] = c->threshold[1] = 0.25f;
    c->threshold[2] = 2.0f; /* not asked for */
    return c;
}

#define ROWS 300

static void end_to_end(void **state)
{
    (void)state;
    static const float rows[][6] = {
        {64, 192, 128, 320, 0.9f, 0},   /* a person */
        {320, 160, 640, 480, 0.95f, 1}, /* a car: the right half */
        {64, 192, 128, 320, 0.99f, 2},  /* not asked for */
        {64, 192, 128, 320, 0.24f, 0},  /* too weak */
        {64, 192, 128, 320, 0.9f, 3},   /* no such class */
        {64, 192, 128, 320, 0.9f, -1},  /* no such class */
        {128, 192, 64, 320, 0.9f, 0},   /* inside out */
        {64, 0, 128, 100, 0.9f, 0},     /* in the margin */
        {-64, 100, 64, 800, 0.5f, 0},   /* reaches over the picture's edges */
        {64, 192, 128, 320, 7, 1},      /* surer than sure */
    };
    AUTO(free_ptr) float *tensor = xcalloc(ROWS * 6, sizeof(float));
    memcpy(tensor, rows, sizeof rows);
    AUTO(free_ptr) struct yolo_classes *classes = two_classes();
    AUTO(free_ptr) struct detections *d = NEW(struct detections);
    struct yolo_layout layout = {YOLO_END_TO_END, ROWS, 0};
    struct letterbox lb = wide();
    yolo_decode(&layout, tensor, &lb, classes, d);
    CHECK_INT(d->count, 4);
    CHECK_STR(d->items[0].label, "car");
    CHECK_NEAR(d->items[0].score, 1, 0);
    CHECK_STR(d->items[1].label, "car");
    CHECK_NEAR(d->items[1].box.x0, 0.5, 1e-6);
    CHECK_NEAR(d->items[1].box.y0, 0, 1e-6);
    CHECK_NEAR(d->items[1].box.x1, 1, 1e-6);
    CHECK_NEAR(d->items[1].box.y1, 1, 1e-6);
    CHECK_STR(d->items[2].label, "person");
    CHECK_NEAR(d->items[2].score, 0.9, 1e-6);
    CHECK_NEAR(d->items[2].box.x0, 0.1, 1e-6);
    CHECK_NEAR(d->items[2].box.y0, 0.1, 1e-6);
    CHECK_NEAR(d->items[2].box.x1, 0.2, 1e-6);
    CHECK_NEAR(d->items[2].box.y1, 0.5, 1e-6);
    CHECK_NEAR(d->items[3].box.x0, 0, 0);
    CHECK_NEAR(d->items[3].box.y1, 1, 0);
}

static void check_sane(const struct detections *d)
{
    CHECK(d->count >= 0 && d->count <= DETECTIONS_MAX);
    for (int i = 0; i < d->count; i++) {
        const struct detection *at = &d->items[i];
        CHECK(at->box.x0 >= 0 && at->box.x0 < at->box.x1 && at->box.x1 <= 1);
        CHECK(at->box.y0 >= 0 && at->box.y0 < at->box.y1 && at->box.y1 <= 1);
        CHECK(at->score >= 0.25f && at->score <= 1);
        CHECK(strcmp(at->label, "person") == 0 || strcmp(at->label, "car") == 0);
        CHECK(i == 0 || at->score <= d->items[i - 1].score);
    }
}

static const float hostile[] = {NAN,   -NAN,  INFINITY, -INFINITY, 1e38f, -1e38f, 1e-45f, 0,
                                -0.0f, 1e10f, -1,       0.5f,      1,     2,      300,    640};

static void hostile_values(void **state)
{
    (void)state;
    AUTO(free_ptr) float *tensor = xcalloc(8400 * 7, sizeof(float));
    AUTO(free_ptr) struct yolo_classes *classes = two_classes();
    AUTO(free_ptr) struct detections *d = NEW(struct detections);
    struct letterbox lb = wide();
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 8400 * 7; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            tensor[i] = hostile[x % ARRAY_LEN(hostile)];
        }
        yolo_decode(&(struct yolo_layout){YOLO_END_TO_END, 8400, 0}, tensor, &lb, classes, d);
        check_sane(d);
        yolo_decode(&(struct yolo_layout){YOLO_ANCHORS, 8400, 3}, tensor, &lb, classes, d);
        check_sane(d);
    }
}

/* A side that is not a number is no side: such a box must not be widened to the picture's edge. */
static void a_box_with_a_nan_is_none(void **state)
{
    (void)state;
    AUTO(free_ptr) struct yolo_classes *classes = two_classes();
    AUTO(free_ptr) struct detections *d = NEW(struct detections);
    struct letterbox lb = wide();
    for (int side = 0; side < 4; side++) {
        float row[6] = {64, 192, 128, 320, 0.9f, 0};
        row[side] = NAN;
        yolo_decode(&(struct yolo_layout){YOLO_END_TO_END, 1, 0}, row, &lb, classes, d);
        CHECK_INT(d->count, 0);
    }
}

static void set_anchor(float *tensor, int rows, int at, struct box b, int label, float score)
{
    tensor[0 * rows + at] = (b.x0 + b.x1) / 2;
    tensor[1 * rows + at] = (b.y0 + b.y1) / 2;
    tensor[2 * rows + at] = b.x1 - b.x0;
    tensor[3 * rows + at] = b.y1 - b.y0;
    tensor[(4 + label) * rows + at] = score;
}

static void anchors_lose_their_duplicates(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    AUTO(free_ptr) float *tensor = xcalloc(COUNT * 7, sizeof(float));
    set_anchor(tensor, COUNT, 3, (struct box){64, 192, 128, 320}, 0, 0.6f);
    set_anchor(tensor, COUNT, 7, (struct box){65, 193, 129, 321}, 0, 0.9f);   /* the same, surer */
    set_anchor(tensor, COUNT, 9, (struct box){64, 192, 128, 320}, 1, 0.7f);   /* another class */
    set_anchor(tensor, COUNT, 11, (struct box){96, 192, 160, 320}, 0, 0.5f);  /* half beside it */
    set_anchor(tensor, COUNT, 12, (struct box){320, 192, 384, 320}, 0, 0.2f); /* too weak */
    AUTO(free_ptr) struct yolo_classes *classes = two_classes();
    AUTO(free_ptr) struct detections *d = NEW(struct detections);
    struct letterbox lb = wide();
    yolo_decode(&(struct yolo_layout){YOLO_ANCHORS, COUNT, 3}, tensor, &lb, classes, d);
    CHECK_INT(d->count, 3);
    CHECK_NEAR(d->items[0].score, 0.9, 1e-6);
    CHECK_NEAR(d->items[0].box.x0, 65 / 640.0, 1e-6);
    CHECK_STR(d->items[1].label, "car");
    CHECK_NEAR(d->items[2].score, 0.5, 1e-6);
}

/* More candidates than either limit, spread out so that none is another's duplicate: the best
 * survive, wherever in the tensor they stand. */
static void the_best_survive_a_crowd(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    AUTO(free_ptr) float *tensor = xcalloc(COUNT * 7, sizeof(float));
    for (int i = 0; i < COUNT; i++) {
        float x = (float)(i % 64) * 10, y = 160 + (float)(i / 64) * 5;
        set_anchor(tensor, COUNT, i, (struct box){x, y, x + 8, y + 4}, 0,
                   0.3f + 0.6f * (float)i / COUNT);
    }
    AUTO(free_ptr) struct yolo_classes *classes = two_classes();
    AUTO(free_ptr) struct detections *d = NEW(struct detections);
    struct letterbox lb = wide();
    yolo_decode(&(struct yolo_layout){YOLO_ANCHORS, COUNT, 3}, tensor, &lb, classes, d);
    CHECK_INT(d->count, DETECTIONS_MAX);
    CHECK_NEAR(d->items[0].score, 0.9, 0.001);
    CHECK_NEAR(d->items[DETECTIONS_MAX - 1].score, 0.3 + 0.6 * 3900 / COUNT, 0.001);

    AUTO(free_ptr) float *rows = xcalloc(COUNT * 6, sizeof(float));
    for (int i = 0; i < COUNT; i++)
        memcpy(rows + (ptrdiff_t)i * 6,
               (const float[6]){10, 200, 20, 220, 0.3f + 0.6f * (float)i / COUNT, 0},
               6 * sizeof(float));
    yolo_decode(&(struct yolo_layout){YOLO_END_TO_END, COUNT, 0}, rows, &lb, classes, d);
    CHECK_INT(d->count, DETECTIONS_MAX);
    CHECK_NEAR(d->items[0].score, 0.9, 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),
        cmocka_unit_test(names_that_read),
        cmocka_unit_test(names_that_do_not_read),
        cmocka_unit_test(six_hundred_names_are_too_many),
        cmocka_unit_test(end_to_end),
        cmocka_unit_test(hostile_values),
        cmocka_unit_test(a_box_with_a_nan_is_none),
        cmocka_unit_test(anchors_lose_their_duplicates),
        cmocka_unit_test(the_best_survive_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
