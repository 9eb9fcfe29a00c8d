/* Requests against a server on loopback that answers in every way, and in none. */
#include "peer.h"

#include "risk/llm/http.h"

#define MS       US_PER_MS
#define KEY      "sk-geheim"
#define PATIENCE (20 * US_PER_S) /* no request of a test takes so long, unless it never ends */

struct got {
    int calls, done;
    int status; /* of the latest data */
    char text[65536];
    size_t bytes;
    size_t most; /* refuse more; 0: never */
    struct http_result result;
};

static bool on_data(void *ctx, int status, const char *bytes, size_t count)
{
    struct got *g = ctx;
    g->calls++;
    g->status = status;
    if (g->most && g->bytes + count > g->most)
        return false;
    assert_true(g->bytes + count < sizeof g->text);
    memcpy(g->text + g->bytes, bytes, count);
    g->bytes += count;
    return true;
}

static void on_done(void *ctx, const struct http_result *result)
{
    struct got *g = ctx;
    g->done++;
    g->result = *result;
}

static struct http *open_http(const char *url, const char *key, int64_t silence_us)
{
    struct llm_conf conf;
    opt_defaults(&llm_section, &conf);
    STR_COPY(conf.api_key, key);
    conf.silence_us = silence_us;
    struct http *http;
    struct err err = {0};
    if (!http_open(&conf, url, &http, &err))
        fail_msg("%s", err.msg);
    return http;
}

static struct http_request *start(struct http *http, struct got *got, int64_t deadline_us,
                                  const char *body)
{
    return http_start(http, &(struct http_call){.path = "/v1/x",
                                                .body = body,
                                                .body_bytes = body ? strlen(body) : 0,
                                                .deadline_us = deadline_us,
                                                .answer_max = 20000,
                                                .data = on_data,
                                                .done = on_done,
                                                .ctx = got});
}

static void finish(struct http *http, const struct got *got)
{
    int64_t until_us = clock_mono_us(&clock_real) + PATIENCE;
    while (!got->done && clock_mono_us(&clock_real) < until_us)
        http_poll(http, US_PER_S);
    CHECK_INT(got->done, 1);
}

#define HEAD(status, more) "HTTP/1.1 " status "\r\n" more "\r\n"
#define FULL(status, text, length)                                                                 \
    HEAD(status, "Content-Type: text/plain\r\nContent-Length: " length "\r\n") text

