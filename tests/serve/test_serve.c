/* The running server over HTTP: every address, every refusal, requests that are not. Covers web,
 * route, reply, assets and api_*. */
#include "house.h"

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
    expect_get(h, "/api/camera-events", 200, "{\"items\":[");
    expect_get(h, "/", 200, "<!doctype html>");
    expect_get(h, "/ws/events", 426, "speaks WebSocket");
    atomic_store(&h->ready, false);
    expect_get(h, "/health", 200, "\"status\":\"starting\"");
}

/* Newest first, paged, of one camera or of all. */
static void what_happened_to_cameras_is_listed(void **state)
{
    struct house *h = *state;
    expect_get(h, "/api/camera-events", 200, "{\"items\":[],\"pagination\":{\"limit\":50,");
    for (int i = 0; i < 3; i++) {
        struct camera_event event = {.id = uuid7_new(&h->ids),
                                     .kind = CAMERA_EVENT_COVERED,
                                     .ended = i == 1,
                                     .wall_us = 1700000000 * US_PER_S + i};
        STR_COPY(event.camera, camera_names[i / 2]);
        snprintf(event.text, sizeof event.text, "number \"%d\"", i);
        store_put_camera_event(h->store, &event);
    }
    store_flush(h->store);
    struct answer a = raw_get(h->port, "/api/camera-events?limit=2");
    CHECK_INT(a.status, 200);
    CHECK(strstr(a.body, "number \\\"2\\\"") < strstr(a.body, "number \\\"1\\\""));
    CHECK(!strstr(a.body, "number \\\"0\\\""));
    CHECK_CONTAINS(a.body, "\"kind\":\"covered\"");
    CHECK_CONTAINS(a.body, "\"has_more\":true}}");
    answer_done(&a);
    a = raw_get(h->port, "/api/camera-events?camera=yard");
    CHECK_CONTAINS(a.body, "\"camera\":\"yard\"");
    CHECK(!strstr(a.body, "porch"));
    answer_done(&a);
    expect_get(h, "/api/camera-events?camera=yrd", 404, "did you mean 'yard'?");
    expect_get(h, "/api/camera-events?min_level=low", 400, "unknown parameter 'min_level'");
}

/* What holds for all of them, also for those added later. */
static void every_route_keeps_the_rules(void **state)
{
    struct house *h = *state;
    for (const struct route *r = routes; r->path; r++) {
        char path[256], request[512];
        path_fill(r->path, "/x/x/x/x", path, sizeof path);
        bool reads = !r->methods;
        const char *right = reads ? "GET" : r->methods & METHOD_POST ? "POST" : "DELETE";
        const char *allow = reads                      ? "Allow: GET, HEAD"
                            : r->methods & METHOD_POST ? "Allow: POST"
                                                       : "Allow: PUT, DELETE";
        snprintf(request, sizeof request, "%s %s?no-such=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 right, path);
        expect(h, request, 400, "unknown parameter 'no-such'");
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 reads ? "DELETE" : "GET", path);
        expect(h, request, 405, allow);
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: evil.example\r\n\r\n", right,
                 path);
        expect(h, request, 421, "answers only to names of its own machine");
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", right, path);
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
    strncat(script, ".gz", 4); /* not an address of its own */
    expect_get(h, script, 404, "nothing at");
    script[strlen(script) - 3] = '\0';
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
    atomic_store(&h->frame_seq, 0); /* a new session begins */
    expect(h, request, 304, NULL);
    atomic_fetch_add(&h->frame_arrived_us, 1);
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
        {"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405,
         "Allow: GET, HEAD"},
        {"POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4097\r\n\r\n",
         413, "more than 4096 bytes"},
        {"POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\n\r\n",
         403, "another origin"},
        {"POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", 403,
         "another origin"},
        {"POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\n"
         "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
         415, "application/json"},
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
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
         "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
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
        const char *first = strstr(c.data, "HTTP/1.");
        CHECK(!first || !strstr(first + 1, "HTTP/1.")); /* one answer at most */
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

/* --- starting --- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_address_answers),
        CASE(what_happened_to_cameras_is_listed),
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
        CASE(only_this_machine_is_served),
    };
    return cmocka_run_group_tests_name("serve/serve", tests, NULL, NULL);
}
