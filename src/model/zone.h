/* Named places in a camera's picture: zones (polygons) and lines to cross. Configured by the user,
 * immutable afterwards. */
#pragma once

#include "base/opt.h"
#include "model/box.h"

#define ZONES_MAX 16
#define LINES_MAX 8

enum zone_kind {
    ZONE_ENTRY, /* door, gate, window: where somebody would come in */
    ZONE_DRIVEWAY,
    ZONE_YARD,       /* private ground */
    ZONE_SIDEWALK,   /* public ground: passing by is normal */
    ZONE_RESTRICTED, /* nobody has business here: pool, shed, roof */
    ZONE_OTHER,
};
extern const char *const zone_kind_names[];

struct zone_conf {
    char name[OPT_NAME_BYTES];
    int kind; /* enum zone_kind */
    struct opt_points polygon;
};
extern const struct section zone_section;

enum line_direction { LINE_BOTH, LINE_IN, LINE_OUT };
extern const char *const line_direction_names[];

/* Somebody standing at the first point and looking at the second has "in" to the right: who crosses
 * from left to right goes in. */
struct line_conf {
    char name[OPT_NAME_BYTES];
    struct opt_points points; /* two */
    int direction;            /* enum line_direction: which crossings count */
};
extern const struct section line_section;

/* Even-odd rule; a point on the edge may fall on either side. Also for masks. */
bool points_contain(const struct opt_points *polygon, struct point p);

/* +1: the step from a to b crosses the line inwards, -1: outwards, 0: not at all. */
int line_crossing(const struct line_conf *line, struct point a, struct point b);
