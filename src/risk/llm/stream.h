/* A streamed chat completion (server-sent events), fed as it arrives. Hostile input: bounded, and a
 * fuzz target. Pure. */
#pragma once

#include "risk/llm/reply.h"

enum stream_finish { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_OTHER };

struct llm_stream {
    struct json content; /* text so far; used as a plain growing buffer */
    struct json line;    /* not yet complete */
    enum stream_finish finish;
    bool done;                                      /* "data: [DONE]" was seen */
    int prompt_tokens, cached_tokens, reply_tokens; /* -1: not told */
    char model[128], build[64];                     /* as the server says */
    char error[256];                                /* an error object inside the stream */
};

void stream_init(struct llm_stream *stream);
void stream_end(struct llm_stream *stream);

/* ERR_INVALID: not a stream of this kind; ERR_EXHAUSTED: longer than REPLY_BYTES_MAX. The rest must
 * not be fed any more. */
NODISCARD bool stream_feed(struct llm_stream *stream, const char *bytes, size_t count,
                           struct err *err);
