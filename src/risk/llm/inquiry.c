#include "risk/llm/inquiry.h"

#include "risk/llm/answer.h"

#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ASK          "/v1/chat/completions"
#define AGAIN_TEMPERATURE 0.3

/* A streamed token takes some 300 bytes; ten times the longest reply that is asked for. */
#define ANSWER_BYTES_MAX (4 * 1024 * 1024)
#define BODY_BYTES       4096

struct inquiry {
    struct inquiry_params params;
    struct evidence_list evidence;
    struct http_request *request; /* under way; NULL: none */
    struct llm_stream stream;
    struct err refused; /* why the stream is not read on */
    char body[BODY_BYTES];
    int attempt; /* from 1 */
    int shrinks, max_tracks, picture_count;
    int64_t started_us, asked_us;
    struct inquiry_result result;
};

static void ask(struct inquiry *q);

void inquiry_result_done(struct inquiry_result *result)
{
    for (int i = 0; i < result->run_count; i++)
        run_done(&result->runs[i]);
    result->run_count = 0;
}

static void inquiry_free(struct inquiry *q)
{
    stream_end(&q->stream);
    inquiry_result_done(&q->result);
    free(q);
}

/* --- how it ends --- */

static void finish(struct inquiry *q, enum inquiry_end end, const char *outcome, const char *detail)
{
    struct inquiry_result *r = &q->result;
    struct judgement *j = &r->judgement;
    r->end = end;
    j->spent_us = clock_mono_us(q->params.clock) - q->started_us;
    j->wall_us = clock_wall_us(q->params.clock);
    static const int states[] = {[INQUIRY_JUDGED] = JUDGEMENT_DONE,
                                 [INQUIRY_UNREACHABLE] = JUDGEMENT_WAITING,
                                 [INQUIRY_HOPELESS] = JUDGEMENT_FAILED};
    j->state = states[end];
    if (end == INQUIRY_JUDGED) {
        j->id = r->runs[r->run_count - 1].id;
        j->pictures = q->picture_count;
    } else {
        snprintf(j->reason, sizeof j->reason, "%s%s%.*s", outcome, detail[0] ? ": " : "",
                 (int)sizeof j->reason - 40, detail);
    }
    void (*done)(void *, struct inquiry_result *) = q->params.done;
    void *ctx = q->params.ctx;
    struct inquiry_result result = *r;
    r->run_count = 0; /* what it owns goes on */
    inquiry_free(q);
    done(ctx, &result);
}

/* --- what is kept of an attempt --- */

static struct run *this_run(struct inquiry *q)
{
    return &q->result.runs[q->attempt - 1];
}

/* llama-server calls a model without an alias by its path, which tells whose home it is in. */
static bool is_path_of_known(const struct inquiry *q)
{
    const char *known = server_info(q->params.server)->model;
    return known[0] && !strchr(known, '/') && strchr(q->stream.model, '/');
}

static void take_tokens(struct inquiry *q)
{
    struct run *run = this_run(q);
    struct judgement *j = &q->result.judgement;
    run->prompt_tokens = q->stream.prompt_tokens;
    run->cached_tokens = q->stream.cached_tokens;
    run->reply_tokens = q->stream.reply_tokens;
    if (q->stream.model[0] && !is_path_of_known(q))
        STR_COPY(run->model, q->stream.model);
    if (q->stream.build[0])
        STR_COPY(run->build, q->stream.build);
    STR_COPY(j->model, run->model);
    STR_COPY(j->build, run->build);
    j->prompt_tokens = MAX(0, run->prompt_tokens);
    j->cached_tokens = MAX(0, run->cached_tokens);
    j->reply_tokens = MAX(0, run->reply_tokens);
}

static void end_run(struct inquiry *q, const struct answer *answer)
{
    struct run *run = this_run(q);
    STR_COPY(run->outcome, answer->outcome);
    STR_COPY(run->detail, answer->detail);
    if (answer->next == NEXT_DONE && q->max_tracks > 0)
        snprintf(run->detail, sizeof run->detail, "%d of %d tracks, for want of context",
                 MIN(q->max_tracks, q->params.window->event->track_count),
                 q->params.window->event->track_count);
    if (q->stream.content.bytes > 0)
        run->reply = blob_compress(q->stream.content.text, q->stream.content.bytes);
    run->spent_us = clock_mono_us(q->params.clock) - q->asked_us;
    take_tokens(q);
}

