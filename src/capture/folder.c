/* A folder that a camera uploads to, as a source of recordings.
 *
 * Each content is looked at once. A file is remembered by itself (folder_known.h) while the program
 * runs, and by its SHA-256 in the store for good; it counts as done only when the store has
 * committed the upload that travels behind its last picture. Until then it stays where it is, so
 * whatever breaks, it is found again. */
#include "capture/capture.h"
#include "capture/folder_file.h"
#include "capture/folder_picture.h"
#include "capture/folder_settle.h"
#include "capture/timeline.h"

#include <libavcodec/packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER_URL       "folder:"
#define IN_FLIGHT_MAX    256 /* files on their way to the store */
#define CHECK_PACKETS    64  /* of a clip, in which a picture must have been decoded */
#define CLIP_LONGEST_US  (INT64_C(86400) * US_PER_S)
#define PACKET_BYTES_MAX (64 << 20) /* of a clip: what claims more is damaged */
#define BLIND_US         (1 * US_PER_S)
#define SLICE_US         (200 * US_PER_MS) /* stop is noticed after it */
#define STORED_SLICE_US  (50 * US_PER_MS)  /* the store's word is noticed after it */
#define PENDING_MAX_US   (60 * US_PER_S)   /* an upload that takes longer does not hold up time */
#define AGAIN_US         (60 * US_PER_S)   /* until what failed is tried again */
#define REFUSED_REST_US  (10 * US_PER_S)   /* a refused file may yet be written on */
#define REFUSALS_TOLD    20                /* in the log, a minute */

struct in_flight {
    struct upload *upload; /* shared by those of the same content */
    char *path;
    struct file_id id;
};

struct folder {
    const struct capture_params *params;
    struct capture_uploads counts;

    /* outlives a reconnection */
    struct known *known;
    struct in_flight flying[IN_FLIGHT_MAX];
    int flying_count;
    struct stream *still_stream;
    int64_t told_from_us; /* the minute in which refusals are counted */
    int told;
    bool told_full;
    int64_t settle_from_us; /* not tried before, because it failed */

    /* from open to close */
    const atomic_bool *stop;
    struct watch *watch;
    struct watch_batch batch;
    int batch_next;
    enum camera_cause cause;
    int64_t blind_us;         /* when time was told last */
    bool began;               /* something was given out */
    int64_t waiting_since_us; /* files wait; TIME_UNKNOWN: none */

    /* the file that is being read */
    struct watch_item item; /* its path owned */
    struct folder_file file;
    struct packet *ready[CHECK_PACKETS + 1]; /* to be given out */
    int ready_next, ready_count;
    void *clip; /* state of capture_lavf; NULL: no clip is open */
    struct capture_conf clip_conf;
    struct timeline clip_time;
    int64_t clip_wall_us; /* its zero */
    bool clip_began;
};

static int64_t now_us(const struct folder *f)
{
    return clock_mono_us(f->params->clock);
}

/* --- accounts --- */

static void tell_refusal(struct folder *f, const char *path, const char *why)
{
    char name[UPLOAD_NAME_BYTES];
    picture_show_name(name, sizeof name, path);
    snprintf(f->counts.last_refusal, sizeof f->counts.last_refusal, "%s: %s", name, why);
    if (now_us(f) - f->told_from_us > 60 * US_PER_S) {
        f->told_from_us = now_us(f);
        f->told = 0;
    }
    f->told++;
    if (f->told < REFUSALS_TOLD)
        log_warn(&f->params->log, "refused %s: %s", name, why);
    else if (f->told == REFUSALS_TOLD)
        log_warn(&f->params->log, "refused %s: %s; more of this minute are not told here", name,
                 why);
}

/* Moves, deletes or leaves a file that the store knows. What fails is told once, and no other is
 * tried for a while. */
