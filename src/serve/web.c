/* The only file that knows libwebsockets: sockets, timeouts, HTTP/1.1 and WebSocket framing. It
 * turns what the library tells in its one callback into requests and clients, and replies and
 * messages into writes. docs/design/serve.md lists what of the library is avoided, and why. */
#include "serve/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <libwebsockets.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

_Static_assert(BYTES_HEADROOM >= LWS_PRE, "the library frames in front of the bytes");

/* HTTP/2 over plain TCP and extensions are off: the first has known defects in 4.1, the second
 * costs 200 KB a client. */

struct web {
    struct serve *serve;
    struct lws_context *context;
    struct lws_vhost *vhost;
    int port;
    int connections;                  /* all sockets, serve thread only */
    int64_t turn;                     /* goes up each time round */
    bool goodbye_said, deadline_over; /* while stopping */
    lws_sorted_usec_list_t deadline;
};

/* What the library keeps for us with every connection, zeroed. */
struct connection {
    /* A request in work. */
    struct reply reply;
    size_t written;
    bool answering, header_written, head_only;
    /* A change whose body is on its way; NULL: none. */
    struct request *change;
    const struct route *change_route;
    char *body; /* BODY_BYTES_MAX + 1 */
    size_t body_bytes;
    int64_t body_deadline_us, body_turn; /* body_turn: in which the last one was whole */
    /* After an upgrade. */
    struct client *client;
    size_t message_bytes;
    char *message; /* CLIENT_MESSAGE_BYTES_MAX, once there is one in pieces */
};

/* --- requests --- */

static bool header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t bytes)
{
    out[0] = '\0';
    return lws_hdr_copy(wsi, out, (int)bytes, token) >= 0;
}

static bool has_header(struct lws *wsi, enum lws_token_indexes token)
{
    return lws_hdr_total_length(wsi, token) > 0;
}

/* A name of this machine only: otherwise any web page could point a name of its own at 127.0.0.1
 * and read the cameras with its visitor's browser. */
static bool check_host(struct lws *wsi, char *host, size_t bytes, struct reply *reply)
{
    char name[HOST_BYTES_MAX];
    int port;
    if (!header(wsi, WSI_TOKEN_HOST, host, bytes) || !host_parse(host, name, sizeof name, &port)) {
        reply_problem(reply, 400, "the Host header is missing or malformed", NULL);
        return false;
    }
    if (host_is_loopback(name))
        return true;
    reply_problem(reply, 421, "this server answers only to names of its own machine",
                  "use http://localhost or http://127.0.0.1");
    return false;
}

/* Only changes have a body, and 4.1 cannot read a chunked one. */
static bool check_body(struct lws *wsi, enum method method, size_t *ret_bytes, struct reply *reply)
{
    char length[24], *end;
    *ret_bytes = 0;
    if (has_header(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING)) {
        reply_problem(reply, 411, "chunked bodies are not read", "send a Content-Length");
        return false;
    }
    if (!has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
        return true;
    size_t most = method & METHODS_CHANGE ? BODY_BYTES_MAX : 0;
    unsigned long long bytes = ULLONG_MAX;
    if (header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof length) &&
        isdigit((unsigned char)length[0])) {
        bytes = strtoull(length, &end, 10);
        bytes = *end ? ULLONG_MAX : bytes;
    }
    *ret_bytes = (size_t)bytes;
    if (bytes <= most)
        return true;
    char text[64];
    snprintf(text, sizeof text, "a body of more than %zu bytes", most);
    reply_problem(reply, 413, text, most ? NULL : "nothing is read here but changes");
    return false;
}

/* A page of another origin can make its visitor's browser send a form here, but not JSON, and never
 * without its own name as the Origin. */
