/* One way to fail: a function returns false (or NULL) and says why in a struct err on the caller's
 * stack. The code says what the caller may do about it, the message names the thing, the value and
 * the bound in lower case without a full stop so that it composes, the hint says what a person can
 * do. Library code returns, the top logs once. */
#pragma once

#include "base/base.h"

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,     /* tell the user; exit 2, HTTP 400 */
    ERR_NOT_FOUND,   /* tell the user; HTTP 404 */
    ERR_DENIED,      /* turned away: do not try again soon; HTTP 403 */
    ERR_UNAVAILABLE, /* back off and retry: camera refused, database busy */
    ERR_EXHAUSTED,   /* shed load, warn: disk full, pool empty */
    ERR_DATA_LOSS,   /* stop writing, alert: corrupt database */
    ERR_CANCELLED,   /* unwind quietly: shutting down */
    ERR_INTERNAL,    /* a bug or a library's refusal nobody can act on */
};

struct err {
    enum err_code code;
    char msg[512];
    char hint[256];
};

/* Fill err (may be NULL) and yield false, so that `return err_set(err, ERR_INVALID, "...")` reads
 * well. A macro, because clang-tidy cannot see across files that a function always returns false.
 */
#define err_set(err, code, ...) (err_set_((err), (code), __VA_ARGS__), err_false_())
void err_set_(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
static inline bool err_false_(void)
{
    return false;
}

/* Put context in front of the message: "camera porch: " + "connection refused". Yields false. */
#define err_wrap(err, ...) (err_wrap_((err), __VA_ARGS__), err_false_())
void err_wrap_(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* What a person can do about it. err may be NULL. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* The code as the word used in logs and in the API: "invalid", "not_found", ... */
const char *err_code_name(enum err_code code);

/* The candidate nearest to word, for "did you mean ...?"; NULL if none is near enough.
 * Optimal string alignment distance (a swapped pair counts 1), case-insensitive, at most a third of
 * the word plus one. names is a NULL-terminated array or any array via the callback form. */
const char *suggest(const char *word, const char *const *names);
const char *suggest_from(const char *word, const char *(*name_at)(const void *ctx, size_t i),
                         const void *ctx);