static const struct {
    const char *name, *answer;
    enum peer_after after;
    int64_t deadline_us, silence_us; /* 0: long */
    size_t most;
    enum http_end end;
    int status;
    const char *text; /* in the result */
    const char *data;
    int retry_after_s;
} table[] = {
    {"an answer", FULL("200 OK", "hello", "5"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 200, "", "hello", 0},
    {"in chunks",
     HEAD("200 OK", "Transfer-Encoding: chunked\r\n") "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", PEER_KEEP,
     0, 0, 0, HTTP_DONE, 200, "", "hello", 0},
    {"until it closes", HEAD("200 OK", "Connection: close\r\n") "hello", PEER_CLOSE, 0, 0, 0,
     HTTP_DONE, 200, "", "hello", 0},
    {"after a permission", HEAD("100 Continue", "") FULL("200 OK", "hello", "5"), PEER_KEEP, 0, 0,
     0, HTTP_DONE, 200, "", "hello", 0},
    {"empty", FULL("200 OK", "", "0"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 200, "", "", 0},
    {"closed in the middle", FULL("200 OK", "hel", "5"), PEER_CLOSE, 0, 0, 0, HTTP_BROKEN, 200,
     "closed the connection in the middle", "hel", 0},
    {"a chunk cut short", HEAD("200 OK", "Transfer-Encoding: chunked\r\n") "9\r\nhel", PEER_CLOSE,
     0, 0, 0, HTTP_BROKEN, 200, "connection", "hel", 0},
    {"closed at once", "", PEER_CLOSE, 0, 0, 0, HTTP_BROKEN, 0, "without an answer", "", 0},
    {"reset", "", PEER_RESET, 0, 0, 0, HTTP_BROKEN, 0, "the connection", "", 0},
    {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", PEER_CLOSE, 0, 0, 0, HTTP_BROKEN, 0, "HTTP", "", 0},
    {"nothing", "", PEER_HOLD, 0, 150 * MS, 0, HTTP_SILENT, 0, "not a byte for 0.15 s", "", 0},
    {"half a head", "HTTP/1.1 200 O", PEER_HOLD, 0, 150 * MS, 0, HTTP_SILENT, 0,
     "not a byte for 0.15 s", "", 0},
    {"silent in the middle", FULL("200 OK", "hel", "5"), PEER_HOLD, 0, 150 * MS, 0, HTTP_SILENT,
     200, "not a byte for 0.15 s", "hel", 0},
    {"byte by byte", HEAD("200 OK", ""), PEER_DRIP, 400 * MS, 200 * MS, 0, HTTP_LATE, 200,
     "not done within 0.4 s", NULL, 0},
    {"not in time", "", PEER_HOLD, 150 * MS, 0, 0, HTTP_LATE, 0, "not done within 0.15 s", "", 0},
    {"too late already", FULL("200 OK", "hello", "5"), PEER_KEEP, -1, 0, 0, HTTP_LATE, 0, "", "",
     0},
    {"more than wanted", FULL("200 OK", "hello", "5"), PEER_KEEP, 0, 0, 3, HTTP_TOO_LONG, 200,
     "more than we take", "", 0},
    {"not there", FULL("404 Not Found", "no", "2"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 404,
     "answers 404", "no", 0},
    {"without a body", FULL("500 Oops", "", "0"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 500, "answers 500",
     "", 0},
    {"another key", FULL("401 No", "x", "1"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 401,
     "wants another key", "x", 0},
    {"elsewhere", FULL("302 Found\r\nLocation: /secret", "", "0"), PEER_KEEP, 0, 0, 0, HTTP_DONE,
     302, "elsewhere, where we do not go", "", 0},
    {"elsewhere, another scheme", FULL("301 Moved\r\nLocation: file:///etc/passwd", "", "0"),
     PEER_KEEP, 0, 0, 0, HTTP_DONE, 301, "where we do not go", "", 0},
    {"later", FULL("503 Busy\r\nRetry-After: 7", "", "0"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 503,
     "503", "", 7},
    {"much later", FULL("503 Busy\r\nRetry-After: 99999999", "", "0"), PEER_KEEP, 0, 0, 0,
     HTTP_DONE, 503, "503", "", 300},
    {"never", FULL("503 Busy\r\nRetry-After: -1", "", "0"), PEER_KEEP, 0, 0, 0, HTTP_DONE, 503,
     "503", "", 0},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct peer peer;
        struct got got = {.most = table[i].most};
        peer_start(&peer, table[i].answer, strlen(table[i].answer), table[i].after);
        struct http *http = open_http(peer.url, KEY,
                                      table[i].silence_us ? table[i].silence_us : PATIENCE);
        start(http, &got, table[i].deadline_us ? table[i].deadline_us : PATIENCE, "{}");
        finish(http, &got);
        http_close(&http);
        peer_stop(&peer);
        const char *name = table[i].name;
        if (got.result.end != table[i].end || got.result.status != table[i].status)
            fail_msg("%s: %s, status %d: %s", name, http_end_names[got.result.end],
                     got.result.status, got.result.text);
        if (!strstr(got.result.text, table[i].text) || strstr(got.result.text, KEY) ||
            (got.result.end == HTTP_DONE && got.result.status == 200 && got.result.text[0]))
            fail_msg("%s: says '%s'", name, got.result.text);
        got.text[got.bytes] = '\0';
        if (table[i].data && strcmp(got.text, table[i].data) != 0)
            fail_msg("%s: data '%s'", name, got.text);
        if (got.result.retry_after_s != table[i].retry_after_s)
            fail_msg("%s: again after %d s", name, got.result.retry_after_s);
        if (peer.requests > 1)
            fail_msg("%s: asked %d times", name, peer.requests);
        if (got.result.total_us < 0 || got.result.first_byte_us > got.result.total_us)
            fail_msg("%s: times %lld, %lld", name, (long long)got.result.first_byte_us,
                     (long long)got.result.total_us);
    }
}

/* A head, and then count times the same byte. */
static char *long_text(const char *head, size_t count, size_t *ret_bytes)
{
    *ret_bytes = strlen(head) + count;
    char *text = malloc(*ret_bytes + 1);
    assert_non_null(text);
    memset(text, 'x', *ret_bytes);
    memcpy(text, head, strlen(head));
    return text;
}

static void answers_have_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head;
        size_t more;
        enum http_end end;
        size_t data;
    } rows[] = {
        {"a body of the most", "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n", 20000, HTTP_DONE,
         20000},
        {"one byte more", "HTTP/1.1 200 OK\r\nContent-Length: 20001\r\n\r\n", 20001, HTTP_TOO_LONG,
         SIZE_MAX},
        {"10 MB", "HTTP/1.1 200 OK\r\n\r\n", 10000000, HTTP_TOO_LONG, SIZE_MAX},
        {"10 MB of an error", "HTTP/1.1 500 No\r\n\r\n", 10000000, HTTP_DONE, HTTP_BODY_BYTES_MAX},
        {"a header line", "HTTP/1.1 200 OK\r\nX: ", 40000, HTTP_TOO_LONG, 0},
        {"a header line without an end", "HTTP/1.1 200 OK\r\nX: ", 4000000, HTTP_TOO_LONG, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct peer peer;
        struct got got = {0};
        size_t bytes;
        char *answer = long_text(rows[i].head, rows[i].more, &bytes);
        if (i == 4)
            memcpy(answer + bytes - 4, "\r\n\r\n", 4);
        peer_start(&peer, answer, bytes, PEER_CLOSE);
        struct http *http = open_http(peer.url, "", PATIENCE);
        start(http, &got, PATIENCE, NULL);
        finish(http, &got);
        http_close(&http);
        peer_stop(&peer);
        free(answer);
        if (got.result.end != rows[i].end && !(i == 5 && got.result.end == HTTP_BROKEN))
            fail_msg("%s: %s: %s", rows[i].name, http_end_names[got.result.end], got.result.text);
        if (rows[i].data != SIZE_MAX && got.bytes != rows[i].data)
            fail_msg("%s: %zu bytes", rows[i].name, got.bytes);
        CHECK(got.bytes <= 20000);
    }
}

static void many_headers_are_too_many(void **state)
{
    (void)state;
    char answer[100000] = "HTTP/1.1 200 OK\r\n";
    size_t bytes = strlen(answer);
    for (int i = 0; bytes < sizeof answer - 100; i++)
        bytes += (size_t)snprintf(answer + bytes, sizeof answer - bytes, "X-%d: %060d\r\n", i, i);
    struct peer peer;
    struct got got = {0};
    peer_start(&peer, answer, bytes, PEER_HOLD);
    struct http *http = open_http(peer.url, "", PATIENCE);
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    http_close(&http);
    peer_stop(&peer);
    CHECK_INT(got.result.end, HTTP_TOO_LONG);
}

static void what_is_sent(void **state)
{
    (void)state;
    struct peer peer;
    struct got got = {0};
    const char *answer = FULL("200 OK", "", "0");
    peer_start(&peer, answer, strlen(answer), PEER_KEEP);
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    struct http *http = open_http(peer.url, KEY, PATIENCE);
    start(http, &got, PATIENCE, "{\"a\": 1}");
    finish(http, &got);
    CHECK_INT(got.result.end, HTTP_DONE);
    CHECK_CONTAINS(peer.request, "POST /v1/x HTTP/1.1\r\n");
    CHECK_CONTAINS(peer.request, "\r\nAuthorization: Bearer " KEY "\r\n");
    CHECK_CONTAINS(peer.request, "\r\nContent-Type: application/json\r\n");
    CHECK_CONTAINS(peer.request, "\r\n\r\n{\"a\": 1}");
    CHECK(!strcasestr(peer.request, "expect:"));
    CHECK(!strcasestr(peer.request, "accept-encoding"));
    got = (struct got){0};
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    CHECK_CONTAINS(peer.request, "GET /v1/x HTTP/1.1\r\n");
    CHECK_INT(peer.connections, 2); /* that of a question is not used again, */
    got = (struct got){0};
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    CHECK_INT(peer.connections, 2); /* any other is */
    http_close(&http);
    http = open_http(peer.url, "", PATIENCE);
    got = (struct got){0};
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    CHECK(!strcasestr(peer.request, "authorization"));
    http_close(&http);
    peer_stop(&peer);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void large_requests(void **state)
{
    (void)state;
    struct peer peer;
    struct got got = {0};
    const char *answer = FULL("200 OK", "", "0");
    peer_start(&peer, answer, strlen(answer), PEER_KEEP);
    size_t bytes;
    char *body = long_text("{\"a\": \"", 8000000, &bytes);
    body[bytes] = '\0';
    struct http *http = open_http(peer.url, "", PATIENCE);
    start(http, &got, PATIENCE, body);
    finish(http, &got);
    CHECK_INT(got.result.end, HTTP_DONE);
    CHECK_STR(strstr(peer.request, "\r\n\r\n") + 4, body);
    http_close(&http);
    peer_stop(&peer);
    free(body);
}

static void nobody_there(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "", 0, PEER_CLOSE);
    char url[64];
    STR_COPY(url, peer.url);
    peer_stop(&peer);
    struct got got = {0};
    struct http *http = open_http(url, KEY, PATIENCE);
    start(http, &got, PATIENCE, "{}");
    finish(http, &got);
    CHECK_INT(got.result.end, HTTP_REFUSED);
    CHECK_CONTAINS(got.result.text, "nobody listens there");
    CHECK_INT(got.result.first_byte_us, TIME_UNKNOWN);
    http_close(&http);
}

static void no_tls_there(void **state)
{
    (void)state;
    struct peer peer;
    struct got got = {0};
    /* It waits for the end of a head that never comes, and then gets one that is none. */
    peer_start(&peer, "HTTP/1.1 400 Bad\r\n\r\n", 20, PEER_CLOSE);
    char url[80];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", peer.port);
    struct http *http = open_http(url, "", 300 * MS);
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    CHECK(got.result.end == HTTP_REFUSED || got.result.end == HTTP_SILENT);
    http_close(&http);
    peer_stop(&peer);
}

static void wait_gone(struct peer *peer, int count)
{
    int64_t until_us = clock_mono_us(&clock_real) + PATIENCE;
    while (peer->gone < count && clock_mono_us(&clock_real) < until_us)
        poll(NULL, 0, 1);
    CHECK_INT(peer->gone, count);
}

static void cancelling_closes_the_connection(void **state)
{
    (void)state;
    struct peer peer;
    struct got got = {0};
    const char *answer = HEAD("200 OK", "") "hel";
    peer_start(&peer, answer, strlen(answer), PEER_HOLD);
    struct http *http = open_http(peer.url, "", PATIENCE);
    struct http_request *request = start(http, &got, PATIENCE, "{}");
    while (!got.calls)
        http_poll(http, US_PER_S);
    CHECK_INT(peer.gone, 0);
    int64_t cancelled_us = clock_mono_us(&clock_real);
    http_cancel(&request);
    CHECK(!request);
    wait_gone(&peer, 1); /* without another poll */
    CHECK(clock_mono_us(&clock_real) - cancelled_us < US_PER_S);
    http_poll(http, 0);
    CHECK_INT(got.done, 0);
    http_cancel(&request);
    http_close(&http);
    peer_stop(&peer);
}

static void closing_cancels_all(void **state)
{
    (void)state;
    struct peer peer;
    struct got got[5] = {0};
    peer_start(&peer, "HTTP/1.1 200 OK\r\n\r\nx", 20, PEER_HOLD);
    struct http *http = open_http(peer.url, "", PATIENCE);
    for (int i = 0; i < 4; i++)
        start(http, &got[i], PATIENCE, "{}");
    while (!got[0].calls || !got[1].calls || !got[2].calls || !got[3].calls)
        http_poll(http, US_PER_S);
    start(http, &got[4], PATIENCE, "{}"); /* not even connected */
    http_close(&http);
    wait_gone(&peer, 4);
    peer_stop(&peer);
    for (int i = 0; i < 5; i++)
        CHECK_INT(got[i].done, 0);
}

struct chain {
    struct got got; /* first: on_data takes the chain for it */
    struct http *http;
    struct http_request *other; /* to be cancelled */
    int left;
};

static void on_link(void *ctx, const struct http_result *result)
{
    struct chain *c = ctx;
    CHECK_INT(result->status, 200);
    http_cancel(&c->other);
    if (c->left-- > 0)
        http_start(c->http, &(struct http_call){.path = "/next",
                                                .deadline_us = PATIENCE,
                                                .answer_max = 100,
                                                .data = on_data,
                                                .done = on_link,
                                                .ctx = c});
    else
        c->got.done++;
}

static void the_end_of_one_may_start_and_cancel_others(void **state)
{
    (void)state;
    struct peer peer, silent;
    const char *answer = FULL("200 OK", "y", "1");
    peer_start(&peer, answer, strlen(answer), PEER_KEEP);
    peer_start(&silent, "", 0, PEER_HOLD);
    struct got other = {0};
    struct chain chain = {.http = open_http(silent.url, "", PATIENCE), .left = 3};
    struct err err = {0};
    chain.other = start(chain.http, &other, PATIENCE, NULL);
    CHECK(http_aim(chain.http, peer.url, &err));
    on_link(&chain, &(struct http_result){.status = 200});
    CHECK(!chain.other);
    CHECK(http_aim(chain.http, silent.url, &err));
    chain.other = start(chain.http, &other, PATIENCE, NULL);
    CHECK(http_aim(chain.http, peer.url, &err));
    finish(chain.http, &chain.got);
    CHECK(!chain.other);
    CHECK_INT(peer.requests, 3);
    http_close(&chain.http);
    peer_stop(&peer);
    peer_stop(&silent);
    CHECK_INT(other.done, 0);
}

static void an_aim_that_is_none_changes_nothing(void **state)
{
    (void)state;
    struct peer peer;
    struct got got = {0};
    const char *answer = FULL("200 OK", "y", "1");
    peer_start(&peer, answer, strlen(answer), PEER_KEEP);
    struct http *http = open_http(peer.url, "", PATIENCE);
    struct err err = {0};
    CHECK(!http_aim(http, "gopher://127.0.0.1/", &err));
    CHECK_INT(err.code, ERR_INVALID);
    start(http, &got, PATIENCE, NULL);
    finish(http, &got);
    CHECK_INT(got.result.status, 200);
    http_close(&http);
    peer_stop(&peer);
}

static void *waker(void *arg)
{
    poll(NULL, 0, 50);
    http_wake(arg);
    return NULL;
}

static void waking(void **state)
{
    (void)state;
    struct http *http = open_http("http://127.0.0.1:1", "", PATIENCE);
    pthread_t thread;
    int64_t begun_us = clock_mono_us(&clock_real);
    assert_int_equal(pthread_create(&thread, NULL, waker, http), 0);
    http_poll(http, PATIENCE);
    int64_t took_us = clock_mono_us(&clock_real) - begun_us;
    pthread_join(thread, NULL);
    CHECK(took_us >= 40 * MS && took_us < PATIENCE / 2);
    http_wake(http); /* before: the next one returns at once */
    begun_us = clock_mono_us(&clock_real);
    http_poll(http, PATIENCE);
    CHECK(clock_mono_us(&clock_real) - begun_us < PATIENCE / 2);
    begun_us = clock_mono_us(&clock_real);
    http_poll(http, 30 * MS);
    CHECK(clock_mono_us(&clock_real) - begun_us >= 30 * MS);
    http_close(&http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_have_limits),
        cmocka_unit_test(many_headers_are_too_many),
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(large_requests),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(no_tls_there),
        cmocka_unit_test(cancelling_closes_the_connection),
        cmocka_unit_test(closing_cancels_all),
        cmocka_unit_test(the_end_of_one_may_start_and_cancel_others),
        cmocka_unit_test(an_aim_that_is_none_changes_nothing),
        cmocka_unit_test(waking),
    };
    return cmocka_run_group_tests_name("llm http", tests, NULL, NULL);
}
