#include "capture/net.h"

#include <ctype.h>
#include <errno.h>
#include <libavformat/avformat.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS 100

static bool has_host(const char *url)
{
    const char *rest = strstr(url, "://");
    if (!rest)
        return false;
    rest += 3;
    const char *at = memchr(rest, '@', strcspn(rest, "/?#"));
    return strcspn(at ? at + 1 : rest, ":/?#") > 0;
}

bool net_check(const char *url, struct err *err)
{
    if (!has_host(url)) {
        err_set(err, ERR_INVALID, "the address names no camera");
        err_hint(err, "behind :// comes its name or number: rtsp://192.168.1.20/stream1");
        return false;
    }
    if (url[strcspn(url, " \t")] == '\0')
        return true;
    err_set(err, ERR_INVALID, "the address has a blank in it");
    err_hint(err, "write it as %%20; better a password with such letters as 'password: ...'");
    return false;
}

/* Percent-encodes what may not stand in the user information of a URL (RFC 3986 3.2.1). */
static void encode(const char *text, char *out, size_t bytes)
{
    size_t n = 0;
    for (; *text && n + 4 <= bytes; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            out[n++] = (char)c;
        else
            n += (size_t)snprintf(out + n, bytes - n, "%%%02X", c);
    }
    out[n] = '\0';
}

void net_login(const struct capture_conf *conf, char out[NET_URL_BYTES])
{
    const char *rest = strstr(conf->url, "://");
    if (!conf->username[0] || !rest) {
        str_copy(out, NET_URL_BYTES, conf->url);
        return;
    }
    char user[3 * sizeof conf->username];
    char password[3 * sizeof conf->password];
    encode(conf->username, user, sizeof user);
    encode(conf->password, password, sizeof password);
    snprintf(out, NET_URL_BYTES, "%.*s://%s:%s@%s", (int)(rest - conf->url), conf->url, user,
             password, rest + 3);
}

static const struct {
    int rc;
    enum err_code code;
    enum camera_cause cause;
    const char *text; /* for people; NULL: the system's own words will do */
} meanings[] = {
    {AVERROR(ENOENT), ERR_NOT_FOUND, CAUSE_MISSING, NULL},
    {AVERROR_HTTP_NOT_FOUND, ERR_NOT_FOUND, CAUSE_MISSING,
     "the camera knows no such stream or picture (404)"},
    {AVERROR_STREAM_NOT_FOUND, ERR_NOT_FOUND, CAUSE_MISSING, "the camera offers no such stream"},
    {AVERROR_HTTP_BAD_REQUEST, ERR_UNAVAILABLE, CAUSE_MISSING,
     "the camera does not understand the address (400)"},
    {AVERROR_HTTP_OTHER_4XX, ERR_UNAVAILABLE, CAUSE_MISSING, /* 454 among them */
     "the camera refuses the request (4xx)"},
    {AVERROR(EPROTONOSUPPORT), ERR_UNAVAILABLE, CAUSE_MISSING,
     "the camera does not offer this transport"},
    {AVERROR_HTTP_UNAUTHORIZED, ERR_DENIED, CAUSE_DENIED, NULL},
    {AVERROR_HTTP_FORBIDDEN, ERR_DENIED, CAUSE_DENIED, NULL},
    {AVERROR_HTTP_SERVER_ERROR, ERR_UNAVAILABLE, CAUSE_REFUSED, /* or just starting */
     "the camera is busy or in trouble (5xx)"},
    {AVERROR(ECONNREFUSED), ERR_UNAVAILABLE, CAUSE_REFUSED, NULL},
    {AVERROR(EHOSTUNREACH), ERR_UNAVAILABLE, CAUSE_REFUSED, NULL},
    {AVERROR(ENETUNREACH), ERR_UNAVAILABLE, CAUSE_REFUSED, NULL},
    {AVERROR(ENETDOWN), ERR_UNAVAILABLE, CAUSE_REFUSED, NULL},
    {AVERROR(ETIMEDOUT), ERR_UNAVAILABLE, CAUSE_TIMEOUT, NULL},
    {AVERROR_INVALIDDATA, ERR_INVALID, CAUSE_GARBAGE, "what it sends is no video"},
    {AVERROR_PROTOCOL_NOT_FOUND, ERR_INVALID, CAUSE_GARBAGE, NULL},
    {AVERROR_DECODER_NOT_FOUND, ERR_INVALID, CAUSE_GARBAGE, NULL},
    {AVERROR_PATCHWELCOME, ERR_INVALID, CAUSE_GARBAGE, NULL},
    {AVERROR_EXIT, ERR_CANCELLED, CAUSE_NONE, NULL},
};

static const char *words_for(int rc)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (meanings[i].rc == rc)
            return meanings[i].text;
    return NULL;
}

enum err_code net_code(int rc, enum camera_cause *ret_cause)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (meanings[i].rc == rc) {
            *ret_cause = meanings[i].cause;
            return meanings[i].code;
        }
    *ret_cause = CAUSE_ENDED;
    return ERR_UNAVAILABLE;
}

