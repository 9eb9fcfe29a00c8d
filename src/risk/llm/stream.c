#include "risk/llm/stream.h"

#include "risk/llm/outside.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void stream_init(struct llm_stream *stream)
{
    *stream = (struct llm_stream){.prompt_tokens = -1, .cached_tokens = -1, .reply_tokens = -1};
    stream->content.text = xcalloc(1, 1);
    stream->content.capacity = 1;
}

void stream_end(struct llm_stream *stream)
{
    free(stream->content.text);
    free(stream->line.text);
    free(stream->data.text);
    *stream = (struct llm_stream){0};
}

static bool append(struct stream_text *to, const char *bytes, size_t count, size_t most)
{
    if (count > most || to->bytes > most - count)
        return false;
    size_t wanted = to->bytes + count + 1;
    if (wanted > to->capacity) {
        to->capacity = MAX(wanted, MAX(2 * to->capacity, 256));
        to->text = xrealloc(to->text, to->capacity, 1);
    }
    memcpy(to->text + to->bytes, bytes, count);
    to->bytes += count;
    to->text[to->bytes] = '\0';
    return true;
}

static void clear(struct stream_text *text)
{
    text->bytes = 0;
}

static void drop_json(json_t **root)
{
    json_decref(*root);
}

/* {"error": {"message": TEXT}} as OpenAI has it, {"error": TEXT} as Ollama, or the text bare. */
static bool copy_error(const json_t *root, char *out, size_t bytes)
{
    const json_t *error = json_object_get(root, "error");
    const char *text = json_string_value(error);
    if (json_is_object(error))
        text = json_string_value(json_object_get(error, "message"));
    else if (!text && !json_object_get(root, "choices"))
        text = json_string_value(json_object_get(root, "message"));
    if (!text && !json_is_object(error))
        return false;
    outside_copy(out, bytes, text ? text : "");
    if (!out[0])
        outside_copy(out, bytes, "an error without a text");
    return true;
}

bool stream_error_text(const char *json, size_t json_bytes, char *out, size_t bytes)
{
    AUTO(drop_json) json_t *root = json_loadb(json, json_bytes, 0, NULL);
    return root && copy_error(root, out, bytes);
}

static void take_count(int *to, const json_t *value)
{
    if (!json_is_integer(value))
        return;
    json_int_t count = json_integer_value(value);
    if (count >= 0 && count <= INT_MAX / 2)
        *to = (int)count;
}

static void take_usage(struct llm_stream *s, const json_t *usage)
{
    take_count(&s->prompt_tokens, json_object_get(usage, "prompt_tokens"));
    take_count(&s->reply_tokens, json_object_get(usage, "completion_tokens"));
    const json_t *details = json_object_get(usage, "prompt_tokens_details");
    take_count(&s->cached_tokens, json_object_get(details, "cached_tokens"));
}

/* llama.cpp's own, which also an older one has. */
static void take_timings(struct llm_stream *s, const json_t *timings)
{
    int cached = -1, read = -1, said = -1;
    take_count(&cached, json_object_get(timings, "cache_n"));
    take_count(&read, json_object_get(timings, "prompt_n"));
    take_count(&said, json_object_get(timings, "predicted_n"));
    if (s->cached_tokens < 0)
        s->cached_tokens = cached;
    if (s->prompt_tokens < 0 && read >= 0)
        s->prompt_tokens = read + MAX(cached, 0);
    if (s->reply_tokens < 0)
        s->reply_tokens = said;
}

static void take_finish(struct llm_stream *s, const json_t *reason)
{
    const char *text = json_string_value(reason);
    if (!text)
        return;
    s->finish = strcmp(text, "stop") == 0     ? FINISH_STOP
                : strcmp(text, "length") == 0 ? FINISH_LENGTH
                                              : FINISH_OTHER;
}

static bool take_choice(struct llm_stream *s, const json_t *choice, struct err *err)
{
    take_finish(s, json_object_get(choice, "finish_reason"));
    const json_t *delta = json_object_get(choice, "delta");
    const json_t *content = json_object_get(delta, "content");
    if (content && !json_is_string(content) && !json_is_null(content))
        return err_set(err, ERR_INVALID, "a piece of the reply is not a text");
    const json_t *aside = json_object_get(delta, "reasoning_content");
    if (!json_is_string(aside))
        aside = json_object_get(delta, "reasoning");
    s->thought_bytes = (int)MIN((size_t)INT_MAX, s->thought_bytes + json_string_length(aside));
    if (!json_is_string(content))
        return true;
    if (append(&s->content, json_string_value(content), json_string_length(content),
               REPLY_BYTES_MAX))
        return true;
    return err_set(err, ERR_EXHAUSTED, "the reply is longer than %d bytes", REPLY_BYTES_MAX);
}

