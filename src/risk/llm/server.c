#include "risk/llm/server.h"

#include "risk/llm/describe.h"
#include "risk/llm/owner.h"
#include "risk/llm/probe.h"
#include "risk/llm/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define ADDRESSES_MAX     3
#define ANSWER_BYTES_MAX  (1024 * 1024) /* /props holds a whole chat template */
#define PROBE_BYTES_MAX   (1024 * 1024)
#define DESCRIBE_US       (10 * US_PER_S) /* for what needs no thought */
#define PICTURE_US        (60 * US_PER_S) /* a model that is slower at one is shown none */
#define LOOK_LONGEST_US   (30 * US_PER_S)
#define LOADING_LONGEST_S 5
#define STUCK_US          (60 * US_PER_S)
#define STEADY_US         (30 * US_PER_S) /* ready for so long: what was before is forgotten */
#define PROBE_TRIES       2
#define NEVER_US          INT64_MAX

const char *const server_state_names[] = {"off",  "unknown", "loading", "ready",
                                          "down", "denied",  "unfit",   NULL};

/* Where servers listen that are started without a word about it: llama-server, Ollama, vLLM and
 * NIM. */
static const char *const usual_urls[] = {"http://127.0.0.1:8080", "http://127.0.0.1:11434",
                                         "http://127.0.0.1:8000"};
static const int usual_ports[] = {8080, 11434, 8000};

enum step {
    STEP_REST,
    STEP_HEALTH,
    STEP_PROPS,
    STEP_MODELS,
    STEP_VERSION,
    STEP_SCHEMA,
    STEP_PICTURE,
};

struct server {
    /* set at creation, then read-only; http may be woken from any thread */
    const struct llm_conf *conf;
    const struct clock *clock;
    struct log log;
    struct http *http;
    const char *addresses[ADDRESSES_MAX];
    int address_count;
    unsigned strangers[ADDRESSES_MAX]; /* who was told to be there; 0: nobody */

    struct server_info info; /* as it is told */
    bool changed;            /* since server_poll told last */
    int failures;            /* looks in a row that found none */
    int64_t next_us;         /* when it is looked for again; NEVER_US */
    int64_t ready_us;        /* since when it is ready */

    /* of a look that is under way */
    enum step step;
    int address;              /* which one is looked at */
    struct server_info found; /* there */
    struct server_info best;  /* of the addresses before: unready, but something */
    enum describe_vision vision;
    struct http_request *request;
    char *answer; /* owned */
    size_t answer_bytes;
    struct llm_stream stream;
    struct err refused; /* why the stream is not read on; ERR_NONE: it is */
    struct probe probe;
    int tries;
    int first_colour; /* of two; -1: no picture was shown yet */
};

static void look_at_address(struct server *s);
static void take_step(struct server *s, enum step step);

/* --- how a look ends --- */

