#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A client's stream of events is a cursor into the store's outbox. While it keeps up, events come
 * from the bus. When it asks for older ones, or the bus itself lost some, they come from the store,
 * read only as fast as the client takes them, until it has caught up. */

struct waiting {
    struct bytes *blob;
    int64_t seq; /* of an event; 0: anything else */
};

struct client {
    struct client *next, *prev;
    void *socket;
    unsigned topics;  /* mask of enum bus_topic */
    uint64_t cameras; /* mask of indices; all ones: every camera */

    struct waiting queue[CLIENT_QUEUE_MAX]; /* a ring */
    int head, count;

    int64_t cursor; /* the newest event that was queued, filtered out or counted as missed */
    bool replaying; /* events after the cursor come from the store */
    /* Events in [sent_from, sent_to] have really been written to this connection: a resume that
     * reaches back before them does not send them twice. replay_from is where the last replay
     * began; once it is through, the two ranges are one. */
    int64_t sent_from, sent_to, replay_from;

    int64_t missed_count; /* dropped since the queue was full, not yet told */
    int64_t missed_after; /* the last event before the gap */
};

static void forget_sent(struct client *c)
{
    c->sent_from = c->replay_from = c->cursor + 1;
    c->sent_to = c->cursor;
}

/* --- what is said --- */

static void queue_put(struct client *c, struct bytes *blob, int64_t seq)
{
    ASSERT(c->count < CLIENT_QUEUE_MAX);
    c->queue[(c->head + c->count) % CLIENT_QUEUE_MAX] = (struct waiting){bytes_ref(blob), seq};
    c->count++;
    web_want_write(c->socket);
}

/* An answer of the server's own. A client that asks faster than it reads goes without. */
static void say(struct client *c, struct json *j)
{
    if (c->count < CLIENT_QUEUE_MAX) {
        AUTO(bytes_unref) struct bytes *blob = bytes_from(j->text, j->bytes);
        queue_put(c, blob, 0);
    }
    json_done(j);
}

static void say_hello(struct client *c)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "hello");
    json_int(&j, "seq", c->cursor);
    json_text(&j, "version", HSI_VERSION);
    json_end_object(&j);
    say(c, &j);
}

static void say_pong(struct client *c)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "pong");
    json_end_object(&j);
    say(c, &j);
}

static void say_missed(struct client *c)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "missed");
    json_int(&j, "count", c->missed_count);
    json_int(&j, "seq", c->missed_after);
    json_end_object(&j);
    forget_sent(c);
    c->missed_count = 0;
    say(c, &j);
}

static void say_error(struct client *c, const struct err *err)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "error");
    json_text(&j, "code", err_code_name(err->code));
    json_text(&j, "detail", err->msg);
    if (err->hint[0])
        json_text(&j, "hint", err->hint);
    json_end_object(&j);
    say(c, &j);
}

/* What the store keeps and the bus carries, {"type":"event","data":{...}}, with its number put in.
 * NULL without memory, or if it is not that. */
static struct bytes *event_blob(int64_t seq, const char *json, size_t bytes)
{
    static const char start[] = "{\"type\":\"event\",";
    static const size_t start_bytes = sizeof start - 1;
    char head[64];
    if (bytes <= start_bytes || memcmp(json, start, start_bytes) != 0)
        return NULL;
    size_t head_bytes = (size_t)snprintf(head, sizeof head, "%s\"seq\":%lld,", start,
                                         (long long)seq);
    struct bytes *b = bytes_new(head_bytes + bytes - start_bytes);
    if (!b)
        return NULL;
    memcpy(b->data, head, head_bytes);
    memcpy(b->data + head_bytes, json + start_bytes, bytes - start_bytes);
    return b;
}

/* --- coming and going --- */

struct client *client_new(struct serve *serve, void *socket)
{
    struct client *c = NEW(struct client);
    c->socket = socket;
    c->topics = BUS_EVENT | BUS_CAMERA;
    c->cameras = UINT64_MAX;
    c->cursor = store_stats(serve->params.store).outbox_seq;
    forget_sent(c);
    c->next = serve->live.clients;
    if (c->next)
        c->next->prev = c;
    serve->live.clients = c;
    serve->live.client_count++;
    say_hello(c);
    return c;
}

void client_free(struct serve *serve, struct client **client)
{
    struct client *c = *client;
    *client = NULL;
    if (!c)
        return;
    *(c->prev ? &c->prev->next : &serve->live.clients) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    serve->live.client_count--;
    for (int i = 0; i < c->count; i++)
        bytes_unref(&c->queue[(c->head + i) % CLIENT_QUEUE_MAX].blob);
    free(c);
}

