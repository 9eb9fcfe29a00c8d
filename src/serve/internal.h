/* Shared inside this room only. One thread, ROLE_SERVE, owns everything below: the sockets, the
 * replies, the clients. The web server library is known to web.c alone; the rest sees requests,
 * replies and clients. */
#pragma once

#include "base/json.h"
#include "serve/parse.h"
#include "serve/serve.h"

#include <stdatomic.h>

#define HEADER_BYTES_MAX    8192 /* all headers of a request together; beyond it the line is cut */
#define REPLY_HEADER_BYTES  1536
#define REPLY_CHUNK_BYTES   (64 * 1024) /* one write; a larger body waits for the socket between */
#define REQUEST_TIMEOUT_S   10          /* for a request's head to arrive */
#define KEEPALIVE_TIMEOUT_S 30          /* an idle connection between two requests */
#define STALL_TIMEOUT_S     20          /* a reply nobody takes */
#define PING_PERIOD_S       30
#define PING_PATIENCE_S     45                /* a client this long silent is gone */
#define PLAIN_CONNECTIONS   256               /* HTTP connections beside the WebSocket clients */
#define STOP_DEADLINE_US    (400 * US_PER_MS) /* for clients to take their goodbye */

#define CLIENT_QUEUE_MAX   256 /* messages waiting for one client */
#define CLIENT_LOSSY_MAX   8   /* live boxes wait only behind fewer than this */
#define REPLAY_BATCH       64  /* outbox rows read at a time */
#define BUS_CAPACITY       1024
#define CAMERAS_FILTER_MAX 64 /* bits of a client's camera mask */

#define SNAPSHOT_WIDTH_MIN 16
#define SNAPSHOT_WIDTH_MAX 3840
#define SNAPSHOT_BYTES_MAX (16 << 20) /* a stored picture larger than this is not ours */
#define SNAPSHOT_CACHE     64         /* live pictures kept ready: camera, width, boxes */
#define SNAPSHOT_QUALITY   80

#define EVENTS_LIMIT_MAX     100
#define EVENTS_LIMIT_DEFAULT 50

/* --- bytes shared by those who send them --- */

/* Room in front of the bytes where the web server writes its framing. The same message for every
 * client is framed alike, so one buffer serves them all. */
#define BYTES_HEADROOM 16

struct bytes {
    int refs; /* this thread only */
    size_t bytes;
    unsigned char *data; /* behind the headroom */
};

/* Bytes with one reference; data is uninitialised. NULL when there is no memory. */
NODISCARD struct bytes *bytes_new(size_t bytes);
NODISCARD struct bytes *bytes_from(const void *data,
                                   size_t bytes); /* copies; aborts without memory */
struct bytes *bytes_ref(struct bytes *blob);
void bytes_unref(struct bytes **blob);

/* --- requests and replies --- */

enum method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_PUT = 4,
    METHOD_POST = 8,
    METHOD_DELETE = 16,
    METHOD_OTHER = 32,
};
#define METHODS_READ   (METHOD_GET | METHOD_HEAD)
#define METHODS_CHANGE (METHOD_PUT | METHOD_POST | METHOD_DELETE)

#define BODY_BYTES_MAX 4096
/* What a change is answered with, or an error: its message and hint, every byte of them escaped. */
#define SHORT_REPLY_BYTES_MAX 8192

#define ETAG_BYTES 48

struct request {
    enum method method;
    char path[URL_BYTES_MAX];
    char path_params[PATH_PARAMS_MAX][PARAM_BYTES]; /* what stood in the route's braces, in order */
    struct params params;
    bool upgrade; /* a WebSocket handshake */
    bool accepts_gzip;
    char if_none_match[512];
    const char *body; /* of a change: JSON, terminated; empty if there is none */
    size_t body_bytes;
};

struct reply {
    int status;
    const char *type;      /* Content-Type */
    const char *cache;     /* Cache-Control; NULL: no-store */
    char etag[ETAG_BYTES]; /* with its quotes; empty: none */
    const char *allow;     /* 405 */
    const char *version;   /* 426: Sec-WebSocket-Version */
    bool gzip;
    bool vary;                 /* another client might get another coding */
    bool close;                /* no further request on this connection */
    bool page;                 /* a document: gets the content security policy */
    struct bytes *blob;        /* the body: owned reference, or */
    const unsigned char *data; /* bytes that live for ever */
    size_t bytes;
};

