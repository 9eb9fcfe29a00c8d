#include "serve/serve.h"

#include "serve/internal.h"

#include <stdlib.h>
#include <string.h>

static const struct opt serve_rows[] = {
    {"listen", OPT_TEXT(struct serve_conf, listen), .def = "127.0.0.1",
     .help =
         "Address to answer on. Only addresses of this machine itself, until there is a login."},
    {"port", OPT_INT(struct serve_conf, port, 0, 65535), .def = "8480",
     .help = "TCP port of the page and the API; 0 takes any free one."},
    {"max_clients", OPT_INT(struct serve_conf, max_clients, 1, 10000), .def = "1000",
     .help = "Most live connections (WebSocket) at a time."},
    {0},
};

static bool check_conf(const void *section, const char **ret_at, struct err *err)
{
    const struct serve_conf *conf = section;
    if (address_is_loopback(conf->listen))
        return true;
    *ret_at = "listen";
    (void)err_set(err, ERR_INVALID, "listen: '%s' can be reached from other machines",
                  conf->listen);
    err_hint(err,
             "there is no login yet: use 127.0.0.1 and an SSH tunnel or a reverse proxy that asks "
             "for a password");
    return false;
}

const struct section serve_section = {
    .name = "serve",
    .help = "The page, the API and the live events.",
    .bytes = sizeof(struct serve_conf),
    .rows = serve_rows,
    .check = check_conf,
};

static void wake(void *ctx)
{
    web_wake(ctx);
}

static void run(void *arg)
{
    struct serve *serve = arg;
    web_run(serve->web);
}

static void serve_free(struct serve **serve)
{
    struct serve *s = *serve;
    *serve = NULL;
    if (!s)
        return;
    if (s->live.subscriber)
        bus_unsubscribe(s->params.bus, &s->live.subscriber);
    web_close(&s->web);
    snapshots_free(&s->snapshots);
    store_reader_close(&s->reader);
    free(s);
}

bool serve_start(const struct serve_params *params, struct serve **ret, struct err *err)
{
    const char *at;
    if (!check_conf(params->conf, &at, err))
        return false;
    AUTO(serve_free) struct serve *s = NEW(struct serve);
    s->params = *params;
    s->log = params->log;
    atomic_init(&s->stopping, false);
    s->snapshots = snapshots_new();
    if (!store_reader_open(params->store, &s->reader, err) || !web_open(s, &s->web, err))
        return false;
    s->live.subscriber = bus_subscribe(params->bus, BUS_EVENT | BUS_CAMERA | BUS_DETECTIONS,
                                       BUS_CAPACITY, wake, s->web);
    if (!thread_start(&s->thread, ROLE_SERVE, "serve", run, s, err))
        return false;
    *ret = TAKE(s);
    return true;
}

int serve_port(const struct serve *serve)
{
    return web_port(serve->web);
}

void serve_stop(struct serve **serve)
{
    struct serve *s = *serve;
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    web_wake(s->web);
    thread_join(&s->thread);
    serve_free(serve);
}
