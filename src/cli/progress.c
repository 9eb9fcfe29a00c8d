#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_CELLS 30

void progress_begin(struct progress *p)
{
    *p = (struct progress){.shown = isatty(STDERR_FILENO), .begun_us = clock_mono_us(&clock_real)};
}

void progress_show(struct progress *p, double share)
{
    if (!p->shown)
        return;
    int64_t spent_s = (clock_mono_us(&clock_real) - p->begun_us) / US_PER_S;
    if (share < 0) {
        fprintf(stderr, "\r%lld s \033[K", (long long)spent_s);
        return;
    }
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(share * BAR_CELLS) ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    int64_t left_s = share > 0.02 && spent_s >= 2 ? (int64_t)((double)spent_s * (1 - share) / share)
                                                  : -1;
    if (left_s < 0)
        fprintf(stderr, "\r[%s] %3.0f %%\033[K", bar, share * 100);
    else
        fprintf(stderr, "\r[%s] %3.0f %%  %lld:%02lld left\033[K", bar, share * 100,
                (long long)(left_s / 60), (long long)(left_s % 60));
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
}
