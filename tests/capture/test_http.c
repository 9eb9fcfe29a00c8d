/* Cameras over HTTP against a tiny server of this process: one answer for each request. */
#include "test.h"

#include "capture/capture.h"

#include <arpa/inet.h>
#include <libavcodec/packet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define JPEG "\xff\xd8\xff\xe0picture\xff\xd9"

/* Answers each connection with the next text, the last one for ever, and closes it. */
struct server {
    int fd, port;
    const char *const *answers; /* ends with NULL */
    pthread_t thread;
    atomic_bool stopping;
    atomic_int requests;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    for (const char *const *answer = s->answers; !atomic_load(&s->stopping);) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        char request[4096];
        ssize_t n = recv(fd, request, sizeof request, 0);
        atomic_fetch_add(&s->requests, 1);
        if (n > 0)
            n = send(fd, *answer, strlen(*answer), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof request, 0) > 0)
            ;
        close(fd);
        if (answer[1])
            answer++;
    }
    return NULL;
}

static void start_server(struct server *s, const char *const *answers)
{
    *s = (struct server){.answers = answers};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(s->fd, 4), 0);
    CHECK_INT(getsockname(s->fd, (struct sockaddr *)&at, &bytes), 0);
    s->port = ntohs(at.sin_port);
    CHECK_INT(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop_server(struct server *s)
{
    atomic_store(&s->stopping, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

struct source {
    unsigned char *priv;
    atomic_bool stop;
    struct capture_conf conf;
    struct capture_limits limits;
};

static bool open_source(struct source *s, const struct server *server, struct err *err)
{
    *s = (struct source){.limits = {2 * US_PER_S, 2 * US_PER_S}};
    opt_defaults(&capture_section, &s->conf);
    snprintf(s->conf.url, sizeof s->conf.url, "http://127.0.0.1:%d/x", server->port);
    s->conf.interval_us = 100 * US_PER_MS;
    s->priv = xcalloc(1, capture_http.priv_size);
    capture_http.limit(s->priv, &s->limits);
    return capture_http.open(s->priv, &s->conf, &s->stop, err);
}

static void close_source(struct source *s)
{
    capture_http.close(s->priv);
    free(s->priv);
}

static void finds_the_source(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://cam/x.jpg", "HTTPS://cam/",
                                       "http://me:x@cam/a.m3u8"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CHECK_STR(capture_find(urls[i])->name, "http");
        CHECK(capture_http.live(urls[i]) && !capture_http.is_file(urls[i]));
    }
    CHECK_STR(capture_find("http.jpg")->name, "lavf");
    CHECK_STR(capture_find("httpx://cam")->name, "lavf");
}

static void pictures(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *answers[4]; /* ends with NULL */
        int count;
    } rows[] = {
        {"a still",
         {"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 13\r\n\r\n" JPEG},
         3},
        {"a still without a length",
         {"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" JPEG},
         3},
        {"a still without a type", {"HTTP/1.0 200 OK\r\n\r\n" JPEG}, 3},
        {"a still in chunks",
         {"HTTP/1.1 200 OK\r\nContent-Type: IMAGE/JPEG\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\n\xff\xd8\xff\xe0p\r\n8\r\nicture\xff\xd9\r\n0\r\n\r\n"},
         3},
        {"one broken still in between",
         {"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" JPEG,
          "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8 half",
          "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" JPEG},
         3},
        {"a stream",
         {"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
          "--f\r\nContent-Length: 13\r\n\r\n" JPEG "\r\n--f\r\n\r\n" JPEG "\r\n--f--\r\n"},
         2},
        {"a stream without a type",
         {"HTTP/1.1 200 OK\r\n\r\n--f\r\n\r\n" JPEG "\r\n--f\r\n\r\n" JPEG "\r\n--f--\r\n"},
         2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server server;
        start_server(&server, rows[i].answers);
        struct source s;
        struct err err = {0};
        if (!open_source(&s, &server, &err))
            fail_msg("%s: %s", rows[i].what, err.msg);
        for (int k = 0; k < rows[i].count; k++) {
            AUTO(packet_unref) struct packet *p = NULL;
            if (!capture_http.read(s.priv, &p, &err) || !p)
                fail_msg("%s, picture %d: %s", rows[i].what, k, err.msg);
            CHECK_INT(p->av->size, sizeof JPEG - 1);
            CHECK(memcmp(p->av->data, JPEG, sizeof JPEG - 1) == 0);
            CHECK(p->key && p->pts_us == TIME_UNKNOWN && p->stream);
        }
        close_source(&s);
        stop_server(&server);
    }
}

static void an_ended_stream_ends(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
        "--f\r\n\r\n" JPEG "\r\n--f--\r\n",
        NULL};
    struct server server;
    start_server(&server, answers);
    struct source s;
    struct err err = {0};
    CHECK(open_source(&s, &server, &err));
    struct packet *p = NULL;
    CHECK(capture_http.read(s.priv, &p, &err) && p);
    packet_unref(&p);
    CHECK(capture_http.read(s.priv, &p, &err) && !p);
    CHECK_INT(capture_http.cause(s.priv), CAUSE_ENDED);
    close_source(&s);
    stop_server(&server);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answers[2];
        enum camera_cause cause;
        const char *says;
    } rows[] = {
        {{"HTTP/1.1 404 Not Found\r\n\r\n"}, CAUSE_MISSING, "404"},
        {{"HTTP/1.1 401 Unauthorized\r\n\r\n"}, CAUSE_DENIED, "username and password"},
        {{"HTTP/1.1 403 Forbidden\r\n\r\n"}, CAUSE_DENIED, "username and password"},
        {{"HTTP/1.1 503 Busy\r\n\r\n"}, CAUSE_REFUSED, "busy or in trouble (5xx)"},
        {{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"}, CAUSE_GARBAGE, "text/html"},
        {{"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\nftyp"}, CAUSE_GARBAGE, "video/mp4"},
        {{"HTTP/1.1 200 OK\r\nContent-Type: application/x-mpegURL\r\n\r\n#EXTM3U"},
         CAUSE_GARBAGE,
         "mpegURL"},
        {{"HTTP/1.1 200 OK\r\n\r\n#EXTM3U"}, CAUSE_GARBAGE, "without a type"},
        {{"HTTP/1.1 200 OK\r\n\r\n"}, CAUSE_GARBAGE, "empty"},
        {{"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\n\r\n"}, CAUSE_NONE, "cannot"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server server;
        start_server(&server, rows[i].answers);
        struct source s;
        struct err err = {0};
        if (open_source(&s, &server, &err))
            fail_msg("row %zu was taken", i);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
        if (rows[i].cause != CAUSE_NONE)
            CHECK_INT(capture_http.cause(s.priv), rows[i].cause);
        close_source(&s);
        stop_server(&server);
    }
}

static void told_to_stop_it_stops(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" JPEG, NULL};
    struct server server;
    start_server(&server, answers);
    struct source s;
    struct err err = {0};
    CHECK(open_source(&s, &server, &err));
    struct packet *p = NULL;
    CHECK(capture_http.read(s.priv, &p, &err));
    packet_unref(&p);
    s.conf.interval_us = 3600 * US_PER_S;
    atomic_store(&s.stop, true);
    CHECK(!capture_http.read(s.priv, &p, &err));
    CHECK_INT(err.code, ERR_CANCELLED);
    close_source(&s);
    stop_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_source),      cmocka_unit_test(pictures),
        cmocka_unit_test(an_ended_stream_ends),  cmocka_unit_test(what_is_refused),
        cmocka_unit_test(told_to_stop_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
