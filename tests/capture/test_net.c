/* Addresses with a login, what failures mean, and knocking at a port of this machine. */
#include "test.h"

#include "capture/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libavutil/error.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void logins_are_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *url, *user, *password, *result;
    } rows[] = {
        {"rtsp://cam/1", "", "", "rtsp://cam/1"},
        {"rtsp://a:b@cam/1", "", "x", "rtsp://a:b@cam/1"},
        {"http://cam:80/x?y=1", "me", "", "http://me:@cam:80/x?y=1"},
        {"https://cam", "view er", "p@ss:w/o%rd?#9",
         "https://view%20er:p%40ss%3Aw%2Fo%25rd%3F%239@cam"},
        {"rtsp://cam/1", "\xc3\xa4", "-._~", "rtsp://%C3%A4:-._~@cam/1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct capture_conf conf = {0};
        STR_COPY(conf.url, rows[i].url);
        STR_COPY(conf.username, rows[i].user);
        STR_COPY(conf.password, rows[i].password);
        char url[NET_URL_BYTES];
        net_login(&conf, url);
        CHECK_STR(url, rows[i].result);
    }
    struct capture_conf full = {.url = "rtsp://cam/1"}; /* everything as long as it can be */
    memset(full.username, '@', sizeof full.username - 1);
    memset(full.password, '@', sizeof full.password - 1);
    char url[NET_URL_BYTES];
    net_login(&full, url);
    CHECK_CONTAINS(url, "%40@cam/1");
}

static void failures_have_names(void **state)
{
    (void)state;
    static const struct {
        int rc;
        enum camera_cause cause;
        enum err_code code;
    } rows[] = {
        {AVERROR(ECONNREFUSED), CAUSE_REFUSED, ERR_UNAVAILABLE},
        {AVERROR(EHOSTUNREACH), CAUSE_REFUSED, ERR_UNAVAILABLE},
        {AVERROR_HTTP_SERVER_ERROR, CAUSE_REFUSED, ERR_UNAVAILABLE},
        {AVERROR_HTTP_UNAUTHORIZED, CAUSE_DENIED, ERR_DENIED},
        {AVERROR_HTTP_FORBIDDEN, CAUSE_DENIED, ERR_DENIED},
        {AVERROR_HTTP_NOT_FOUND, CAUSE_MISSING, ERR_NOT_FOUND},
        {AVERROR_HTTP_OTHER_4XX, CAUSE_MISSING, ERR_UNAVAILABLE},
        {AVERROR(ENOENT), CAUSE_MISSING, ERR_NOT_FOUND},
        {AVERROR(ETIMEDOUT), CAUSE_TIMEOUT, ERR_UNAVAILABLE},
        {AVERROR(ECONNRESET), CAUSE_ENDED, ERR_UNAVAILABLE},
        {AVERROR(EIO), CAUSE_ENDED, ERR_UNAVAILABLE},
        {AVERROR_EOF, CAUSE_ENDED, ERR_UNAVAILABLE},
        {-1, CAUSE_ENDED, ERR_UNAVAILABLE},
        {AVERROR_INVALIDDATA, CAUSE_GARBAGE, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum camera_cause cause;
        struct err err = {0};
        CHECK(!net_fail(rows[i].rc, "cannot connect", &cause, &err));
        CHECK_INT(cause, rows[i].cause);
        CHECK_INT(err.code, rows[i].code);
        CHECK_CONTAINS(err.msg, "cannot connect: ");
        CHECK_INT(err.hint[0] != '\0', cause == CAUSE_DENIED);
    }
}

static void names(void **state)
{
    (void)state;
    struct err err = {0};
    CHECK(net_resolve("rtsp://127.0.0.1:554/x", &err));
    CHECK(net_resolve("http://[::1]/x", &err));
    CHECK(!net_resolve("rtsp://me:s3cret@no-such-camera.invalid/x", &err));
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    CHECK_CONTAINS(err.msg, "cannot find no-such-camera.invalid: ");
    CHECK(!strstr(err.msg, "s3cret"));
    struct err port = {0};
    CHECK(!net_resolve("rtsp://127.0.0.1:99999/x", &port));
}

/* Listens; answers each client with text, or with nothing. */
struct door {
    int fd, port;
    const char *answer; /* NULL: close at once; "": say nothing */
    char asked[1024];
};

static void *stand_behind(void *arg)
{
    struct door *d = arg;
    int fd = accept(d->fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    ssize_t n = d->answer ? recv(fd, d->asked, sizeof d->asked - 1, 0) : 0;
    if (n > 0 && d->answer[0])
        n = send(fd, d->answer, strlen(d->answer), MSG_NOSIGNAL);
    char rest[64];
    while (d->answer && recv(fd, rest, sizeof rest, 0) > 0)
        ;
    close(fd);
    return NULL;
}

static void open_door(struct door *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(d->fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(d->fd, 1), 0);
    CHECK_INT(getsockname(d->fd, (struct sockaddr *)&at, &bytes), 0);
    d->port = ntohs(at.sin_port);
}

static void knocking(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum camera_cause cause;
    } rows[] = {
        {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", CAUSE_NONE},
        {"RTSP/1.0 401 Unauthorized\r\n\r\n", CAUSE_NONE},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", CAUSE_GARBAGE},
        {"RT", CAUSE_TIMEOUT},
        {"", CAUSE_TIMEOUT},
        {NULL, CAUSE_ENDED},
    };
    atomic_bool stop = false;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct door door = {.answer = rows[i].answer};
        open_door(&door);
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, stand_behind, &door), 0);
        char url[128];
        snprintf(url, sizeof url, "rtsp://me:s3cret@127.0.0.1:%d/live?x=1", door.port);
        CHECK_INT(net_knock(url, 200 * US_PER_MS, &stop), rows[i].cause);
        pthread_join(thread, NULL);
        close(door.fd);
        if (rows[i].answer)
            CHECK_CONTAINS(door.asked, "/live?x=1 RTSP/1.0\r\n");
        CHECK(!strstr(door.asked, "s3cret"));
        CHECK_INT(net_knock(url, 200 * US_PER_MS, &stop), CAUSE_REFUSED); /* the port is closed */
    }
}

static void told_to_stop_it_does_not_wait(void **state)
{
    (void)state;
    struct door door = {.answer = ""};
    open_door(&door); /* the system accepts, nobody answers */
    atomic_bool stop = true;
    char url[128];
    snprintf(url, sizeof url, "rtsp://127.0.0.1:%d/", door.port);
    int64_t before_us = clock_mono_us(&clock_real);
    (void)net_knock(url, 60 * US_PER_S, &stop);
    CHECK(clock_mono_us(&clock_real) - before_us < 10 * US_PER_S);
    close(door.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins_are_encoded),
        cmocka_unit_test(failures_have_names),
        cmocka_unit_test(names),
        cmocka_unit_test(knocking),
        cmocka_unit_test(told_to_stop_it_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
