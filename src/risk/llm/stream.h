/* A streamed chat completion (server-sent events), fed as it arrives. Hostile input: bounded, and a
 * fuzz target. Pure. */
#pragma once

#include "risk/llm/reply.h"

#define STREAM_EVENT_BYTES_MAX (128 * 1024) /* of one event; a usual one has 300 */

enum stream_finish { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_OTHER };

struct stream_text {
    char *text; /* terminated; owned by the stream */
    size_t bytes, capacity;
};

struct llm_stream {
    struct stream_text content; /* what the model has said so far; valid UTF-8 */
    struct stream_text line;    /* not yet complete */
    struct stream_text data;    /* of an event that is not yet complete */
    bool after_cr;              /* a line feed right now belongs to the line before */
    enum stream_finish finish;
    bool done;                                      /* "data: [DONE]" was seen */
    int thought_bytes;                              /* said aside, as thinking models do */
    int prompt_tokens, cached_tokens, reply_tokens; /* -1: not told */
    char model[128], build[64];                     /* as the server says */
    char error[256];                                /* an error object inside the stream */
};

void stream_init(struct llm_stream *stream);
void stream_end(struct llm_stream *stream);

/* ERR_INVALID: not a stream of this kind, or broken UTF-8; ERR_EXHAUSTED: longer than
 * REPLY_BYTES_MAX. The rest must not be fed any more. What follows the end is ignored. */
NODISCARD bool stream_feed(struct llm_stream *stream, const char *bytes, size_t count,
                           struct err *err);

/* The answer is over, in good order: a last line without an end counts as one. Shows what an answer
 * is that is no stream at all. */
NODISCARD bool stream_close(struct llm_stream *stream, struct err *err);

/* The text of {"error": {"message": "..."}} and its relatives, as bodies of other statuses have it
 * too, cut to bytes, one line. False if it is none. */
bool stream_error_text(const char *json, size_t json_bytes, char *out, size_t bytes);