static bool take_object(struct llm_stream *s, const json_t *root, struct err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "a piece of the stream is not an object");
    if (copy_error(root, s->error, sizeof s->error))
        return true;
    const char *model = json_string_value(json_object_get(root, "model"));
    const char *build = json_string_value(json_object_get(root, "system_fingerprint"));
    if (model)
        outside_copy(s->model, sizeof s->model, model);
    if (build)
        outside_copy(s->build, sizeof s->build, build);
    take_usage(s, json_object_get(root, "usage"));
    take_timings(s, json_object_get(root, "timings"));
    const json_t *choices = json_object_get(root, "choices");
    if (json_array_size(choices) == 0)
        return true;
    return take_choice(s, json_array_get(choices, 0), err);
}

static bool take_json(struct llm_stream *s, const char *text, size_t bytes, struct err *err)
{
    json_error_t why;
    AUTO(drop_json) json_t *root = json_loadb(text, bytes, 0, &why);
    if (root)
        return take_object(s, root, err);
    if (json_error_code(&why) == json_error_invalid_utf8)
        return err_set(err, ERR_INVALID, "the stream is not valid UTF-8");
    return err_set(err, ERR_INVALID, "a piece of the stream is not JSON, at its byte %d",
                   why.position);
}

/* An empty line: what has come belongs together. */
static bool end_event(struct llm_stream *s, struct err *err)
{
    if (s->data.bytes == 0)
        return true;
    bool ok = take_json(s, s->data.text, s->data.bytes - 1, err);
    clear(&s->data);
    return ok;
}

static bool add_data(struct llm_stream *s, const char *text, size_t bytes, struct err *err)
{
    /* Not every server sends the empty line behind the last one. */
    if (s->data.bytes == 0 && bytes == 6 && memcmp(text, "[DONE]", 6) == 0) {
        s->done = true;
        return true;
    }
    if (append(&s->data, text, bytes, STREAM_EVENT_BYTES_MAX) &&
        append(&s->data, "\n", 1, STREAM_EVENT_BYTES_MAX))
        return true;
    return err_set(err, ERR_EXHAUSTED, "a piece of the stream is longer than %d bytes",
                   STREAM_EVENT_BYTES_MAX);
}

static bool field_is(const char *line, size_t name_bytes, const char *name)
{
    return strlen(name) == name_bytes && memcmp(line, name, name_bytes) == 0;
}

static bool take_line(struct llm_stream *s, const char *line, size_t bytes, struct err *err)
{
    if (bytes == 0)
        return end_event(s, err);
    if (line[0] == ':')
        return true;
    if (line[0] == '{' && stream_error_text(line, bytes, s->error, sizeof s->error))
        return true;
    const char *colon = memchr(line, ':', bytes);
    size_t name = colon ? (size_t)(colon - line) : bytes;
    size_t from = MIN(name + 1, bytes);
    if (from < bytes && line[from] == ' ')
        from++;
    if (field_is(line, name, "data") || field_is(line, name, "error"))
        return add_data(s, line + from, bytes - from, err);
    if (field_is(line, name, "event") || field_is(line, name, "id") ||
        field_is(line, name, "retry"))
        return true;
    return err_set(err, ERR_INVALID, "the answer is not a stream of events");
}

/* Lines end in LF, CR LF or CR. *ret_used tells how many bytes belonged to this one. */
static bool feed_line(struct llm_stream *s, const char *bytes, size_t count, size_t *ret_used,
                      struct err *err)
{
    size_t n = 0;
    while (n < count && bytes[n] != '\n' && bytes[n] != '\r')
        n++;
    *ret_used = n < count ? n + 1 : n;
    const char *line = bytes;
    size_t line_bytes = n;
    if (s->line.bytes > 0 || n == count) {
        if (!append(&s->line, bytes, n, STREAM_EVENT_BYTES_MAX))
            return err_set(err, ERR_EXHAUSTED, "a line of the stream is longer than %d bytes",
                           STREAM_EVENT_BYTES_MAX);
        line = s->line.text;
        line_bytes = s->line.bytes;
    }
    if (n == count)
        return true;
    s->after_cr = bytes[n] == '\r';
    bool ok = take_line(s, line, line_bytes, err);
    clear(&s->line);
    return ok;
}

bool stream_feed(struct llm_stream *s, const char *bytes, size_t count, struct err *err)
{
    size_t at = 0;
    while (at < count && !s->done) {
        bool second_half = s->after_cr && bytes[at] == '\n';
        s->after_cr = false;
        size_t used = 1;
        if (!second_half && !feed_line(s, bytes + at, count - at, &used, err))
            return false;
        at += used;
    }
    return true;
}

bool stream_close(struct llm_stream *s, struct err *err)
{
    return s->done || s->line.bytes == 0 ||
           (stream_feed(s, "\n", 1, err) && stream_feed(s, "\n", 1, err));
}
