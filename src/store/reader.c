/* Reading for everybody else: a read-only handle of one's own, so that nobody waits for the writer.
 */
#include "store/db_check.h"
#include "store/event_json.h"
#include "store/internal.h"
#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX   100
#define OUTBOX_MAX 10000

bool store_reader_open(struct store *store, struct store_reader **ret, struct err *err)
{
    AUTO(store_reader_close) struct store_reader *r = NEW(struct store_reader);
    STR_COPY(r->dir, store->dir);
    if (!db_open_reader(r->dir, &r->db, err))
        return err_wrap(err, "store");
    *ret = TAKE(r);
    return true;
}

bool store_reader_look(const char *dir, struct store_reader **ret, struct err *err)
{
    AUTO(store_reader_close) struct store_reader *r = NEW(struct store_reader);
    if (!store_dir(dir, r->dir, err) || !store_exists(r->dir, err) ||
        !db_open_looker(r->dir, &r->db, err) || !db_check_version(r->db, err))
        return err_wrap(err, "store");
    *ret = TAKE(r);
    return true;
}

void store_reader_close(struct store_reader **reader)
{
    if (!*reader)
        return;
    db_close(&(*reader)->db);
    free(*reader);
    *reader = NULL;
}

struct page {
    struct json *out;
    int limit, count;
    struct uuid last; /* on this page */
    bool more;
};

static void add_to_page(void *ctx, const struct uuid *id, const char *json)
{
    struct page *page = ctx;
    if (page->count == page->limit) {
        page->more = true;
        return;
    }
    json_raw(page->out, NULL, json);
    page->last = *id;
    page->count++;
}

bool reader_check_limit(int limit, struct err *err)
{
    return (limit >= 1 && limit <= LIST_MAX) ||
           err_set(err, ERR_INVALID, "limit: %d is out of range, allowed: 1 to %d", limit,
                   LIST_MAX);
}

bool store_list_events(struct store_reader *r, const struct event_query *query, struct json *out,
                       struct uuid *ret_next, struct err *err)
{
    if (!reader_check_limit(query->limit, err))
        return false;
    struct page page = {.out = out, .limit = query->limit};
    json_begin_array(out, "items");
    /* One more than asked for tells whether there is a next page. */
    bool ok = db_list_events(r->db, query, query->limit + 1, add_to_page, &page, err);
    json_end_array(out);
    *ret_next = page.more ? page.last : (struct uuid){0};
    return ok;
}

struct member {
    struct json *out;
    const char *key;
};

static void add_member(void *ctx, const struct uuid *id, const char *json)
{
    (void)id;
    struct member *member = ctx;
    json_raw(member->out, member->key, json);
}

bool store_get_event(struct store_reader *r, const struct uuid *id, struct json *out,
                     const char *key, struct err *err)
{
    struct member member = {out, key};
    return db_get_event(r->db, id, add_member, &member, err);
}

struct wrapped {
    store_outbox_fn *fn;
    void *ctx;
    struct json json;
};

static bool wrap_row(void *ctx, int64_t seq, const char *json)
{
    struct wrapped *w = ctx;
    json_reset(&w->json);
    event_message_json(&w->json, json);
    return w->fn(w->ctx, seq, w->json.text, w->json.bytes);
}

bool store_read_outbox(struct store_reader *r, int64_t after_seq, int limit, store_outbox_fn *fn,
                       void *ctx, struct err *err)
{
    struct wrapped w = {.fn = fn, .ctx = ctx};
    json_init(&w.json);
    bool ok = db_read_outbox(r->db, after_seq, CLAMP(limit, 0, OUTBOX_MAX), wrap_row, &w, err);
    json_done(&w.json);
    return ok;
}

bool store_snapshot_path(struct store_reader *r, const struct uuid *event, const struct uuid *track,
                         bool boxed, char *out, size_t bytes, struct err *err)
{
    static const struct uuid any;
    struct uuid found;
    if (!db_find_snapshot(r->db, event, track ? track : &any, &found, err))
        return false;
    return snapshot_path(r->dir, event, &found, boxed, out, bytes) ||
           err_set(err, ERR_INTERNAL, "picture path longer than %zu bytes", bytes);
}

bool store_find_upload(struct store_reader *r, const char *camera,
                       const uint8_t sha256[UPLOAD_SHA256_BYTES],
                       char ret_refusal[UPLOAD_REFUSAL_BYTES], struct err *err)
{
    return db_find_upload(r->db, camera, sha256, ret_refusal, err);
}

bool store_read_parked(struct store_reader *r, const char *camera, struct parked items[PARKED_MAX],
                       int *ret_count, struct err *err)
{
    struct parked_list list;
    STR_COPY(list.camera, camera);
    *ret_count = 0;
    if (!db_read_parked(r->db, &list, err))
        return err_wrap(err, "what stands still at camera %s", camera);
    memcpy(items, list.items, (size_t)list.count * sizeof *items);
    *ret_count = list.count;
    return true;
}

static void add_camera_event(void *ctx, const struct camera_event *event)
{
    struct page *page = ctx;
    if (page->count == page->limit) {
        page->more = true;
        return;
    }
    camera_event_json(page->out, NULL, event);
    page->last = event->id;
    page->count++;
}

bool store_list_camera_events(struct store_reader *r, const char *camera, const struct uuid *before,
                              int limit, struct json *out, struct uuid *ret_next, struct err *err)
{
    if (!reader_check_limit(limit, err))
        return false;
    struct page page = {.out = out, .limit = limit};
    json_begin_array(out, "items");
    bool ok = db_list_camera_events(r->db, camera, before, limit + 1, add_camera_event, &page, err);
    json_end_array(out);
    *ret_next = page.more ? page.last : (struct uuid){0};
    return ok;
}
