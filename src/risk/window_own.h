/* How a window that has been read owns its parts; for the two readers. */
#pragma once

#include "risk/window.h"

NODISCARD struct window *window_new(void); /* with an empty event and nothing known */

/* One more, empty; there is room for ZONES_MAX and LINES_MAX. */
struct zone_conf *window_add_zone(struct window *window);
struct line_conf *window_add_line(struct window *window);

/* What the context points to, made at the first call. */
struct household *window_own_household(struct window *window);
struct usual *window_own_usual(struct window *window); /* EVENT_TRACKS_MAX of them */
struct offsets *window_own_offsets(struct window *window);