/* --- what follows --- */

/* The server has room for `room` tokens and the window took `over`. Its constant part does not
 * shrink with the tracks and the reply needs room too, so that a proportional cut would fall short.
 */
static bool shrink(struct inquiry *q, const struct answer *answer)
{
    int tracks = q->params.window->event->track_count;
    int now = q->max_tracks > 0 ? MIN(q->max_tracks, tracks) : tracks;
    if (q->shrinks >= INQUIRY_SHRINKS_MAX || (now <= 1 && q->picture_count == 0))
        return false;
    int room = answer->room > 0 ? answer->room : server_info(q->params.server)->context;
    int next = now / 4;
    if (q->shrinks == 0 && room > 0 && answer->over > 0)
        next = (int)MIN((int64_t)now * room / answer->over / 2, now / 2);
    else if (q->shrinks == 0)
        next = now / 2;
    /* Pictures are the largest part of what they are in; often the text fits without them. */
    if (q->picture_count == 0 || q->shrinks > 0)
        q->max_tracks = MAX(1, next);
    q->picture_count = 0;
    q->shrinks++;
    return true;
}

static void give_up(struct inquiry *q, enum answer_next how, const struct answer *answer)
{
    bool later = how == NEXT_LATER;
    q->result.server_at_fault = later;
    q->result.look_again = answer->look_again;
    q->result.retry_after_s = answer->retry_after_s;
    finish(q, later ? INQUIRY_UNREACHABLE : INQUIRY_HOPELESS, answer->outcome, answer->detail);
}

static int64_t time_left(const struct inquiry *q)
{
    return q->started_us + q->params.conf->deadline_us - clock_mono_us(q->params.clock);
}

static void proceed(struct inquiry *q, const struct answer *answer)
{
    bool again = false;
    switch (answer->next) {
    case NEXT_DONE:
        finish(q, INQUIRY_JUDGED, answer->outcome, "");
        return;
    case NEXT_AGAIN:
        again = q->attempt < INQUIRY_RUNS_MAX;
        q->attempt += again;
        break;
    case NEXT_SMALLER:
        again = shrink(q, answer);
        break;
    case NEXT_NO_PICTURES:
        q->picture_count = 0;
        again = true;
        break;
    case NEXT_LATER:
    case NEXT_NEVER:
        break;
    }
    if (!again) {
        give_up(q, answer->last, answer);
    } else if (time_left(q) <= 0) {
        give_up(q, NEXT_LATER,
                &(struct answer){.outcome = "late", .detail = "no time for another attempt"});
    } else if (!server_http(q->params.server)) {
        /* Another's failure has made it doubtful meanwhile; this one says nothing more of it. */
        finish(q, INQUIRY_UNREACHABLE, answer->outcome, answer->detail);
    } else {
        ask(q);
    }
}

/* An answer that came whole and is no stream is told as that; of one that broke off after its
 * beginning its half last line says nothing. */
static void close_stream(struct inquiry *q)
{
    struct err why = {0};
    if (q->refused.code == ERR_NONE && !stream_close(&q->stream, &why) &&
        q->stream.content.bytes == 0)
        q->refused = why;
}

static void on_done(void *ctx, const struct http_result *result)
{
    struct inquiry *q = ctx;
    q->request = NULL;
    if (result->end == HTTP_DONE && result->status == 200)
        close_stream(q);
    struct answer answer;
    answer_read(&(struct answer_params){.result = result,
                                        .stream = &q->stream,
                                        .refused = &q->refused,
                                        .body = q->body,
                                        .pictures = q->picture_count,
                                        .context = server_info(q->params.server)->context},
                &q->evidence, &q->result.judgement, &answer);
    end_run(q, &answer);
    proceed(q, &answer);
}

/* --- asking --- */

static bool on_data(void *ctx, int status, const char *bytes, size_t count)
{
    struct inquiry *q = ctx;
    if (status == 200)
        return stream_feed(&q->stream, bytes, count, &q->refused);
    size_t used = strlen(q->body);
    size_t room = MIN(count, sizeof q->body - 1 - used);
    memcpy(q->body + used, bytes, room);
    q->body[used + room] = 0;
    return true;
}

