/* The llm thread: takes windows from the durable queue, severe first, asks as many at a time as the
 * server has slots, and hands verdicts to the store. An event never waits for it. A server that is
 * down costs nothing but time: the queue waits, and is worked off when it is back. */
#pragma once

#include "bus/bus.h"
#include "risk/llm/inquiry.h"
#include "risk/llm/pictures.h"
#include "store/store.h"

struct judge_params {
    const struct llm_conf *conf; /* borrowed */
    struct store *store;
    struct bus *bus; /* events committed: there may be work */
    struct uuid_gen *ids;
    const struct clock *clock;
    struct log log;
};

struct judge_stats {
    struct server_info server;
    int64_t waiting, running, judged, failed, retried, dead;
    int64_t prompt_tokens, cached_tokens, reply_tokens;
    int64_t spent_us; /* of the model, over all requests */
    int64_t own_us;   /* CPU time of this thread */
    bool breaker_open;
    int64_t breaker_opened;
};

struct judge;

NODISCARD bool judge_start(const struct judge_params *params, struct judge **ret, struct err *err);
/* Cancels what runs (it is asked again after the next start), joins, frees. */
void judge_stop(struct judge **judge);
struct judge_stats judge_stats(struct judge *judge); /* any thread */
bool judge_has_worked(const struct judge *judge);    /* a server has been ready since the start */
void judge_stats_json(struct json *out, const char *key, const struct judge_stats *stats);

/* One window asked about here and now, without a queue: analyze, evaluate, rescore. Blocks until it
 * is judged or given up. Waits for a server that loads, is full or has gone for a moment, up to the
 * deadline of a window; what is under way by then may take as long again. Without a verdict the
 * judgement's state is JUDGEMENT_FAILED, with its reason. */
struct judge_once;
NODISCARD bool judge_once_open(const struct llm_conf *conf, struct uuid_gen *ids, struct log log,
                               struct judge_once **ret, struct err *err); /* ERR_UNAVAILABLE */
void judge_once_close(struct judge_once **once);
const struct server_info *judge_once_server(const struct judge_once *once);
void judge_once_ask(struct judge_once *once, const struct window *window,
                    const struct pictures *pictures, int64_t first_seed,
                    struct inquiry_result *ret);
