/* A server on a thread that reads requests and answers each with the same bytes, then does as told.
 */
#pragma once

#include "test.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_REQUEST_BYTES (12 * 1024 * 1024)
#define PEER_DRIP_MS       20

enum peer_after {
    PEER_KEEP,  /* wait for the next request */
    PEER_CLOSE, /* in good order */
    PEER_RESET,
    PEER_HOLD, /* say nothing until the other side has gone */
    PEER_DRIP, /* a byte every 20 ms until then */
};

struct peer {
    int listener, port;
    char url[64];
    pthread_t thread;
    char *answer; /* owned */
    size_t answer_bytes;
    enum peer_after after;
    atomic_int connections, requests, gone; /* gone: the other side closed first */
    pthread_mutex_t lock;
    char *request; /* the latest; read it after the answer has come */
    size_t request_bytes;
};

struct peer_line {
    struct peer *peer;
    int fd;
};

static inline size_t peer_body_bytes(const char *head)
{
    const char *length = strcasestr(head, "content-length:");
    return length ? (size_t)strtoul(length + 15, NULL, 10) : 0;
}

/* False: there is no whole request any more. */
static inline bool peer_read(struct peer *p, int fd)
{
    char *text = malloc(PEER_REQUEST_BYTES);
    size_t bytes = 0;
    for (;;) {
        ssize_t n = recv(fd, text + bytes, PEER_REQUEST_BYTES - 1 - bytes, 0);
        if (n <= 0) {
            free(text);
            return false;
        }
        bytes += (size_t)n;
        text[bytes] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        if (end && bytes >= (size_t)(end + 4 - text) + peer_body_bytes(text))
            break;
    }
    pthread_mutex_lock(&p->lock);
    memcpy(p->request, text, bytes + 1);
    p->request_bytes = bytes;
    pthread_mutex_unlock(&p->lock);
    free(text);
    p->requests++;
    return true;
}

static inline bool peer_send(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        count -= (size_t)n;
    }
    return true;
}

static inline void peer_linger(struct peer *p, int fd)
{
    char byte;
    for (;;) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        int ready = poll(&in, 1, p->after == PEER_DRIP ? PEER_DRIP_MS : -1);
        if (ready > 0 && recv(fd, &byte, 1, 0) <= 0)
            break;
        if (ready == 0 && !peer_send(fd, ":", 1))
            break;
    }
    p->gone++;
}

static inline void *peer_line_main(void *arg)
{
    struct peer_line line = *(struct peer_line *)arg;
    struct peer *p = line.peer;
    free(arg);
    while (peer_read(p, line.fd)) {
        bool sent = peer_send(line.fd, p->answer, p->answer_bytes);
        if (!sent)
            p->gone++;
        if (sent && (p->after == PEER_HOLD || p->after == PEER_DRIP))
            peer_linger(p, line.fd);
        if (!sent || p->after != PEER_KEEP)
            break;
    }
    struct linger hard = {.l_onoff = 1};
    if (p->after == PEER_RESET)
        setsockopt(line.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(line.fd);
    return NULL;
}

static inline void *peer_main(void *arg)
{
    struct peer *p = arg;
    pthread_t lines[64];
    int count = 0;
    for (int fd; count < 64 && (fd = accept(p->listener, NULL, NULL)) >= 0; count++) {
        p->connections++;
        struct peer_line *line = malloc(sizeof *line);
        *line = (struct peer_line){p, fd};
        if (pthread_create(&lines[count], NULL, peer_line_main, line) != 0)
            abort();
    }
    for (int i = 0; i < count; i++)
        pthread_join(lines[i], NULL);
    return NULL;
}

static inline void peer_start(struct peer *p, const char *answer, size_t bytes,
                              enum peer_after after)
{
    *p = (struct peer){.after = after, .answer_bytes = bytes};
    pthread_mutex_init(&p->lock, NULL);
    p->answer = malloc(bytes + 1);
    memcpy(p->answer, answer, bytes);
    p->request = calloc(1, PEER_REQUEST_BYTES);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &size), 0);
    p->port = ntohs(at.sin_port);
    snprintf(p->url, sizeof p->url, "http://127.0.0.1:%d", p->port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

/* After the client has closed its connections. */
static inline void peer_stop(struct peer *p)
{
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
    pthread_mutex_destroy(&p->lock);
    free(p->answer);
    free(p->request);
}
