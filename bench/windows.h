/* The windows of an evaluation set, as events that a program of the bench may put. */
#pragma once

#include "risk/window.h"

struct windows {
    struct window **items;
    int count;
};

/* The first `most` of them. A set that cannot be read ends the program: a bench has nothing to do
 * without. */
void windows_load(const char *path, int most, struct windows *ret);
void windows_free(struct windows *windows);

/* A copy of the window's event that has just been closed, with ids of its own and no verdict. */
NODISCARD struct event *windows_event(const struct window *window, struct uuid_gen *ids);

/* Ends the program with what went wrong, unless ok. */
void must(bool ok, const struct err *err);