static int64_t jitter(int64_t us)
{
    uint16_t r = 0;
    (void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
    return us - us / 5 + us * 2 / 5 * r / UINT16_MAX;
}

static int64_t wait_us(struct server *s)
{
    int64_t doubled = US_PER_S << MIN(s->failures, 10);
    s->failures++;
    switch (s->info.state) {
    case SERVER_LOADING:
        return jitter(MIN(doubled, LOADING_LONGEST_S * US_PER_S));
    case SERVER_DENIED:
    case SERVER_UNFIT:
        return jitter(STUCK_US);
    default:
        return jitter(MIN(doubled, LOOK_LONGEST_US));
    }
}

static void tell(const struct server *s)
{
    const struct server_info *i = &s->info;
    if (i->state == SERVER_READY)
        log_info(&s->log, "%s%s%s with %s at %s%s: %d at a time%s", i->kind, i->build[0] ? " " : "",
                 i->build, i->model[0] ? i->model : "a model without a name", i->url,
                 i->discovered ? " (found there, not configured)" : "", i->slots,
                 i->sees ? ", sees pictures" : "");
    else if (i->state == SERVER_UNKNOWN || i->state == SERVER_LOADING)
        log_info(&s->log, "%s", i->reason);
    else if (i->state != SERVER_OFF)
        log_warn(&s->log, "not usable: %s", i->reason);
}

/* What of `now` is news against what was told last. */
static bool is_news(const struct server_info *then, const struct server_info *now)
{
    return then->state != now->state || strcmp(then->url, now->url) != 0 ||
           strcmp(then->model, now->model) != 0 || strcmp(then->build, now->build) != 0 ||
           then->slots != now->slots || then->sees != now->sees;
}

static void conclude(struct server *s, const struct server_info *info)
{
    struct server_info before = s->info;
    s->step = STEP_REST;
    s->info = *info;
    s->info.checked_wall_us = clock_wall_us(s->clock);
    if (is_news(&before, &s->info))
        s->changed = true;
    /* While somebody waits for a server, its absence is not told anew every half minute. */
    if (is_news(&before, &s->info) || strcmp(before.reason, s->info.reason) != 0)
        tell(s);
    s->next_us = NEVER_US;
    if (info->state == SERVER_READY)
        s->ready_us = clock_mono_us(s->clock);
    else
        s->next_us = clock_mono_us(s->clock) + wait_us(s);
}

/* Which of two unready servers is worth telling about. */
static int worth(enum server_state state)
{
    static const int worths[] = {
        [SERVER_LOADING] = 4, [SERVER_DENIED] = 3, [SERVER_UNFIT] = 2, [SERVER_DOWN] = 1};
    return (size_t)state < ARRAY_LEN(worths) ? worths[state] : 0;
}

static bool is_discovery(const struct server *s)
{
    return s->conf->url[0] == '\0';
}

/* The server at this address cannot be used; perhaps there is another. */
static void give_up(struct server *s, enum server_state state, const char *reason)
{
    s->found.state = state;
    STR_COPY(s->found.reason, reason);
    /* At an address that was guessed, "not now" may be said by any program. */
    if (state == SERVER_LOADING && !is_discovery(s)) {
        conclude(s, &s->found);
        return;
    }
    if (worth(state) > worth(s->best.state))
        s->best = s->found;
    s->address++;
    if (s->address < s->address_count)
        look_at_address(s);
    else if (is_discovery(s) && worth(s->best.state) < worth(SERVER_UNFIT))
        conclude(s, &(struct server_info){.state = SERVER_UNKNOWN,
                                          .slots = 1,
                                          .reason = "no language model server on this machine at "
                                                    "port 8080, 11434 or 8000"});
    else
        conclude(s, &s->best);
}

/* Something else listens there. When we only guessed the address, that is nobody's fault. */
static void not_one(struct server *s, const char *reason)
{
    give_up(s, is_discovery(s) ? SERVER_DOWN : SERVER_UNFIT, reason);
}

static void be_ready(struct server *s)
{
    s->found.state = SERVER_READY;
    s->found.reason[0] = '\0';
    conclude(s, &s->found);
}

/* --- asking what it is --- */

static bool on_description(void *ctx, int status, const char *bytes, size_t count)
{
    (void)status;
    struct server *s = ctx;
    char *longer = realloc(s->answer, s->answer_bytes + count + 1);
    if (!longer)
        return false;
    memcpy(longer + s->answer_bytes, bytes, count);
    s->answer = longer;
    s->answer_bytes += count;
    return true;
}

/* Deals with answers after which there is no next step. */
static bool is_answer(struct server *s, const struct http_result *r)
{
    char text[sizeof s->found.reason] = "";
    (void)stream_error_text(s->answer ? s->answer : "", s->answer_bytes, text, sizeof text);
    if (r->end != HTTP_DONE)
        give_up(s, SERVER_DOWN, r->text);
    else if (r->status == 401 || r->status == 403)
        give_up(s, SERVER_DENIED,
                s->conf->api_key[0] ? "it does not accept the api_key" : "it wants an api_key");
    else if (r->status == 503 && (text[0] || !is_discovery(s)))
        give_up(s, SERVER_LOADING, text[0] ? text : "it is not ready yet");
    else if (r->status == 429 || (r->status >= 500 && r->status != 501))
        give_up(s, SERVER_DOWN, text[0] ? text : r->text);
    else if (r->status / 100 == 3)
        not_one(s, r->text);
    else
        return true;
    return false;
}

static void on_models(struct server *s, int status)
{
    struct err err = {0};
    if (status != 200) {
        not_one(s, "it has no list of models, so it does not speak the OpenAI protocol");
    } else if (!describe_models(s->answer, s->answer_bytes, s->conf->name, &s->found, &err)) {
        char reason[sizeof s->found.reason];
        snprintf(reason, sizeof reason, "%.90s%s%.90s", err.msg, err.hint[0] ? "; " : "", err.hint);
        if (err.code == ERR_NOT_FOUND)
            give_up(s, SERVER_UNFIT, reason);
        else
            not_one(s, reason);
    } else {
        bool knows = strcmp(s->found.kind, "vLLM") == 0 || strcmp(s->found.kind, "Ollama") == 0;
        take_step(s, knows ? STEP_VERSION : STEP_SCHEMA);
    }
}

static void on_described(void *ctx, const struct http_result *result)
{
    struct server *s = ctx;
    s->request = NULL;
    s->answer_bytes = s->answer ? s->answer_bytes : 0;
    if (s->step != STEP_VERSION && !is_answer(s, result))
        return;
    const char *answer = s->answer ? s->answer : "";
    switch (s->step) {
    case STEP_HEALTH:
        take_step(s, STEP_PROPS);
        break;
    case STEP_PROPS:
        if (result->status == 200)
            (void)describe_props(answer, s->answer_bytes, &s->found, &s->vision);
        take_step(s, STEP_MODELS);
        break;
    case STEP_MODELS:
        on_models(s, result->status);
        break;
    case STEP_VERSION:
        if (result->end == HTTP_DONE && result->status == 200)
            describe_version(answer, s->answer_bytes, &s->found);
        take_step(s, STEP_SCHEMA);
        break;
    default:
        ASSERT(false);
    }
}

static void describe(struct server *s, const char *path)
{
    free(TAKE(s->answer));
    s->answer_bytes = 0;
    s->request = http_start(s->http, &(struct http_call){.path = path,
                                                         .deadline_us = DESCRIBE_US,
                                                         .answer_max = ANSWER_BYTES_MAX,
                                                         .data = on_description,
                                                         .done = on_described,
                                                         .ctx = s});
}

/* --- asking what it can do --- */

static bool on_probe_data(void *ctx, int status, const char *bytes, size_t count)
{
    struct server *s = ctx;
    if (status != 200)
        return on_description(ctx, status, bytes, count);
    return stream_feed(&s->stream, bytes, count, &s->refused);
}

/* Why a reply that came is none. */
static const char *complaint(const struct server *s)
{
    if (s->refused.code != ERR_NONE)
        return s->refused.msg;
    if (s->stream.error[0])
        return s->stream.error;
    if (s->stream.finish == FINISH_LENGTH)
        return "its model does not come to an end, even within a schema";
    if (!s->stream.done && s->stream.finish == FINISH_NONE)
        return "its replies break off";
    return "it does not keep to a JSON schema, so its replies cannot be relied on";
}

static void on_schema(struct server *s, const struct http_result *r)
{
    char text[sizeof s->found.reason] = "";
    (void)stream_error_text(s->answer ? s->answer : "", s->answer_bytes, text, sizeof text);
    bool whole = r->end == HTTP_DONE && r->status == 200 && s->refused.code == ERR_NONE &&
                 stream_close(&s->stream, &s->refused);
    bool streamed = whole || s->refused.code != ERR_NONE;
    if (whole && s->stream.finish != FINISH_LENGTH && !s->stream.error[0] &&
        probe_passed(&s->probe, s->stream.content.text, s->stream.content.bytes)) {
        s->found.enforces_schema = true;
        if (s->found.kind[0] == '\0')
            STR_COPY(s->found.kind, "other");
        take_step(s, STEP_PICTURE);
    } else if (s->tries < PROBE_TRIES && (streamed || r->status == 500)) {
        take_step(s, STEP_SCHEMA);
    } else if (streamed) {
        give_up(s, SERVER_UNFIT, complaint(s));
    } else if (r->end == HTTP_TOO_LONG) {
        give_up(s, SERVER_UNFIT, "its replies have no end");
    } else if (is_answer(s, r)) {
        give_up(s, SERVER_UNFIT, text[0] ? text : r->text);
    }
}

/* Whatever goes wrong with a picture: a model that reads text is good enough. */
static void on_picture(struct server *s, const struct http_result *r)
{
    bool right = r->end == HTTP_DONE && r->status == 200 && s->refused.code == ERR_NONE &&
                 probe_passed(&s->probe, s->stream.content.text, s->stream.content.bytes);
    if (right && s->first_colour < 0) {
        s->first_colour = s->probe.colour;
        take_step(s, STEP_PICTURE);
        return;
    }
    s->found.sees = right;
    be_ready(s);
}

static void on_probed(void *ctx, const struct http_result *result)
{
    struct server *s = ctx;
    s->request = NULL;
    if (s->step == STEP_SCHEMA)
        on_schema(s, result);
    else
        on_picture(s, result);
}

static uint32_t random_bits(void)
{
    uint32_t r = 0;
    (void)!getrandom(&r, sizeof r, 0);
    return r;
}

static void ask_probe(struct server *s, int colour, int64_t deadline_us)
{
    s->probe = (struct probe){
        .model = s->found.model, .seed = random_bits() & 0x7fffffff, .colour = colour};
    snprintf(s->probe.secret, sizeof s->probe.secret, "%08x", random_bits());
    free(TAKE(s->answer));
    s->answer_bytes = 0;
    s->refused = (struct err){0};
    stream_end(&s->stream);
    stream_init(&s->stream);
    AUTO(json_done) struct json body;
    json_init(&body);
    probe_json(&body, &s->probe);
    s->request = http_start(s->http, &(struct http_call){.path = "/v1/chat/completions",
                                                         .body = body.text,
                                                         .body_bytes = body.bytes,
                                                         .deadline_us = deadline_us,
                                                         .answer_max = PROBE_BYTES_MAX,
                                                         .data = on_probe_data,
                                                         .done = on_probed,
                                                         .ctx = s});
}

static int next_colour(const struct server *s)
{
    int colour = (int)(random_bits() % PROBE_COLOURS);
    return colour == s->first_colour ? (colour + 1) % PROBE_COLOURS : colour;
}

static void take_step(struct server *s, enum step step)
{
    s->step = step;
    switch (step) {
    case STEP_HEALTH:
        describe(s, "/health");
        break;
    case STEP_PROPS:
        describe(s, "/props");
        break;
    case STEP_MODELS:
        describe(s, "/v1/models");
        break;
    case STEP_VERSION:
        describe(s, strcmp(s->found.kind, "Ollama") == 0 ? "/api/version" : "/version");
        break;
    case STEP_SCHEMA:
        s->tries++;
        ask_probe(s, -1, s->conf->deadline_us);
        break;
    case STEP_PICTURE:
        if (s->vision == VISION_NO || s->conf->pictures == PICTURES_NEVER)
            be_ready(s);
        else
            ask_probe(s, next_colour(s), MIN(s->conf->deadline_us, PICTURE_US));
        break;
    case STEP_REST:
        ASSERT(false);
    }
}

/* --- looking --- */

/* Told once for each who is found there. */
static bool is_strangers(struct server *s)
{
    unsigned uid = 0;
    if (!is_discovery(s) || !owner_is_stranger(usual_ports[s->address], geteuid(), &uid)) {
        s->strangers[s->address] = 0;
        return false;
    }
    if (s->strangers[s->address] != uid)
        log_warn(&s->log,
                 "what listens at %s belongs to another user (%u) and is shown nothing; to use it "
                 "all the same, set risk.llm.url",
                 s->addresses[s->address], uid);
    s->strangers[s->address] = uid;
    return true;
}

static void look_at_address(struct server *s)
{
    const char *url = s->addresses[s->address];
    s->found = (struct server_info){
        .state = SERVER_UNKNOWN, .slots = 1, .discovered = is_discovery(s)};
    STR_COPY(s->found.url, url);
    s->vision = VISION_UNKNOWN;
    s->tries = 0;
    s->first_colour = -1;
    struct err err = {0};
    s->step = STEP_HEALTH;
    if (is_strangers(s))
        give_up(s, SERVER_DOWN, "another user's");
    else if (http_aim(s->http, url, &err))
        take_step(s, STEP_HEALTH);
    else
        give_up(s, SERVER_UNFIT, err.msg);
}

static void look(struct server *s)
{
    s->address = 0;
    s->best = (struct server_info){.state = SERVER_UNKNOWN, .slots = 1};
    look_at_address(s);
}

void server_check(struct server *s)
{
    if (s->step != STEP_REST || s->info.state == SERVER_OFF)
        return;
    /* A look at other addresses turns the connection away from a server that is in use. */
    if (s->info.state == SERVER_READY) {
        s->info.state = SERVER_UNKNOWN;
        STR_COPY(s->info.reason, "it is being looked at again");
        s->changed = true;
    }
    look(s);
}

bool server_is_looking(const struct server *s)
{
    return s->step != STEP_REST;
}

void server_doubt(struct server *s, const char *why)
{
    if (s->info.state != SERVER_READY)
        return;
    int64_t now = clock_mono_us(s->clock);
    if (now - s->ready_us >= STEADY_US)
        s->failures = 0;
    s->info.state = SERVER_DOWN;
    STR_COPY(s->info.reason, why);
    s->changed = true;
    tell(s);
    /* At once, unless it did not last long the last time either. */
    s->next_us = now + (s->failures > 0 ? wait_us(s) : 0);
    s->failures = MAX(s->failures, 1);
}

bool server_poll(struct server *s, int64_t timeout_us)
{
    int64_t now = clock_mono_us(s->clock);
    if (s->step == STEP_REST && now >= s->next_us)
        look(s);
    if (s->step == STEP_REST && s->next_us != NEVER_US)
        timeout_us = MIN(timeout_us, s->next_us - now);
    http_poll(s->http, s->changed ? 0 : timeout_us);
    bool changed = s->changed;
    s->changed = false;
    return changed;
}

/* --- the rest --- */

static void warn_of_key(const struct server *s)
{
    struct llm_address address;
    if (s->conf->api_key[0] && llm_address_parse(s->conf->url, &address, NULL) && !address.https &&
        !address.loopback)
        log_warn(&s->log,
                 "the api_key crosses the network of the home unencrypted: %s is not https",
                 s->conf->url);
}

struct server *server_new(const struct llm_conf *conf, const struct clock *clock, struct log log)
{
    struct server *s = NEW(struct server);
    s->conf = conf;
    s->clock = clock;
    s->log = log;
    s->info = (struct server_info){.state = SERVER_UNKNOWN, .slots = 1};
    STR_COPY(s->info.reason, "not looked for yet");
    struct err err = {0};
    /* Aimed somewhere else before the first request. */
    if (!http_open(conf, usual_urls[0], &s->http, &err))
        ASSERT(false);
    s->next_us = clock_mono_us(clock);
    stream_init(&s->stream);
    if (llm_is_off(conf)) {
        s->info.state = SERVER_OFF;
        STR_COPY(s->info.reason, "risk.llm.url is off");
        s->next_us = NEVER_US;
    } else if (conf->url[0]) {
        s->addresses[s->address_count++] = conf->url;
        warn_of_key(s);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(usual_urls); i++)
            s->addresses[s->address_count++] = usual_urls[i];
    }
    return s;
}

