#include "model/upload.h"

#include <stdlib.h>

struct upload *upload_new(void)
{
    struct upload *u = NEW(struct upload);
    atomic_init(&u->refs, 1);
    u->wall_us = TIME_UNKNOWN;
    return u;
}

struct upload *upload_ref(struct upload *u)
{
    atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

void upload_unref(struct upload **upload)
{
    struct upload *u = *upload;
    *upload = NULL;
    if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1)
        free(u);
}
