#include "track/place.h"

#include <math.h>

#define AT_EDGE 0.01f /* a side this near the picture's edge is cut off there: it tells nothing */

/* One axis, 0..1: movement of both ends together, or of the visible end where one is cut off. */
static float shift(float then0, float then1, float now0, float now1)
{
    float d0 = now0 - then0;
    float d1 = now1 - then1;
    bool cut0 = then0 < AT_EDGE && now0 < AT_EDGE;
    bool cut1 = then1 > 1 - AT_EDGE && now1 > 1 - AT_EDGE;
    if (cut0 && cut1)
        return 0;
    if (cut0)
        return fabsf(d1);
    if (cut1)
        return fabsf(d0);
    return d0 * d1 > 0 ? MIN(fabsf(d0), fabsf(d1)) : 0;
}

/* Both ends of an axis move apart or together: the lesser of the two movements. */
static float spread(float then0, float then1, float now0, float now1)
{
    float d0 = now0 - then0;
    float d1 = now1 - then1;
    return d0 * d1 < 0 ? MIN(fabsf(d0), fabsf(d1)) : 0;
}

float place_shift(struct box then, struct box now)
{
    float w = MAX(box_width(then), 1e-6f);
    float h = MAX(box_height(then), 1e-6f);
    float x = shift(then.x0, then.x1, now.x0, now.x1) / w;
    float y = shift(then.y0, then.y1, now.y0, now.y1) / h;
    /* Coming nearer widens the box to both sides and moves its foot; the head may stay in place. */
    float foot = fabsf(now.y1 - then.y1) / h;
    float nearer = 2 * MIN(spread(then.x0, then.x1, now.x0, now.x1) / w, foot);
    return MAX(MAX(x, y), nearer);
}
