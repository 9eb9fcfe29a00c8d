/* What the kernel knows about this process, and how it is to take memory from it. */
#pragma once

#include "base/base.h"

struct process_usage {
    int64_t resident_bytes;  /* in memory now */
    int64_t anonymous_bytes; /* of it, what no file stands behind */
    int threads, descriptors;
};

/* From /proc; what cannot be read there is 0. Any thread. */
struct process_usage process_usage(void);

/* Memory that a burst needs goes back when the burst is over. First thing in main: the allocator
 * must not have been used by threads. Does nothing where the C library is not glibc. */
void process_keep_lean(void);
