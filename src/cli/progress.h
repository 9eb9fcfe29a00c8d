/* A progress bar with the time left, on a terminal's standard error; nothing anywhere else. */
#pragma once

#include "base/clock.h"

struct progress {
    bool shown; /* the terminal is there */
    int64_t begun_us;
};

void progress_begin(struct progress *progress);
/* share: 0..1, < 0 when unknown. Call it a few times a second. */
void progress_show(struct progress *progress, double share);
void progress_end(struct progress *progress); /* wipes the line */
