#include "serve/internal.h"

/* Members both answers share come from the daemon: version, uptime, detector. */
static void answer_system(struct serve *serve, struct reply *reply, bool details)
{
    const struct serve_source *source = &serve->params.source;
    struct store_stats stats = store_stats(serve->params.store);
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "status",
              stats.failing                ? "degraded"
              : source->ready(source->ctx) ? "ok"
                                           : "starting");
    json_text(&j, "reason", stats.failing ? stats.reason : NULL);
    source->system_json(source->ctx, &j);
    if (details) {
        json_begin_object(&j, "store");
        json_int(&j, "events", stats.events);
        json_int(&j, "commits", stats.commits);
        json_int(&j, "seq", stats.outbox_seq);
        json_int(&j, "failed", stats.failed);
        json_int(&j, "set_aside", stats.set_aside);
        json_int(&j, "lost", stats.lost);
        json_int(&j, "bytes", stats.bytes);
        json_end_object(&j);
        json_int(&j, "clients", serve->live.client_count);
    }
    json_end_object(&j);
    reply_json(reply, &j);
    json_done(&j);
}

void api_health(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)request;
    answer_system(serve, reply, false);
}

void api_system(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)request;
    answer_system(serve, reply, true);
}
