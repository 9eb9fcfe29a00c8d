/* Windows that are scored again: what evaluate, rescore and replay have in common. */
#pragma once

#include "config.h"
#include "risk/window.h"

/* The configuration at path (empty: defaults) with these rules and this language model in it, where
 * they are given; llm "auto" looks for one, empty is none. *ret_code is EXIT_OK unless what is
 * wrong has been told already. */
NODISCARD bool windows_load_config(const char *path, const char *rules, const char *llm,
                                   struct config *ret, int *ret_code, struct err *err);

/* Local time is what it was where the window was seen. Only while there is one thread: it is the
 * process's. Empty: as the process began. */
void windows_use_timezone(const char *timezone);
