/* The running server, with the real store and bus behind it and a made-up camera: every address,
 * every refusal, and clients that behave badly. Covers web, route, reply, live, assets and api_*.
 */
#include "test.h"

#include "serve/internal.h"
#include "raw_client.h"

#include <errno.h>
#include <ftw.h>

#define SMALL_CLIENTS 120 /* max_clients here */

/* --- the house --- */

struct house {
    char directory[64];
    struct uuid_gen ids;
    struct bus *bus;
    struct store *store;
    struct serve *serve;
    struct serve_conf conf;
    struct store_conf store_conf;
    int port;
    atomic_int frames_asked;
    atomic_llong frame_seq;
    atomic_bool ready;
};

static const char *const camera_names[] = {"porch", "yard", NULL};

static int camera_count(void *ctx)
{
    (void)ctx;
    return 2;
}

static void camera_json(void *ctx, int camera, struct json *out)
{
    (void)ctx;
    json_object(out, NULL);
    json_text(out, "name", camera_names[camera]);
    json_text(out, "state", "online");
    json_end_object(out);
}

static int camera_index(void *ctx, const char *name)
{
    (void)ctx;
    for (int i = 0; camera_names[i]; i++)
        if (strcmp(camera_names[i], name) == 0)
            return i;
    return -1;
}

static struct frame *camera_frame(void *ctx, int camera, struct detections *ret)
{
    struct house *h = ctx;
    if (camera != 0)
        return NULL;
    atomic_fetch_add(&h->frames_asked, 1);
    struct frame *f = frame_alloc(320, 240);
    memset(frame_plane_w(f, 0), 100, (size_t)f->stride[0] * 240);
    f->seq = atomic_load(&h->frame_seq);
    f->arrived_us = f->seq;
    ret->count = 1;
    ret->items[0] = (struct detection){{0.2f, 0.2f, 0.6f, 0.8f}, 0.9f, "person"};
    return f;
}

static void system_json(void *ctx, struct json *out)
{
    (void)ctx;
    json_text(out, "version", HSI_VERSION);
}

static bool is_ready(void *ctx)
{
    struct house *h = ctx;
    return atomic_load(&h->ready);
}

