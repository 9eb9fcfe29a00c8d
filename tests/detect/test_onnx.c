/* Models of one picture, of several, and of any number, written here byte by byte: each says of
 * every picture how bright it is, as the score of one box, so that answers cannot be mixed up. */
#include "test.h"

#include "detect/detect.h"
#include "double/clip.h"

#include <stdlib.h>

#define SIDE     64
#define MANY     8 /* pictures at once, where a model takes any number */
#define BYTES    4096
#define RUNTIME  "../deps/onnxruntime/lib/libonnxruntime.so.1"
#define ANY      (-1)
#define NO_BATCH 0 /* says it takes any number, and does not */

/* A protocol buffer message while it is written. */
struct message {
    size_t bytes;
    uint8_t data[BYTES];
};

static void put(struct message *m, const void *data, size_t bytes)
{
    CHECK(m->bytes + bytes <= sizeof m->data);
    memcpy(m->data + m->bytes, data, bytes);
    m->bytes += bytes;
}

static void put_varint(struct message *m, uint64_t value)
{
    for (; value > 127; value >>= 7)
        put(m, &(uint8_t){(uint8_t)(value | 128)}, 1);
    put(m, &(uint8_t){(uint8_t)value}, 1);
}

static void put_number(struct message *m, unsigned field, uint64_t value)
{
    put_varint(m, field << 3);
    put_varint(m, value);
}

static void put_data(struct message *m, unsigned field, const void *data, size_t bytes)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, bytes);
    put(m, data, bytes);
}

static void put_text(struct message *m, unsigned field, const char *text)
{
    put_data(m, field, text, strlen(text));
}

static void put_message(struct message *m, unsigned field, const struct message *part)
{
    put_data(m, field, part->data, part->bytes);
}

/* The field numbers are those of onnx.proto. */
static void put_ints(struct message *node, const char *name, const int *values, int count)
{
    struct message a = {0};
    put_text(&a, 1, name);
    for (int i = 0; i < count; i++)
        put_number(&a, 8, (uint64_t)values[i]);
    put_number(&a, 20, 7);
    put_message(node, 5, &a);
}

static void put_int(struct message *node, const char *name, int value)
{
    struct message a = {0};
    put_text(&a, 1, name);
    put_number(&a, 3, (uint64_t)value);
    put_number(&a, 20, 2);
    put_message(node, 5, &a);
}

static struct message node_of(const char *type, const char *a, const char *b, const char *out)
{
    struct message n = {0};
    put_text(&n, 1, a);
    if (b)
        put_text(&n, 1, b);
    put_text(&n, 2, out);
    put_text(&n, 4, type);
    return n;
}

static void put_mean(struct message *graph, const char *in, const char *out, const int *axes,
                     int count, bool keep)
{
    struct message n = node_of("ReduceMean", in, NULL, out);
    put_ints(&n, "axes", axes, count);
    put_int(&n, "keepdims", keep);
    put_message(graph, 1, &n);
}

static void put_constant(struct message *graph, const char *name, int type, const int *dims,
                         int count, const void *data, size_t bytes)
{
    struct message t = {0};
    for (int i = 0; i < count; i++)
        put_number(&t, 1, (uint64_t)dims[i]);
    put_number(&t, 2, (uint64_t)type);
    put_text(&t, 8, name);
    put_data(&t, 9, data, bytes);
    put_message(graph, 5, &t);
}

/* A float tensor; its first axis is ANY or fixed. */
static void put_port(struct message *graph, unsigned field, const char *name, int pictures,
                     const int *dims, int count)
{
    struct message shape = {0};
    for (int i = -1; i < count; i++) {
        struct message dim = {0};
        if (i < 0 && pictures == ANY)
            put_text(&dim, 2, "pictures");
        else
            put_number(&dim, 1, (uint64_t)(i < 0 ? pictures : dims[i]));
        put_message(&shape, 1, &dim);
    }
    struct message tensor = {0}, type = {0}, port = {0};
    put_number(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&port, 1, name);
    put_message(&port, 2, &type);
    put_message(graph, field, &port);
}

/* The mean of a picture becomes the score of the box [8, 16, 40, 48]. */
static void write_model(const char *path, int in, int out)
{
    static const float weights[6] = {0, 0, 0, 0, 1, 0};
    static const float box[6] = {8, 16, 40, 48, 0, 0};
    static const int64_t one_picture[3] = {1, 1, 6};
    struct message graph = {0};
    put_mean(&graph, "images", "columns", (int[]){3}, 1, false);
    put_mean(&graph, "columns", "mean", (int[]){1, 2}, 2, true);
    struct message n = node_of("Mul", "mean", "weights", "score");
    put_message(&graph, 1, &n);
    n = node_of("Add", "score", "box", in == NO_BATCH ? "rows" : "output0");
    put_message(&graph, 1, &n);
    if (in == NO_BATCH) {
        n = node_of("Reshape", "rows", "one_picture", "output0");
        put_message(&graph, 1, &n);
        put_constant(&graph, "one_picture", 7, (int[]){3}, 1, one_picture, sizeof one_picture);
    }
    put_text(&graph, 2, "brightness");
    put_constant(&graph, "weights", 1, (int[]){1, 1, 6}, 3, weights, sizeof weights);
    put_constant(&graph, "box", 1, (int[]){1, 1, 6}, 3, box, sizeof box);
    put_port(&graph, 11, "images", in == NO_BATCH ? ANY : in, (int[]){3, SIDE, SIDE}, 3);
    put_port(&graph, 12, "output0", out == NO_BATCH ? ANY : out, (int[]){1, 6}, 2);
    struct message opset = {0}, model = {0};
    put_text(&opset, 1, "");
    put_number(&opset, 2, 12);
    put_number(&model, 1, 7);
    put_message(&model, 8, &opset);
    put_message(&model, 7, &graph);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    CHECK(fwrite(model.data, 1, model.bytes, file) == model.bytes);
    fclose(file);
}

