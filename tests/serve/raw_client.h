/* A web client of a hundred lines that does what it is told, also what no browser would: sends
 * bytes as they are, reads one answer or one WebSocket frame, and fails the test when nothing
 * comes. */
#pragma once

#include "test.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_WAIT_MS 5000
#define CLIENT_BYTES   (1 << 20)

struct raw {
    int fd;
    size_t bytes;
    char *data; /* received, not yet taken */
};

struct answer {
    int status;
    char *head; /* owned, with the body behind it */
    char *body;
    size_t body_bytes;
};

struct ws_frame {
    int opcode; /* -1: the connection is closed */
    size_t bytes;
    char text[65536 + 1];
};

static inline struct raw raw_open(int port)
{
    struct raw c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(c.fd >= 0);
    CHECK(connect(c.fd, (struct sockaddr *)&to, sizeof to) == 0);
    c.data = xcalloc(CLIENT_BYTES, 1);
    return c;
}

static inline void raw_close(struct raw *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->data);
    *c = (struct raw){.fd = -1};
}

static inline void raw_send(struct raw *c, const void *data, size_t bytes)
{
    CHECK(send(c->fd, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
}

static inline void raw_say(struct raw *c, const char *text)
{
    raw_send(c, text, strlen(text));
}

/* More bytes; false at the end of the connection. Fails the test when nothing happens. */
static inline bool raw_read(struct raw *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (poll(&p, 1, CLIENT_WAIT_MS) != 1)
        fail_msg("no answer within %d ms; so far: '%.200s'", CLIENT_WAIT_MS, c->data);
    CHECK(c->bytes < CLIENT_BYTES - 1);
    ssize_t n = recv(c->fd, c->data + c->bytes, CLIENT_BYTES - 1 - c->bytes, 0);
    if (n <= 0)
        return false;
    c->bytes += (size_t)n;
    c->data[c->bytes] = '\0';
    return true;
}

static inline void raw_take(struct raw *c, size_t bytes)
{
    memmove(c->data, c->data + bytes, c->bytes - bytes + 1);
    c->bytes -= bytes;
}

/* Whether the server has ended the connection, now or within the wait. */
static inline bool raw_is_closed(struct raw *c)
{
    while (raw_read(c))
        continue;
    return true;
}

/* The next answer; head_only for what HEAD is answered with. Free with answer_done. */
static inline struct answer raw_answer(struct raw *c, bool head_only)
{
    struct answer a = {0};
    char *end;
    while (!(end = strstr(c->data, "\r\n\r\n")))
        if (!raw_read(c))
            fail_msg("the connection ended within a head: '%.200s'", c->data);
    size_t head_bytes = (size_t)(end - c->data) + 4;
    const char *length = strstr(c->data, "Content-Length: ");
    bool bodied = !head_only && length && length < end;
    a.body_bytes = bodied ? (size_t)strtoul(length + 16, NULL, 10) : 0;
    while (c->bytes < head_bytes + a.body_bytes)
        if (!raw_read(c))
            fail_msg("the connection ended within a body of %zu bytes", a.body_bytes);
    a.head = xcalloc(head_bytes + a.body_bytes + 2, 1);
    memcpy(a.head, c->data, head_bytes);
    a.body = a.head + head_bytes + 1;
    memcpy(a.body, c->data + head_bytes, a.body_bytes);
    CHECK(strncmp(a.head, "HTTP/1.1 ", 9) == 0);
    a.status = (int)strtol(a.head + 9, NULL, 10);
    raw_take(c, head_bytes + a.body_bytes);
    return a;
}

static inline void answer_done(struct answer *a)
{
    free(a->head);
    *a = (struct answer){0};
}

/* A whole conversation: one request as it is, one answer. */
static inline struct answer raw_ask(int port, const char *request)
{
    struct raw c = raw_open(port);
    raw_say(&c, request);
    struct answer a = raw_answer(&c, strncmp(request, "HEAD ", 5) == 0);
    raw_close(&c);
    return a;
}

static inline struct answer raw_get(int port, const char *path)
{
    char request[4096];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    return raw_ask(port, request);
}

#define WS_HANDSHAKE                                                                               \
    "GET /ws/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static inline struct raw ws_open(int port)
{
    struct raw c = raw_open(port);
    raw_say(&c, WS_HANDSHAKE "\r\n");
    char *end;
    while (!(end = strstr(c.data, "\r\n\r\n")))
        CHECK(raw_read(&c));
    CHECK(strncmp(c.data, "HTTP/1.1 101 ", 13) == 0);
    raw_take(&c, (size_t)(end - c.data) + 4);
    return c;
}

/* A masked frame, as clients must send them; first: opcode with the FIN bit. */
static inline void ws_send_frame(struct raw *c, int first, const char *data, size_t bytes)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    unsigned char *frame = xcalloc(bytes + 8, 1);
    size_t head = 2;
    frame[0] = (unsigned char)first;
    frame[1] = (unsigned char)(0x80 | (bytes < 126 ? bytes : 126));
    if (bytes >= 126) {
        frame[2] = (unsigned char)(bytes >> 8);
        frame[3] = (unsigned char)bytes;
        head = 4;
    }
    memcpy(frame + head, mask, 4);
    for (size_t i = 0; i < bytes; i++)
        frame[head + 4 + i] = (unsigned char)data[i] ^ mask[i % 4];
    raw_send(c, frame, head + 4 + bytes);
    free(frame);
}

static inline void ws_say(struct raw *c, const char *text)
{
    ws_send_frame(c, 0x81, text, strlen(text));
}

/* Fills frame with the next one. */
static inline void ws_read(struct raw *c, struct ws_frame *frame)
{
    size_t head = 2, bytes = 0;
    for (;;) {
        const unsigned char *p = (const unsigned char *)c->data;
        bytes = c->bytes >= 2 ? p[1] & 0x7f : 0;
        head = bytes == 126 ? 4 : 2;
        if (bytes == 126 && c->bytes >= 4)
            bytes = (size_t)p[2] << 8 | p[3];
        if (c->bytes >= head && c->bytes >= head + bytes)
            break;
        if (!raw_read(c)) {
            frame->opcode = -1;
            return;
        }
    }
    frame->opcode = (unsigned char)c->data[0] & 0x0f;
    frame->bytes = bytes;
    memcpy(frame->text, c->data + head, bytes);
    frame->text[bytes] = '\0';
    raw_take(c, head + bytes);
}
