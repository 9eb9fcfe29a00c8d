/* A YAML file into option tables: every mistake of the file in one go, each with file, line,
 * column, the line itself with a caret, what is allowed, and the nearest word.
 *
 *   porch.yaml:14:5: camera porch: unknown option 'treshold'
 *        14 |     treshold: 0.4
 *           |     ^~~~~~~~
 *      did you mean 'threshold'?
 *
 * The text is hostile: size, depth and element counts are limited, aliases and merge keys are
 * refused, only UTF-8 is read. A syntax error hides its own block only: the rest is still checked.
 * Values of secret rows, of !secret and !env and credentials in URLs appear in no message. */
#pragma once

#include "base/opt.h"

#include <stdio.h>

#define CONF_ERRORS_MAX  20
#define CONF_FILE_BYTES  (1 << 20) /* a larger file is refused */
#define CONF_DEPTH_MAX   16
#define CONF_SECRETS_MAX 256

struct conf_error {
    int line, column; /* 1-based; 0: the file as a whole */
    int span;         /* characters to underline, at least 1 */
    int caret;        /* where in source the underline begins, in characters from 0 */
    char msg[512];
    char hint[256];
    char source[160]; /* the line or the part around the error, credentials blanked */
};

struct conf_errors {
    char file[256];
    int count; /* in items */
    int total; /* found; more than count only beyond CONF_ERRORS_MAX, then the first of the file */
    struct conf_error items[CONF_ERRORS_MAX];
};

/* Where `!secret NAME` and `!env NAME` get their values. */
struct conf_secrets;

/* NAME: value lines of a YAML mapping, next to the configuration: secrets.yaml. A missing file is
 * an empty set. Refuses a file that others may read (mode & 077) with a hint. */
NODISCARD bool conf_secrets_load(const char *path, struct conf_secrets **ret,
                                 struct conf_errors *errors);
void conf_secrets_free(struct conf_secrets **secrets);

/* Reads file into *dst (uninitialised storage of section->bytes). On failure *dst is left zeroed,
 * and errors->count > 0. On success the caller owns dst's maps: opt_free. secrets may be NULL. */
NODISCARD bool conf_load(const char *path, const struct section *section, void *dst,
                         const struct conf_secrets *secrets, struct conf_errors *errors);

/* The same from memory; name stands in for the file in errors. text need not be terminated. */
NODISCARD bool conf_parse(const char *name, const char *text, size_t bytes,
                          const struct section *section, void *dst,
                          const struct conf_secrets *secrets, struct conf_errors *errors);

/* file:line:column: message, the line with its caret, the hint; then how many more there were. */
void conf_errors_print(FILE *out, const struct conf_errors *errors);

/* The reference as Markdown: a heading and a table per section, in table order. */
void conf_docs(FILE *out, const struct section *section);

/* The effective configuration as YAML that conf_load reads back. Secret rows, any text that
 * contains a value of secrets (may be NULL) and the credentials in URLs are shown as "***". */
void conf_show(FILE *out, const struct section *section, const void *src,
               const struct conf_secrets *secrets);