void reply_done(struct reply *reply);
void reply_json(struct reply *reply, struct json *json); /* takes the text; json is empty after */
/* application/problem+json. detail and hint may be NULL. */
void reply_problem(struct reply *reply, int status, const char *detail, const char *hint);
/* The same from an error: its code decides the status. Internal ones are logged, not shown. */
void reply_error(struct reply *reply, const struct log *log, const struct err *err);
/* Turns the reply into 304 if the client has it already. */
void reply_revalidate(struct reply *reply, const struct request *request);
/* Status line and headers; head: no body follows, its length is told all the same. */
size_t reply_header(const struct reply *reply, char *out, size_t bytes);

/* --- routes --- */

enum route_flags {
    ROUTE_PUBLIC = 1,    /* may be asked without credentials, also when there will be some */
    ROUTE_WEBSOCKET = 2, /* only by upgrade */
};

struct serve;

struct route {
    const char *path; /* "/api/events/{id}" */
    unsigned flags;
    const char *const *params; /* allowed query parameters; NULL: none */
    void (*answer)(struct serve *serve, struct request *request, struct reply *reply);
    unsigned methods; /* enum method; 0: METHODS_READ */
};

extern const struct route routes[]; /* ends with {0} */

/* The route of a path, with its braces copied to params; NULL: none. */
const struct route *route_find(const char *path, char params[][PARAM_BYTES]);
/* Answers 404 with the nearest path. */
void route_unknown(const char *path, struct reply *reply);

/* One file per topic. */
void api_health(struct serve *serve, struct request *request, struct reply *reply);
void api_system(struct serve *serve, struct request *request, struct reply *reply);
void api_cameras(struct serve *serve, struct request *request, struct reply *reply);
void api_camera(struct serve *serve, struct request *request, struct reply *reply);
void api_camera_snapshot(struct serve *serve, struct request *request, struct reply *reply);
void api_camera_events(struct serve *serve, struct request *request, struct reply *reply);
void api_events(struct serve *serve, struct request *request, struct reply *reply);
void api_event(struct serve *serve, struct request *request, struct reply *reply);
void api_event_snapshot(struct serve *serve, struct request *request, struct reply *reply);
void api_feedback(struct serve *serve, struct request *request, struct reply *reply);
void api_event_feedback(struct serve *serve, struct request *request, struct reply *reply);
void api_jobs(struct serve *serve, struct request *request, struct reply *reply);
void api_jobs_requeue(struct serve *serve, struct request *request, struct reply *reply);
void live_plain(struct serve *serve, struct request *request, struct reply *reply);
void asset_page(struct serve *serve, struct request *request, struct reply *reply);
void asset_file(struct serve *serve, struct request *request, struct reply *reply);

bool parse_id(const char *text, const char *what, struct uuid *ret, struct err *err);
/* Ends the open object of a list with where it goes on. */
void reply_page(struct json *j, int limit, const struct uuid *next, struct reply *reply);

/* Index of the camera, or -1 with the error filled: not found, did you mean. */
int camera_find(const struct serve *serve, const char *name, struct err *err);

/* --- live pictures, encoded once per frame, size and boxes --- */

struct snapshots;
NODISCARD struct snapshots *snapshots_new(void);
void snapshots_free(struct snapshots **snapshots);

/* --- WebSocket clients --- */

struct client;

struct live {
    struct client *clients; /* list */
    int client_count;
    struct bus_subscriber *subscriber;
};

NODISCARD struct client *client_new(struct serve *serve, void *socket);
void client_free(struct serve *serve, struct client **client);
void client_receive(struct serve *serve, struct client *client, const char *text, size_t bytes);
/* The next message to write, a reference; NULL when there is nothing (more) to say. */
NODISCARD struct bytes *client_next(struct serve *serve, struct client *client);
bool client_waiting(const struct client *client);         /* client_next has something */
struct client *client_after(const struct client *client); /* the next in the list */
void *client_socket(const struct client *client);

/* Hands on what the bus has brought. */
void live_drain(struct serve *serve);

/* --- the web server --- */

struct web;
NODISCARD bool web_open(struct serve *serve, struct web **ret, struct err *err);
void web_close(struct web **web); /* no thread may be in web_run any more */
int web_port(const struct web *web);
void web_run(struct web *web);  /* until serve->stopping and the clients are gone */
void web_wake(struct web *web); /* any thread */
/* Asks for client_next to be called when the client's socket takes more. */
void web_want_write(void *socket);

/* --- the whole --- */

struct serve {
    /* Set before the thread starts, read-only afterwards. */
    struct serve_params params;
    struct log log;
    struct web *web;
    struct thread *thread;
    atomic_bool stopping;
    /* The serve thread's own. */
    struct store_reader *reader;
    struct snapshots *snapshots;
    struct live live;
};
