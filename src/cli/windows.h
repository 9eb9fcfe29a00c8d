/* Windows that are scored again: what evaluate, rescore and replay have in common. */
#pragma once

#include "config.h"
#include "risk/window.h"

/* The configuration at path (empty: defaults) with these rules and this language model in it, where
 * they are given; llm "auto" looks for one, empty is none. *ret_code is EXIT_OK unless what is
 * wrong has been told already. */
NODISCARD bool windows_load_config(const char *path, const char *rules, const char *llm,
                                   struct config *ret, int *ret_code, struct err *err);

/* Local time is what it was where a window was seen. The C library has one zone for the process, so
 * this is for commands of one thread. */
struct windows_zone {
    char began[64]; /* the process's own; empty: the machine's */
};
void windows_zone_init(struct windows_zone *zone); /* before anything sets one */
/* timezone empty: as the process began. */
void windows_use_zone(const struct windows_zone *zone, const char *timezone);