static void settle(struct folder *f, const char *path, struct known_file *k)
{
    int after = f->params->conf->after;
    k->at_us = now_us(f) + AGAIN_US;
    if (after == AFTER_KEEP)
        k->at_us = INT64_MAX;
    if (after == AFTER_KEEP || now_us(f) < f->settle_from_us)
        return;
    struct err err = {0};
    bool refused = k->state == KNOWN_REFUSED;
    int root = watch_root(f->watch);
    bool ok = after == AFTER_DELETE && !refused
                  ? settle_delete(root, path, &k->id, &err)
                  : settle_move(root, path, &k->id, refused ? SETTLE_REFUSED : SETTLE_DONE, &err);
    if (!ok && !f->counts.unmoved[0])
        log_err(&f->params->log, LOG_WARN, &err);
    if (!ok)
        f->settle_from_us = now_us(f) + AGAIN_US;
    STR_COPY(f->counts.unmoved, ok ? "" : err.msg);
}

/* A file that the store knows, or that it knew before. */
static void conclude(struct folder *f, const char *path, const struct file_id *id, bool refused)
{
    struct known_file *k = known_find(f->known, id);
    if (!k)
        return; /* changed since: it is looked at anew */
    k->state = refused ? KNOWN_REFUSED : KNOWN_DONE;
    k->at_us = now_us(f) + REFUSED_REST_US;
    if (!refused)
        settle(f, path, k);
}

static void settle_stored(struct folder *f)
{
    for (int i = 0; i < f->flying_count;) {
        struct in_flight *flight = &f->flying[i];
        if (!atomic_load_explicit(&flight->upload->stored, memory_order_acquire)) {
            i++;
            continue;
        }
        conclude(f, flight->path, &flight->id, flight->upload->refusal[0]);
        upload_unref(&flight->upload);
        free(flight->path);
        *flight = f->flying[--f->flying_count];
    }
}

static void fly(struct folder *f, struct upload *upload)
{
    struct known_file *k = known_find(f->known, &f->item.id);
    if (k)
        k->state = KNOWN_TAKEN;
    ASSERT(f->flying_count < IN_FLIGHT_MAX);
    f->flying[f->flying_count++] = (struct in_flight){upload, f->item.path, f->item.id};
    f->item.path = NULL;
}

/* --- one file --- */

static void close_clip(struct folder *f)
{
    if (f->clip)
        capture_lavf.close(f->clip);
    free(f->clip);
    f->clip = NULL;
}

static void drop_ready(struct folder *f)
{
    while (f->ready_next < f->ready_count)
        packet_unref(&f->ready[f->ready_next++]);
    f->ready_next = f->ready_count = 0;
}

static void close_file(struct folder *f)
{
    close_clip(f);
    file_close(&f->file);
    free(f->item.path);
    f->item.path = NULL;
}

/* The last packet of a file: what was before belongs to it. */
static void end_file(struct folder *f, const char *refusal)
{
    struct upload *upload = upload_new();
    STR_COPY(upload->camera, f->params->name);
    picture_show_name(upload->name, sizeof upload->name, f->item.path);
    memcpy(upload->sha256, f->file.sha256, sizeof upload->sha256);
    upload->bytes = f->file.id.bytes;
    upload->wall_us = f->file.written_us;
    STR_COPY(upload->refusal, refusal);
    struct packet *p = packet_new(NULL, NULL);
    p->upload = upload_ref(upload);
    p->wall_us = f->file.written_us;
    f->ready[f->ready_count++] = p;
    if (refusal[0]) {
        f->counts.refused++;
        tell_refusal(f, f->item.path, refusal);
    } else {
        f->counts.accepted++;
    }
    fly(f, upload);
    close_file(f);
}

static void refuse(struct folder *f, const struct err *err)
{
    drop_ready(f);
    char refusal[UPLOAD_REFUSAL_BYTES];
    STR_COPY(refusal, err->msg);
    end_file(f, refusal);
}

/* Not now, but not for ever either. */
static void postpone(struct folder *f, const struct err *err)
{
    struct known_file *k = known_find(f->known, &f->item.id);
    if (k && err->code == ERR_UNAVAILABLE) {
        k->at_us = now_us(f) + AGAIN_US;
        tell_refusal(f, f->item.path, err->msg);
    } else if (k) {
        k->at_us = now_us(f); /* it must come to rest again */
    }
    drop_ready(f);
    close_file(f);
}

