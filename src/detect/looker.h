/* One run after another until every observation of a list has been looked at: where to look, the
 * looks of several observations in runs as large as the model takes, what they come to. One per
 * stage, on the detect thread. */
#pragma once

#include "detect/detect.h"

struct looker;

NODISCARD struct looker *looker_new(struct detector *detector, int cameras,
                                    const struct clock *clock);
void looker_free(struct looker **looker);

#define LOOKER_ROOM_MAX 16

/* How many observations are looked at together: as many as the model takes. */
int looker_room(const struct looker *looker);

/* What looking came to. */
struct looked {
    int64_t inferences, regions, runs, failed; /* failed: observations */
    int64_t us;
};

/* Fills analysed, looked, detections and infer_us of 1 to looker_room observations with frames, of
 * a different camera each. What fails is not analysed; then err says why. */
void looker_look(struct looker *looker, struct observation *const *observations, int count,
                 struct looked *ret, struct err *err);

/* The camera's picture was interrupted: what was found before is void. */
void looker_forget(struct looker *looker, int camera);
