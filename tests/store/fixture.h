/* A store in a directory of its own, and events to put into it. */
#pragma once

#include "test.h"

#include "model/event.h"
#include "store/internal.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE __attribute__((unused)) static

/* Set by the test while the store's thread looks at it. */
struct shared_clock {
    struct clock clock;
    atomic_llong now_us, now_wall_us;
};

FIXTURE int64_t shared_mono_us(const struct clock *clock)
{
    return atomic_load(&((const struct shared_clock *)clock)->now_us);
}

FIXTURE int64_t shared_wall_us(const struct clock *clock)
{
    return atomic_load(&((const struct shared_clock *)clock)->now_wall_us);
}

struct fixture {
    char dir[200];
    struct store_conf conf;
    struct shared_clock clock;
    struct uuid_gen ids;
    struct bus *bus;
    struct store *store; /* NULL while closed */
    struct store_reader *reader;
    struct log_sink *sink; /* of what the store says, into log_fd */
    int log_fd;
};

FIXTURE void fixture_open(struct fixture *f)
{
    struct err err = {0};
    const struct store_params params = {
        .conf = &f->conf, .clock = &f->clock.clock, .bus = f->bus, .log = log_root(f->sink)};
    if (!store_open(&params, &f->store, &err) || !store_reader_open(f->store, &f->reader, &err))
        fail_msg("%s", err.msg);
}

FIXTURE void fixture_close(struct fixture *f)
{
    store_reader_close(&f->reader);
    store_close(&f->store);
}

/* At a time in 2026, nothing opened yet. */
FIXTURE struct fixture *fixture_new(void)
{
    struct fixture *f = NEW(struct fixture);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/hsi-store-XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(f->dir) != NULL);
    STR_COPY(f->conf.path, f->dir);
    f->conf.keep_us = INT64_C(30) * 86400 * US_PER_S;
    f->conf.keep_bytes = INT64_C(1) << 40;
    f->conf.snapshots = true;
    f->conf.group_us = 20 * US_PER_MS;
    f->clock.clock = (struct clock){shared_mono_us, shared_wall_us};
    atomic_init(&f->clock.now_us, 1000 * US_PER_S);
    atomic_init(&f->clock.now_wall_us, INT64_C(1785000000) * US_PER_S);
    f->ids.clock = &f->clock.clock;
    f->bus = bus_new();
    char path[256];
    snprintf(path, sizeof path, "%s.log", f->dir);
    f->log_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(f->log_fd >= 0);
    unlink(path);
    f->sink = log_sink_new(f->log_fd, LOG_DEBUG, &f->clock.clock);
    return f;
}

