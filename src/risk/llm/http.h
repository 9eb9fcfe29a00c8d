/* Requests to the model server, several at a time, over libcurl's multi interface. Only addresses
 * of http and https, no redirects, no proxies, bounded answers. One thread; http_wake from any. */
#pragma once

#include "base/log.h"
#include "risk/llm/conf.h"

struct http;
struct http_request;

enum http_end {
    HTTP_DONE,     /* a whole answer with some status */
    HTTP_REFUSED,  /* no connection */
    HTTP_BROKEN,   /* the connection ended in the middle */
    HTTP_SILENT,   /* nothing came for too long */
    HTTP_LATE,     /* not over by its deadline */
    HTTP_TOO_LONG, /* the receiver had enough */
    HTTP_CANCELLED,
};
extern const char *const http_end_names[];

#define HTTP_HEADER_BYTES_MAX (32 * 1024) /* of an answer's headers together */
#define HTTP_BODY_BYTES_MAX   4096        /* kept of an answer that is not 200 */

struct http_result {
    enum http_end end;
    int status;                      /* of HTTP; 0: none */
    int retry_after_s;               /* header, at most five minutes; 0: none */
    char text[256];                  /* what went wrong, for people; without the key */
    int64_t first_byte_us, total_us; /* since the start; first of the body, TIME_UNKNOWN: none */
};

struct http_call {
    const char *path; /* "/v1/chat/completions" */
    const char *body; /* NULL: GET; copied */
    size_t body_bytes;
    int64_t deadline_us; /* for all of it */
    size_t answer_max;   /* bytes of a 200's body */
    /* Gets the body of a 200 as it comes; false ends the request (HTTP_TOO_LONG). Other statuses'
     * bodies are collected up to HTTP_BODY_BYTES_MAX and given as one piece before done, status
     * says which. May start, cancel and close nothing. */
    bool (*data)(void *ctx, int status, const char *bytes, size_t count);
    /* Once, last, from http_poll only; not after http_cancel and not after http_close. The request
     * is gone afterwards. May start and cancel requests, but not close. */
    void (*done)(void *ctx, const struct http_result *result);
    void *ctx;
};

/* url: as llm_address_parse takes it. Of conf, which is not kept, only key and limits count. */
NODISCARD bool http_open(const struct llm_conf *conf, const char *url, struct http **ret,
                         struct err *err);
void http_close(struct http **http); /* cancels what runs */

/* Where requests that are started from now on go. Fails like http_open, and then changes nothing.
 */
NODISCARD bool http_aim(struct http *http, const char *url, struct err *err);

/* Never fails: what goes wrong at once is told by done as well. */
struct http_request *http_start(struct http *http, const struct http_call *call);
/* Closes its connection: a streaming request's slot is free at once. NULL is fine. */
void http_cancel(struct http_request **request);

/* Moves everything on; waits up to timeout_us for something to happen. */
void http_poll(struct http *http, int64_t timeout_us);
void http_wake(struct http *http); /* any thread: http_poll returns, the running or the next one */