/* 31 bits: a llama-server's seeds have 32, and all ones means a random one. */
static int64_t seed_for(const struct inquiry *q, int attempt)
{
    uint32_t seed = (uint32_t)q->params.first_seed & 0x7fffffff;
    if (q->params.first_seed == 0) {
        const uint8_t *b = q->params.window->event->id.bytes + 12;
        seed = ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) &
               0x7fffffff;
    }
    return attempt == 1 ? seed : (seed * UINT32_C(2654435761) + 1) & 0x7fffffff;
}

static void hash(const struct json *text, uint8_t ret[32])
{
    struct AVSHA *sha = av_sha_alloc();
    ASSERT(sha && av_sha_init(sha, 256) == 0);
    av_sha_update(sha, (const uint8_t *)text->text, text->bytes);
    av_sha_final(sha, ret);
    av_free(sha);
}

static void begin_run(struct inquiry *q, const struct prompt_params *prompt)
{
    struct run *run = this_run(q);
    run_done(run); /* of a larger question that took the same attempt */
    const struct server_info *info = server_info(q->params.server);
    *run = (struct run){.id = uuid7_new(q->params.ids),
                        .event = q->params.window->event->id,
                        .revision = q->params.window->event->revision,
                        .attempt = q->attempt,
                        .seed = prompt->seed,
                        .temperature = prompt->temperature,
                        .prompt_version = PROMPT_VERSION,
                        .schema_version = SCHEMA_VERSION,
                        .wall_us = clock_wall_us(q->params.clock)};
    STR_COPY(run->model, info->model);
    STR_COPY(run->build, info->build);
    AUTO(json_done) struct json stored;
    json_init(&stored);
    prompt_stored_json(&stored, prompt);
    hash(&stored, run->prompt_sha256);
    run->request = blob_compress(stored.text, stored.bytes);
    q->result.run_count = q->attempt;
    q->result.judgement.attempts++;
}

static void ask(struct inquiry *q)
{
    const struct llm_conf *conf = q->params.conf;
    const struct prompt_params prompt = {
        .window = q->params.window,
        .evidence = &q->evidence,
        .pictures = q->params.pictures,
        .picture_count = q->picture_count,
        .model = conf->name[0] ? conf->name : server_info(q->params.server)->model,
        .temperature = q->attempt == 1 ? 0 : AGAIN_TEMPERATURE,
        .seed = seed_for(q, q->attempt),
        .cache = conf->cache,
        .max_tokens = REPLY_TOKENS_MAX,
        .max_tracks = q->max_tracks,
    };
    begin_run(q, &prompt);
    stream_end(&q->stream);
    stream_init(&q->stream);
    q->refused = (struct err){0};
    q->body[0] = 0;
    q->asked_us = clock_mono_us(q->params.clock);

    AUTO(json_done) struct json body;
    json_init(&body);
    prompt_json(&body, &prompt);
    struct http *http = server_http(q->params.server);
    ASSERT(http);
    q->request = http_start(http, &(struct http_call){.path = PATH_ASK,
                                                      .body = body.text,
                                                      .body_bytes = body.bytes,
                                                      .deadline_us = time_left(q),
                                                      .answer_max = ANSWER_BYTES_MAX,
                                                      .data = on_data,
                                                      .done = on_done,
                                                      .ctx = q});
}

struct inquiry *inquiry_start(const struct inquiry_params *params)
{
    const struct event *event = params->window->event;
    struct inquiry *q = NEW(struct inquiry);
    q->params = *params;
    q->attempt = 1;
    q->picture_count = params->picture_count;
    q->started_us = clock_mono_us(params->clock);
    q->result.judgement = (struct judgement){.event = event->id,
                                             .revision = event->revision,
                                             .score = SCORE_NONE,
                                             .rules_score = event->verdict.score,
                                             .max_change = params->conf->max_change};
    stream_init(&q->stream);
    evidence_gather(params->window, &q->evidence);
    ask(q);
    return q;
}

void inquiry_cancel(struct inquiry **inquiry)
{
    struct inquiry *q = *inquiry;
    *inquiry = NULL;
    if (!q)
        return;
    http_cancel(&q->request);
    inquiry_free(q);
}
