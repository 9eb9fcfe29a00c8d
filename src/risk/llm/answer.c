#include "risk/llm/answer.h"

#include "risk/llm/outside.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void say(struct answer *a, const char *outcome, enum answer_next next, const char *detail)
{
    a->outcome = outcome;
    a->next = a->last = next;
    outside_copy(a->detail, sizeof a->detail, detail);
}

/* --- what an error says --- */

struct complaint {
    char message[256], type[64];
    int over, room;
};

static void copy_text(const json_t *object, const char *key, char *out, size_t bytes)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text)
        outside_copy(out, bytes, text);
}

static int count_of(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 && n < INT32_MAX ? (int)n : 0;
}

/* {"error": {"message", "type", "code", ...}}, {"error": "text"} or {"message": "text"}: all are in
 * use. */
static void read_complaint(const char *body, struct complaint *ret)
{
    *ret = (struct complaint){0};
    json_t *root = json_loads(body, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    if (json_is_string(error)) {
        copy_text(root, "error", ret->message, sizeof ret->message);
    } else {
        const json_t *object = json_is_object(error) ? error : root;
        copy_text(object, "message", ret->message, sizeof ret->message);
        copy_text(object, "code", ret->type, sizeof ret->type);
        copy_text(object, "type", ret->type, sizeof ret->type);
        ret->over = count_of(object, "n_prompt_tokens");
        ret->room = count_of(object, "n_ctx");
    }
    json_decref(root);
    if (!ret->message[0] && body[0] != '<') /* a proxy's page tells less than its status */
        outside_copy(ret->message, sizeof ret->message, body);
}

static bool mentions(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasestr(text, *words))
            return true;
    return false;
}

static bool about_context(const struct complaint *c)
{
    static const char *const types[] = {"exceed_context_size", "context_length_exceeded", NULL};
    static const char *const words[] = {"context size", "context length", "context window", NULL};
    return mentions(c->type, types) || mentions(c->message, words);
}

static bool about_pictures(const struct complaint *c)
{
    static const char *const words[] = {"image",       "mmproj", "multimodal",
                                        "multi-modal", "vision", NULL};
    return mentions(c->message, words);
}

/* The server's own words for a reply that its parser could not read: broken UTF-8, as a rule. It is
 * the model's doing, and another seed gives another reply. */
static bool about_reply(const struct complaint *c)
{
    static const char *const words[] = {"produced output that does not match", "failed to parse",
                                        NULL};
    return mentions(c->message, words);
}

static void too_large(struct answer *a, const struct complaint *c)
{
    say(a, "context", NEXT_SMALLER, c->message);
    a->last = NEXT_NEVER;
    a->over = c->over;
    a->room = c->room;
}

/* --- an answer that is none --- */

static void read_end(const struct answer_params *p, struct answer *a)
{
    static const struct {
        const char *outcome;
        enum answer_next next;
        bool look_again;
    } ends[] = {
        [HTTP_REFUSED] = {"refused", NEXT_LATER, true},
        [HTTP_BROKEN] = {"broken", NEXT_LATER, true},
        [HTTP_SILENT] = {"silent", NEXT_LATER, true},
        /* A model that takes too long is slow, not gone: nothing is to be found out again. */
        [HTTP_LATE] = {"late", NEXT_LATER, false},
        [HTTP_TOO_LONG] = {"too-long", NEXT_AGAIN, false},
        [HTTP_CANCELLED] = {"cancelled", NEXT_LATER, false},
    };
    enum http_end end = p->result->end;
    ASSERT(end > HTTP_DONE && end < (int)ARRAY_LEN(ends));
    say(a, ends[end].outcome, ends[end].next, p->result->text);
    a->look_again = ends[end].look_again;
    if (end == HTTP_TOO_LONG)
        a->last = NEXT_NEVER;
    if (end == HTTP_TOO_LONG && p->refused->code == ERR_INVALID) {
        a->outcome = "invalid";
        outside_copy(a->detail, sizeof a->detail, p->refused->msg);
    } else if (end == HTTP_TOO_LONG && p->refused->code != ERR_NONE) {
        outside_copy(a->detail, sizeof a->detail, p->refused->msg);
    }
}

static void read_bad_request(const struct answer_params *p, const struct complaint *c,
                             struct answer *a)
{
    if (about_context(c) || p->result->status == 413) {
        too_large(a, c);
    } else if (p->pictures > 0 && about_pictures(c)) {
        say(a, "bad-request", NEXT_NO_PICTURES, c->message);
        a->last = NEXT_NEVER;
    } else {
        say(a, "bad-request", NEXT_NEVER, c->message);
    }
}

