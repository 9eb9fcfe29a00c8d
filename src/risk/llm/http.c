#include "risk/llm/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_MAX_S 300
#define IDLE_CONNECTIONS  8
#define KEEPALIVE_S       30L
#define KEY_HEADER_BYTES  (sizeof "Authorization: Bearer " + sizeof((struct llm_conf *)0)->api_key)

const char *const http_end_names[] = {"done", "refused",  "broken",    "silent",
                                      "late", "too long", "cancelled", NULL};

struct http {
    CURLM *multi;
    struct curl_slist *headers;
    char base[LLM_URL_BYTES];
    int64_t connect_us, silence_us;
    struct http_request *requests; /* linked, any order; a few */
};

struct http_request {
    struct http *http;
    struct http_request *next;
    CURL *easy;
    bool (*data)(void *ctx, int status, const char *bytes, size_t count);
    void (*done)(void *ctx, const struct http_result *result);
    void *ctx;
    size_t answer_max, answer_bytes, header_bytes;
    int64_t started_us, first_byte_us, latest_us, deadline_us; /* monotonic */
    curl_off_t sent_bytes;
    bool too_long, enough; /* of which the receiver had too much, had all it wants */
    char base[LLM_URL_BYTES];
    size_t body_bytes;
    char body[HTTP_BODY_BYTES_MAX]; /* of an answer that is not 200 */
};

static int64_t now_us(void)
{
    return clock_mono_us(&clock_real);
}

/* --- the connections --- */

static bool add_header(struct http *http, const char *line)
{
    struct curl_slist *longer = curl_slist_append(http->headers, line);
    if (longer)
        http->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct http *http, const char *key)
{
    char line[KEY_HEADER_BYTES];
    snprintf(line, sizeof line, "Authorization: Bearer %s", key);
    /* Without "Expect:" curl waits for a permission that few servers give before it sends pictures.
     */
    bool ok = add_header(http, "Content-Type: application/json") && add_header(http, "Expect:") &&
              (!key[0] || add_header(http, line));
    explicit_bzero(line, sizeof line);
    return ok;
}

