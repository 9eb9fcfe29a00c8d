/* WebSocket clients: the handshake, the stream, resuming, and those that behave badly. */
#include "house.h"

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

static void publish(struct house *h, enum bus_topic topic, int camera, const char *json)
{
    bus_publish(h->bus, bus_message_new(topic, camera, 0, json, strlen(json)));
}

/* A change that the store knows nothing of. */
static void publish_event(struct house *h, int64_t seq)
{
    static const char json[] = "{\"type\":\"event\",\"data\":{}}";
    bus_publish(h->bus, bus_message_new(BUS_EVENT, 0, seq, json, sizeof json - 1));
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
    for (int i = 0; i < 2; i++) { /* the second answer comes after the replay of nothing */
        ws_say(&c, "{\"type\":\"ping\"}");
        ws_read(&c, f);
        CHECK_CONTAINS(f->text, "pong");
    }
    publish_event(h, 2); /* the bus is late: hello has covered that */
    put_events(h, 1, 1, 10);
    ws_read(&c, f);
    CHECK_INT(seq_of(f->text), 4);
    publish_event(h, 9); /* the bus has lost some: the store is asked, and has nothing more */
    put_events(h, 1, 1, 10);
    ws_read(&c, f);
    CHECK_INT(seq_of(f->text), 5);
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
    ws_say(&c, "{\"type\":\"resume\",\"after\":5}"); /* again: only what was left out */
    for (int i = 6; i <= 10; i++) {
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
    put_events(h, 1, 1, 50);
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"seq\":3,");
    ws_say(&c, "{\"type\":\"resume\",\"after\":0}"); /* stored ones are filtered alike */
    ws_say(&c, "{\"type\":\"subscribe\",\"cameras\":[\"porch\"]}");
    ws_say(&c, "{\"type\":\"resume\",\"after\":0}"); /* what was left out is wanted now */
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"seq\":1,");
    CHECK_CONTAINS(f->text, "\"camera\":\"porch\"");
    ws_say(&c, "{\"type\":\"subscribe\",\"cameras\":[\"yrd\"]}");
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "did you mean 'yard'?");
    raw_close(&c);
    free(f);
}

/* Such a change comes from the store, which knows cameras by name only. */
static void what_is_said_about_an_event_reaches_those_who_want_its_camera(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct uuid porch = put_events(h, 1, 0, 50), yard = put_events(h, 1, 1, 50);
    struct raw c = ws_open(h->port);
    expect_hello(&c, f);
    ws_say(&c, "{\"type\":\"subscribe\",\"topics\":[\"event\"],\"cameras\":[\"yard\"]}");
    ws_say(&c, "{\"type\":\"ping\"}"); /* answered once it counts */
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "pong");
    store_put_feedback(h->store, &(struct feedback){.event = porch, .kind = FEEDBACK_ACCURATE});
    store_put_feedback(h->store, &(struct feedback){.event = yard, .kind = FEEDBACK_TOO_LOW});
    ws_read(&c, f);
    CHECK_CONTAINS(f->text, "\"camera\":\"yard\"");
    CHECK_CONTAINS(f->text, "\"feedback\":{\"kind\":\"too_low\"");
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

/* Reads events from *seq + 1 on, without a gap, up to the last one or to something else. */
static void read_events(struct raw *c, struct ws_frame *f, int64_t *seq, int64_t last)
{
    while (*seq < last) {
        ws_read(c, f);
        if (!strstr(f->text, "{\"type\":\"event\""))
            return;
        CHECK_INT(seq_of(f->text), *seq + 1);
        ++*seq;
    }
}

/* They read nothing while megabytes of changes pass. */
static void slow_clients_are_told_what_they_missed(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw slow = ws_open(h->port), hasty = ws_open(h->port), quick = ws_open(h->port);
    int64_t all = 0, seen = 0, seq = 0;
    expect_hello(&slow, f);
    expect_hello(&hasty, f);
    expect_hello(&quick, f);
    ws_say(&slow, "{\"type\":\"subscribe\",\"topics\":[\"event\",\"detections\"]}");
    for (int round = 0; round < 20; round++) {
        put_long_events(h, 100);
        all += 100;
        read_events(&quick, f, &seen, all); /* others are not held up */
    }
    publish(h, BUS_DETECTIONS, 0, "{\"type\":\"detections\"}"); /* stale by the time it is read */
    read_events(&slow, f, &seq, all);
    CHECK_CONTAINS(f->text, "\"type\":\"missed\"");
    CHECK_INT(seq_of(f->text), seq); /* the last before the gap */
    CHECK_INT(strtoll(strstr(f->text, "\"count\":") + 8, NULL, 10), all - seq);
    char resume[64];
    snprintf(resume, sizeof resume, "{\"type\":\"resume\",\"after\":%lld}", (long long)seq);
    ws_say(&slow, resume);
    read_events(&slow, f, &seq, all);
    CHECK_INT(seq, all);

    seq =
        0; /* asks for everything while its queue is full: nothing is missed, nothing comes twice */
    ws_say(&hasty, "{\"type\":\"resume\",\"after\":0}");
    ws_say(&quick, "{\"type\":\"ping\"}"); /* so that it has been heard */
    read_events(&quick, f, &seen, all + 1);
    CHECK_CONTAINS(f->text, "pong");
    read_events(&hasty, f, &seq, all);
    CHECK_INT(seq, all);
    raw_close(&slow);
    raw_close(&hasty);
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

static void stopping_says_goodbye(void **state)
{
    struct house *h = *state;
    struct ws_frame *f = NEW(struct ws_frame);
    struct raw c[100], half = raw_open(h->port), stalled = ws_open(h->port);
    raw_say(&half, "GET /health HT");
    put_long_events(h, 2000); /* fills every buffer towards the one that does not read */
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
    raw_close(&stalled);
    raw_close(&half);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(handshakes_are_checked),
        CASE(changes_arrive_as_they_are_committed),
        CASE(resuming_leaves_no_gap_and_no_double),
        CASE(only_what_was_subscribed_arrives),
        CASE(what_is_said_about_an_event_reaches_those_who_want_its_camera),
        CASE(bad_messages_are_answered),
        CASE(slow_clients_are_told_what_they_missed),
        CASE(clients_are_counted),
        CASE(stopping_says_goodbye),
    };
    return cmocka_run_group_tests_name("serve/live", tests, NULL, NULL);
}
