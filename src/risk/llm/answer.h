/* What came of one request to a model, by name, and what follows from it. Pure, so that every way
 * in which a server can fail is a row of a table in the tests. */
#pragma once

#include "risk/llm/http.h"
#include "risk/llm/stream.h"

enum answer_next {
    NEXT_DONE,        /* there is a judgement */
    NEXT_AGAIN,       /* once more, at another temperature with another seed */
    NEXT_SMALLER,     /* once more, with less in it */
    NEXT_NO_PICTURES, /* once more, without pictures */
    NEXT_LATER,       /* the server's fault */
    NEXT_NEVER,       /* the window's or the model's fault */
};

struct answer_params {
    const struct http_result *result;
    const struct llm_stream *stream;
    const struct err *refused; /* why the stream was not read to its end; code ERR_NONE: it was */
    const char *body;          /* of a status that is not 200; empty: none */
    int pictures;              /* that were shown */
    int context;               /* tokens the server has for one request; 0: not known */
};

struct answer {
    const char *outcome; /* the run's: "ok", "refused", ... */
    enum answer_next next;
    enum answer_next last; /* what follows instead when next cannot be had any more */
    bool look_again;       /* the server is not what it was taken for */
    int retry_after_s;     /* 0: it did not say */
    int over, room;        /* NEXT_SMALLER: tokens of the prompt, and of the context; 0: not told */
    char detail[256];      /* for people */
};

/* ret_judgement: as reply_parse, and only touched when the answer is NEXT_DONE. */
void answer_read(const struct answer_params *params, const struct evidence_list *evidence,
                 struct judgement *ret_judgement, struct answer *ret);