static bool check_change(struct lws *wsi, size_t body_bytes, struct reply *reply)
{
    char text[HOST_BYTES_MAX], host[HOST_BYTES_MAX];
    if (has_header(wsi, WSI_TOKEN_ORIGIN) &&
        (!header(wsi, WSI_TOKEN_ORIGIN, text, sizeof text) ||
         !header(wsi, WSI_TOKEN_HOST, host, sizeof host) || !origin_matches_host(text, host))) {
        reply_problem(reply, 403, "a page of another origin may not change anything here", NULL);
        return false;
    }
    static const char json[] = "application/json";
    bool is_json = header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, text, sizeof text) &&
                   strncasecmp(text, json, sizeof json - 1) == 0 &&
                   (text[sizeof json - 1] == '\0' || strchr("; ", text[sizeof json - 1]));
    if (is_json || body_bytes == 0)
        return true;
    reply_problem(reply, 415, "changes are sent as JSON", "set Content-Type: application/json");
    return false;
}

static bool read_query(struct lws *wsi, const struct route *route, struct params *params,
                       struct err *err)
{
    char pair[URL_BYTES_MAX]; /* the whole address is shorter */
    for (int i = 0; lws_hdr_copy_fragment(wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i) >= 0;
         i++)
        if (!params_add(params, pair, route->params, err))
            return false;
    return true;
}

static enum method method_of(int library_method)
{
    switch (library_method) {
    case LWSHUMETH_GET:
        return METHOD_GET;
    case LWSHUMETH_HEAD:
        return METHOD_HEAD;
    case LWSHUMETH_PUT:
        return METHOD_PUT;
    case LWSHUMETH_POST:
        return METHOD_POST;
    case LWSHUMETH_DELETE:
        return METHOD_DELETE;
    default:
        return METHOD_OTHER;
    }
}

/* Reads the request head into *request; false: reply says what is wrong, and the connection ends.
 */
static bool read_request(struct lws *wsi, struct request *request, struct reply *reply)
{
    char *uri = NULL;
    int uri_bytes = 0;
    char host[HOST_BYTES_MAX], encoding[512], version[16];
    request->method = method_of(lws_http_get_uri_and_method(wsi, &uri, &uri_bytes));
    /* An encoded line break ends the request line for the library: what is behind it was meant to
     * be part of the address, not a header. */
    if (!header(wsi, WSI_TOKEN_HTTP, version, sizeof version) ||
        strncmp(version, "HTTP/1.", 7) != 0) {
        reply_problem(reply, 400, "the request line is malformed", NULL);
        return false;
    }
    bool fits = uri && uri_bytes > 0 &&
                uri_bytes + lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) < URL_BYTES_MAX;
    if (!fits) {
        reply_problem(reply, 414, "the address is longer than 2047 characters", NULL);
        return false;
    }
    memcpy(request->path, uri, (size_t)uri_bytes);
    request->path[uri_bytes] = '\0';
    if (header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, encoding, sizeof encoding))
        request->accepts_gzip = accepts_encoding(encoding, "gzip");
    (void)header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, request->if_none_match,
                 sizeof request->if_none_match);
    return check_host(wsi, host, sizeof host, reply) &&
           check_body(wsi, request->method, &request->body_bytes, reply);
}

static const char *allowed_methods(const struct route *route)
{
    if (!route->methods)
        return "GET, HEAD";
    return route->methods & METHOD_POST ? "POST" : "PUT, DELETE";
}

/* The route that may answer; NULL: reply says why there is none. */
static const struct route *find_route(struct serve *serve, struct lws *wsi, struct request *request,
                                      struct reply *reply)
{
    struct err err = {0};
    const struct route *route = route_find(request->path, request->path_params);
    if (!route) {
        route_unknown(request->path, reply);
        return NULL;
    }
    if (!(request->method & (route->methods ? route->methods : METHODS_READ))) {
        reply_problem(reply, 405, "the method is not allowed here", NULL);
        reply->allow = allowed_methods(route);
        return NULL;
    }
    if (!read_query(wsi, route, &request->params, &err)) {
        reply_error(reply, &serve->log, &err);
        return NULL;
    }
    bool change = request->method & METHODS_CHANGE;
    return !change || check_change(wsi, request->body_bytes, reply) ? route : NULL;
}

static void connection_forget_reply(struct connection *c)
{
    reply_done(&c->reply);
    c->answering = c->header_written = c->head_only = false;
    c->written = 0;
}

