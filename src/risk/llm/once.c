/* One window asked about without a queue and without a thread: the caller waits. */
#include "risk/llm/judge.h"

#include <stdlib.h>
#include <string.h>

#define POLL_US (250 * US_PER_MS)

struct judge_once {
    const struct llm_conf *conf;
    struct uuid_gen *ids;
    const struct clock *clock;
    struct server *server;
    struct inquiry_result *result; /* where the answer goes while one is asked for */
    bool over;
};

/* What will not change within seconds, however often one looks. */
static bool is_final(enum server_state state)
{
    return state == SERVER_OFF || state == SERVER_DENIED || state == SERVER_UNFIT;
}

/* Waits for the server: for one that loads until until_us, for one that cannot be found only if it
 * was there before. */
static bool wait_ready(struct judge_once *o, int64_t until_us, bool was_there)
{
    for (;;) {
        const struct server_info *info = server_info(o->server);
        if (server_http(o->server))
            return true;
        bool looked = info->state == SERVER_OFF ||
                      (info->checked_wall_us > 0 && !server_is_looking(o->server));
        bool hope = info->state == SERVER_LOADING || (was_there && !is_final(info->state));
        int64_t now_us = clock_mono_us(o->clock);
        if (now_us >= until_us || (looked && !hope))
            return false;
        (void)server_poll(o->server, MIN(POLL_US, until_us - now_us));
    }
}

static bool fail_unready(const struct judge_once *o, struct err *err)
{
    const struct server_info *info = server_info(o->server);
    err_set(err, ERR_UNAVAILABLE, "no language model: %s%s%s", server_state_names[info->state],
            info->reason[0] ? ": " : "", info->reason);
    err_hint(err, "start a model server, or set risk.llm.url");
    return false;
}

bool judge_once_open(const struct llm_conf *conf, struct uuid_gen *ids, struct log log,
                     struct judge_once **ret, struct err *err)
{
    struct judge_once *o = NEW(struct judge_once);
    o->conf = conf;
    o->ids = ids;
    o->clock = &clock_real;
    o->server = server_new(conf, o->clock, log);
    if (!wait_ready(o, clock_mono_us(o->clock) + conf->deadline_us, false)) {
        fail_unready(o, err);
        judge_once_close(&o);
        return false;
    }
    *ret = o;
    return true;
}

void judge_once_close(struct judge_once **once)
{
    if (!*once)
        return;
    server_free(&(*once)->server);
    free(*once);
    *once = NULL;
}

const struct server_info *judge_once_server(const struct judge_once *once)
{
    return server_info(once->server);
}

static void on_result(void *ctx, struct inquiry_result *result)
{
    struct judge_once *o = ctx;
    inquiry_result_done(o->result); /* of an earlier try */
    *o->result = *result;
    o->over = true;
}

static void ask(struct judge_once *o, const struct window *window, const struct pictures *pictures,
                int64_t first_seed, struct inquiry_result *ret)
{
    o->over = false;
    o->result = ret;
    (void)inquiry_start(&(struct inquiry_params){.conf = o->conf,
                                                 .server = o->server,
                                                 .window = window,
                                                 .pictures = pictures ? pictures->items : NULL,
                                                 .picture_count = pictures ? pictures->count : 0,
                                                 .ids = o->ids,
                                                 .clock = o->clock,
                                                 .first_seed = first_seed,
                                                 .done = on_result,
                                                 .ctx = o});
    while (!o->over)
        (void)server_poll(o->server, POLL_US);
    o->result = NULL;
}

static void say_unready(const struct judge_once *o, const struct window *window,
                        struct inquiry_result *ret)
{
    struct err err = {0};
    fail_unready(o, &err);
    *ret = (struct inquiry_result){.end = INQUIRY_UNREACHABLE, .server_at_fault = true};
    ret->judgement = (struct judgement){.event = window->event->id,
                                        .revision = window->event->revision,
                                        .state = JUDGEMENT_FAILED,
                                        .score = SCORE_NONE,
                                        .max_change = o->conf->max_change,
                                        .wall_us = clock_wall_us(o->clock)};
    STR_COPY(ret->judgement.reason, err.msg);
}

static void ask_until_answered(struct judge_once *o, const struct window *window,
                               const struct pictures *pictures, int64_t first_seed,
                               struct inquiry_result *ret)
{
    int64_t until_us = clock_mono_us(o->clock) + o->conf->deadline_us;
    for (;;) {
        if (!wait_ready(o, until_us, true)) {
            if (ret->run_count == 0)
                say_unready(o, window, ret);
            return;
        }
        ask(o, window, pictures, first_seed, ret);
        if (ret->look_again)
            server_doubt(o->server, ret->judgement.reason);
        /* Who waits at a terminal is not sent away because the server is full or loads. */
        int64_t rest_us = MAX(1, ret->retry_after_s) * US_PER_S;
        int64_t again_us = clock_mono_us(o->clock) + rest_us;
        if (ret->end != INQUIRY_UNREACHABLE || again_us >= until_us)
            return;
        while (clock_mono_us(o->clock) < again_us)
            (void)server_poll(o->server, again_us - clock_mono_us(o->clock));
    }
}

void judge_once_ask(struct judge_once *o, const struct window *window,
                    const struct pictures *pictures, int64_t first_seed, struct inquiry_result *ret)
{
    *ret = (struct inquiry_result){0};
    ask_until_answered(o, window, pictures, first_seed, ret);
    /* Nobody asks again: what did not come is not waited for. */
    if (ret->end != INQUIRY_JUDGED)
        ret->judgement.state = JUDGEMENT_FAILED;
}