static void give_up(struct folder *f, const struct err *err)
{
    if (err->code == ERR_INVALID || err->code == ERR_DATA_LOSS)
        refuse(f, err);
    else
        postpone(f, err);
}

/* Whether this content is known, or on its way. */
static bool is_duplicate(struct folder *f)
{
    const struct capture_params *params = f->params;
    for (int i = 0; i < f->flying_count; i++) {
        struct upload *u = f->flying[i].upload;
        if (memcmp(u->sha256, f->file.sha256, sizeof u->sha256) != 0)
            continue;
        f->counts.duplicates++;
        fly(f, upload_ref(u));
        return true;
    }
    char refusal[UPLOAD_REFUSAL_BYTES] = "";
    if (!params->upload_find ||
        !params->upload_find(params->upload_ctx, params->name, f->file.sha256, refusal))
        return false;
    if (refusal[0]) {
        f->counts.refused++;
        tell_refusal(f, f->item.path, refusal);
    } else {
        f->counts.duplicates++;
    }
    conclude(f, f->item.path, &f->item.id, refusal[0]);
    return true;
}

static bool read_still(struct folder *f, struct err *err)
{
    struct packet *p;
    if (!file_read_still(&f->file, &f->still_stream, &p, err))
        return false;
    p->gap = true;
    f->ready[f->ready_count++] = p;
    if (!file_is_unchanged(&f->file))
        return err_set(err, ERR_NOT_FOUND, "it changed while it was read");
    end_file(f, "");
    return true;
}

/* The clip's next picture with its wall time. *ret NULL: it is over. */
static bool next_picture(struct folder *f, struct packet **ret, struct err *err)
{
    AUTO(packet_unref) struct packet *p = NULL;
    *ret = NULL;
    if (!capture_lavf.read(f->clip, &p, err))
        return false;
    if (!p)
        return true;
    if (p->av->size > PACKET_BYTES_MAX)
        return err_set(err, ERR_DATA_LOSS, "a picture of %d MiB", p->av->size >> 20);
    if (!f->clip_began) {
        bool known = p->wall_us != TIME_UNKNOWN && p->pts_us != TIME_UNKNOWN;
        int64_t claimed_us = known ? p->wall_us - p->pts_us : TIME_UNKNOWN;
        int64_t length_us = capture_lavf.duration_us(f->clip);
        length_us = length_us == TIME_UNKNOWN ? 0 : MIN(length_us, CLIP_LONGEST_US);
        f->clip_wall_us = picture_wall_us(claimed_us, f->file.written_us - length_us);
    }
    bool jump;
    p->pts_us = timeline_map(&f->clip_time, p->pts_us, 0, &jump);
    if (p->pts_us > CLIP_LONGEST_US)
        return err_set(err, ERR_DATA_LOSS, "longer than a day");
    p->wall_us = f->clip_wall_us + p->pts_us;
    p->gap = jump || !f->clip_began;
    f->clip_began = true;
    *ret = TAKE(p);
    return true;
}

/* Reads until the first picture has been decoded: a clip that shows nothing is refused, not taken
 * for one in which nothing happens. */
static bool check_clip(struct folder *f, struct err *err)
{
    AUTO(clip_check_free) struct clip_check *check = NULL;
    struct err broken = {0};
    struct packet *p = NULL;
    while (f->ready_count < CHECK_PACKETS && next_picture(f, &p, &broken) && p) {
        f->ready[f->ready_count++] = p;
        if (!check)
            check = clip_check_new(p->stream);
        if (clip_check_decodes(check, p))
            return true;
    }
    if (broken.code == ERR_CANCELLED || (broken.code != ERR_NONE && !check)) {
        *err = broken;
        return false;
    }
    if (!check)
        return err_set(err, ERR_INVALID, "there are no pictures in it");
    return clip_check_decodes(check, NULL) ||
           err_set(err, ERR_INVALID, "its pictures cannot be decoded");
}