bool http_open(const struct llm_conf *conf, const char *url, struct http **ret, struct err *err)
{
    *ret = NULL;
    struct llm_address address;
    if (!llm_address_parse(url, &address, err))
        return false;
    /* Never undone: a look-up of a name that was given up may still be under way in libcurl. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl cannot be used");
    struct http *http = NEW(struct http);
    STR_COPY(http->base, address.base);
    http->connect_us = conf->connect_us;
    http->silence_us = conf->silence_us;
    http->multi = curl_multi_init();
    if (!http->multi || !add_headers(http, conf->api_key)) {
        http_close(&http);
        return err_set(err, ERR_EXHAUSTED, "no memory for connections to %s", url);
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    *ret = http;
    return true;
}

bool http_aim(struct http *http, const char *url, struct err *err)
{
    struct llm_address address;
    if (!llm_address_parse(url, &address, err))
        return false;
    STR_COPY(http->base, address.base);
    return true;
}

static void take_out(struct http_request *r)
{
    struct http_request **at = &r->http->requests;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

/* It is no longer among the others. */
static void request_free(struct http_request *r)
{
    curl_multi_remove_handle(r->http->multi, r->easy);
    curl_easy_cleanup(r->easy);
    free(r);
}

void http_close(struct http **http)
{
    struct http *h = *http;
    *http = NULL;
    if (!h)
        return;
    for (struct http_request *r; (r = h->requests);) {
        h->requests = r->next;
        request_free(r);
    }
    if (h->multi)
        curl_multi_cleanup(h->multi);
    for (struct curl_slist *line = h->headers; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(h->headers);
    free(h);
}

/* --- what comes --- */

static int status_of(const struct http_request *r)
{
    long status = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* Returning less than count makes curl give up; the flags say why. */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes;
    struct http_request *r = ctx;
    size_t n = size * count;
    r->latest_us = now_us();
    r->header_bytes += n;
    r->too_long = r->header_bytes > HTTP_HEADER_BYTES_MAX;
    return r->too_long ? 0 : n;
}

static bool collect(struct http_request *r, const char *bytes, size_t n)
{
    size_t room = sizeof r->body - r->body_bytes;
    memcpy(r->body + r->body_bytes, bytes, MIN(n, room));
    r->body_bytes += MIN(n, room);
    r->enough = n >= room;
    return !r->enough;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_request *r = ctx;
    size_t n = size * count;
    r->latest_us = now_us();
    if (r->first_byte_us == TIME_UNKNOWN)
        r->first_byte_us = r->latest_us;
    int status = status_of(r);
    if (status != 200)
        return collect(r, bytes, n) ? n : 0;
    r->answer_bytes += n;
    r->too_long = r->answer_bytes > r->answer_max || !r->data(r->ctx, status, bytes, n);
    return r->too_long ? 0 : n;
}

/* Pictures on their way over a slow link are no silence. */
static int on_progress(void *ctx, curl_off_t answer_all, curl_off_t answer, curl_off_t all,
                       curl_off_t sent)
{
    (void)answer_all;
    (void)answer;
    (void)all;
    struct http_request *r = ctx;
    if (sent > r->sent_bytes)
        r->latest_us = now_us();
    r->sent_bytes = sent;
    return 0;
}

/* --- starting --- */

static void set_options(struct http_request *r)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->http->connect_us / US_PER_MS));
    /* Else a name server that does not answer would hold up whoever gives up. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "hsi/" HSI_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->http->headers);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, r);
}

struct http_request *http_start(struct http *http, const struct http_call *call)
{
    struct http_request *r = NEW(struct http_request);
    int64_t now = now_us();
    *r = (struct http_request){.http = http,
                               .data = call->data,
                               .done = call->done,
                               .ctx = call->ctx,
                               .answer_max = call->answer_max,
                               .started_us = now,
                               .latest_us = now,
                               .first_byte_us = TIME_UNKNOWN,
                               .deadline_us = now + call->deadline_us,
                               .next = http->requests};
    http->requests = r;
    STR_COPY(r->base, http->base);
    r->easy = curl_easy_init();
    ASSERT(r->easy);
    char url[LLM_URL_BYTES + 128];
    int n = snprintf(url, sizeof url, "%s%s", r->base, call->path);
    ASSERT(n < (int)sizeof url);
    set_options(r);
    curl_easy_setopt(r->easy, CURLOPT_URL, url);
    if (call->body) {
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        /* llama-server ends its connection behind every stream: one that is used again may be gone
         * when the next question goes out. */
        curl_easy_setopt(r->easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS, call->body);
    }
    CURLMcode code = curl_multi_add_handle(http->multi, r->easy);
    ASSERT(code == CURLM_OK);
    return r;
}

void http_cancel(struct http_request **request)
{
    struct http_request *r = *request;
    *request = NULL;
    if (r) {
        take_out(r);
        request_free(r);
    }
}

/* --- ending --- */

static const struct {
    CURLcode code;
    enum http_end end;
    const char *text; /* behind the address */
} ends[] = {
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_REFUSED, "its name is not known"},
    {CURLE_COULDNT_CONNECT, HTTP_REFUSED, "cannot be reached"},
    {CURLE_OPERATION_TIMEDOUT, HTTP_REFUSED, "does not answer"},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_REFUSED, "its certificate is not to be trusted"},
    {CURLE_SSL_CONNECT_ERROR, HTTP_REFUSED, "speaks no TLS that we do"},
    {CURLE_SSL_CACERT_BADFILE, HTTP_REFUSED, "this machine has no certificates to trust"},
    {CURLE_GOT_NOTHING, HTTP_BROKEN, "closed the connection without an answer"},
    {CURLE_PARTIAL_FILE, HTTP_BROKEN, "closed the connection in the middle"},
    {CURLE_RECV_ERROR, HTTP_BROKEN, "the connection broke"},
    {CURLE_SEND_ERROR, HTTP_BROKEN, "the connection broke while asking"},
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_BROKEN, "does not speak HTTP"},
    {CURLE_WEIRD_SERVER_REPLY, HTTP_BROKEN, "does not speak HTTP"},
};

