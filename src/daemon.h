/* The running system: owns everything, starts consumers before producers, stops in the order data
 * flows. The page answers first, then the model is loaded, then the cameras start. */
#pragma once

#include "config.h"

struct daemon;

struct daemon_params {
    struct config *config; /* taken; made with malloc */
    /* Reads the configuration afresh for a reload and tells the user of mistakes. */
    bool (*reload)(void *ctx, struct config *ret);
    void *ctx;
    struct log_sink *sink; /* borrowed for the daemon's life */
};

/* Returns once the page is being served; the rest goes on in daemon_run. Takes params->config also
 * on failure. */
NODISCARD bool daemon_start(const struct daemon_params *params, struct daemon **ret,
                            struct err *err);

/* Loads the model, starts the cameras, then waits: SIGHUP reloads (on a terminal it ends, like the
 * others), SIGINT and SIGTERM end. A second SIGINT kills. Main thread. */
NODISCARD bool daemon_run(struct daemon *daemon, struct err *err);

/* The port the page is served at. */
int daemon_port(const struct daemon *daemon);

/* Ends cleanly: open events are closed and committed. Returns false if a thread had to be left
 * behind: the process must then end by _exit. */
bool daemon_stop(struct daemon **daemon);

/* Blocks the signals daemon_run waits for, in the calling thread and all it starts. First thing in
 * main. */
void daemon_block_signals(void);