static void read_server_error(const struct answer_params *p, const struct complaint *c,
                              struct answer *a)
{
    if (about_context(c)) {
        too_large(a, c);
    } else if (p->pictures > 0 && about_pictures(c)) {
        say(a, "server-error", NEXT_NO_PICTURES, c->message);
        a->last = NEXT_NEVER;
    } else {
        say(a, "server-error", NEXT_AGAIN, c->message);
        a->last = about_reply(c) ? NEXT_NEVER : NEXT_LATER;
    }
}

static void read_status(const struct answer_params *p, struct answer *a)
{
    struct complaint c;
    read_complaint(p->body, &c);
    int status = p->result->status;
    char room[sizeof a->detail];
    if (!c.message[0])
        snprintf(c.message, sizeof c.message, "HTTP %d without a word why", status);
    if (status == 401 || status == 403) {
        say(a, "denied", NEXT_LATER, c.message);
        a->look_again = true;
    } else if (status == 503 || status == 429 || status == 408 || status == 425) {
        say(a, "busy", NEXT_LATER, c.message);
        /* Full is one thing; not yet there, or not there any more, is known by asking. */
        a->look_again = strcasestr(c.message, "loading") != NULL;
        a->retry_after_s = p->result->retry_after_s;
    } else if (status == 500) {
        read_server_error(p, &c, a);
    } else if (status == 400 || status == 413 || status == 422 || status == 501) {
        read_bad_request(p, &c, a);
    } else {
        /* Another path, another model, a proxy with nothing behind it: not about this window. */
        snprintf(room, sizeof room, "HTTP %d: %s", status, c.message);
        say(a, "server-error", NEXT_LATER, room);
        a->look_again = true;
    }
}

/* --- an answer --- */

static void read_length(const struct answer_params *p, struct answer *a)
{
    const struct llm_stream *s = p->stream;
    char text[128];
    /* The reply did not run on: the prompt left it no room. */
    if (p->context > 0 && s->prompt_tokens > 0 && s->reply_tokens >= 0 &&
        s->prompt_tokens + s->reply_tokens >= p->context - 1) {
        snprintf(text, sizeof text, "prompt of %d tokens leaves no room for a reply in %d",
                 s->prompt_tokens, p->context);
        say(a, "context", NEXT_SMALLER, text);
        a->over = s->prompt_tokens;
        a->room = p->context;
    } else {
        snprintf(text, sizeof text, "reply cut off after %d tokens", MAX(0, s->reply_tokens));
        say(a, "length", NEXT_AGAIN, text);
    }
    a->last = NEXT_NEVER;
}

static void read_stream_error(const struct answer_params *p, struct answer *a)
{
    struct complaint c = {0};
    STR_COPY(c.message, p->stream->error);
    read_server_error(p, &c, a);
}

static void read_reply(const struct answer_params *p, const struct evidence_list *evidence,
                       struct judgement *ret_judgement, struct answer *a)
{
    const struct llm_stream *s = p->stream;
    struct err err = {0};
    if (p->refused->code != ERR_NONE) {
        bool long_one = p->refused->code == ERR_EXHAUSTED;
        say(a, long_one ? "too-long" : "invalid", NEXT_AGAIN, p->refused->msg);
        a->last = NEXT_NEVER;
    } else if (s->error[0]) {
        read_stream_error(p, a);
    } else if (s->finish == FINISH_LENGTH) {
        read_length(p, a);
    } else if (s->finish == FINISH_NONE && s->content.bytes > 0) {
        say(a, "broken", NEXT_LATER, "the reply ended in the middle");
        a->look_again = true;
    } else if (s->finish != FINISH_STOP) {
        say(a, "invalid", NEXT_AGAIN,
            s->finish == FINISH_NONE ? "no reply in the answer" : "the model was stopped");
        a->last = NEXT_NEVER;
    } else if (!reply_parse(s->content.text ? s->content.text : "", s->content.bytes, evidence,
                            ret_judgement, &err)) {
        say(a, "invalid", NEXT_AGAIN, err.msg);
        a->last = NEXT_NEVER;
    } else {
        say(a, "ok", NEXT_DONE, "");
    }
}

void answer_read(const struct answer_params *p, const struct evidence_list *evidence,
                 struct judgement *ret_judgement, struct answer *ret)
{
    *ret = (struct answer){0};
    if (p->result->end != HTTP_DONE)
        read_end(p, ret);
    else if (p->result->status != 200)
        read_status(p, ret);
    else
        read_reply(p, evidence, ret_judgement, ret);
}
