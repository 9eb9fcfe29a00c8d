/* What a detector saw in one frame, and what one frame came to: an observation. Plain data. */
#pragma once

#include "model/box.h"
#include "model/frame.h"
#include "model/label.h"
#include "model/upload.h"

#define DETECTIONS_MAX 100 /* of one frame, best first; YOLO26 itself stops at 300 */

struct detection {
    struct box box; /* of the frame, clipped to it */
    float score;    /* 0..1 */
    char label[LABEL_BYTES];
};

struct detections {
    int count;
    struct detection items[DETECTIONS_MAX]; /* best first */
};

#define MOTION_BOXES_MAX 16

/* What the motion gate said about one frame. */
struct motion_result {
    bool active;   /* worth a look */
    bool lighting; /* the whole picture changed: light switched, day/night filter moved */
    float area;    /* share of unmasked cells that differ from the background, 0..1 */
    int box_count;
    struct box boxes[MOTION_BOXES_MAX]; /* where, largest first */
};

#define LOOKED_MAX 4

/* One frame after motion and, where it was worth it, detection. Travels from vision through detect
 * to scene; every camera's observations arrive in time order. One owner; gives its frame back. */
struct observation {
    int camera;
    int64_t pts_us, wall_us;
    struct frame *frame; /* owned reference; NULL at the end of input */
    struct motion_result motion;
    bool analyse;             /* vision wants the detector to look */
    struct observation *next; /* for whoever keeps a list of them */
    bool keep;                /* must not give way to a newer one: it is waited with instead */
    bool still;               /* a picture of its own: what it shows counts at once */
    bool blind;               /* no picture has come until pts_us */
    bool end;                 /* end of this camera's input */
    bool gap;                 /* the picture was interrupted before this one */
    bool analysed;    /* the detector did look: no detection within looked means nothing is there */
    int looked_count; /* where it looked; 0 unless analysed */
    struct box looked[LOOKED_MAX];
    bool view_changed;       /* the camera's view has turned good or bad with this picture */
    bool view_adopted;       /* it is good because it has been like this for long */
    int view;                /* enum view_state of motion/view.h */
    struct point view_shift; /* where the scene went, share of the picture; 0, 0: unknown */
    int64_t infer_us;        /* time the detector took, preprocessing included */
    struct upload *upload;   /* shared; the file that ends here; NULL: none does */
    struct detections detections;
};

NODISCARD struct observation *observation_new(int camera);
void observation_free(struct observation **observation);
