#include "model/zone.h"

const char *const zone_kind_names[] = {"entry",      "driveway", "yard", "sidewalk",
                                       "restricted", "other",    NULL};
const char *const line_direction_names[] = {"both", "in", "out", NULL};

static const struct opt zone_rows[] = {
    {"kind", OPT_ENUM(struct zone_conf, kind, zone_kind_names), .def = "other",
     .help = "What the place is; risk rules look at it."},
    {"polygon", OPT_POINTS(struct zone_conf, polygon, 3, OPT_POINTS_MAX), .flags = OPT_REQUIRED,
     .help = "Corners as [x, y], 0 to 1 from the top left of the picture."},
    {0},
};

const struct section zone_section = {
    .name = "zone",
    .help =
        "A named place in the picture. An object is in a zone when the middle of the lower edge "
        "of its box is.",
    .bytes = sizeof(struct zone_conf),
    .rows = zone_rows,
};

static const struct opt line_rows[] = {
    {"points", OPT_POINTS(struct line_conf, points, 2, 2), .flags = OPT_REQUIRED,
     .help = "Its two ends as [x, y]. Stand at the first and look at the second: \"in\" is to your "
             "right."},
    {"direction", OPT_ENUM(struct line_conf, direction, line_direction_names), .def = "both",
     .help = "Which crossings count."},
    {0},
};

const struct section line_section = {
    .name = "line",
    .help = "A line to cross, from one side to the other.",
    .bytes = sizeof(struct line_conf),
    .rows = line_rows,
};

bool points_contain(const struct opt_points *polygon, struct point p)
{
    bool inside = false;
    for (int i = 0, j = polygon->count - 1; i < polygon->count; j = i++) {
        struct opt_point a = polygon->items[i];
        struct opt_point b = polygon->items[j];
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            inside = !inside;
    }
    return inside;
}

/* Which side of the line from a to b the point p lies on: > 0 right, < 0 left (y grows downwards).
 */
static float side(struct point a, struct point b, struct point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

int line_crossing(const struct line_conf *line, struct point from, struct point to)
{
    struct point a = {line->points.items[0].x, line->points.items[0].y};
    struct point b = {line->points.items[1].x, line->points.items[1].y};
    float side_from = side(a, b, from);
    float side_to = side(a, b, to);
    if ((side_from > 0) == (side_to > 0))
        return 0;
    if ((side(from, to, a) > 0) == (side(from, to, b) > 0))
        return 0; /* passes beyond one of its ends */
    int direction = side_to > 0 ? 1 : -1;
    bool counts = line->direction == LINE_BOTH || (line->direction == LINE_IN) == (direction > 0);
    return counts ? direction : 0;
}
