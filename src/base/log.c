#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_BYTES 1024 /* longer entries are cut */

const char *const log_level_names[] = {"error", "warn", "info", "debug", "trace", NULL};

struct log_sink {
    /* set at creation, then read-only */
    int fd;
    bool terminal;
    const struct clock *clock;

    atomic_int level;
    pthread_mutex_t lock; /* keeps lines whole */
};

struct log_sink *log_sink_new(int fd, enum log_level level, const struct clock *clock)
{
    struct log_sink *sink = NEW(struct log_sink);
    sink->fd = fd;
    sink->terminal = isatty(fd);
    sink->clock = clock;
    atomic_init(&sink->level, (int)level);
    pthread_mutex_init(&sink->lock, NULL);
    return sink;
}

void log_sink_free(struct log_sink **sink)
{
    if (!*sink)
        return;
    pthread_mutex_destroy(&(*sink)->lock);
    free(*sink);
    *sink = NULL;
}

void log_sink_set_level(struct log_sink *sink, enum log_level level)
{
    atomic_store_explicit(&sink->level, (int)level, memory_order_relaxed);
}

struct log log_root(struct log_sink *sink)
{
    return (struct log){.sink = sink};
}

struct log log_child(const struct log *parent, const char *name)
{
    struct log child = {.sink = parent->sink};
    int n = snprintf(child.name, sizeof child.name, "%s%s%s", parent->name,
                     parent->name[0] ? " " : "", name);
    (void)n; /* a cut name is still a name */
    return child;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return log->sink && (int)level <= atomic_load_explicit(&log->sink->level, memory_order_relaxed);
}

/* Line breaks would let an outside text (a camera's answer) forge log entries; U+0080 to U+009F
 * are commands to some terminals, as escape sequences are to all. */
static void flatten(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
        if ((unsigned char)*text == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80)
            text[0] = text[1] = ' ';
    }
}

/* Neither may its quotes end a field. What does not fit is cut. */
static void put_escaped(char *out, size_t bytes, const char *text)
{
    size_t n = 0;
    for (; *text && n + 3 <= bytes; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
}

static void write_line(struct log_sink *sink, enum log_level level, const char *name,
                       const char *text)
{
    static const char *const colours[] = {"\033[31m", "\033[33m", "", "\033[2m", "\033[2m"};
    char when[TIME_TEXT_BYTES];
    time_format(when, clock_wall_us(sink->clock));
    char escaped[2 * LOG_LINE_BYTES];
    char line[sizeof escaped + 160];
    int n;
    if (sink->terminal) {
        n = snprintf(line, sizeof line, "%.12s %s%-5s%s %s%s%s\n", when + 11, colours[level],
                     log_level_names[level], *colours[level] ? "\033[0m" : "", name,
                     *name ? ": " : "", text);
    } else {
        put_escaped(escaped, sizeof escaped, text);
        n = snprintf(line, sizeof line, "time=%s level=%s%s%s%s msg=\"%s\"\n", when,
                     log_level_names[level], *name ? " part=\"" : "", name, *name ? "\"" : "",
                     escaped);
    }
    n = MIN(n, (int)sizeof line - 1);
    pthread_mutex_lock(&sink->lock);
    /* A log that cannot be written has nobody to tell. */
    ssize_t written = write(sink->fd, line, (size_t)n);
    (void)written;
    pthread_mutex_unlock(&sink->lock);
}

void log_write(const struct log *log, enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(log, level))
        return;
    char text[LOG_LINE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    flatten(text);
    redact_urls(text);
    write_line(log->sink, level, log->name, text);
}

void log_err(const struct log *log, enum log_level level, const struct err *err)
{
    if (err->hint[0])
        log_write(log, level, "%s (%s)", err->msg, err->hint);
    else
        log_write(log, level, "%s", err->msg);
}
