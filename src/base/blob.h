/* Immutable bytes that several owners share. */
#pragma once

#include "base/err.h"

#include <stdatomic.h>

struct blob {
    atomic_int refs;
    size_t bytes;
    unsigned char data[];
};

/* With one reference; copies data. */
NODISCARD struct blob *blob_new(const void *data, size_t bytes);
NODISCARD struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob **blob);

/* zstd at its default level. */
NODISCARD struct blob *blob_compress(const void *data, size_t bytes);

/* The reverse, with a zero behind the last byte that does not count. ERR_DATA_LOSS if it is not
 * zstd, is cut short, or would be longer than max_bytes. */
NODISCARD bool blob_expand(const void *data, size_t bytes, size_t max_bytes, struct blob **ret,
                           struct err *err);