static bool open_clip(struct folder *f, struct err *err)
{
    f->clip = xcalloc(1, capture_lavf.priv_size);
    f->clip_conf = *f->params->conf;
    STR_COPY(f->clip_conf.url, f->file.path);
    f->clip_conf.formats = file_clip_formats;
    f->clip_began = false;
    timeline_init(&f->clip_time, TIMELINE_OFFLINE);
    if (capture_lavf.open(f->clip, &f->clip_conf, f->stop, err) && check_clip(f, err))
        return true;
    /* What libavformat does not read is no clip, whatever it calls it. */
    if (err->code != ERR_CANCELLED)
        err->code = ERR_INVALID;
    return false;
}

/* Examines the item; what comes of it is in ready, in clip, or nowhere (known, or not now). */
static void begin_file(struct folder *f)
{
    struct err err = {0};
    int64_t wall_us = clock_wall_us(f->params->clock);
    bool ok = file_open(watch_root(f->watch), &f->item, wall_us, &f->file, &err) &&
              file_hash(&f->file, f->stop, &err);
    if (ok && is_duplicate(f)) {
        close_file(f);
        return;
    }
    ok = ok && file_recognise(&f->file, &err) &&
         (f->file.still ? read_still(f, &err) : open_clip(f, &err));
    if (!ok)
        give_up(f, &err);
}

/* One more picture of the open clip, or its end, into ready. */
static void read_on(struct folder *f)
{
    struct err err = {0};
    struct packet *p = NULL;
    if (next_picture(f, &p, &err) && p) {
        f->ready[f->ready_count++] = p;
        return;
    }
    if (err.code == ERR_CANCELLED)
        return;
    char name[UPLOAD_NAME_BYTES];
    picture_show_name(name, sizeof name, f->item.path);
    if (err.code != ERR_NONE)
        log_warn(&f->params->log, "%s: %s; what was before it counts", name, err.msg);
    else if (!file_is_unchanged(&f->file))
        log_warn(&f->params->log, "%s changed while it was read", name);
    end_file(f, "");
}

/* --- the source --- */

static bool folder_accepts(const char *url)
{
    return strncmp(url, FOLDER_URL, strlen(FOLDER_URL)) == 0;
}

static bool folder_check(const char *url, struct err *err)
{
    if (url[strlen(FOLDER_URL)])
        return true;
    err_set(err, ERR_INVALID, "the folder has no path");
    err_hint(err, "write folder:/srv/uploads/porch");
    return false;
}

static bool folder_live(const char *url)
{
    (void)url;
    return true;
}

static bool folder_is_file(const char *url)
{
    (void)url;
    return false;
}

static bool folder_open(void *priv, const struct capture_conf *conf, const atomic_bool *stop,
                        struct err *err)
{
    struct folder *f = priv;
    f->stop = stop;
    f->cause = CAUSE_NONE;
    f->waiting_since_us = TIME_UNKNOWN;
    f->blind_us = INT64_MIN / 2;
    f->began = false;
    if (watch_open(conf->url + strlen(FOLDER_URL), &f->watch, err))
        return true;
    f->cause = err->code == ERR_NOT_FOUND ? CAUSE_MISSING : CAUSE_REFUSED;
    return false;
}

static void folder_close(void *priv)
{
    struct folder *f = priv;
    drop_ready(f);
    close_file(f);
    for (int i = 0; i < f->batch_next; i++)
        f->batch.items[i].path = NULL; /* handed on */
    watch_batch_clear(&f->batch);
    f->batch_next = 0;
    watch_close(&f->watch);
}

/* The next file of the batch. */
static void take_next(struct folder *f)
{
    struct watch_item *item = &f->batch.items[f->batch_next++];
    watch_took(f->watch, item);
    f->item = *item;
    item->path = NULL;
    if (item->state == KNOWN_WAITING) {
        begin_file(f);
        return;
    }
    struct known_file *k = known_find(f->known, &item->id);
    if (k && k->state == item->state)
        settle(f, f->item.path, k);
    close_file(f);
}

