/* Stage 10: answer people. One thread runs the web server's loop and owns sockets and sessions; it
 * reads through its own store handle and hears the bus. Loopback only until there is
 * authentication. */
#pragma once

#include "base/log.h"
#include "base/opt.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "model/event.h"
#include "store/store.h"

struct serve_conf {
    char listen[64]; /* address; only loopback is accepted */
    int port;
    int max_clients; /* WebSocket connections */
};
extern const struct section serve_section;

/* What the page wants to know that is not in the store. Called on the serve thread; must not block.
 */
struct serve_source {
    void *ctx;
    int (*camera_count)(void *ctx);
    /* Appends one object describing the camera: name, state, size, fps, ... */
    void (*camera_json)(void *ctx, int camera, struct json *out);
    int (*camera_index)(void *ctx, const char *name); /* -1: none */
    /* The newest frame and its boxes: gives a frame reference (NULL if there is none yet) and fills
     * up to max live boxes. */
    struct frame *(*camera_frame)(void *ctx, int camera, struct detections *ret_boxes);
    /* Appends members of the health and system objects: version, uptime_s, detector, ... */
    void (*system_json)(void *ctx, struct json *out);
    bool (*ready)(void *ctx); /* false while models are still loading: "starting" */
};

struct serve_params {
    const struct serve_conf *conf; /* borrowed */
    struct store *store;           /* borrowed */
    struct bus *bus;               /* borrowed */
    const struct clock *clock;
    struct log log;
    struct serve_source source;
};

struct serve;
NODISCARD bool serve_start(const struct serve_params *params, struct serve **ret, struct err *err);
int serve_port(const struct serve *serve); /* the one really bound (conf port 0: any free one) */
void serve_stop(struct serve **serve);     /* closes clients politely, joins, frees */
