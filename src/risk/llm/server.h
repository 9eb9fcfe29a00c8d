/* What the model server is and can do: found, asked once, remembered until it goes away. On the
 * model thread. */
#pragma once

#include "base/clock.h"
#include "base/json.h"
#include "risk/llm/http.h"

enum server_state {
    SERVER_OFF,     /* configured so */
    SERVER_UNKNOWN, /* not found yet */
    SERVER_LOADING, /* answers, the model is not ready */
    SERVER_READY,
    SERVER_DOWN,   /* reason */
    SERVER_DENIED, /* the key is wrong */
    SERVER_UNFIT,  /* answers, but cannot be used: reason (ignores schemas) */
};
extern const char *const server_state_names[];

struct server_info {
    enum server_state state;
    char reason[192];
    char url[256];
    char kind[24]; /* "llama.cpp", "vLLM", "Ollama", "other" */
    char model[128], build[64];
    int slots;            /* parallel requests it serves; 1 if it does not say */
    int context;          /* tokens of one slot; 0: not known */
    bool enforces_schema; /* it echoed a constant that only the schema knows */
    bool sees;            /* it takes pictures and told two of different colour apart */
    int64_t checked_wall_us;
};

struct server;

NODISCARD struct server *server_new(const struct llm_conf *conf, const struct clock *clock,
                                    struct log log);
void server_free(struct server **server);

/* Begins to look for it, or to look again: /health, /props, /v1/models, then the two probes.
 * server_http gives the connection to use once ready. */
void server_check(struct server *server);
/* Moves on whatever is under way, as http_poll; returns true if the state has changed. */
bool server_poll(struct server *server, int64_t timeout_us);
/* Something went wrong with it while it was ready: look again. */
void server_doubt(struct server *server, const char *why);

const struct server_info *server_info(const struct server *server);
struct http *server_http(struct server *server); /* NULL unless ready */
void server_wake(struct server *server);         /* any thread */
void server_info_json(struct json *out, const char *key, const struct server_info *info);
