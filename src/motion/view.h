/* Does the camera still show what it is there to show? Looks at a picture now and then, once a
 * second is plenty, and compares it with what the view has long been: covered, out of focus, turned
 * away, frozen, black. One per camera, held by one vision worker at a time; pure. */
#pragma once

#include "model/detection.h"

enum view_state {
    VIEW_GOOD,
    VIEW_FROZEN,    /* not one bit has changed for half a minute */
    VIEW_BLACK,     /* no picture in it */
    VIEW_COVERED,   /* something is right in front of the lens */
    VIEW_DEFOCUSED, /* the edges are gone, the scene is still there */
    VIEW_MOVED,     /* the scene stands elsewhere in the picture, or is another one */
};

struct view_result {
    enum view_state state; /* the state it has been in long enough to be believed */
    bool adopted; /* with this very picture: the view it has moved to is the view from now on */
    bool changed; /* with this very picture */
    float shift_x, shift_y; /* VIEW_MOVED: where the scene went, share of the picture, if it is
                               known; else 0 */
};

struct view;

NODISCARD struct view *view_new(void);
void view_free(struct view **view);

/* One picture. people: something moves in front of the camera right now, so that a difference says
 * little. gap: the picture was interrupted before this one. */
void view_push(struct view *view, const struct frame *frame, bool people, bool gap,
               struct view_result *ret);