FIXTURE void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char child[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (unlink(child) != 0)
            remove_tree(child);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

FIXTURE void fixture_free(struct fixture **fixture)
{
    struct fixture *f = *fixture;
    fixture_close(f);
    bus_free(&f->bus);
    log_sink_free(&f->sink);
    close(f->log_fd);
    remove_tree(f->dir);
    free(f);
    *fixture = NULL;
}

/* What the store has logged so far. */
FIXTURE const char *fixture_log(struct fixture *f, char *out, size_t bytes)
{
    ssize_t n = pread(f->log_fd, out, bytes - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

/* How often the store has logged it. */
FIXTURE int fixture_logged(struct fixture *f, const char *text)
{
    static char log[1 << 20];
    int count = 0;
    for (const char *p = fixture_log(f, log, sizeof log); (p = strstr(p, text)); p++)
        count++;
    return count;
}

/* A picture of grey steps, so that JPEG has something to do. */
FIXTURE struct frame *picture_new(int width, int height)
{
    struct frame *frame = frame_alloc(width, height);
    CHECK(frame != NULL);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            frame_plane_w(frame,
                          0)[y * frame->stride[0] + x] = (uint8_t)(16 + (x * 7 + y * 3) % 200);
    return frame;
}

/* An open event with one person in it, two sightings, a zone, a crossing and a reason. */
FIXTURE struct event *sample_event(struct fixture *f, const char *camera)
{
    struct event *e = event_new();
    e->id = uuid7_new(&f->ids);
    STR_COPY(e->camera_name, camera);
    e->start_us = 6 * US_PER_S;
    e->end_us = 7 * US_PER_S + 250 * US_PER_MS;
    e->wall_start_us = f->clock.now_wall_us;
    e->wall_end_us = e->wall_start_us + 1250 * US_PER_MS;
    e->track_count = 1;
    struct track *t = &e->tracks[0];
    t->id = uuid7_new(&f->ids);
    STR_COPY(t->label, "person");
    t->confidence = 0.875f;
    t->first = (struct sighting){e->start_us, e->wall_start_us, {0.1f, 0.2f, 0.3f, 0.6f}, 0.5f};
    t->last = (struct sighting){e->end_us, e->wall_end_us, {0.2f, 0.2f, 0.4f, 0.6f}, 0.875f};
    t->best = t->last;
    t->zones[1].seen = t->zones[1].inside = true;
    STR_COPY(t->zones[1].name, "front door");
    t->zones[1].dwell_us = 1500 * US_PER_MS;
    t->zones[1].entered = t->first;
    t->crossing_count = 1;
    t->crossings[0] = (struct crossing){.name = "gate", .direction = 1, .at = t->last};
    e->sighting_count = 2;
    e->sightings[0].at = t->first;
    e->sightings[1].at = t->last;
    e->verdict.score = 64;
    STR_COPY(e->verdict.scorer, "rules 1");
    STR_COPY(e->verdict.summary, "a person at the front door");
    e->verdict.reason_count = 1;
    struct reason *r = &e->verdict.reasons[0];
    STR_COPY(r->rule, "entry_zone");
    r->points = 25;
    STR_COPY(r->text, "person in front door");
    r->track = t->id;
    r->at = t->first;
    return e;
}

/* The next change of an event: a new revision, with one new sighting. */
FIXTURE struct event *sample_update(const struct event *before, bool close)
{
    struct event *e = event_copy(before);
    e->revision++;
    e->end_us += 200 * US_PER_MS;
    e->wall_end_us += 200 * US_PER_MS;
    e->tracks[0].last.pts_us = e->end_us;
    e->tracks[0].last.wall_us = e->wall_end_us;
    e->sighting_count = 1;
    e->sightings[0].track = 0;
    e->sightings[0].at = e->tracks[0].last;
    if (close) {
        e->state = EVENT_CLOSED;
        e->close_reason = CLOSE_QUIET;
    }
    return e;
}

/* Opens and closes one event in the store; gives its id. */
FIXTURE struct uuid put_closed(struct fixture *f, const char *camera)
{
    struct event *first = sample_event(f, camera);
    struct uuid id = first->id;
    struct event *last = sample_update(first, true);
    store_put_event(f->store, first);
    store_put_event(f->store, last);
    return id;
}

/* A number straight from the database, past everything that is tested. */
FIXTURE int64_t ask(const struct fixture *f, const char *sql)
{
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    sqlite3 *db;
    CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

/* Files below pictures/, counted and added up. */
struct disk {
    int directories, files;
    int64_t bytes;
};

FIXTURE struct disk disk_usage(const struct fixture *f)
{
    struct disk d = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/pictures", f->dir);
    DIR *pictures = opendir(path);
    for (struct dirent *entry; pictures && (entry = readdir(pictures));) {
        if (entry->d_name[0] == '.')
            continue;
        d.directories++;
        char event[600];
        snprintf(event, sizeof event, "%s/%s", path, entry->d_name);
        DIR *files = opendir(event);
        for (struct dirent *file; files && (file = readdir(files));) {
            char name[900];
            struct stat st;
            snprintf(name, sizeof name, "%s/%s", event, file->d_name);
            if (file->d_name[0] == '.' || stat(name, &st) != 0)
                continue;
            d.files++;
            d.bytes += st.st_size;
        }
        if (files)
            closedir(files);
    }
    if (pictures)
        closedir(pictures);
    return d;
}
