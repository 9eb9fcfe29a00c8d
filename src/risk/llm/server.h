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
    char url[LLM_URL_BYTES];
    char kind[24];   /* "llama.cpp", "vLLM", "Ollama", "other" */
    char model[128]; /* as it is asked for; of llama.cpp, which does not mind, its file's name */
    char build[64];
    int slots;            /* parallel requests it serves; 1 if it does not say */
    int context;          /* tokens of one slot; 0: not known */
    bool discovered;      /* nobody configured it: it was found at one of the usual ports */
    bool enforces_schema; /* it echoed a constant that only the schema knows */
    bool sees;            /* it takes pictures and told two of different colour apart */
    int64_t checked_wall_us;
};

struct server;

/* conf and clock are borrowed. */
NODISCARD struct server *server_new(const struct llm_conf *conf, const struct clock *clock,
                                    struct log log);
void server_free(struct server **server); /* cancels what runs on its connection */

/* Begins to look for it now, if it is not being looked for already: /health, /props, /v1/models,
 * then the two probes. Nobody has to: server_poll looks again by itself, after 1, 2, 4 ... 30 s
 * where there is none, 1 to 5 s while it loads, a minute where a person has to change something. */
void server_check(struct server *server);
bool server_is_looking(const struct server *server); /* info is about to change */

/* Moves on whatever is under way, as http_poll; returns true if the state, the server or its model
 * has changed. */
bool server_poll(struct server *server, int64_t timeout_us);

/* Something went wrong with it while it was ready: it is no longer, and looked at again. Not from
 * what http calls. */
void server_doubt(struct server *server, const char *why);

const struct server_info *server_info(const struct server *server);
struct http *server_http(struct server *server); /* NULL unless ready */
void server_wake(struct server *server);         /* any thread */
void server_info_json(struct json *out, const char *key, const struct server_info *info);
