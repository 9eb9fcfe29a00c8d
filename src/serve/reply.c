#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes *bytes_new(size_t bytes)
{
    struct bytes *b = malloc(sizeof *b + BYTES_HEADROOM + bytes);
    if (!b)
        return NULL;
    *b = (struct bytes){
        .refs = 1, .bytes = bytes, .data = (unsigned char *)(b + 1) + BYTES_HEADROOM};
    return b;
}

struct bytes *bytes_from(const void *data, size_t bytes)
{
    struct bytes *b = bytes_new(bytes);
    ASSERT(b);
    memcpy(b->data, data, bytes);
    return b;
}

struct bytes *bytes_ref(struct bytes *blob)
{
    blob->refs++;
    return blob;
}

void bytes_unref(struct bytes **blob)
{
    struct bytes *b = *blob;
    *blob = NULL;
    if (b && --b->refs == 0)
        free(b);
}

void reply_done(struct reply *reply)
{
    bytes_unref(&reply->blob);
    *reply = (struct reply){0};
}

void reply_json(struct reply *reply, struct json *json)
{
    bytes_unref(&reply->blob);
    if (reply->status == 0)
        reply->status = 200;
    if (!reply->type)
        reply->type = "application/json";
    reply->blob = bytes_from(json->text, json->bytes);
    reply->data = reply->blob->data;
    reply->bytes = json->bytes;
    json_reset(json);
}

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } names[] = {
        {200, "OK"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {426, "Upgrade Required"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].status == status)
            return names[i].text;
    return "Error";
}

void reply_problem(struct reply *reply, int status, const char *detail, const char *hint)
{
    reply_done(reply);
    ASSERT(!reply->blob);
    reply->status = status;
    reply->type = "application/problem+json";
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "about:blank");
    json_text(&j, "title", status_text(status));
    json_int(&j, "status", status);
    if (detail && *detail)
        json_text(&j, "detail", detail);
    if (hint && *hint)
        json_text(&j, "hint", hint);
    json_end_object(&j);
    reply_json(reply, &j);
    json_done(&j);
}

void reply_error(struct reply *reply, const struct log *log, const struct err *err)
{
    switch (err->code) {
    case ERR_INVALID:
        reply_problem(reply, 400, err->msg, err->hint);
        return;
    case ERR_NOT_FOUND:
        reply_problem(reply, 404, err->msg, err->hint);
        return;
    case ERR_DENIED:
        reply_problem(reply, 403, err->msg, err->hint);
        return;
    case ERR_UNAVAILABLE:
    case ERR_EXHAUSTED:
    case ERR_CANCELLED:
        reply_problem(reply, 503, err->msg, err->hint);
        return;
    case ERR_NONE:
    case ERR_DATA_LOSS:
    case ERR_INTERNAL:
        break;
    }
    log_err(log, LOG_ERROR, err);
    reply_problem(reply, 500, "the reason is in the program's log", NULL);
}

void reply_revalidate(struct reply *reply, const struct request *request)
{
    if (reply->status != 200 || !reply->etag[0] || !request->if_none_match[0] ||
        !etag_listed(request->if_none_match, reply->etag))
        return;
    bytes_unref(&reply->blob);
    reply->status = 304;
    reply->data = NULL;
    reply->bytes = 0;
    reply->type = NULL;
    reply->gzip = false;
}

/* No inline script or style, nothing from elsewhere; pictures also from blob: because the page
 * decodes a new camera picture before it shows it. */
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "              \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "               \
    "frame-ancestors 'none'"
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'"

static void put_header(FILE *out, const char *name, const char *value)
{
    if (value && *value)
        fprintf(out, "%s: %s\r\n", name, value);
}

size_t reply_header(const struct reply *reply, char *out, size_t bytes)
{
    FILE *f = fmemopen(out, bytes, "w");
    ASSERT(f);
    fprintf(f, "HTTP/1.1 %d %s\r\n", reply->status, status_text(reply->status));
    put_header(f, "Content-Type", reply->type);
    if (reply->status != 304)
        fprintf(f, "Content-Length: %zu\r\n", reply->bytes);
    put_header(f, "Content-Encoding", reply->gzip ? "gzip" : NULL);
    put_header(f, "Vary", reply->vary ? "Accept-Encoding" : NULL);
    put_header(f, "ETag", reply->etag);
    put_header(f, "Cache-Control", reply->cache ? reply->cache : "no-store");
    put_header(f, "Allow", reply->allow);
    put_header(f, "Sec-WebSocket-Version", reply->version);
    put_header(f, "Content-Security-Policy", reply->page ? CONTENT_POLICY : DATA_POLICY);
    put_header(f, "X-Content-Type-Options", "nosniff");
    put_header(f, "X-Frame-Options", "DENY");
    put_header(f, "Referrer-Policy", "no-referrer");
    put_header(f, "Cross-Origin-Resource-Policy", "same-origin");
    put_header(f, "Connection", reply->close ? "close" : "keep-alive");
    fputs("\r\n", f);
    long used = ftell(f);
    bool whole = fclose(f) == 0 && used > 0 && (size_t)used < bytes;
    ASSERT(whole);
    return (size_t)used;
}