static bool scan(struct folder *f, struct err *err)
{
    watch_batch_clear(&f->batch);
    f->batch_next = 0;
    if (!watch_scan(f->watch, f->known, now_us(f), &f->batch, err)) {
        f->cause = err->code == ERR_NOT_FOUND ? CAUSE_MISSING : CAUSE_REFUSED;
        return false;
    }
    if (watch_waiting(f->watch) == 0)
        f->waiting_since_us = TIME_UNKNOWN;
    else if (f->waiting_since_us == TIME_UNKNOWN)
        f->waiting_since_us = now_us(f);
    bool full = watch_is_full(f->watch);
    if (full && !f->told_full)
        log_warn(&f->params->log,
                 "more than %d folders or %d files: the oldest folders are not looked at (let "
                 "files be moved or deleted, or clear old ones away)",
                 WATCH_FOLDERS_MAX, KNOWN_FILES_MAX);
    f->told_full = full;
    return true;
}

/* Once a second: that nothing more happened up to a moment ago, or until what waits was found.
 * NULL: not now. */
static struct packet *tell_time(struct folder *f)
{
    int64_t waits_us = f->waiting_since_us == TIME_UNKNOWN ? 0 : now_us(f) - f->waiting_since_us;
    bool pending = f->waiting_since_us != TIME_UNKNOWN && waits_us < PENDING_MAX_US;
    /* What lies here from before the start is older than any time that could be told. */
    bool held_back = (pending && !f->began) || f->batch_next < f->batch.count;
    if (held_back || now_us(f) - f->blind_us < BLIND_US)
        return NULL;
    f->blind_us = now_us(f);
    struct packet *p = packet_new(NULL, NULL);
    p->blind = true;
    if (pending)
        p->wall_us = clock_wall_us(f->params->clock) - waits_us;
    return p;
}

static void wait(struct folder *f, bool room)
{
    int64_t timeout_us = f->flying_count > 0 ? STORED_SLICE_US : SLICE_US;
    if (room)
        watch_wait(f->watch, f->params->clock, timeout_us);
    else /* what is due in the folder has to wait for the store */
        poll(NULL, 0, (int)(timeout_us / US_PER_MS));
}

static bool folder_read(void *priv, struct packet **ret, struct err *err)
{
    struct folder *f = priv;
    while (!atomic_load_explicit(f->stop, memory_order_relaxed)) {
        if (f->ready_next < f->ready_count) {
            *ret = f->ready[f->ready_next++];
            f->began = true;
            return true;
        }
        f->ready_next = f->ready_count = 0;
        settle_stored(f);
        bool room = f->flying_count < IN_FLIGHT_MAX;
        if (f->clip) {
            read_on(f);
        } else if (room && f->batch_next < f->batch.count) {
            take_next(f);
        } else if (room && now_us(f) >= watch_due_us(f->watch)) {
            if (!scan(f, err))
                return false;
        } else if ((*ret = tell_time(f))) {
            f->began = true;
            return true;
        } else {
            wait(f, room);
        }
    }
    return err_set(err, ERR_CANCELLED, "stopped");
}

static enum camera_cause folder_cause(const void *priv)
{
    const struct folder *f = priv;
    return f->cause;
}

static void folder_attach(void *priv, const struct capture_params *params)
{
    struct folder *f = priv;
    f->params = params;
    f->known = known_new();
    f->file.fd = -1;
    f->counts.active = true;
    f->settle_from_us = f->told_from_us = INT64_MIN / 2;
}

static void folder_report(const void *priv, struct capture_uploads *ret)
{
    const struct folder *f = priv;
    *ret = f->counts;
    ret->waiting = watch_waiting(f->watch);
}

static void folder_detach(void *priv)
{
    struct folder *f = priv;
    for (int i = 0; i < f->flying_count; i++) {
        upload_unref(&f->flying[i].upload);
        free(f->flying[i].path);
    }
    stream_unref(&f->still_stream);
    known_free(&f->known);
}

static const struct capture_recorded folder_recorded = {
    .attach = folder_attach,
    .report = folder_report,
    .detach = folder_detach,
};

const struct capture_ops capture_folder = {
    .name = "folder",
    .priv_size = sizeof(struct folder),
    .accepts = folder_accepts,
    .check = folder_check,
    .open = folder_open,
    .read = folder_read,
    .close = folder_close,
    .cause = folder_cause,
    .live = folder_live,
    .is_file = folder_is_file,
    .recorded = &folder_recorded,
};
