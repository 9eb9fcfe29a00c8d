/* The running system: owns everything, starts consumers before producers, stops in the order data
 * flows. The page answers first, then the model is loaded, then the cameras start. */
#pragma once

#include "config.h"

struct daemon;

/* config: borrowed for the daemon's life. Returns once the page is being served; the rest goes on
 * in daemon_run. */
NODISCARD bool daemon_start(const struct config *config, struct log_sink *sink, struct daemon **ret,
                            struct err *err);

/* Loads the model, starts the cameras, then waits for SIGINT or SIGTERM. Main thread. */
NODISCARD bool daemon_run(struct daemon *daemon, struct err *err);

/* The port the page is served at. */
int daemon_port(const struct daemon *daemon);

/* Ends cleanly: open events are closed and committed. */
void daemon_stop(struct daemon **daemon);

/* Blocks SIGINT and SIGTERM in the calling thread and all it starts. First thing in main. */
void daemon_block_signals(void);
