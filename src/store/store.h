/* Stage 8: keep it. One thread owns the only write connection; changes are committed in groups,
 * event and outbox row in one transaction, and published after the commit. Reading goes through
 * handles of its own, one per reading thread. Snapshots are files next to the database, written
 * before the row that names them. The only room with SQL. */
#pragma once

#include "base/json.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "model/camera_event.h"
#include "model/event.h"
#include "model/feedback.h"
#include "model/judgement.h"
#include "model/parked.h"
#include "model/run.h"
#include "model/upload.h"

struct store_conf {
    char path[256];     /* directory; empty: $XDG_STATE_HOME/hsi or ~/.local/state/hsi */
    int64_t keep_us;    /* events older than this are deleted, with their pictures */
    int64_t keep_bytes; /* pictures and database together; oldest events go first */
    bool snapshots;     /* write pictures at all */
    int64_t group_us;   /* longest wait for company before a commit */
};
extern const struct section store_section;

/* Where a store of that name is kept when no path is configured. */
NODISCARD bool store_default_dir(const char *name, char *out, size_t bytes, struct err *err);

struct store;

struct store_params {
    const struct store_conf *conf; /* borrowed for the store's life */
    const struct clock *clock;
    struct log log;
    struct bus *bus; /* committed changes go here; NULL: nowhere */
};

/* Opens or creates the database, migrates it, starts the writer thread. Fails with ERR_DATA_LOSS
 * for a database that is damaged or newer than this program, ERR_UNAVAILABLE when another hsi holds
 * it. */
NODISCARD bool store_open(const struct store_params *params, struct store **ret, struct err *err);

/* Says that store_close follows soon: what is put is still taken and committed, but if that fails
 * two seconds from now, it is given up, and whoever waits to put an event goes on. To be called
 * before waiting for whoever puts events. Any thread; the first call counts. NULL is fine. */
void store_begin_close(struct store *store);

/* Commits what was put, stops the thread, closes. What could not be stored within the time of
 * store_begin_close, which this calls, is lost; an error in the log says how many changes. */
void store_close(struct store **store);

/* Takes the change (an event snapshot with its verdict). Blocks when the store is behind: events
 * may not be dropped, unless the store has given up. Any thread; changes of one event must come
 * from one thread, in order.
 *
 * Pictures are encoded on the store thread, some 15 ms for the two of a track and as much again for
 * the disk. News of an opening (revision 0) does not wait for them: they follow when nothing else
 * waits, and the event's next change names them. */
void store_put_event(struct store *store, struct event *event);

/* The same for what else is kept; each in the order of the calls, committed together with what
 * waits. An upload's `stored` is set after its commit, and never if that is given up or refused. A
 * camera event is published after its commit as BUS_CAMERA, {"type":"camera_event","data":{...}};
 * older than keep_us, or than a camera's newest CAMERA_EVENTS_KEPT_MAX (db.h), it goes. Shares the
 * upload; copies the rest. A camera's parked objects take the place of those put before. */
void store_put_upload(struct store *store, struct upload *upload);
void store_put_parked(struct store *store, const char *camera, const struct parked *items,
                      int count);
void store_put_camera_event(struct store *store, const struct camera_event *event);

/* --- the model's part ---
 *
 * An event put with a window and an `ask` also queues a job, in the same transaction: one per
 * event, the newest window counts. A job is there until its outcome is put; whoever works on it
 * when the process dies works on it again. A window is kept as long as its event.
 *
 * What is put here makes a change of the event from its newest, with an outbox row and a message of
 * its own (camera -1: only its name is known), but the same revision: clients take what has the
 * larger outbox number. A judgement goes on to count for later changes of the event, on top of what
 * the rules give then, until there is one of a later window. Of an event that is gone, all is
 * dropped without a word. event->judgement is the store's to fill: what is put with it is not. */

enum outcome_end {
    OUTCOME_JUDGED, /* the job is done; the event's score, level, reasons and JSON follow */
    OUTCOME_LATER,  /* again, not before not_before_wall_us */
    OUTCOME_DEAD,   /* given up: kept as a dead letter with its reason until queued again */
};

/* What came of a job. Runs are stored whatever the end, of one event the newest RUNS_KEPT_MAX
 * (db_model.h) and the one that gave its judgement. If the event has a newer window queued by then,
 * that job stays. A verdict that would not come back as it is, such as a score of 101, is stored as
 * a failure that says so. */