/* --- what is handed on --- */

static bool wants(const struct client *c, unsigned topic, int camera)
{
    if (!(c->topics & topic))
        return false;
    if (c->cameras == UINT64_MAX)
        return true;
    return camera >= 0 && camera < CAMERAS_FILTER_MAX && (c->cameras >> camera & 1);
}

static void miss(struct client *c)
{
    if (c->missed_count == 0)
        c->missed_after = c->cursor;
    c->missed_count++;
}

static void push_event(struct client *c, struct bytes *blob, int64_t seq, int camera)
{
    if (c->replaying || seq <= c->cursor)
        return; /* it comes, or came, from the store */
    if (seq > c->cursor + 1) {
        c->replaying = true; /* the bus dropped some; the store has them */
        web_want_write(c->socket);
        return;
    }
    if (wants(c, BUS_EVENT, camera)) {
        /* Once something is missed, everything is until the client has been told. */
        if (c->missed_count > 0 || c->count == CLIENT_QUEUE_MAX)
            miss(c);
        else
            queue_put(c, blob, seq);
    }
    c->cursor = seq;
}

static void push_other(struct client *c, struct bytes *blob, unsigned topic, int camera)
{
    if (!wants(c, topic, camera))
        return;
    /* Boxes are only worth having fresh: they never wait behind a real backlog. */
    if (topic == BUS_DETECTIONS && c->count >= CLIENT_LOSSY_MAX)
        return;
    if (c->count == CLIENT_QUEUE_MAX)
        miss(c);
    else
        queue_put(c, blob, 0);
}

/* Names are all the store keeps; -1: none of today's cameras. */
static int camera_of_stored(const struct serve *serve, const char *json, size_t bytes)
{
    char name[OPT_NAME_BYTES];
    const struct serve_source *source = &serve->params.source;
    return member_text(json, bytes, "data", "camera", name, sizeof name)
               ? source->camera_index(source->ctx, name)
               : -1;
}

static void hand_on(struct serve *serve, const struct bus_message *message)
{
    if (!serve->live.clients)
        return;
    bool event = message->topic == BUS_EVENT;
    int camera = message->camera;
    if (event && camera < 0)
        camera = camera_of_stored(serve, message->json, message->bytes);
    AUTO(bytes_unref)
    struct bytes *blob = event ? event_blob(message->seq, message->json, message->bytes)
                               : bytes_from(message->json, message->bytes);
    if (!blob)
        return; /* the gap in the numbers makes clients read the store */
    for (struct client *c = serve->live.clients; c; c = c->next) {
        if (event)
            push_event(c, blob, message->seq, camera);
        else
            push_other(c, blob, message->topic, camera);
    }
}

/* The bus dropped messages because this thread was late. Events are in the store. */
static void recover(struct serve *serve, int64_t missed)
{
    log_warn(&serve->log, "%lld live messages came too fast; events are read from the store",
             (long long)missed);
    int64_t newest = store_stats(serve->params.store).outbox_seq;
    for (struct client *c = serve->live.clients; c; c = c->next) {
        if (c->cursor >= newest)
            continue;
        c->replaying = true;
        web_want_write(c->socket);
    }
}

void live_drain(struct serve *serve)
{
    int64_t missed = 0;
    for (;;) {
        AUTO(bus_message_unref)
        struct bus_message *message = bus_next(serve->live.subscriber, &missed);
        if (missed > 0)
            recover(serve, missed);
        if (!message)
            return;
        hand_on(serve, message);
    }
}

/* --- replay --- */

/* Whether a stored change is of a camera the client wants. */
static bool wants_stored(const struct serve *serve, const struct client *c, const char *json,
                         size_t bytes)
{
    if (c->cameras == UINT64_MAX)
        return wants(c, BUS_EVENT, 0);
    return wants(c, BUS_EVENT, camera_of_stored(serve, json, bytes));
}

struct replay {
    const struct serve *serve;
    struct client *client;
    int rows;
};

static bool replay_row(void *ctx, int64_t seq, const char *json, size_t bytes)
{
    struct replay *r = ctx;
    struct client *c = r->client;
    if (c->count == CLIENT_QUEUE_MAX)
        return false;
    r->rows++;
    bool sent = seq >= c->sent_from && seq <= c->sent_to;
    if (!sent && wants_stored(r->serve, c, json, bytes)) {
        AUTO(bytes_unref) struct bytes *blob = event_blob(seq, json, bytes);
        if (!blob)
            return false;
        queue_put(c, blob, seq);
    }
    c->cursor = seq;
    return true;
}

