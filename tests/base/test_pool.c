/* Strands on a pool: one at a time, in turn, none forgotten. */
#include "test.h"

#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#define STRANDS 8
#define WAKES   5000

struct owner {
    struct strand strand;
    atomic_int work;    /* to be done */
    atomic_bool inside; /* the function runs */
    int done;           /* the strand's own: no lock, no atomic */
    int turns;
    atomic_bool overlapped;
};

static bool work_a_bit(void *ctx)
{
    struct owner *o = ctx;
    if (atomic_exchange(&o->inside, true))
        atomic_store(&o->overlapped, true);
    o->turns++;
    int left = atomic_load(&o->work);
    if (left > 0) {
        o->done++;
        left = atomic_fetch_sub(&o->work, 1) - 1;
    }
    atomic_store(&o->inside, false);
    return left > 0;
}

static void start(int threads, struct pool **pool)
{
    struct err err = {0};
    if (!pool_start(threads, ROLE_VISION, "test", pool, &err))
        fail_msg("%s", err.msg);
}

static void all_work_is_done_by_one_at_a_time(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct pool *pool;
        start(threads, &pool);
        static struct owner owners[STRANDS];
        for (int i = 0; i < STRANDS; i++) {
            owners[i] = (struct owner){0};
            strand_init(&owners[i].strand, pool, work_a_bit, &owners[i]);
        }
        for (int k = 0; k < WAKES; k++)
            for (int i = 0; i < STRANDS; i++) {
                atomic_fetch_add(&owners[i].work, 1);
                strand_wake(&owners[i].strand);
            }
        pool_stop(&pool);
        CHECK(!pool);
        for (int i = 0; i < STRANDS; i++) {
            CHECK_INT(owners[i].done, WAKES);
            CHECK(!atomic_load(&owners[i].overlapped));
        }
    }
}

static void a_strand_nobody_woke_does_not_run(void **state)
{
    (void)state;
    struct pool *pool;
    start(2, &pool);
    struct owner o = {0};
    strand_init(&o.strand, pool, work_a_bit, &o);
    pool_stop(&pool);
    CHECK_INT(o.turns, 0);
}

/* Two strands with a lot of work, one worker: they take turns instead of one starving the other. */
struct log {
    struct strand a, b;
    int count;
    char text[32];
};

static bool note(struct log *log, char who)
{
    if (log->count < (int)sizeof log->text - 1)
        log->text[log->count++] = who;
    return log->count < 20;
}

static bool run_a(void *ctx)
{
    return note(ctx, 'a');
}

static bool run_b(void *ctx)
{
    return note(ctx, 'b');
}

/* Wakes both from the worker itself, so that nobody is ahead. */
static bool run_first(void *ctx)
{
    struct log *log = ctx;
    strand_wake(&log->a);
    strand_wake(&log->b);
    strand_wake(&log->a); /* already in the line: no second turn */
    return false;
}

static void strands_take_turns(void **state)
{
    (void)state;
    struct pool *pool;
    start(1, &pool);
    struct log log = {0};
    struct strand first;
    strand_init(&first, pool, run_first, &log);
    strand_init(&log.a, pool, run_a, &log);
    strand_init(&log.b, pool, run_b, &log);
    strand_wake(&first);
    pool_stop(&pool);
    CHECK_CONTAINS(log.text, "abababababababababab");
}

/* A wake while the strand runs means another turn: what came in the meantime is not forgotten. */
struct self {
    struct strand strand;
    int turns;
};

static bool wake_itself(void *ctx)
{
    struct self *self = ctx;
    if (++self->turns < 3)
        strand_wake(&self->strand);
    return false;
}

static void a_wake_while_running_counts(void **state)
{
    (void)state;
    struct pool *pool;
    start(2, &pool);
    struct self self = {0};
    strand_init(&self.strand, pool, wake_itself, &self);
    strand_wake(&self.strand);
    pool_stop(&pool);
    CHECK_INT(self.turns, 3);
}

static bool see_role(void *ctx)
{
    *(enum role *)ctx = thread_role();
    return false;
}

static void workers_have_the_role(void **state)
{
    (void)state;
    struct pool *pool;
    start(1, &pool);
    enum role role = ROLE_NONE;
    struct strand strand;
    strand_init(&strand, pool, see_role, &role);
    strand_wake(&strand);
    pool_stop(&pool);
    CHECK_INT(role, ROLE_VISION);
    pool_stop(&pool); /* NULL is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_work_is_done_by_one_at_a_time),
        cmocka_unit_test(a_strand_nobody_woke_does_not_run),
        cmocka_unit_test(strands_take_turns),
        cmocka_unit_test(a_wake_while_running_counts),
        cmocka_unit_test(workers_have_the_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