void server_free(struct server **server)
{
    struct server *s = *server;
    *server = NULL;
    if (!s)
        return;
    http_close(&s->http);
    stream_end(&s->stream);
    free(s->answer);
    free(s);
}

const struct server_info *server_info(const struct server *s)
{
    return &s->info;
}

struct http *server_http(struct server *s)
{
    return s->info.state == SERVER_READY ? s->http : NULL;
}

void server_wake(struct server *s)
{
    http_wake(s->http);
}

void server_info_json(struct json *out, const char *key, const struct server_info *info)
{
    json_begin_object(out, key);
    json_text(out, "state", server_state_names[info->state]);
    json_text(out, "reason", info->reason[0] ? info->reason : NULL);
    json_text(out, "url", info->url[0] ? info->url : NULL);
    json_bool(out, "discovered", info->discovered);
    json_text(out, "kind", info->kind[0] ? info->kind : NULL);
    json_text(out, "model", info->model[0] ? info->model : NULL);
    json_text(out, "build", info->build[0] ? info->build : NULL);
    json_int(out, "slots", info->slots);
    if (info->context > 0)
        json_int(out, "context_tokens", info->context);
    else
        json_put_null(out, "context_tokens");
    json_bool(out, "enforces_schema", info->enforces_schema);
    json_bool(out, "sees", info->sees);
    json_time(out, "checked", info->checked_wall_us > 0 ? info->checked_wall_us : TIME_UNKNOWN);
    json_end_object(out);
}