/* Header and body of a short reply in one write. */
static bool write_whole(struct lws *wsi, struct reply *reply)
{
    unsigned char buffer[LWS_PRE + REPLY_HEADER_BYTES + SHORT_REPLY_BYTES_MAX];
    ASSERT(reply->status != 0 && reply->bytes <= SHORT_REPLY_BYTES_MAX);
    char *start = (char *)buffer + LWS_PRE;
    size_t used = reply_header(reply, start, REPLY_HEADER_BYTES);
    if (reply->bytes > 0)
        memcpy(start + used, reply->data, reply->bytes);
    bool ok = lws_write(wsi, buffer + LWS_PRE, used + reply->bytes, LWS_WRITE_HTTP) >= 0;
    reply_done(reply);
    return ok;
}

/* For answers after which the connection ends; what a client might still be sending is not read. */
static int write_and_close(struct lws *wsi, struct reply *reply)
{
    reply->close = true;
    (void)write_whole(wsi, reply);
    return -1;
}

static void connection_forget_change(struct connection *c)
{
    free(c->change);
    free(c->body);
    c->change = NULL;
    c->body = NULL;
    c->body_bytes = 0;
}

static int begin_reply(struct lws *wsi, struct connection *c, const struct request *request,
                       struct reply *reply)
{
    ASSERT(reply->status != 0);
    connection_forget_reply(c);
    c->reply = *reply;
    c->answering = true;
    c->head_only = request->method == METHOD_HEAD;
    lws_callback_on_writable(wsi);
    return 0;
}

/* The body follows in pieces. The library's patience begins anew with each of them, ours does not.
 */
static int await_body(struct web *web, struct connection *c, const struct route *route,
                      const struct request *request)
{
    connection_forget_change(c);
    c->change = NEW(struct request);
    *c->change = *request;
    c->change_route = route;
    c->body = xcalloc(BODY_BYTES_MAX + 1, 1);
    c->body_deadline_us = clock_mono_us(web->serve->params.clock) + REQUEST_TIMEOUT_S * US_PER_S;
    return 0;
}

static int on_request(struct web *web, struct lws *wsi, struct connection *c)
{
    struct request request = {.body = ""};
    struct reply reply = {0};
    if (c->body_turn == web->turn)
        return -1; /* as is_misread says: before the library has left its loop */
    if (!read_request(wsi, &request, &reply))
        return write_and_close(wsi, &reply);
    const struct route *route = find_route(web->serve, wsi, &request, &reply);
    /* Whatever follows the head of a refused change is not read. */
    if (!route && !(request.method & METHODS_READ))
        return write_and_close(wsi, &reply);
    if (route && request.body_bytes > 0)
        return await_body(web, c, route, &request);
    if (route)
        route->answer(web->serve, &request, &reply);
    /* Without a length there is no body, but the library would take whatever follows for one. */
    reply.close = (request.method & (METHOD_PUT | METHOD_POST)) != 0 &&
                  !has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    return begin_reply(wsi, c, &request, &reply);
}

/* A request that was sent before the answer to the one before it lies in the library's own buffer,
 * and if it has a body, the library begins to read that at the request's head again, in a loop that
 * does not end while there is more that waits for an answer. */
static bool is_misread(const char *data, size_t bytes)
{
    static const char *const heads[] = {"PUT ", "POST ", "DELETE "};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (bytes >= strlen(heads[i]) && strncmp(data, heads[i], strlen(heads[i])) == 0)
            return true;
    return false;
}

/* What follows an answered request without a body is dropped. The library also tells of the body,
 * and of its end, of a POST that says it has none. */
static int on_body(struct web *web, struct connection *c, const char *data, size_t bytes)
{
    if (!c->change)
        return c->answering ? 0 : -1;
    if (bytes > c->change->body_bytes - c->body_bytes ||
        (c->body_bytes == 0 && is_misread(data, bytes)) ||
        clock_mono_us(web->serve->params.clock) > c->body_deadline_us)
        return -1;
    memcpy(c->body + c->body_bytes, data, bytes);
    c->body_bytes += bytes;
    return 0;
}

/* Answered in here: while an answer waits for its turn after a body, the library goes round in
 * circles over a next request that is here already. */
