#include "risk/window_own.h"

#include <stdlib.h>
#include <string.h>

/* Context points into what it only may look at; a window that was read owns it. */
struct owned {
    struct window window;
    struct household *household;
    struct usual *usual;
    struct offsets *offsets;
};

struct window *window_new(void)
{
    struct owned *owned = NEW(struct owned);
    struct window *window = &owned->window;
    window->event = event_new();
    window->score = SCORE_NONE;
    window->zones.items = xcalloc(ZONES_MAX, sizeof(struct zone_conf));
    window->lines.items = xcalloc(LINES_MAX, sizeof(struct line_conf));
    window->context.zones = &window->zones;
    window->context.lines = &window->lines;
    return window;
}

void window_free(struct window **window)
{
    struct owned *owned = (struct owned *)*window;
    *window = NULL;
    if (!owned)
        return;
    event_unref(&owned->window.event);
    free(owned->window.zones.items);
    free(owned->window.lines.items);
    free(owned->household);
    free(owned->usual);
    free(owned->offsets);
    free(owned);
}

struct zone_conf *window_add_zone(struct window *window)
{
    ASSERT(window->zones.count < ZONES_MAX);
    return (struct zone_conf *)window->zones.items + window->zones.count++;
}

struct line_conf *window_add_line(struct window *window)
{
    ASSERT(window->lines.count < LINES_MAX);
    return (struct line_conf *)window->lines.items + window->lines.count++;
}

struct household *window_own_household(struct window *window)
{
    struct owned *owned = (struct owned *)window;
    if (!owned->household)
        window->context.household = owned->household = NEW(struct household);
    return owned->household;
}

struct usual *window_own_usual(struct window *window)
{
    struct owned *owned = (struct owned *)window;
    if (!owned->usual)
        window->context.usual = owned->usual = xcalloc(EVENT_TRACKS_MAX, sizeof *owned->usual);
    return owned->usual;
}

struct offsets *window_own_offsets(struct window *window)
{
    struct owned *owned = (struct owned *)window;
    if (!owned->offsets)
        window->context.offsets = owned->offsets = NEW(struct offsets);
    return owned->offsets;
}
