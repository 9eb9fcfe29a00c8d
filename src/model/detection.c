#include "model/detection.h"

#include <stdlib.h>

struct observation *observation_new(int camera)
{
    struct observation *o = NEW(struct observation);
    o->camera = camera;
    o->wall_us = TIME_UNKNOWN;
    return o;
}

void observation_free(struct observation **observation)
{
    if (!*observation)
        return;
    frame_unref(&(*observation)->frame);
    upload_unref(&(*observation)->upload);
    free(*observation);
    *observation = NULL;
}