struct outcome {
    struct uuid event;
    int revision; /* of the window that was asked about */
    enum outcome_end end;
    int64_t not_before_wall_us;
    /* Its event, revision and state follow from the above. State and reason are shown with the
     * event whatever the end, unless it has a verdict already. */
    struct judgement judgement;
    int run_count;
    struct run runs[2]; /* owned */
};
/* Copies it, but for the runs, which it takes: none are left in outcome. */
void store_put_outcome(struct store *store, struct outcome *outcome);

/* A dead letter back into the queue; all of them if event is zero, some at a time: events go first.
 */
void store_requeue(struct store *store, const struct uuid *event);

/* All jobs that wait now become dead letters for this reason, some at a time: nobody will work on
 * them. */
void store_bury_jobs(struct store *store, const char *reason);

/* What somebody said about an event; kind < 0 takes it back. Its JSON carries it. It outlives the
 * event, without its note, so that what was learned from it stays; of events that are gone, a
 * camera's newest FEEDBACK_KEPT_MAX (db_model.h). */
void store_put_feedback(struct store *store, const struct feedback *feedback);

/* A camera's baseline: rows of bytes that mean something to risk only; key names the row, no bytes
 * delete it. Beyond BASELINE_ROWS_KEPT_MAX (db_model.h) those go that were not put for longest. */
struct baseline_row {
    char key[96];
    uint8_t data[64];
    int bytes;
};
void store_put_baseline(struct store *store, const char *camera, const struct baseline_row *rows,
                        int count);

/* Waits until everything put before is committed, pictures too, or given up; for ever, if the disk
 * never recovers and nobody closes the store. */
void store_flush(struct store *store);

#define STORE_REASON_BYTES 192

struct store_stats {
    int64_t events, commits, outbox_seq; /* outbox_seq: the newest */
    int64_t failed;                      /* commits that had to be tried again */
    int64_t set_aside;                   /* changes the database refused, whatever was tried */
    int64_t lost;                        /* changes that were given up */
    int64_t bytes;                       /* on disk, last time it was counted */
    bool failing;                        /* the last commit failed: it is tried again, or the */
    char reason[STORE_REASON_BYTES];     /* database is damaged and nothing more is stored */
};
struct store_stats store_stats(struct store *store); /* any thread */

/* --- reading: a handle per thread, never the writer's connection --- */
struct store_reader;
NODISCARD bool store_reader_open(struct store *store, struct store_reader **ret, struct err *err);
/* The same of a directory (empty: the default one) whose store another process may have open.
 * ERR_NOT_FOUND: there is none; ERR_DATA_LOSS: an older or a newer program wrote it last. */
NODISCARD bool store_reader_look(const char *dir, struct store_reader **ret, struct err *err);
void store_reader_close(struct store_reader **reader);

struct event_query {
    char camera[OPT_NAME_BYTES]; /* empty: all */
    int min_level;               /* enum risk_level; RISK_UNKNOWN: all */
    struct uuid before;          /* cursor: only events with a smaller id; zero: from the newest */
    int limit;                   /* 1..100 */
};

/* Appends the page to the open JSON object as "items": [event, ...], newest first. The event's JSON
 * is the one of event_json. *ret_next: the cursor of the next page; zero if there is none. */
NODISCARD bool store_list_events(struct store_reader *reader, const struct event_query *query,
                                 struct json *out, struct uuid *ret_next, struct err *err);

/* Appends one event, with tracks and reasons, as an object under key. ERR_NOT_FOUND. */
NODISCARD bool store_get_event(struct store_reader *reader, const struct uuid *id, struct json *out,
                               const char *key, struct err *err);

/* Events' changes after seq, oldest first, for resuming: calls fn with each outbox row until it
 * returns false or limit is reached. json is the very text the bus carried for that seq:
 * {"type":"event","data":{...}}. Of changes older than the newest OUTBOX_KEEP only each event's
 * last is kept, so sequence numbers may have holes there. */
#define OUTBOX_KEEP 10000
typedef bool store_outbox_fn(void *ctx, int64_t seq, const char *json, size_t bytes);
NODISCARD bool store_read_outbox(struct store_reader *reader, int64_t after_seq, int limit,
                                 store_outbox_fn *fn, void *ctx, struct err *err);

/* Path of an event's picture: of its best track, or of the given one; boxed: with the box drawn.
 * ERR_NOT_FOUND. out: at least 512 bytes. */
NODISCARD bool store_snapshot_path(struct store_reader *reader, const struct uuid *event,
                                   const struct uuid *track, bool boxed, char *out, size_t bytes,
                                   struct err *err);

/* Whether this camera has sent this content before; *ret_refusal (160 bytes) says why it was
 * refused then, empty if it was taken. ERR_NOT_FOUND: it is new. However old: a file may stay where
 * it is for ever. Only the number is limited, to a camera's newest UPLOADS_KEPT_MAX (db.h). */
