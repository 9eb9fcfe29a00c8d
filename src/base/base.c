#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "hsi: bug: assertion '%s' failed at %s:%d\n", cond, file, line);
    abort();
}

static NORETURN void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "hsi: out of memory: %zu x %zu bytes\n", count, size);
    abort();
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory(count, size);
    return p;
}

void *xrealloc(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(count, size);
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        out_of_memory(count, size);
    return q;
}

char *xstrdup(const char *s)
{
    size_t bytes = strlen(s) + 1;
    return memcpy(xcalloc(bytes, 1), s, bytes);
}

bool str_copy(char *dst, size_t dst_bytes, const char *src)
{
    ASSERT(dst_bytes > 0);
    size_t n = strnlen(src, dst_bytes);
    bool whole = n < dst_bytes;
    if (!whole)
        n = dst_bytes - 1;
    memmove(dst, src, n);
    dst[n] = '\0';
    return whole;
}

void free_ptr(void *pp)
{
    void **p = pp;
    free(*p);
    *p = NULL;
}