static int on_body_complete(struct web *web, struct lws *wsi, struct connection *c)
{
    struct reply reply = {0};
    if (!c->change)
        return c->answering ? 0 : -1;
    if (c->body_bytes != c->change->body_bytes)
        return -1;
    c->change->body = c->body;
    c->change_route->answer(web->serve, c->change, &reply);
    connection_forget_change(c);
    c->body_turn = web->turn;
    return write_whole(wsi, &reply) && !lws_partial_buffered(wsi) &&
                   !lws_http_transaction_completed(wsi)
               ? 0
               : -1;
}

/* One write for each call, as the library demands; then it calls again. */
static int on_reply_writable(struct lws *wsi, struct connection *c)
{
    if (!c->answering)
        return 0;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALL_TIMEOUT_S);
    if (!c->header_written) {
        unsigned char buffer[LWS_PRE + REPLY_HEADER_BYTES];
        size_t used = reply_header(&c->reply, (char *)buffer + LWS_PRE, REPLY_HEADER_BYTES);
        if (lws_write(wsi, buffer + LWS_PRE, used, LWS_WRITE_HTTP_HEADERS) < 0)
            return -1;
        c->header_written = true;
        if (!c->head_only && c->reply.bytes > 0) {
            lws_callback_on_writable(wsi);
            return 0;
        }
    } else {
        size_t n = MIN(c->reply.bytes - c->written, (size_t)REPLY_CHUNK_BYTES);
        /* On HTTP/1 a body goes out as it is: the library reads these bytes, it never writes. */
        unsigned char *from = (unsigned char *)c->reply.data + c->written;
        if (lws_write(wsi, from, n, LWS_WRITE_HTTP) < 0)
            return -1;
        c->written += n;
        if (c->written < c->reply.bytes) {
            lws_callback_on_writable(wsi);
            return 0;
        }
    }
    bool close = c->reply.close;
    connection_forget_reply(c);
    return close || lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* --- WebSocket --- */

/* The library asks before it upgrades; here is the last place where a refusal can still be an HTTP
 * answer. Its argument is not looked at: after an unknown upgrade it points at freed memory in 4.1
 * (the header is gone then, which is the sign to hang up). */
static int on_upgrade(struct web *web, struct lws *wsi)
{
    char text[HOST_BYTES_MAX], host[HOST_BYTES_MAX];
    struct request request = {0};
    struct reply reply = {0};
    if (!has_header(wsi, WSI_TOKEN_UPGRADE))
        return -1;
    if (!read_request(wsi, &request, &reply))
        return write_and_close(wsi, &reply);
    const struct route *route = route_find(request.path, request.path_params);
    bool websocket = header(wsi, WSI_TOKEN_UPGRADE, text, sizeof text) &&
                     strcasecmp(text, "websocket") == 0 && request.method == METHOD_GET;
    if (!websocket)
        reply_problem(&reply, 400, "only GET can be upgraded, and only to websocket", NULL);
    else if (!route)
        route_unknown(request.path, &reply);
    else if (!(route->flags & ROUTE_WEBSOCKET))
        reply_problem(&reply, 400, "this address does not speak WebSocket", NULL);
    else if (!header(wsi, WSI_TOKEN_VERSION, text, sizeof text) || strcmp(text, "13") != 0) {
        reply_problem(&reply, 426, "only version 13 of WebSocket is spoken", NULL);
        reply.version = "13";
    } else if (!has_header(wsi, WSI_TOKEN_KEY))
        reply_problem(&reply, 400, "the Sec-WebSocket-Key header is missing", NULL);
    else if (has_header(wsi, WSI_TOKEN_ORIGIN) &&
             (!header(wsi, WSI_TOKEN_ORIGIN, text, sizeof text) ||
              !header(wsi, WSI_TOKEN_HOST, host, sizeof host) || !origin_matches_host(text, host)))
        reply_problem(&reply, 403, "a page of another origin may not listen here", NULL);
    else if (web->serve->live.client_count >= web->serve->params.conf->max_clients)
        reply_problem(&reply, 503, "as many clients as max_clients allows are connected", NULL);
    else
        return 0;
    return write_and_close(wsi, &reply);
}

