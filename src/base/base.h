/* The handful of words every file uses: assertions, scope guards, checked allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD      __attribute__((warn_unused_result))
#define PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))
#define NORETURN       __attribute__((noreturn))

#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define CLAMP(v, lo, hi) MAX((lo), MIN((v), (hi)))

/* A bug in this program, never a judgement on outside data. Stays on in release: an alarm system
 * that is wrong is worse than one that a supervisor restarts. */
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
NORETURN void assert_failed(const char *cond, const char *file, int line);

/* Scope guard: AUTO(frame_unref) struct frame *f = ...; runs frame_unref(&f) on every way out. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Hand a guarded pointer on: `return TAKE(f);` leaves NULL behind for the guard. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) take_ = (p);                                                                 \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

/* Zeroed memory for count * size bytes; aborts when there is none. Only for sizes the program
 * itself chooses: what is sized by outside input is allocated with malloc and may fail. Free with
 * free(). */
NODISCARD void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
NODISCARD void *xrealloc(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
NODISCARD char *xstrdup(const char *s) __attribute__((returns_nonnull));

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Copies src into dst, always terminated. Returns false if it had to cut. */
bool str_copy(char *dst, size_t dst_bytes, const char *src);
#define STR_COPY(dst, src) str_copy((dst), sizeof(dst), (src))

/* Guard for malloc'ed memory: AUTO(free_ptr) char *s = ...; */
void free_ptr(void *pp);