NODISCARD bool store_find_upload(struct store_reader *reader, const char *camera,
                                 const uint8_t sha256[UPLOAD_SHA256_BYTES],
                                 char ret_refusal[UPLOAD_REFUSAL_BYTES], struct err *err);

/* What store_put_parked kept last: up to PARKED_MAX items; none is no error. ERR_DATA_LOSS, and no
 * items, if one of them is not what this program wrote: begin with an empty memory. */
NODISCARD bool store_read_parked(struct store_reader *reader, const char *camera,
                                 struct parked items[PARKED_MAX], int *ret_count, struct err *err);

/* Appends "items": [{id, camera, kind, ended, at, text}, ...], newest first. camera empty: all. */
NODISCARD bool store_list_camera_events(struct store_reader *reader, const char *camera,
                                        const struct uuid *before, int limit, struct json *out,
                                        struct uuid *ret_next, struct err *err);

/* --- reading the model's part --- */

struct job {
    struct uuid event;
    int revision;
    bool urgent;
    int score; /* of the rules */
    int tries; /* outcomes put so far that were OUTCOME_LATER */
    int64_t queued_wall_us;
    struct blob *window; /* zstd of risk/window.h; owned: job_done */
    char damage[96];     /* why window is NULL, which it is only then */
};
void job_done(struct job *job);

/* Up to max jobs that may be worked on at now_wall_us: urgent ones first, then the highest score,
 * then the newest; skip lists events that are being worked on. What was put off for more than a day
 * was so by a clock that was wrong, and may be worked on. One whose window cannot be read is among
 * them, with its damage: whoever takes it puts an OUTCOME_DEAD, or it comes again. */
NODISCARD bool store_next_jobs(struct store_reader *reader, int64_t now_wall_us,
                               const struct uuid *skip, int skip_count, struct job *ret, int max,
                               int *ret_count, struct err *err);

/* Whether the job waits just as it was read: no outcome of it is committed yet,
 * and it was not queued again. */
NODISCARD bool store_job_waits(struct store_reader *reader, const struct job *job, bool *ret,
                               struct err *err);

struct job_counts {
    int64_t waiting, dead;
    int64_t oldest_wall_us; /* of the waiting; TIME_UNKNOWN: none */
};
NODISCARD bool store_count_jobs(struct store_reader *reader, struct job_counts *ret,
                                struct err *err);
/* Appends "items": [{event_id, camera, state, urgent, score, tries, reason, queued_at, not_before},
 * ...],
 * dead ones only if asked so; newest first. */
NODISCARD bool store_list_jobs(struct store_reader *reader, bool dead_only,
                               const struct uuid *before, int limit, struct json *out,
                               struct uuid *ret_next, struct err *err);

/* The window of a closed (or urgently asked) event, zstd. ERR_NOT_FOUND. */
NODISCARD bool store_read_window(struct store_reader *reader, const struct uuid *event,
                                 struct blob **ret, struct err *err);
/* Windows of events made since, oldest first: fn returns false to stop, and may take its time. */
typedef bool store_window_fn(void *ctx, const struct uuid *event, const struct blob *window);
NODISCARD bool store_read_windows(struct store_reader *reader, int64_t since_wall_us,
                                  store_window_fn *fn, void *ctx, struct err *err);

/* An event's runs, oldest first; run is borrowed for the call. */
typedef bool store_run_fn(void *ctx, const struct run *run);
NODISCARD bool store_read_runs(struct store_reader *reader, const struct uuid *event,
                               store_run_fn *fn, void *ctx, struct err *err);

/* All feedback that concerns a camera, one row per zone and label of its events, newest events
 * first; and everything, as "items": [{event_id, camera, kind, note, at}], newest events first. */
NODISCARD bool store_read_feedback(struct store_reader *reader, const char *camera,
                                   struct feedback_row *ret, int max, int *ret_count,
                                   struct err *err);
NODISCARD bool store_list_feedback(struct store_reader *reader, const struct uuid *before,
                                   int limit, struct json *out, struct uuid *ret_next,
                                   struct err *err);

typedef bool store_baseline_fn(void *ctx, const struct baseline_row *row);
NODISCARD bool store_read_baseline(struct store_reader *reader, const char *camera,
                                   store_baseline_fn *fn, void *ctx, struct err *err);

/* One JSON form of an event everywhere: API, WebSocket, outbox, analyze. Picture addresses
 * ("snapshot" of a track) are null unless the store has put the picture on disk. Any thread. */
void event_json(struct json *out, const char *key, const struct event *event);
