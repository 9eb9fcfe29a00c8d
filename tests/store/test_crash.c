/* kill -9 in the middle of writing, again and again in the same directory: what was published is
 * there, once; what is there is whole. */
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define KILLS 20

/* What the child says it has seen published. */
struct report {
    int64_t seq;
    uint64_t hash; /* of the JSON */
};

static uint64_t hash_of(const char *text, size_t bytes)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
    return h;
}

struct reporter {
    struct bus_subscriber *subscriber;
    int fd;
};

static void report_published(void *arg)
{
    struct reporter *r = arg;
    for (;;) {
        int64_t missed;
        AUTO(bus_message_unref) struct bus_message *m = bus_next(r->subscriber, &missed);
        if (!m) {
            sched_yield();
            continue;
        }
        struct report report = {m->seq, hash_of(m->json, m->bytes)};
        if (write(r->fd, &report, sizeof report) != (ssize_t)sizeof report)
            return;
    }
}

/* Never returns: writes events of three cameras until it is killed. */
static void child(struct fixture *f, int fd)
{
    struct reporter reporter = {bus_subscribe(f->bus, BUS_EVENT, 4096, NULL, NULL), fd};
    struct thread *thread;
    const struct store_params params = {
        .conf = &f->conf, .clock = &clock_real, .bus = f->bus, .log = {0}};
    f->ids = (struct uuid_gen){.clock = &clock_real};
    if (!store_open(&params, &f->store, NULL) ||
        !thread_start(&thread, ROLE_NONE, "report", report_published, &reporter, NULL))
        _exit(1);
    static const char *const cameras[] = {"porch", "yard", "drive"};
    struct event *open[3] = {0};
    for (int i = 0;; i++) {
        int c = i % 3;
        struct event *next;
        if (open[c] && open[c]->state == EVENT_OPEN) {
            next = sample_update(open[c], open[c]->revision == 4);
            next->tracks[0].best.pts_us++; /* a better picture each time */
        } else {
            next = sample_event(f, cameras[c]);
            next->tracks[0].picture = picture_new(96, 64);
        }
        event_unref(&open[c]);
        open[c] = event_ref(next);
        next->camera = c;
        store_put_event(f->store, next);
    }
}

struct check {
    const struct report *reports;
    int count, found;
};

static bool find_reported(void *ctx, int64_t seq, const char *json, size_t bytes)
{
    struct check *check = ctx;
    const struct report *r = &check->reports[check->found];
    if (check->found < check->count && r->seq == seq) {
        CHECK(r->hash == hash_of(json, bytes));
        check->found++;
    }
    return true;
}

#define REPORTS_MAX 100

static void check_invariants(struct fixture *f, const struct report *reports, int count)
{
    fixture_open(f);
    struct check check = {reports, count, 0};
    CHECK(store_read_outbox(f->reader, count ? reports[0].seq - 1 : 0, 10000, find_reported, &check,
                            NULL));
    CHECK_INT(check.found, count);
    fixture_close(f);
    static const struct {
        const char *sql;
        int64_t expected;
    } cases[] = {
        {"SELECT integrity_check = 'ok' FROM pragma_integrity_check", 1},
        {"SELECT count(*) FROM pragma_foreign_key_check", 0},
        {"SELECT max(seq) - count(*) FROM outbox", 0}, /* no holes */
        {"SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT event, revision FROM outbox))"
         " FROM outbox",
         0},
        {"SELECT count(*) FROM event WHERE closed = 0", 0},
        {"SELECT count(*) FROM event WHERE revision <>"
         " (SELECT max(revision) FROM outbox WHERE outbox.event = event.id)",
         0},
        {"SELECT count(*) FROM event WHERE revision + 1 <>"
         " (SELECT count(*) FROM outbox WHERE outbox.event = event.id)",
         0},
        {"SELECT count(*) FROM event JOIN outbox USING (seq)"
         " WHERE outbox.json NOT LIKE '%\"state\":\"closed\"%'",
         0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (ask(f, cases[i].sql) != cases[i].expected)
            fail_msg("%s: %lld", cases[i].sql, (long long)ask(f, cases[i].sql));
    struct disk disk = disk_usage(f);
    CHECK_INT(disk.files, 2 * ask(f, "SELECT count(*) FROM snapshot"));
    CHECK_INT(disk.bytes, ask(f, "SELECT coalesce(sum(bytes), 0) FROM snapshot"));
}

static void nothing_published_is_lost(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    f->conf.group_us = 0;
    int reported = 0;
    for (int kill_at = 0; kill_at < KILLS; kill_at++) {
        int ends[2];
        CHECK_INT(pipe(ends), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            child(f, ends[1]);
        }
        close(ends[1]);
        /* After a few more changes each time, so that it hits every part of the work. */
        struct report reports[REPORTS_MAX];
        int count = 0;
        while (count < 1 + kill_at * 2 &&
               read(ends[0], &reports[count], sizeof reports[0]) == (ssize_t)sizeof reports[0])
            count++;
        CHECK_INT(kill(pid, SIGKILL), 0);
        while (count < REPORTS_MAX &&
               read(ends[0], &reports[count], sizeof reports[0]) == (ssize_t)sizeof reports[0])
            count++;
        close(ends[0]);
        int status;
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_invariants(f, reports, count);
        reported += count;
    }
    CHECK(reported >= KILLS * 10);
    CHECK(ask(f, "SELECT count(*) FROM event WHERE close_reason = 'crash'") >= KILLS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_published_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