static struct serve_params house_params(struct house *h)
{
    return (struct serve_params){
        .conf = &h->conf,
        .store = h->store,
        .bus = h->bus,
        .clock = &clock_real,
        .source = {h, camera_count, camera_json, camera_index, camera_frame, system_json, is_ready},
    };
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int house_open(void **state)
{
    struct house *h = NEW(struct house);
    struct err err = {0};
    STR_COPY(h->directory, "test_serve_XXXXXX");
    if (!mkdtemp(h->directory))
        return -1;
    h->ids.clock = &clock_real;
    h->bus = bus_new();
    atomic_store(&h->ready, true);
    opt_defaults(&store_section, &h->store_conf);
    STR_COPY(h->store_conf.path, h->directory);
    struct store_params params = {.conf = &h->store_conf, .clock = &clock_real, .bus = h->bus};
    opt_defaults(&serve_section, &h->conf);
    h->conf.port = 0;
    h->conf.max_clients = SMALL_CLIENTS;
    if (!store_open(&params, &h->store, &err))
        fail_msg("%s", err.msg);
    struct serve_params serve_params = house_params(h);
    if (!serve_start(&serve_params, &h->serve, &err))
        fail_msg("%s", err.msg);
    h->port = serve_port(h->serve);
    *state = h;
    return 0;
}

static int house_close(void **state)
{
    struct house *h = *state;
    serve_stop(&h->serve);
    store_close(&h->store);
    bus_free(&h->bus);
    nftw(h->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

/* Commits n changes of several kilobytes each, without pictures. */
static void put_long_events(struct house *h, int n)
{
    for (int i = 0; i < n; i++) {
        struct event *e = event_new();
        e->id = uuid7_new(&h->ids);
        STR_COPY(e->camera_name, camera_names[0]);
        for (int k = 0; k < REASONS_MAX; k++) {
            struct reason *r = &e->verdict.reasons[e->verdict.reason_count++];
            memset(r->text, 'x', sizeof r->text - 1);
        }
        store_put_event(h->store, e);
    }
    store_flush(h->store);
}

/* Commits n events of the camera, the last with a picture; returns the last one's id. */
static struct uuid put_events(struct house *h, int n, int camera, int score)
{
    struct uuid id = {0};
    for (int i = 0; i < n; i++) {
        struct event *e = event_new();
        e->id = id = uuid7_new(&h->ids);
        e->camera = camera;
        STR_COPY(e->camera_name, camera_names[camera]);
        e->state = EVENT_CLOSED; /* an opening has no picture yet */
        e->close_reason = CLOSE_QUIET;
        e->verdict.score = score;
        STR_COPY(e->verdict.summary, "somebody \"walked\" by");
        e->track_count = 1;
        e->tracks[0].id = uuid7_new(&h->ids);
        STR_COPY(e->tracks[0].label, "person");
        e->tracks[0].first.wall_us = e->tracks[0].last.wall_us = clock_wall_us(&clock_real);
        e->tracks[0].best = (struct sighting){.box = {0.2f, 0.2f, 0.6f, 0.8f}, .score = 0.9f};
        if (i == n - 1) {
            e->tracks[0].picture = frame_alloc(320, 240);
            memset(frame_plane_w(e->tracks[0].picture, 1), 128, 160 * 120);
        }
        store_put_event(h->store, e);
    }
    store_flush(h->store);
    return id;
}

static void expect(struct house *h, const char *request, int status, const char *part)
{
    struct answer a = raw_ask(h->port, request);
    if (a.status != status)
        fail_msg("'%.80s' is answered %d, expected %d: %s", request, a.status, status, a.body);
    if (part && !strstr(a.body, part) && !strstr(a.head, part))
        fail_msg("'%.80s': no '%s' in %s%s", request, part, a.head, a.body);
    answer_done(&a);
}

static void expect_get(struct house *h, const char *path, int status, const char *part)
{
    char request[4096];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:1\r\n\r\n", path);
    expect(h, request, status, part);
}

/* --- addresses --- */

static void every_address_answers(void **state)
{
    struct house *h = *state;
    struct uuid id = put_events(h, 3, 0, 72);
    char text[UUID_TEXT_BYTES], path[256];
    uuid_format(text, &id);
    expect_get(h, "/health", 200, "\"status\":\"ok\"");
    expect_get(h, "/api/system", 200, "\"store\":{\"events\":");
    expect_get(h, "/api/cameras", 200, "{\"items\":[{\"name\":\"porch\"");
    expect_get(h, "/api/cameras/yard", 200, "{\"name\":\"yard\"");
    expect_get(h, "/api/cameras/porch/snapshot", 200, "image/jpeg");
    expect_get(h, "/api/cameras/yard/snapshot", 503, "no picture yet");
    expect_get(h, "/api/events", 200, "somebody \\\"walked\\\" by");
    snprintf(path, sizeof path, "/api/events/%s", text);
    expect_get(h, path, 200, "\"risk_level\":\"high\"");
    snprintf(path, sizeof path, "/api/events/%s/snapshot?boxes=true&revision=1", text);
    expect_get(h, path, 200, "image/jpeg");
    snprintf(path, sizeof path, "/api/events/%s/snapshot?track=%s", text, text);
    expect_get(h, path, 404, "no picture");
    expect_get(h, "/", 200, "<!doctype html>");
    expect_get(h, "/ws/events", 426, "speaks WebSocket");
    atomic_store(&h->ready, false);
    expect_get(h, "/health", 200, "\"status\":\"starting\"");
}

/* What holds for all of them, also for those added later. */
static void every_route_keeps_the_rules(void **state)
{
    struct house *h = *state;
    for (const struct route *r = routes; r->path; r++) {
        char path[256], request[512];
        path_fill(r->path, "/x/x/x/x", path, sizeof path);
        snprintf(request, sizeof request, "GET %s?no-such=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 path);
        expect(h, request, 400, "unknown parameter 'no-such'");
        snprintf(request, sizeof request, "DELETE %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        expect(h, request, 405, "Allow: GET, HEAD");
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: evil.example\r\n\r\n", path);
        expect(h, request, 421, "answers only to names of its own machine");
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        struct answer a = raw_ask(h->port, request);
        CHECK_CONTAINS(a.head, "X-Content-Type-Options: nosniff");
        CHECK_CONTAINS(a.head, "frame-ancestors 'none'");
        CHECK_CONTAINS(a.head, "Referrer-Policy: no-referrer");
        if (strstr(a.body, "nothing at"))
            CHECK(strncmp(r->path, "/assets/", 8) == 0);
        answer_done(&a);
    }
}

static void mistakes_are_answered_in_words(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *path;
        int status;
        const char *part;
    } cases[] = {
        {"/api/evnts", 404, "did you mean '/api/events'?"},
        {"/api/camera/porch/snapshot", 404, "did you mean '/api/cameras/porch/snapshot'?"},
        {"/nothing-like-it-at-all", 404, "nothing at '/nothing-like-it-at-all'\"}"},
        {"/api/cameras/prch", 404, "did you mean 'porch'?"},
        {"/api/cameras/zzzzzzzz", 404, "lists the names"},
        {"/api/events?camera=prch", 404, "did you mean 'porch'?"},
        {"/api/events?min_level=hihg", 400, "did you mean 'high'?"},
        {"/api/events?limit=0", 400, "allowed: 1 to 100"},
        {"/api/events?limit=101", 400, "allowed: 1 to 100"},
        {"/api/events?limit=1&limit=2", 400, "given twice"},
        {"/api/events?cursor=yesterday", 400, "is not an id"},
        {"/api/events?lmit=3", 400, "did you mean 'limit'?"},
        {"/api/events/abc", 400, "'abc' is not an id"},
        {"/api/events/01234567-89ab-7cde-8f01-23456789abcd", 404, "no event"},
        {"/api/events/01234567-89ab-7cde-8f01-23456789abcd/snapshot", 404, "no picture"},
        {"/api/cameras/porch/snapshot?width=9", 400, "allowed: 16 to 3840"},
        {"/api/cameras/porch/snapshot?boxes=maybe", 400, "allowed: true, false"},
        {"/assets/app.js.gz", 404, "nothing at"},
        {"/assets/../index.html", 404, "nothing at"},
        {"/../../etc/passwd", 404, "nothing at"},
        {"/%2e%2e/%2e%2e/etc/passwd", 404, "nothing at"},
        {"/api/cameras/a%22%3cb", 404, "no camera 'a\\\"<b'"},
        {"/api/cameras/a%0d%0ab", 400, "request line"},
        {"/api/cameras%0aHost:localhost", 400, "request line"},
        {"/api/cameras/%ff%fe", 404, "no camera"},
    };
    put_events(h, 1, 1, 10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_get(h, cases[i].path, cases[i].status, cases[i].part);
}

static void lists_are_paged(void **state)
{
    struct house *h = *state;
    put_events(h, 4, 0, 20);
    put_events(h, 1, 1, 90);
    struct answer a = raw_get(h->port, "/api/events?limit=2&camera=porch");
    CHECK_INT(a.status, 200);
    CHECK_CONTAINS(a.body, "\"pagination\":{\"limit\":2,\"next_cursor\":\"");
    CHECK_CONTAINS(a.body, "\"has_more\":true}}");
    char path[128] = "/api/events?limit=2&camera=porch&cursor=";
    char *cursor = strstr(a.body, "next_cursor\":\"") + 14;
    strncat(path, cursor, UUID_TEXT_BYTES - 1);
    answer_done(&a);
    expect_get(h, path, 200, "{\"limit\":2,\"next_cursor\":null,\"has_more\":false}}");
    expect_get(h, "/api/events?min_level=critical", 200, "\"camera\":\"yard\"");
    expect_get(h, "/api/events?camera=yard&min_level=low", 200, "\"risk_score\":90");
    expect_get(h, "/api/events?min_level=high&camera=porch", 200, "{\"items\":[],\"pag");
}

static void assets_are_cached_and_compressed(void **state)
{
    struct house *h = *state;
    struct answer page = raw_get(h->port, "/");
    char script[128] = "";
    char request[512], etag[64] = "";
    const char *at = strstr(page.body, "/assets/app-");
    CHECK(at != NULL);
    memcpy(script, at, strcspn(at, "\""));
    CHECK_CONTAINS(page.head, "Content-Security-Policy: default-src 'none'; script-src 'self';");
    CHECK_CONTAINS(page.head, "Cache-Control: no-cache");
    CHECK(strstr(page.body, "<script>") == NULL);
    CHECK(strstr(page.body, "style=") == NULL);
    answer_done(&page);
    struct answer plain = raw_get(h->port, script);
    CHECK_CONTAINS(plain.head, "immutable");
    CHECK_CONTAINS(plain.head, "Vary: Accept-Encoding");
    CHECK(strstr(plain.head, "Content-Encoding") == NULL);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate\r\n\r\n",
             script);
    struct answer gz = raw_ask(h->port, request);
    CHECK_CONTAINS(gz.head, "Content-Encoding: gzip");
    CHECK((unsigned char)gz.body[0] == 0x1f && (unsigned char)gz.body[1] == 0x8b);
    CHECK(gz.body_bytes < plain.body_bytes / 2);
    const char *tag = strstr(gz.head, "ETag: ") + 6;
    memcpy(etag, tag, strcspn(tag, "\r"));
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nIf-None-Match: %s\r\n"
             "\r\n",
             script, etag);
    expect(h, request, 304, etag);
    answer_done(&plain);
    answer_done(&gz);
}

static void pictures_are_encoded_once_per_frame_and_size(void **state)
{
    struct house *h = *state;
    struct answer a = raw_get(h->port, "/api/cameras/porch/snapshot?width=160");
    struct answer b = raw_get(h->port, "/api/cameras/porch/snapshot?width=160");
    struct answer boxed = raw_get(h->port, "/api/cameras/porch/snapshot?width=160&boxes=true");
    struct answer big = raw_get(h->port, "/api/cameras/porch/snapshot");
    CHECK(a.body_bytes > 100 && (unsigned char)a.body[0] == 0xff);
    CHECK(a.body_bytes == b.body_bytes && memcmp(a.body, b.body, a.body_bytes) == 0);
    CHECK(boxed.body_bytes != a.body_bytes);
    CHECK(big.body_bytes > a.body_bytes);
    CHECK_INT(atomic_load(&h->frames_asked), 4);
    char request[256] = "GET /api/cameras/porch/snapshot HTTP/1.1\r\nHost: localhost\r\n"
                        "If-None-Match: ";
    const char *tag = strstr(big.head, "ETag: ") + 6;
    strncat(request, tag, strcspn(tag, "\r"));
    strncat(request, "\r\n\r\n", 5);
    expect(h, request, 304, NULL);
    atomic_fetch_add(&h->frame_seq, 1);
    expect(h, request, 200, "image/jpeg");
    answer_done(&a);
    answer_done(&b);
    answer_done(&boxed);
    answer_done(&big);
}

/* --- the protocol --- */

static void requests_follow_each_other(void **state)
{
    struct house *h = *state;
    struct raw c = raw_open(h->port);
    raw_say(&c, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "HEAD /api/cameras HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct answer a = raw_answer(&c, false);
    CHECK_INT(a.status, 200);
    answer_done(&a);
    a = raw_answer(&c, true);
    CHECK_INT(a.status, 200);
    CHECK(strstr(a.head, "Content-Length: 0") == NULL);
    answer_done(&a);
    a = raw_answer(&c, false);
    CHECK_INT(a.status, 404);
    answer_done(&a);
    raw_say(&c, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    a = raw_answer(&c, false);
    CHECK_INT(a.status, 200);
    answer_done(&a);
    CHECK(raw_is_closed(&c));
    raw_close(&c);
}

static void bad_requests_are_refused(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *request;
        int status;
        const char *part;
    } cases[] = {
        {"GET /health HTTP/1.1\r\n\r\n", 400, "Host header"},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, "Host header"},
        {"GET /health HTTP/1.1\r\nHost: 192.168.1.5\r\n\r\n", 421, "localhost"},
        {"POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         411, "Content-Length"},
        {"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 413,
         "takes a body"},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 413, "body"},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n", 413, "body"},
        {"POST /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow: GET, HEAD"},
        {"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405, "Allow"},
        {"PUT /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow"},
        {"OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw c = raw_open(h->port);
        raw_say(&c, cases[i].request);
        struct answer a = raw_answer(&c, false);
        if (a.status != cases[i].status)
            fail_msg("%.60s: %d %s", cases[i].request, a.status, a.body);
        if (!strstr(a.body, cases[i].part))
            CHECK_CONTAINS(a.head, cases[i].part);
        CHECK_CONTAINS(a.head, "Connection: close");
        answer_done(&a);
        CHECK(raw_is_closed(&c));
        raw_close(&c);
    }
    expect_get(h, "/health", 200, NULL);
}

/* Things that are not even HTTP, or not ours: the connection ends, the server goes on. */
static void nonsense_ends_the_connection(void **state)
{
    struct house *h = *state;
    static const char *const cases[] = {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "GET /ws/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        "BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\x01%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw c = raw_open(h->port);
        raw_say(&c, cases[i]);
        CHECK(raw_is_closed(&c));
        CHECK(strstr(c.data, " 200 ") == NULL);
        CHECK(strstr(c.data, " 101 ") == NULL);
        raw_close(&c);
        expect_get(h, "/health", 200, NULL);
    }
}

static void sizes_are_limited(void **state)
{
    struct house *h = *state;
    char *long_one = xcalloc(65536, 1);
    strncat(long_one, "GET /", 6);
    memset(long_one + 5, 'a', URL_BYTES_MAX + 10);
    strncat(long_one, " HTTP/1.1\r\nHost: localhost\r\n\r\n", 64);
    struct answer a = raw_ask(h->port, long_one);
    CHECK_INT(a.status, 414);
    answer_done(&a);
    memset(long_one, 0, 65536);
    strncat(long_one, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", 64);
    memset(long_one + strlen(long_one), 'b', 32768);
    strncat(long_one, "\r\n\r\n", 5);
    struct raw c = raw_open(h->port);
    raw_say(&c, long_one);
    CHECK(raw_is_closed(&c));
    CHECK(strstr(c.data, " 200 ") == NULL);
    raw_close(&c);
    free(long_one);
    expect_get(h, "/health", 200, NULL);
}

static void half_requests_hold_up_nobody(void **state)
{
    struct house *h = *state;
    static const char *const halves[] = {"", "G", "GET /health HTTP/1.1\r\nHost: loc",
                                         "GET /api/events?limit=1 HTTP/1.1\r\n"};
    struct raw open[ARRAY_LEN(halves)];
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        open[i] = raw_open(h->port);
        raw_say(&open[i], halves[i]);
    }
    expect_get(h, "/health", 200, "ok");
    raw_say(&open[2], "alhost\r\n\r\n"); /* the other half */
    struct answer a = raw_answer(&open[2], false);
    CHECK_INT(a.status, 200);
    answer_done(&a);
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        raw_close(&open[i]);
}

/* --- WebSocket --- */

static int64_t seq_of(const char *text)
{
    const char *at = strstr(text, "\"seq\":");
    CHECK(at != NULL);
    return strtoll(at + 6, NULL, 10);
}

static int64_t expect_hello(struct raw *c, struct ws_frame *f)
{
    ws_read(c, f);
    CHECK_CONTAINS(f->text, "{\"type\":\"hello\",\"seq\":");
    return seq_of(f->text);
}

static void handshakes_are_checked(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {WS_HANDSHAKE "Origin: http://evil.example\r\n\r\n", 403},
        {WS_HANDSHAKE "Origin: null\r\n\r\n", 403},
        {"GET /ws/events HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
         "Origin: http://evil.example\r\n\r\n",
         421},
        {"GET /ws/evnts HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
         "\r\n",
         404},
        {"GET /api/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
         "\r\n",
         400},
        {"GET /ws/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n"
         "\r\n",
         426},
        {"GET /ws/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
         400},
        {"POST /ws/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
         "\r\n",
         400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(h, cases[i].request, cases[i].status, "application/problem+json");
    struct raw c = raw_open(h->port);
    raw_say(&c, WS_HANDSHAKE "Origin: http://127.0.0.1\r\n"
                             "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    CHECK(raw_read(&c));
    CHECK_CONTAINS(c.data, " 101 ");
    CHECK(strstr(c.data, "permessage-deflate") == NULL);
    raw_close(&c);
}

static void changes_arrive_as_they_are_committed(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    put_events(h, 2, 0, 50);
    struct raw c = ws_open(h->port);
    int64_t newest = expect_hello(&c, f);
    CHECK_INT(newest, 2);
    put_events(h, 1, 0, 86);
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "{\"type\":\"event\",\"seq\":3,\"data\":{\"id\":\"");
    CHECK_CONTAINS(f->text, "\"risk_level\":\"critical\"");
    ws_say(&c, "{\"type\":\"ping\"}");
    ws_read(&c, f);
    CHECK_STR(f->text, "{\"type\":\"pong\"}");
    ws_say(&c, "{\"type\":\"resume\",\"after\":3}"); /* nothing to replay, nothing twice */
    put_events(h, 1, 1, 10);
    ws_read(&c, f);
    CHECK_INT(seq_of(f->text), 4);
    raw_close(&c);
    free(f);
}

static void resuming_leaves_no_gap_and_no_double(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    put_events(h, 150, 0, 50); /* more than one batch of the replay */
    struct raw c = ws_open(h->port);
    CHECK_INT(expect_hello(&c, f), 150);
    put_events(h, 5, 0, 50); /* these arrive live, before the replay is asked for */
    for (int i = 151; i <= 155; i++) {
        ws_read(&c, f);
        CHECK_INT(seq_of(f->text), i);
    }
    ws_say(&c, "{\"type\":\"resume\",\"after\":10}");
    put_events(h, 20, 1, 50); /* and these in the middle of it */
    for (int i = 11; i <= 150; i++) {
        ws_read(&c, f);
        CHECK_INT(seq_of(f->text), i);
    }
    for (int i = 156; i <= 175; i++) {
        ws_read(&c, f);
        CHECK_INT(seq_of(f->text), i);
    }
    ws_say(&c, "{\"type\":\"resume\",\"after\":1000}");
    ws_read(&c, f);
    CHECK_CONTAINS(f->text,
                   "{\"type\":\"error\",\"code\":\"invalid\",\"detail\":\"after: 1000 is newer");
    raw_close(&c);
    free(f);
}

static void publish(struct house *h, enum bus_topic topic, int camera, const char *json)
{
    bus_publish(h->bus, bus_message_new(topic, camera, 0, json, strlen(json)));
}

static void only_what_was_subscribed_arrives(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw c = ws_open(h->port);
    expect_hello(&c, f);
    publish(h, BUS_DETECTIONS, 0, "{\"type\":\"detections\",\"n\":1}"); /* not by default */
    publish(h, BUS_CAMERA, 0, "{\"type\":\"camera\",\"n\":2}");
    ws_read(&c, f);
    CHECK_STR(f->text, "{\"type\":\"camera\",\"n\":2}");
    ws_say(&c,
           "{\"type\":\"subscribe\",\"topics\":[\"detections\",\"event\"],\"cameras\":[\"yard\"]}");
    ws_say(&c, "{\"type\":\"ping\"}"); /* so that it is done */
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "pong");
    publish(h, BUS_CAMERA, 1, "{\"type\":\"camera\",\"n\":3}");
    publish(h, BUS_DETECTIONS, 0, "{\"type\":\"detections\",\"n\":4}");
    publish(h, BUS_DETECTIONS, 1, "{\"type\":\"detections\",\"n\":5}");
    ws_read(&c, f);
    CHECK_STR(f->text, "{\"type\":\"detections\",\"n\":5}");
    put_events(h, 1, 0, 50);
    put_events(h, 1, 1, 50);
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"seq\":2,");
    CHECK_CONTAINS(f->text, "\"camera\":\"yard\"");
    ws_say(&c, "{\"type\":\"resume\",\"after\":0}"); /* stored ones are filtered alike */
    put_events(h, 1, 1, 50);
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"seq\":3,");
    ws_say(&c, "{\"type\":\"subscribe\",\"cameras\":[\"yrd\"]}");
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "did you mean 'yard'?");
    raw_close(&c);
    free(f);
}

static void bad_messages_are_answered(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw c = ws_open(h->port);
    expect_hello(&c, f);
    ws_say(&c, "{\"type\":\"pong\"}");
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"detail\":\"unknown type 'pong'\",\"hint\":\"did you mean 'ping'?\"");
    ws_say(&c, "hello");
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "not JSON");
    ws_send_frame(&c, 0x01, "{\"type\":", 8); /* in pieces */
    ws_send_frame(&c, 0x80, "\"ping\"}", 7);
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "pong");
    ws_send_frame(&c, 0x82, "x", 1);
    ws_read(&c, f);
    CHECK_INT(f->opcode, 8);
    CHECK_INT((unsigned char)f->text[0] << 8 | (unsigned char)f->text[1], 1003);
    raw_close(&c);
    struct raw big = ws_open(h->port);
    expect_hello(&big, f);
    char *text = xcalloc(CLIENT_MESSAGE_BYTES_MAX + 2, 1);
    memset(text, ' ', CLIENT_MESSAGE_BYTES_MAX + 1);
    ws_say(&big, text);
    ws_read(&big, f);
    CHECK_INT(f->opcode, 8);
    CHECK_INT((unsigned char)f->text[0] << 8 | (unsigned char)f->text[1], 1009);
    raw_close(&big);
    free(text);
    free(f);
}

