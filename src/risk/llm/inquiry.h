/* One window asked about: a first attempt at temperature 0, where it makes sense a second at 0.3
 * with another seed, then a judgement or an honest reason why there is none. On the llm thread. */
#pragma once

#include "model/judgement.h"
#include "model/run.h"
#include "risk/llm/prompt.h"
#include "risk/llm/server.h"
#include "risk/llm/stream.h"

#define INQUIRY_RUNS_MAX 2

enum inquiry_end {
    INQUIRY_JUDGED,
    INQUIRY_UNREACHABLE, /* the server's fault, try later: refused, broken, silent, 503, 401 */
    INQUIRY_HOPELESS,    /* the window's or the model's fault, with a reason: 400, schema, length */
};

struct inquiry_result {
    enum inquiry_end end;
    struct judgement judgement;        /* state and reason always; the rest if judged */
    struct run runs[INQUIRY_RUNS_MAX]; /* owned by the result's owner: inquiry_result_done */
    int run_count;
    bool server_at_fault; /* for the breaker */
    bool look_again;      /* the server is not what it was taken for: server_doubt, but only after
                             the poll that called done */
    int retry_after_s;    /* what the server asks for; 0: nothing */
};

/* How far a window that is too large for the server's context is cut down. */
#define INQUIRY_SHRINKS_MAX 2

struct inquiry;

struct inquiry_params {
    const struct llm_conf *conf;
    struct server *server;       /* ready */
    const struct window *window; /* borrowed until the end, like the pictures */
    const struct prompt_picture *pictures;
    int picture_count;
    struct uuid_gen *ids;
    const struct clock *clock;
    int64_t first_seed; /* 0: made from the event's id, so that asking again asks the same */
    /* Once, from server_poll or http_poll; the inquiry is gone afterwards. Takes what result owns.
     */
    void (*done)(void *ctx, struct inquiry_result *result);
    void *ctx;
};

struct inquiry *inquiry_start(const struct inquiry_params *params);
void inquiry_cancel(struct inquiry **inquiry);
void inquiry_result_done(struct inquiry_result *result);
