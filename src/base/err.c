#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set_(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (!err)
        return;
    char msg[sizeof err->msg]; /* the arguments may point into err itself */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err->code = code;
    err->hint[0] = '\0';
    STR_COPY(err->msg, msg);
}

void err_wrap_(struct err *err, const char *fmt, ...)
{
    if (!err)
        return;
    char msg[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof msg)
        snprintf(msg + n, sizeof msg - (size_t)n, ": %s", err->msg);
    STR_COPY(err->msg, msg);
}

void err_hint(struct err *err, const char *fmt, ...)
{
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_DENIED:
        return "denied";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_EXHAUSTED:
        return "exhausted";
    case ERR_DATA_LOSS:
        return "data_loss";
    case ERR_CANCELLED:
        return "cancelled";
    case ERR_INTERNAL:
        return "internal";
    }
    return "internal";
}

#define SUGGEST_MAX 63 /* longer words are not typing mistakes */

static int min3(int a, int b, int c)
{
    return MIN(a, MIN(b, c));
}

static int edit_distance(const char *a, const char *b)
{
    int la = (int)strlen(a);
    int lb = (int)strlen(b);
    int rows[3][SUGGEST_MAX + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= lb; j++)
        above[j] = j;
    for (int i = 1; i <= la; i++) {
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int ca = tolower((unsigned char)a[i - 1]);
            int cb = tolower((unsigned char)b[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]))
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
        int *recycled = before;
        before = above;
        above = row;
        row = recycled;
    }
    return above[lb];
}

const char *suggest_from(const char *word, const char *(*name_at)(const void *ctx, size_t i),
                         const void *ctx)
{
    size_t length = strlen(word);
    if (length == 0 || length > SUGGEST_MAX)
        return NULL;
    const char *best = NULL;
    int best_distance = (int)length / 3 + 2;
    for (size_t i = 0;; i++) {
        const char *name = name_at(ctx, i);
        if (!name)
            return best;
        if (strlen(name) > SUGGEST_MAX)
            continue;
        int distance = edit_distance(word, name);
        /* A word as short as the distance would match anything. */
        if (distance < best_distance && distance < (int)strlen(name)) {
            best = name;
            best_distance = distance;
        }
    }
}

static const char *array_name_at(const void *ctx, size_t i)
{
    return ((const char *const *)ctx)[i];
}

const char *suggest(const char *word, const char *const *names)
{
    return suggest_from(word, array_name_at, names);
}
