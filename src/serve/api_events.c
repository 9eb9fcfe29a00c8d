#include "serve/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool parse_id(const char *text, const char *what, struct uuid *ret, struct err *err)
{
    if (uuid_parse(text, ret))
        return true;
    (void)err_set(err, ERR_INVALID, "%s: '%.60s' is not an id", what, text);
    err_hint(err, "ids look like 01234567-89ab-7cde-8f01-23456789abcd");
    return false;
}

static bool parse_list(const struct request *request, struct event_query *ret, struct err *err)
{
    struct event_query q = {.limit = EVENTS_LIMIT_DEFAULT};
    const char *camera = params_get(&request->params, "camera");
    const char *cursor = params_get(&request->params, "cursor");
    if (camera && (!*camera || !STR_COPY(q.camera, camera)))
        return err_set(err, ERR_INVALID, "camera: not a name of 1 to %d characters",
                       OPT_NAME_BYTES - 1);
    if (cursor && !parse_id(cursor, "cursor", &q.before, err))
        return false;
    if (!params_choice(&request->params, "min_level", risk_level_names, &q.min_level, err) ||
        !params_int(&request->params, "limit", 1, EVENTS_LIMIT_MAX, &q.limit, err))
        return false;
    *ret = q;
    return true;
}

/* Events outlive the configuration: asking for a camera that is gone is fine as long as there is
 * something to show. Nothing to show and no such camera is a typing mistake. */
static bool check_camera(const struct serve *serve, const struct event_query *query,
                         const struct json *page, struct err *err)
{
    static const char empty[] = "{\"items\":[]";
    if (!query->camera[0] || strncmp(page->text, empty, sizeof empty - 1) != 0 ||
        !uuid_is_zero(&query->before) || query->min_level != RISK_UNKNOWN)
        return true;
    return camera_find(serve, query->camera, err) >= 0;
}

void reply_page(struct json *j, int limit, const struct uuid *next, struct reply *reply)
{
    json_begin_object(j, "pagination");
    json_int(j, "limit", limit);
    json_uuid(j, "next_cursor", next);
    json_bool(j, "has_more", !uuid_is_zero(next));
    json_end_object(j);
    json_end_object(j);
    reply_json(reply, j);
}

typedef bool list_fn(struct store_reader *reader, const struct event_query *query, struct json *out,
                     struct uuid *ret_next, struct err *err);

static void answer_list(struct serve *serve, const struct request *request, list_fn *list,
                        struct reply *reply)
{
    struct err err = {0};
    struct event_query query;
    struct uuid next;
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    if (!parse_list(request, &query, &err) || !list(serve->reader, &query, &j, &next, &err) ||
        !check_camera(serve, &query, &j, &err))
        reply_error(reply, &serve->log, &err);
    else
        reply_page(&j, query.limit, &next, reply);
    json_done(&j);
}

void api_events(struct serve *serve, struct request *request, struct reply *reply)
{
    answer_list(serve, request, store_list_events, reply);
}

/* What happened to cameras themselves: a list like that of events, without levels. */
static bool list_camera_events(struct store_reader *reader, const struct event_query *query,
                               struct json *out, struct uuid *ret_next, struct err *err)
{
    return store_list_camera_events(reader, query->camera, &query->before, query->limit, out,
                                    ret_next, err);
}

void api_camera_events(struct serve *serve, struct request *request, struct reply *reply)
{
    answer_list(serve, request, list_camera_events, reply);
}

void api_event(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct uuid id;
    struct json j;
    json_init(&j);
    if (parse_id(request->path_params[0], "event", &id, &err) &&
        store_get_event(serve->reader, &id, &j, NULL, &err))
        reply_json(reply, &j);
    else
        reply_error(reply, &serve->log, &err);
    json_done(&j);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool read_all(int fd, struct bytes *blob)
{
    size_t done = 0;
    while (done < blob->bytes) {
        ssize_t n = read(fd, blob->data + done, blob->bytes - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* The whole file as the reply's body, with an ETag of its size and age: a picture changes while its
 * event is open, under the same address. */
static bool answer_file(const char *path, struct reply *reply, struct err *err)
{
    AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_NOT_FOUND, "the picture is not there any more");
    if (st.st_size <= 0 || st.st_size > SNAPSHOT_BYTES_MAX)
        return err_set(err, ERR_INTERNAL, "picture %s: %lld bytes", path, (long long)st.st_size);
    struct bytes *blob = bytes_new((size_t)st.st_size);
    if (!blob)
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture of %lld bytes",
                       (long long)st.st_size);
    if (!read_all(fd, blob)) {
        bytes_unref(&blob);
        return err_set(err, ERR_UNAVAILABLE, "the picture could not be read");
    }
    reply->status = 200;
    reply->type = "image/jpeg";
    reply->cache = "private, no-cache";
    snprintf(reply->etag, sizeof reply->etag, "\"%llx-%llx\"", (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec * US_PER_S +
                 (unsigned long long)st.st_mtim.tv_nsec / 1000);
    reply->blob = blob;
    reply->data = blob->data;
    reply->bytes = blob->bytes;
    return true;
}

void api_event_snapshot(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct uuid id, track;
    bool boxed = true;
    char path[512];
    const char *track_text = params_get(&request->params, "track");
    if (parse_id(request->path_params[0], "event", &id, &err) &&
        (!track_text || parse_id(track_text, "track", &track, &err)) &&
        params_bool(&request->params, "boxes", &boxed, &err) &&
        store_snapshot_path(serve->reader, &id, track_text ? &track : NULL, boxed, path,
                            sizeof path, &err) &&
        answer_file(path, reply, &err))
        reply_revalidate(reply, request);
    else
        reply_error(reply, &serve->log, &err);
}