static void replay_some(struct serve *serve, struct client *c)
{
    struct err err = {0};
    struct replay replay = {.serve = serve, .client = c};
    if (!store_read_outbox(serve->reader, c->cursor, REPLAY_BATCH, replay_row, &replay, &err)) {
        (void)err_wrap(&err, "replay after %lld", (long long)c->cursor);
        log_err(&serve->log, LOG_WARN, &err);
        say_error(c, &err);
        c->replaying = false;
        c->cursor = store_stats(serve->params.store).outbox_seq;
        return;
    }
    if (replay.rows < REPLAY_BATCH && c->count < CLIENT_QUEUE_MAX)
        c->replaying = false;
    web_want_write(c->socket);
}

/* --- what clients say --- */

/* Events still waiting are forgotten: the replay brings them again, in their place. */
static void drop_waiting_events(struct client *c)
{
    int kept = 0;
    for (int i = 0; i < c->count; i++) {
        struct waiting w = c->queue[(c->head + i) % CLIENT_QUEUE_MAX];
        if (w.seq > 0)
            bytes_unref(&w.blob);
        else
            c->queue[(c->head + kept++) % CLIENT_QUEUE_MAX] = w;
    }
    c->count = kept;
}

static void resume(struct serve *serve, struct client *c, int64_t after)
{
    int64_t newest = MAX(store_stats(serve->params.store).outbox_seq, c->cursor);
    if (after > newest) {
        struct err err = {0};
        (void)err_set(&err, ERR_INVALID, "after: %lld is newer than the newest event, %lld",
                      (long long)after, (long long)newest);
        err_hint(&err, "the store was replaced: load everything again");
        say_error(c, &err);
        return;
    }
    drop_waiting_events(c);
    c->missed_count = 0;
    c->cursor = after;
    c->replay_from = after + 1;
    c->replaying = true;
    web_want_write(c->socket);
}

static bool subscribe(struct serve *serve, struct client *c, const struct client_message *message,
                      struct err *err)
{
    uint64_t cameras = 0;
    for (int i = 0; i < message->camera_count; i++) {
        int camera = camera_find(serve, message->cameras[i], err);
        if (camera < 0)
            return false;
        if (camera < CAMERAS_FILTER_MAX)
            cameras |= UINT64_C(1) << camera;
    }
    if (message->cameras_given)
        c->cameras = message->camera_count > 0 ? cameras : UINT64_MAX;
    if (message->topics)
        c->topics = message->topics;
    /* What was left out so far may be wanted now: the next resume leaves nothing out. */
    if (message->cameras_given || message->topics)
        forget_sent(c);
    return true;
}

void client_receive(struct serve *serve, struct client *c, const char *text, size_t bytes)
{
    struct err err = {0};
    struct client_message message;
    if (!client_message_parse(text, bytes, &message, &err)) {
        say_error(c, &err);
        return;
    }
    switch (message.verb) {
    case CLIENT_PING:
        say_pong(c);
        return;
    case CLIENT_RESUME:
        resume(serve, c, message.after);
        return;
    case CLIENT_SUBSCRIBE:
        if (!subscribe(serve, c, &message, &err))
            say_error(c, &err);
        return;
    }
}

/* --- what the socket takes --- */

struct bytes *client_next(struct serve *serve, struct client *c)
{
    if (c->count == 0 && c->missed_count > 0)
        say_missed(c);
    else if (c->count == 0 && c->replaying)
        replay_some(serve, c);
    if (c->count == 0)
        return NULL;
    struct waiting w = c->queue[c->head];
    c->head = (c->head + 1) % CLIENT_QUEUE_MAX;
    c->count--;
    if (w.seq > c->sent_to)
        c->sent_to = w.seq;
    if (c->count == 0 && !c->replaying && c->missed_count == 0)
        c->sent_from = MIN(c->sent_from, c->replay_from);
    return w.blob;
}

bool client_waiting(const struct client *c)
{
    return c->count > 0 || c->missed_count > 0 || c->replaying;
}

void live_plain(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)serve;
    (void)request;
    reply_problem(reply, 426, "this address speaks WebSocket", "connect to it with ws://");
    reply->version = "13";
}

struct client *client_after(const struct client *c)
{
    return c->next;
}

void *client_socket(const struct client *c)
{
    return c->socket;
}