/* It reads nothing while megabytes of changes pass: what was lost is told, and can be had. */
static void slow_clients_are_told_what_they_missed(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw slow = ws_open(h->port);
    expect_hello(&slow, f);
    struct raw quick = ws_open(h->port);
    expect_hello(&quick, f);
    int64_t all = 0, seq = 0;
    for (int round = 0; round < 20; round++) {
        put_long_events(h, 100);
        all += 100;
        while (seq < all) {
            ws_read(&quick, f);
            CHECK_INT(seq_of(f->text), seq + 1);
            seq++;
        }
    }
    seq = 0;
    for (;;) {
        ws_read(&slow, f);
        if (strstr(f->text, "\"type\":\"missed\""))
            break;
        CHECK_INT(seq_of(f->text), seq + 1);
        seq++;
    }
    CHECK_INT(seq_of(f->text), seq); /* the last before the gap */
    CHECK(strtoll(strstr(f->text, "\"count\":") + 8, NULL, 10) == all - seq);
    char resume[64];
    snprintf(resume, sizeof resume, "{\"type\":\"resume\",\"after\":%lld}", (long long)seq);
    ws_say(&slow, resume);
    while (seq < all) {
        ws_read(&slow, f);
        CHECK_INT(seq_of(f->text), seq + 1);
        seq++;
    }
    raw_close(&slow);
    raw_close(&quick);
    free(f);
}