bool net_fail(int rc, const char *doing, enum camera_cause *ret_cause, struct err *err)
{
    enum err_code code = net_code(rc, ret_cause);
    if (*ret_cause == CAUSE_ENDED)
        return err_set(err, code, "%s: the camera closed the connection", doing);
    const char *words = words_for(rc);
    if (code != ERR_DENIED)
        return err_set(err, code, "%s: %s", doing, words ? words : av_err2str(rc));
    err_set(err, code, "%s: the camera refuses this username and password", doing);
    err_hint(err, "check both; cameras lock out who tries too often");
    return false;
}

struct target {
    char host[256], path[CAPTURE_URL_BYTES];
    int port;
    struct addrinfo *addresses;
};

static const struct {
    const char *scheme;
    int port;
} usual_ports[] = {{"rtsp", 554}, {"rtsps", 322}, {"http", 80}, {"https", 443}};

static void target_done(struct target *t)
{
    if (t->addresses)
        freeaddrinfo(t->addresses);
}

/* Returns what getaddrinfo does. */
static int target_find(struct target *t, const char *url)
{
    memset(t, 0, sizeof *t);
    char scheme[8];
    av_url_split(scheme, sizeof scheme, NULL, 0, t->host, sizeof t->host, &t->port, t->path,
                 sizeof t->path, url);
    for (size_t i = 0; i < ARRAY_LEN(usual_ports) && t->port <= 0; i++)
        if (strcasecmp(scheme, usual_ports[i].scheme) == 0)
            t->port = usual_ports[i].port;
    if (t->port > 65535)
        return EAI_SERVICE;
    char port[8];
    snprintf(port, sizeof port, "%d", t->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    return getaddrinfo(t->host, port, &hints, &t->addresses);
}

bool net_resolve(const char *url, struct err *err)
{
    AUTO(target_done) struct target t;
    int rc = target_find(&t, url);
    if (rc == 0)
        return true;
    err_set(err, ERR_UNAVAILABLE, "cannot find %.64s: %s", t.host, gai_strerror(rc));
    err_hint(err, "check the name, or write the camera's number instead");
    return false;
}

/* Waits for the events on fd. False: too late, or told to stop. */
static bool wait_for(int fd, short events, int64_t deadline_us, const atomic_bool *stop)
{
    struct pollfd p = {.fd = fd, .events = events};
    while (!atomic_load_explicit(stop, memory_order_relaxed)) {
        if (poll(&p, 1, POLL_MS) > 0)
            return true;
        if (clock_mono_us(&clock_real) > deadline_us)
            return false;
    }
    return false;
}

/* Connects fd; CAUSE_NONE: it is. */
static enum camera_cause connect_to(int fd, const struct addrinfo *a, int64_t deadline_us,
                                    const atomic_bool *stop)
{
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return CAUSE_NONE;
    if (errno != EINPROGRESS)
        return CAUSE_REFUSED;
    if (!wait_for(fd, POLLOUT, deadline_us, stop))
        return CAUSE_TIMEOUT;
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    return error == 0 ? CAUSE_NONE : error == ETIMEDOUT ? CAUSE_TIMEOUT : CAUSE_REFUSED;
}

static enum camera_cause ask_options(int fd, const struct target *t, int64_t deadline_us,
                                     const atomic_bool *stop)
{
    static const char expected[] = "RTSP/";
    char text[CAPTURE_URL_BYTES + 512];
    bool v6 = strchr(t->host, ':');
    int n = snprintf(text, sizeof text, "OPTIONS rtsp://%s%s%s:%d%s RTSP/1.0\r\nCSeq: 1\r\n\r\n",
                     v6 ? "[" : "", t->host, v6 ? "]" : "", t->port, t->path);
    if (n < 0 || (size_t)n >= sizeof text || send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        return CAUSE_ENDED;
    for (size_t got = 0; got < sizeof expected - 1;) {
        if (!wait_for(fd, POLLIN, deadline_us, stop))
            return CAUSE_TIMEOUT;
        ssize_t rc = recv(fd, text, sizeof expected - 1 - got, 0);
        if (rc <= 0)
            return got > 0 ? CAUSE_GARBAGE : CAUSE_ENDED;
        if (memcmp(text, expected + got, (size_t)rc) != 0)
            return CAUSE_GARBAGE;
        got += (size_t)rc;
    }
    return CAUSE_NONE;
}

enum camera_cause net_knock(const char *url, int64_t timeout_us, const atomic_bool *stop)
{
    int64_t deadline_us = clock_mono_us(&clock_real) + timeout_us;
    AUTO(target_done) struct target t;
    if (target_find(&t, url) != 0)
        return CAUSE_NAME;
    enum camera_cause cause = CAUSE_REFUSED;
    for (const struct addrinfo *a = t.addresses; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        cause = connect_to(fd, a, deadline_us, stop);
        bool there = cause == CAUSE_NONE;
        if (there)
            cause = ask_options(fd, &t, deadline_us, stop);
        close(fd);
        if (there)
            break;
    }
    return cause;
}
