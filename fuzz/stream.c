/* A streamed answer of a model server; the input itself decides in which pieces it arrives. */
#include "risk/llm/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct llm_stream *s)
{
    ASSERT(s->content.bytes <= REPLY_BYTES_MAX && strlen(s->content.text) == s->content.bytes);
    ASSERT(s->line.bytes <= STREAM_EVENT_BYTES_MAX && s->data.bytes <= STREAM_EVENT_BYTES_MAX);
    ASSERT(s->prompt_tokens >= -1 && s->cached_tokens >= -1 && s->reply_tokens >= -1);
    ASSERT(strnlen(s->error, sizeof s->error) < sizeof s->error);
    ASSERT(strnlen(s->model, sizeof s->model) < sizeof s->model);
    ASSERT(strnlen(s->build, sizeof s->build) < sizeof s->build);
}

static bool feed(struct llm_stream *s, const uint8_t *data, size_t size, size_t piece_of(uint8_t),
                 struct err *err)
{
    bool ok = true;
    for (size_t at = 0; ok && at < size;) {
        size_t piece = MIN(size - at, piece_of(data[at]));
        ok = stream_feed(s, (const char *)data + at, piece, err);
        ASSERT(ok == (err->code == ERR_NONE));
        check(s);
        at += piece;
    }
    return ok;
}

static size_t as_the_input_says(uint8_t byte)
{
    return byte + (size_t)1;
}

static size_t single(uint8_t byte)
{
    (void)byte;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llm_stream a, b;
    struct err err_a = {0}, err_b = {0};
    stream_init(&a);
    stream_init(&b);
    bool ok_a = feed(&a, data, size, as_the_input_says, &err_a);
    bool ok_b = feed(&b, data, size, single, &err_b);
    ASSERT(ok_a == ok_b && err_a.code == err_b.code && strcmp(err_a.msg, err_b.msg) == 0);
    ok_a = ok_a && stream_close(&a, &err_a);
    ok_b = ok_b && stream_close(&b, &err_b);
    ASSERT(ok_a == ok_b && err_a.code == err_b.code);
    ASSERT(strcmp(a.content.text, b.content.text) == 0 && a.done == b.done && a.finish == b.finish);
    stream_end(&a);
    stream_end(&b);
    char text[64];
    (void)stream_error_text((const char *)data, size, text, sizeof text);
    return 0;
}
