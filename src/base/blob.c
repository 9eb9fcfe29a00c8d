#include "base/blob.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* More costs much time for little: on JSON level 3 is within 5 % of level 9. */
#define LEVEL 3

static struct blob *blob_alloc(size_t bytes)
{
    struct blob *b = malloc(sizeof *b + bytes + 1);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->bytes = bytes;
    b->data[bytes] = 0;
    return b;
}

struct blob *blob_new(const void *data, size_t bytes)
{
    struct blob *b = blob_alloc(bytes);
    ASSERT(b);
    if (bytes > 0)
        memcpy(b->data, data, bytes);
    return b;
}

struct blob *blob_ref(struct blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

void blob_unref(struct blob **blob)
{
    struct blob *b = *blob;
    *blob = NULL;
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}

struct blob *blob_compress(const void *data, size_t bytes)
{
    size_t bound = ZSTD_compressBound(bytes);
    struct blob *b = blob_alloc(bound);
    ASSERT(b);
    size_t written = ZSTD_compress(b->data, bound, data, bytes, LEVEL);
    ASSERT(!ZSTD_isError(written)); /* there is room for anything */
    b->bytes = written;
    struct blob *fitted = realloc(b, sizeof *b + written + 1);
    b = fitted ? fitted : b;
    b->data[written] = 0;
    return b;
}

bool blob_expand(const void *data, size_t bytes, size_t max_bytes, struct blob **ret,
                 struct err *err)
{
    *ret = NULL;
    unsigned long long size = ZSTD_getFrameContentSize(data, bytes);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
        return err_set(err, ERR_DATA_LOSS, "%zu bytes are not compressed data", bytes);
    if (size > max_bytes)
        return err_set(err, ERR_DATA_LOSS, "compressed data of %llu bytes, more than %zu", size,
                       max_bytes);
    struct blob *b = blob_alloc((size_t)size);
    if (!b)
        return err_set(err, ERR_EXHAUSTED, "no memory for %llu bytes", size);
    size_t got = ZSTD_decompress(b->data, b->bytes, data, bytes);
    if (ZSTD_isError(got) || got != b->bytes) {
        blob_unref(&b);
        return err_set(err, ERR_DATA_LOSS, "compressed data is damaged");
    }
    *ret = b;
    return true;
}