static void clients_are_counted(void **state)
{
    struct house *h = *state;
    struct raw c[SMALL_CLIENTS];
    for (int i = 0; i < SMALL_CLIENTS; i++)
        c[i] = ws_open(h->port);
    expect(h, WS_HANDSHAKE "\r\n", 503, "max_clients");
    expect_get(h, "/api/system", 200, "\"clients\":120");
    for (int i = 0; i < SMALL_CLIENTS; i++)
        raw_close(&c[i]);
}

/* --- starting and stopping --- */

static void stopping_says_goodbye(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw c[100], half = raw_open(h->port);
    raw_say(&half, "GET /health HT");
    for (int i = 0; i < 100; i++) {
        c[i] = ws_open(h->port);
        expect_hello(&c[i], f);
    }
    int64_t began_us = clock_mono_us(&clock_real);
    serve_stop(&h->serve);
    int64_t took_us = clock_mono_us(&clock_real) - began_us;
    if (took_us > US_PER_S)
        fail_msg("stopping took %lld ms", (long long)(took_us / US_PER_MS));
    for (int i = 0; i < 100; i++) {
        ws_read(&c[i], f);
        CHECK_INT(f->opcode, 8);
        CHECK_INT((unsigned char)f->text[0] << 8 | (unsigned char)f->text[1], 1001);
        raw_close(&c[i]);
    }
    raw_close(&half);
    free(f);
}

