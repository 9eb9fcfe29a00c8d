/* Frames: sizes, pools, references. */
#include "test.h"

#include "base/thread.h"
#include "model/frame.h"

static void sizes(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        bool ok;
    } cases[] = {
        {1, 1, true},
        {2, 2, true},
        {1921, 1081, true},
        {3, 1000, true},
        {FRAME_SIDE_MAX, 1, true},
        {1, FRAME_SIDE_MAX, true},
        {0, 1, false},
        {1, 0, false},
        {-1, 5, false},
        {5, -1, false},
        {FRAME_SIDE_MAX + 1, 1, false},
        {1, FRAME_SIDE_MAX + 1, false},
        {INT32_MAX, INT32_MAX, false},
        {INT32_MIN, INT32_MIN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref) struct frame *f = frame_alloc(cases[i].width, cases[i].height);
        if ((f != NULL) != cases[i].ok)
            fail_msg("%dx%d", cases[i].width, cases[i].height);
        if (!f)
            continue;
        CHECK_INT(f->width, cases[i].width);
        CHECK_INT(f->wall_us, TIME_UNKNOWN);
        /* All of it is ours to write to, and black to begin with. */
        for (int p = 0; p < 3; p++) {
            int rows = p ? (f->height + 1) / 2 : f->height;
            int columns = p ? (f->width + 1) / 2 : f->width;
            CHECK(f->stride[p] >= columns);
            CHECK_INT(f->plane[p][(ptrdiff_t)(rows - 1) * f->stride[p] + columns - 1], p ? 128 : 0);
            memset(frame_plane_w(f, p), 7, (size_t)rows * (size_t)f->stride[p]);
        }
    }
}

static void a_pool_is_as_large_as_it_was_made(void **state)
{
    (void)state;
    struct frame_pool *pool = frame_pool_new(2);
    struct frame *a = frame_from_pool(pool), *b = frame_from_pool(pool);
    CHECK(a && b && a != b);
    CHECK(!frame_from_pool(pool));
    CHECK(!frame_from_pool(pool));
    CHECK_INT(frame_pool_dropped(pool), 2);
    frame_unref(&a);
    a = frame_from_pool(pool);
    CHECK(a && frame_alloc_pixels(a, 8, 8));
    /* Frames outlive their pool's owner. */
    frame_pool_unref(&pool);
    CHECK(!pool);
    frame_unref(&a);
    frame_unref(&b);
}

static void count_release(void *backing)
{
    (*(int *)backing)++;
}

static void the_last_reference_gives_back(void **state)
{
    (void)state;
    struct frame_pool *pool = frame_pool_new(1);
    int released = 0;
    struct frame *f = frame_from_pool(pool);
    f->backing = &released;
    f->release = count_release;
    struct frame *again = frame_ref(f);
    frame_unref(&f);
    CHECK_INT(released, 0);
    CHECK(!frame_from_pool(pool));
    frame_unref(&again);
    CHECK_INT(released, 1);
    f = frame_from_pool(pool);
    assert_non_null(f);
    frame_unref(&f);
    frame_pool_unref(&pool);
}

static void a_copy_is_its_own(void **state)
{
    (void)state;
    struct frame_pool *pool = frame_pool_new(1);
    struct frame *f = frame_from_pool(pool);
    CHECK(frame_alloc_pixels(f, 33, 17));
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? 9 : 17); y++)
            for (int x = 0; x < (p ? 17 : 33); x++)
                frame_plane_w(f, p)[y * f->stride[p] + x] = (uint8_t)(p * 80 + y * 3 + x);
    f->camera = 3, f->seq = 4, f->pts_us = 5, f->wall_us = 6, f->arrived_us = 7;
    f->full_range = f->bt709 = true;
    AUTO(frame_unref) struct frame *copy = frame_copy(f);
    frame_unref(&f);
    frame_pool_unref(&pool);
    CHECK(copy && !copy->pool);
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? 9 : 17); y++)
            for (int x = 0; x < (p ? 17 : 33); x++)
                CHECK_INT(copy->plane[p][y * copy->stride[p] + x], (uint8_t)(p * 80 + y * 3 + x));
    CHECK(copy->camera == 3 && copy->seq == 4 && copy->pts_us == 5 && copy->wall_us == 6 &&
          copy->arrived_us == 7 && copy->full_range && copy->bt709);
}

#define THREADS 4
#define ROUNDS  20000

static void take_and_give(void *arg)
{
    struct frame_pool *pool = arg;
    for (int i = 0; i < ROUNDS; i++) {
        AUTO(frame_unref) struct frame *f = frame_from_pool(pool);
        AUTO(frame_unref) struct frame *again = f ? frame_ref(f) : NULL;
        (void)again;
    }
}

static void a_pool_serves_many_threads(void **state)
{
    (void)state;
    struct frame_pool *pool = frame_pool_new(THREADS - 1);
    struct thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(thread_start(&threads[i], ROLE_NONE, "taker", take_and_give, pool, NULL));
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    struct frame *all[THREADS - 1];
    for (int i = 0; i < THREADS - 1; i++)
        assert_non_null(all[i] = frame_from_pool(pool));
    CHECK(!frame_from_pool(pool));
    for (int i = 0; i < THREADS - 1; i++)
        frame_unref(&all[i]);
    frame_pool_unref(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(a_pool_is_as_large_as_it_was_made),
        cmocka_unit_test(the_last_reference_gives_back),
        cmocka_unit_test(a_copy_is_its_own),
        cmocka_unit_test(a_pool_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
