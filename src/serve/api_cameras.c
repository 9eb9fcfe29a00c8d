#include "serve/internal.h"

#include "model/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A live picture ready to send. Every viewer of a camera asks for the same frames some times a
 * second; the encoder runs once for all of them. */
struct snapshot {
    int camera, width;
    bool boxed;
    int64_t seq, arrived_us; /* of the frame: seq alone starts again with a new session */
    int64_t used;            /* higher: more recently */
    struct bytes *jpeg;
};

struct snapshots {
    int64_t uses;
    struct snapshot items[SNAPSHOT_CACHE];
};

struct snapshots *snapshots_new(void)
{
    return NEW(struct snapshots);
}

void snapshots_free(struct snapshots **snapshots)
{
    struct snapshots *s = *snapshots;
    *snapshots = NULL;
    if (!s)
        return;
    for (int i = 0; i < SNAPSHOT_CACHE; i++)
        bytes_unref(&s->items[i].jpeg);
    free(s);
}

/* The place of that picture, or the one unused for the longest time. */
static struct snapshot *snapshot_place(struct snapshots *s, int camera, int width, bool boxed)
{
    struct snapshot *oldest = &s->items[0];
    for (int i = 0; i < SNAPSHOT_CACHE; i++) {
        struct snapshot *item = &s->items[i];
        if (item->jpeg && item->camera == camera && item->width == width && item->boxed == boxed)
            return item;
        if (item->used < oldest->used)
            oldest = item;
    }
    bytes_unref(&oldest->jpeg);
    *oldest = (struct snapshot){.camera = camera, .width = width, .boxed = boxed};
    return oldest;
}

/* The configured name nearest to a mistyped one, into out; names are only known as JSON here. */
static bool nearest_camera(const struct serve_source *source, const char *name,
                           char out[OPT_NAME_BYTES])
{
    char texts[CAMERAS_FILTER_MAX][OPT_NAME_BYTES];
    const char *names[CAMERAS_FILTER_MAX + 1] = {0};
    int count = MIN(source->camera_count(source->ctx), CAMERAS_FILTER_MAX);
    int known = 0;
    struct json j;
    json_init(&j);
    for (int i = 0; i < count; i++) {
        json_reset(&j);
        source->camera_json(source->ctx, i, &j);
        if (member_text(j.text, j.bytes, NULL, "name", texts[known], OPT_NAME_BYTES)) {
            names[known] = texts[known];
            known++;
        }
    }
    json_done(&j);
    const char *nearest = suggest(name, names);
    return nearest && str_copy(out, OPT_NAME_BYTES, nearest);
}

int camera_find(const struct serve *serve, const char *name, struct err *err)
{
    const struct serve_source *source = &serve->params.source;
    int camera = source->camera_index(source->ctx, name);
    if (camera >= 0)
        return camera;
    char nearest[OPT_NAME_BYTES];
    (void)err_set(err, ERR_NOT_FOUND, "no camera '%.60s'", name);
    if (nearest_camera(source, name, nearest))
        err_hint(err, "did you mean '%s'?", nearest);
    else
        err_hint(err, "GET /api/cameras lists the names");
    return -1;
}

void api_cameras(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)request;
    const struct serve_source *source = &serve->params.source;
    int count = source->camera_count(source->ctx);
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "items");
    for (int i = 0; i < count; i++)
        source->camera_json(source->ctx, i, &j);
    json_end_array(&j);
    json_begin_object(&j, "pagination"); /* one envelope for every list; all cameras fit one page */
    json_int(&j, "limit", count);
    json_put_null(&j, "next_cursor");
    json_bool(&j, "has_more", false);
    json_end_object(&j);
    json_end_object(&j);
    reply_json(reply, &j);
    json_done(&j);
}

void api_camera(struct serve *serve, struct request *request, struct reply *reply)
{
    const struct serve_source *source = &serve->params.source;
    struct err err = {0};
    int camera = camera_find(serve, request->path_params[0], &err);
    if (camera < 0) {
        reply_error(reply, &serve->log, &err);
        return;
    }
    struct json j;
    json_init(&j);
    source->camera_json(source->ctx, camera, &j);
    reply_json(reply, &j);
    json_done(&j);
}