/* False: it does not open; err says why. */
static bool open_model(int in, int out, struct detector **ret, struct err *err)
{
    AUTO(clip_folder_done) struct clip_folder folder = clip_folder_new();
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    snprintf(conf.model, sizeof conf.model, "%s/brightness.onnx", folder.path);
    write_model(conf.model, in, out);
    const char *tests = getenv("HSI_TESTS");
    char beside[DETECT_MODEL_BYTES];
    snprintf(beside, sizeof beside, "%s/" RUNTIME, tests ? tests : ".");
    FILE *file = fopen(beside, "rb");
    if (file) {
        fclose(file);
        STR_COPY(conf.library, beside);
    }
    if (!detector_open(&conf, NULL, ret, err))
        return false;
    if (detector_info(*ret)->width == 0) {
        detector_close(ret);
        SKIP("ONNX Runtime is not installed");
    }
    return true;
}

static struct frame *grey(int width, int height, uint8_t value)
{
    struct frame *f = frame_alloc(width, height);
    assert_non_null(f);
    f->full_range = true;
    memset(frame_plane_w(f, 0), value, (size_t)f->stride[0] * (size_t)height);
    for (int i = 1; i < 3; i++)
        memset(frame_plane_w(f, i), 128, (size_t)f->stride[i] * (size_t)((height + 1) / 2));
    return f;
}

static void check_run(struct detector *d, int count)
{
    struct frame *frames[MANY];
    struct look looks[MANY];
    struct detections *found = xcalloc(MANY, sizeof *found);
    struct motion_result motion = {0};
    for (int i = 0; i < count; i++) {
        frames[i] = grey(SIDE, SIDE, (uint8_t)(100 + 15 * i));
        looks[i] = (struct look){frames[i], &motion, BOX_WHOLE, &found[i]};
    }
    struct err err = {0};
    if (!detector_run(d, looks, count, &err))
        fail_msg("%d pictures: %s", count, err.msg);
    for (int i = 0; i < count; i++) {
        CHECK_INT(found[i].count, 1);
        const struct detection *at = &found[i].items[0];
        CHECK_NEAR(at->score, (100 + 15 * i) / 255.0, 0.003);
        CHECK_STR(at->label, "person");
        CHECK_NEAR(at->box.x0, 8.0 / SIDE, 1e-5);
        CHECK_NEAR(at->box.y1, 48.0 / SIDE, 1e-5);
        frame_unref(&frames[i]);
    }
    free(found);
}

static void batches(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int in, out, batch;
    } cases[] = {
        {"one", 1, 1, 1},
        {"any number", ANY, ANY, MANY},
        {"one, the output does not say", 1, ANY, 1},
        {"four, always", 4, 4, 4},
        {"any number, it says", NO_BATCH, NO_BATCH, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        AUTO(detector_close) struct detector *d = NULL;
        if (!open_model(cases[i].in, cases[i].out, &d, &err))
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (detector_info(d)->batch != cases[i].batch)
            fail_msg("%s: takes %d", cases[i].name, detector_info(d)->batch);
        for (int count = 1; count <= cases[i].batch; count++)
            check_run(d, count);
    }
}

static void too_many_at_once(void **state)
{
    (void)state;
    struct err err = {0};
    struct detector *d = NULL;
    CHECK(!open_model(17, 17, &d, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_CONTAINS(err.hint, "batch of at most 16");
}

/* A part's boxes are the frame's. */
static void parts(void **state)
{
    (void)state;
    static const struct {
        struct box region, found;
    } cases[] = {
        {{0.5f, 0.5f, 1, 1}, {160 + 20, 80 + 20, 160 + 100, 80 + 60}},
        {{0, 0, 0.2f, 0.4f}, {8, 16, 40, 48}},
        {{0.25f, 0.2f, 0.65f, 1}, {80 + 16, 32 + 32, 80 + 80, 32 + 96}},
    };
    struct err err = {0};
    AUTO(detector_close) struct detector *d = NULL;
    if (!open_model(ANY, ANY, &d, &err))
        fail_msg("%s", err.msg);
    AUTO(frame_unref) struct frame *frame = grey(320, 160, 200);
    AUTO(free_ptr) struct detections *found = NEW(struct detections);
    struct motion_result motion = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct look look = {frame, &motion, cases[i].region, found};
        CHECK(detector_run(d, &look, 1, &err));
        CHECK_INT(found->count, 1);
        struct box b = found->items[0].box;
        CHECK_NEAR(b.x0 * 320, cases[i].found.x0, 0.01);
        CHECK_NEAR(b.x1 * 320, cases[i].found.x1, 0.01);
        if (i > 0) { /* the first one is letter-boxed */
            CHECK_NEAR(b.y0 * 160, cases[i].found.y0, 0.01);
            CHECK_NEAR(b.y1 * 160, cases[i].found.y1, 0.01);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches),
        cmocka_unit_test(too_many_at_once),
        cmocka_unit_test(parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
