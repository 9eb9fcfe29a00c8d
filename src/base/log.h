/* Log objects, handed down, each with the name of its part: "capture porch". One line an entry, to
 * standard error: for people on a terminal, key=value otherwise. Credentials inside URLs are
 * blanked here (base/redact.h), whatever the message says. Levels have meanings: info and above
 * never once per frame; debug may be per event; trace may flood. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/redact.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
extern const char *const log_level_names[]; /* "error" ... "trace", NULL */

struct log_sink;

/* A sink writes to fd (borrowed). Owned by main. */
NODISCARD struct log_sink *log_sink_new(int fd, enum log_level level, const struct clock *clock);
void log_sink_free(struct log_sink **sink);
void log_sink_set_level(struct log_sink *sink, enum log_level level); /* any thread, at any time */

/* Plain value, copied freely; the sink outlives it. A zeroed one discards everything. */
struct log {
    struct log_sink *sink;
    char name[48];
};

struct log log_root(struct log_sink *sink);
struct log log_child(const struct log *parent, const char *name); /* "parent name" */

#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)
#define log_trace(log, ...) log_write((log), LOG_TRACE, __VA_ARGS__)
void log_write(const struct log *log, enum log_level level, const char *fmt, ...) PRINTF(3, 4);
void log_err(const struct log *log, enum log_level level, const struct err *err); /* msg (hint) */
bool log_enabled(const struct log *log, enum log_level level);