/* libcurl's own words may quote what was sent; ours do not. */
static void explain_code(struct http_request *r, CURLcode code, struct http_result *result)
{
    const char *text = "what it answers is no HTTP";
    result->end = HTTP_BROKEN;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (ends[i].code == code) {
            result->end = ends[i].end;
            text = ends[i].text;
        }
    }
    long number = 0;
    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number == ECONNREFUSED)
        text = "nobody listens there";
    snprintf(result->text, sizeof result->text, "%s: %s", r->base, text);
}

static void explain_status(struct http_request *r, struct http_result *result)
{
    const char *text = result->status == 401 || result->status == 403 ? ": wants another key"
                       : result->status / 100 == 3 ? ": sends us elsewhere, where we do not go"
                                                   : "";
    if (result->status != 200)
        snprintf(result->text, sizeof result->text, "%s: answers %d%s", r->base, result->status,
                 text);
}

static void request_end(struct http_request *r, struct http_result *result)
{
    result->status = status_of(r);
    curl_off_t wait_s = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &wait_s);
    result->retry_after_s = (int)CLAMP(wait_s, 0, RETRY_AFTER_MAX_S);
    result->total_us = now_us() - r->started_us;
    result->first_byte_us = r->first_byte_us == TIME_UNKNOWN ? TIME_UNKNOWN
                                                             : r->first_byte_us - r->started_us;
    if (result->end == HTTP_DONE)
        explain_status(r, result);
    if (result->end == HTTP_DONE && r->body_bytes > 0)
        (void)r->data(r->ctx, result->status, r->body, r->body_bytes);
    void (*done)(void *, const struct http_result *) = r->done;
    void *ctx = r->ctx;
    request_free(r);
    done(ctx, result);
}

static void end_with_code(struct http_request *r, CURLcode code)
{
    struct http_result result = {.end = HTTP_DONE};
    if (r->too_long) {
        result.end = HTTP_TOO_LONG;
        snprintf(result.text, sizeof result.text, "%s: answers more than we take", r->base);
    } else if (code != CURLE_OK && !r->enough) {
        explain_code(r, code, &result);
    }
    request_end(r, &result);
}

static int64_t due_us(const struct http_request *r)
{
    return MIN(r->deadline_us, r->latest_us + r->http->silence_us);
}

static void end_overdue(struct http_request *r)
{
    bool late = r->deadline_us <= r->latest_us + r->http->silence_us;
    struct http_result result = {.end = late ? HTTP_LATE : HTTP_SILENT};
    int64_t waited_us = late ? r->deadline_us - r->started_us : r->http->silence_us;
    snprintf(result.text, sizeof result.text, "%s: %s %.3g s", r->base,
             late ? "not done within" : "not a byte for", (double)waited_us / US_PER_S);
    request_end(r, &result);
}

/* --- moving on --- */

static struct http_request *take_overdue(struct http *http, int64_t now)
{
    for (struct http_request **at = &http->requests; *at; at = &(*at)->next) {
        struct http_request *r = *at;
        if (due_us(r) <= now) {
            *at = r->next;
            return r;
        }
    }
    return NULL;
}

/* Whoever is told of an end may start and cancel others: after each the lists are read anew. */
static bool end_some(struct http *http)
{
    bool any = false;
    int left;
    int64_t now = now_us();
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left)); any = true) {
        struct http_request *r = NULL;
        CURLcode code = m->data.result; /* the message goes with the request */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        take_out(r);
        end_with_code(r, code);
    }
    for (struct http_request *r; (r = take_overdue(http, now)); any = true)
        end_overdue(r);
    return any;
}

static bool move_on(struct http *http)
{
    int running;
    curl_multi_perform(http->multi, &running);
    return end_some(http);
}

void http_poll(struct http *http, int64_t timeout_us)
{
    if (move_on(http))
        timeout_us = 0;
    int64_t now = now_us();
    for (struct http_request *r = http->requests; r; r = r->next)
        timeout_us = MIN(timeout_us, due_us(r) - now);
    int64_t wait_ms = (CLAMP(timeout_us, 0, 3600 * US_PER_S) + US_PER_MS - 1) / US_PER_MS;
    curl_multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
    (void)move_on(http);
}

void http_wake(struct http *http)
{
    curl_multi_wakeup(http->multi);
}