/* The frame with its boxes, no wider than width (0: as it is), as a JPEG. */
static bool encode(const struct frame *frame, const struct detections *boxes, int width,
                   struct bytes **ret, struct err *err)
{
    AUTO(frame_unref) struct frame *scaled = NULL;
    AUTO(frame_unref) struct frame *drawn = NULL;
    AUTO(free_ptr) uint8_t *jpeg = NULL;
    size_t bytes = 0;
    const struct frame *from = frame;
    if (width > 0 && width < frame->width) {
        scaled = picture_scaled(from, width);
        if (!scaled)
            return err_set(err, ERR_EXHAUSTED, "no memory for a picture %d px wide", width);
        from = scaled;
    }
    if (boxes && boxes->count > 0) {
        struct picture_box marks[DETECTIONS_MAX];
        char texts[DETECTIONS_MAX][PICTURE_TEXT_BYTES];
        for (int i = 0; i < boxes->count; i++) {
            const struct detection *d = &boxes->items[i];
            marks[i] = (struct picture_box){d->box, picture_label(texts[i], d->label, d->score),
                                            label_kind(d->label)};
        }
        drawn = picture_annotated(from, marks, boxes->count);
        if (!drawn)
            return err_set(err, ERR_EXHAUSTED, "no memory to draw on a picture");
        from = drawn;
    }
    if (!picture_jpeg(from, SNAPSHOT_QUALITY, &jpeg, &bytes, err))
        return false;
    *ret = bytes_from(jpeg, bytes);
    return true;
}

struct picture_wish {
    int width;
    bool boxed;
};

static bool parse_wish(const struct request *request, struct picture_wish *ret, struct err *err)
{
    return params_bool(&request->params, "boxes", &ret->boxed, err) &&
           params_int(&request->params, "width", SNAPSHOT_WIDTH_MIN, SNAPSHOT_WIDTH_MAX,
                      &ret->width, err);
}

static void answer_snapshot(struct serve *serve, const struct snapshot *snapshot,
                            const struct request *request, struct reply *reply)
{
    (void)serve;
    reply->status = 200;
    reply->type = "image/jpeg";
    reply->cache = "no-cache";
    snprintf(reply->etag, sizeof reply->etag, "\"%llx-%llx\"",
             (unsigned long long)snapshot->arrived_us, (unsigned long long)snapshot->seq);
    reply->blob = bytes_ref(snapshot->jpeg);
    reply->data = snapshot->jpeg->data;
    reply->bytes = snapshot->jpeg->bytes;
    reply_revalidate(reply, request);
}

void api_camera_snapshot(struct serve *serve, struct request *request, struct reply *reply)
{
    const struct serve_source *source = &serve->params.source;
    struct err err = {0};
    struct picture_wish wish = {0};
    int camera = camera_find(serve, request->path_params[0], &err);
    if (camera < 0 || !parse_wish(request, &wish, &err)) {
        reply_error(reply, &serve->log, &err);
        return;
    }
    struct detections boxes = {0};
    AUTO(frame_unref) struct frame *frame = source->camera_frame(source->ctx, camera, &boxes);
    if (!frame) {
        reply_problem(reply, 503, "no picture yet", "the camera has not delivered a frame");
        return;
    }
    struct snapshots *cache = serve->snapshots;
    struct snapshot *item = snapshot_place(cache, camera, wish.width, wish.boxed);
    item->used = ++cache->uses;
    if (!item->jpeg || item->seq != frame->seq || item->arrived_us != frame->arrived_us) {
        bytes_unref(&item->jpeg);
        if (!encode(frame, wish.boxed ? &boxes : NULL, wish.width, &item->jpeg, &err)) {
            reply_error(reply, &serve->log, &err);
            return;
        }
        item->seq = frame->seq;
        item->arrived_us = frame->arrived_us;
    }
    answer_snapshot(serve, item, request, reply);
}