static int refuse(struct lws *wsi, enum lws_close_status status, const char *reason)
{
    char text[64];
    STR_COPY(text, reason);
    lws_close_reason(wsi, status, (unsigned char *)text, strlen(text));
    return -1;
}

static int on_message(struct web *web, struct lws *wsi, struct connection *c, const char *data,
                      size_t bytes)
{
    if (!c->client)
        return -1;
    if (lws_frame_is_binary(wsi))
        return refuse(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "only text is understood");
    bool last = lws_remaining_packet_payload(wsi) == 0 && lws_is_final_fragment(wsi);
    if (last && c->message_bytes == 0 && bytes <= CLIENT_MESSAGE_BYTES_MAX) {
        client_receive(web->serve, c->client, data, bytes);
        return 0;
    }
    if (bytes > CLIENT_MESSAGE_BYTES_MAX - c->message_bytes)
        return refuse(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "at most 4096 bytes a message");
    if (!c->message)
        c->message = xcalloc(CLIENT_MESSAGE_BYTES_MAX, 1);
    if (bytes > 0)
        memcpy(c->message + c->message_bytes, data, bytes);
    c->message_bytes += bytes;
    if (!last)
        return 0;
    client_receive(web->serve, c->client, c->message, c->message_bytes);
    c->message_bytes = 0;
    return 0;
}

static int on_client_writable(struct web *web, struct lws *wsi, struct connection *c)
{
    if (!c->client)
        return -1;
    if (atomic_load_explicit(&web->serve->stopping, memory_order_relaxed))
        return refuse(wsi, LWS_CLOSE_STATUS_GOINGAWAY, "shutting down");
    AUTO(bytes_unref) struct bytes *blob = client_next(web->serve, c->client);
    if (!blob)
        return 0;
    if (lws_write(wsi, blob->data, blob->bytes, LWS_WRITE_TEXT) < 0)
        return -1;
    if (client_waiting(c->client))
        lws_callback_on_writable(wsi);
    return 0;
}

static void connection_done(struct web *web, struct connection *c)
{
    if (!c)
        return;
    connection_forget_reply(c);
    connection_forget_change(c);
    client_free(web->serve, &c->client);
    free(c->message);
    c->message = NULL;
}

/* --- the library's one callback --- */

static int on_socket(struct web *web, enum lws_callback_reasons reason)
{
    int most = web->serve->params.conf->max_clients + PLAIN_CONNECTIONS;
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return web->connections >= most ? -1 : 0;
    case LWS_CALLBACK_WSI_CREATE:
        web->connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        web->connections--;
        return 0;
    default:
        return 0;
    }
}

static int on_websocket(struct web *web, struct lws *wsi, enum lws_callback_reasons reason,
                        struct connection *c, const void *in, size_t bytes)
{
    switch ((int)reason) {
    case LWS_CALLBACK_ESTABLISHED:
        connection_forget_reply(c);
        c->client = client_new(web->serve, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return on_message(web, wsi, c, in, bytes);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_client_writable(web, wsi, c);
    default:
        connection_done(web, c);
        return 0;
    }
}

static int web_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t bytes)
{
    struct web *web = lws_context_user(lws_get_context(wsi));
    struct connection *c = user;
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
    case LWS_CALLBACK_WSI_CREATE:
    case LWS_CALLBACK_WSI_DESTROY:
        return on_socket(web, reason);
    case LWS_CALLBACK_HTTP:
        return on_request(web, wsi, c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_reply_writable(wsi, c);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(web, wsi);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        return on_websocket(web, wsi, reason, c, in, bytes);
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        live_drain(web->serve);
        return 0;
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(web, c, in, bytes);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_complete(web, wsi, c);
    case LWS_CALLBACK_RAW_ADOPT: /* CONNECT turns a connection into a raw one */
    case LWS_CALLBACK_RAW_RX:
        return -1;
    default:
        return 0;
    }
}

/* --- the whole --- */

static const lws_retry_bo_t keep_alive = {
    .secs_since_valid_ping = PING_PERIOD_S,
    .secs_since_valid_hangup = PING_PATIENCE_S,
};