static void only_this_machine_is_served(void **state)
{
    struct house *h = *state;
    static const char *const addresses[] = {"0.0.0.0", "::", "192.0.2.1", "", "example.org"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct serve *other = NULL;
        struct err err = {0};
        struct serve_conf conf = h->conf;
        STR_COPY(conf.listen, addresses[i]);
        struct serve_params params = house_params(h);
        params.conf = &conf;
        CHECK(!serve_start(&params, &other, &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.hint, "127.0.0.1");
    }
    struct serve *other = NULL;
    struct err err = {0};
    struct serve_conf conf = h->conf;
    conf.port = h->port;
    struct serve_params params = house_params(h);
    params.conf = &conf;
    CHECK(!serve_start(&params, &other, &err));
    CHECK_CONTAINS(err.msg, "Address already in use");
    CHECK_CONTAINS(err.hint, "port");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_address_answers),
        CASE(every_route_keeps_the_rules),
        CASE(mistakes_are_answered_in_words),
        CASE(lists_are_paged),
        CASE(assets_are_cached_and_compressed),
        CASE(pictures_are_encoded_once_per_frame_and_size),
        CASE(requests_follow_each_other),
        CASE(bad_requests_are_refused),
        CASE(nonsense_ends_the_connection),
        CASE(sizes_are_limited),
        CASE(half_requests_hold_up_nobody),
        CASE(handshakes_are_checked),
        CASE(changes_arrive_as_they_are_committed),
        CASE(resuming_leaves_no_gap_and_no_double),
        CASE(only_what_was_subscribed_arrives),
        CASE(bad_messages_are_answered),
        CASE(slow_clients_are_told_what_they_missed),
        CASE(clients_are_counted),
        CASE(stopping_says_goodbye),
        CASE(only_this_machine_is_served),
    };
    return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
