/* What the kernel knows about this process. */
#pragma once

#include "base/base.h"

struct process_usage {
    int64_t resident_bytes;  /* in memory now */
    int64_t anonymous_bytes; /* of it, what no file stands behind */
    int threads, descriptors;
};

/* From /proc; what cannot be read there is 0. Any thread. */
struct process_usage process_usage(void);