static const struct lws_protocols protocols[] = {
    {
        .name = "hsi",
        .callback = web_callback,
        .per_session_data_size = sizeof(struct connection),
        .rx_buffer_size = CLIENT_MESSAGE_BYTES_MAX,
    },
    {0},
};

/* The library's log is one for the whole process and has nothing to say that we do not report
 * ourselves: refused handshakes, full header buffers. */
static void log_nowhere(int level, const char *line)
{
    (void)level;
    (void)line;
}

/* Whether the address can be bound, with the system's own words if not; the library only says no.
 */
static bool try_bind(const char *address, int port, struct err *err)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    bool is_v6 = strchr(address, ':') != NULL;
    int yes = 1;
    if (is_v6)
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    else
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    void *raw = is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr;
    if (inet_pton(storage.ss_family, address, raw) != 1)
        return err_set(err, ERR_INVALID, "listen: '%s' is not an address", address);
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_EXHAUSTED, "no socket to listen on: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool bound = bind(fd, (struct sockaddr *)&storage, is_v6 ? sizeof *v6 : sizeof *v4) == 0 &&
                 listen(fd, 1) == 0;
    int why = errno;
    close(fd);
    if (bound)
        return true;
    (void)err_set(err, ERR_UNAVAILABLE, "cannot listen on %s port %d: %s", address, port,
                  strerror(why));
    if (why == EADDRINUSE)
        err_hint(err, "another program, perhaps another hsi, uses it; choose another `port`");
    return false;
}

bool web_open(struct serve *serve, struct web **ret, struct err *err)
{
    const struct serve_conf *conf = serve->params.conf;
    const char *address = strcmp(conf->listen, "localhost") == 0 ? "127.0.0.1" : conf->listen;
    if (!try_bind(address, conf->port, err))
        return false;
    lws_set_log_level(LLL_ERR, log_nowhere);
    struct web *web = NEW(struct web);
    web->serve = serve;
    struct lws_context_creation_info info = {
        .port = conf->port,
        .iface = address,
        .protocols = protocols,
        .user = web,
        .gid = -1,
        .uid = -1,
        .alpn = "http/1.1",
        .server_string = "hsi",
        .max_http_header_data2 = HEADER_BYTES_MAX,
        .timeout_secs = REQUEST_TIMEOUT_S,
        .keepalive_timeout = KEEPALIVE_TIMEOUT_S,
        .retry_and_idle_policy = &keep_alive,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (strchr(address, ':') ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    web->context = lws_create_context(&info);
    if (web->context)
        web->vhost = lws_create_vhost(web->context, &info);
    if (!web->vhost) {
        web_close(&web);
        return err_set(err, ERR_UNAVAILABLE, "cannot listen on %s port %d", address, conf->port);
    }
    web->port = lws_get_vhost_listen_port(web->vhost);
    *ret = web;
    return true;
}

void web_close(struct web **web)
{
    struct web *w = *web;
    *web = NULL;
    if (!w)
        return;
    if (w->context)
        lws_context_destroy(w->context);
    free(w);
}

int web_port(const struct web *web)
{
    return web->port;
}

static void on_deadline(lws_sorted_usec_list_t *timer)
{
    struct web *web = lws_container_of(timer, struct web, deadline);
    web->deadline_over = true;
    lws_cancel_service(web->context); /* timers alone do not make lws_service return */
}

/* Everybody is told once, and gets a moment to take it. */
static void say_goodbye(struct web *web)
{
    if (web->goodbye_said)
        return;
    web->goodbye_said = true;
    for (struct client *c = web->serve->live.clients; c; c = client_after(c))
        web_want_write(client_socket(c));
    lws_sul_schedule(web->context, 0, &web->deadline, on_deadline, STOP_DEADLINE_US);
}

void web_run(struct web *web)
{
    for (web->turn = 1; lws_service(web->context, 0) >= 0; web->turn++) {
        if (!atomic_load(&web->serve->stopping))
            continue;
        say_goodbye(web);
        if (web->serve->live.client_count == 0 || web->deadline_over)
            return;
    }
}

void web_wake(struct web *web)
{
    lws_cancel_service(web->context);
}

void web_want_write(void *socket)
{
    lws_callback_on_writable(socket);
}
