/* Shared by the conf files only. */
#pragma once

#include "base/conf/conf.h"

#define CONF_TAB_COLUMNS 4 /* only to guess what a line with a tab belongs to */

struct fy_node;
struct fy_document;

/* One file being read. Positions are byte offsets into text. */
struct conf_reader {
    struct conf_errors *errors;
    const char *text; /* as written; terminated */
    size_t bytes;
    size_t *lines; /* where each line begins, and one past the last; owned */
    int line_count;
    const struct section *root; /* NULL: every value of this file is a secret */
    const struct conf_secrets *secrets;
    size_t reported; /* place of the last report */
    bool partial;    /* a part was unreadable: what seems to be missing may be in it */
};

/* Copies text, indexes its lines and empties *errors. */
void conf_reader_init(struct conf_reader *r, const char *name, const char *text, size_t bytes,
                      struct conf_errors *errors);
void conf_reader_done(struct conf_reader *r);

/* Reads a whole file, at most CONF_FILE_BYTES + 1 bytes of it; the text is malloc'ed. Failure is
 * reported to errors, as an error of the file as a whole. mode_mask: permission bits it must not
 * have. *ret_missing (may be NULL): there is no such file, and that was not reported. */
NODISCARD bool conf_file_read(const char *path, unsigned mode_mask, char **ret, size_t *ret_bytes,
                              bool *ret_missing, struct conf_errors *errors);

/* Reports an error at pos, span bytes long (0: one character). hint may be "" only if a later call
 * of conf_hint follows. */
void conf_report(struct conf_reader *r, size_t pos, size_t span, const char *hint, const char *fmt,
                 ...) PRINTF(5, 6);

/* The line (from 0) that holds pos, its text and its length without the line break. */
int conf_line_at(const struct conf_reader *r, size_t pos);
const char *conf_line(const struct conf_reader *r, int line, size_t *ret_bytes);
int conf_line_indent(const struct conf_reader *r, int line);    /* columns; a tab counts as some */
bool conf_line_is_blank(const struct conf_reader *r, int line); /* or only a comment */

/* Fills source, caret and span of *e for the error at pos, with what is secret blanked. */
void conf_source_fill(const struct conf_reader *r, size_t pos, size_t span, struct conf_error *e);

/* Whether a word of the line may be part of a secret: it continues the value of a secret name. */
bool conf_line_is_secret(const struct conf_reader *r, int line);

/* Bytes of the well-formed UTF-8 character at text, 0 if it is none. bytes >= 1 */
size_t conf_utf8_bytes(const char *text, size_t bytes);

/* Faults that YAML would report badly or not at all: encoding, tabs, invisible characters. False:
 * the text cannot be read further. Unreadable blocks are blanked in work, a copy of the text. */
NODISCARD bool conf_scan(struct conf_reader *r, char *work);

/* Blanks the smallest block around pos (a camera, or the whole top-level entry) in work and marks
 * the reader partial. False if it was blank already. */
bool conf_block_blank(struct conf_reader *r, char *work, size_t pos);

/* Parses work, reporting syntax errors and blanking their blocks until the rest can be read. NULL
 * if nothing can. Free with fy_document_destroy. */
NODISCARD struct fy_document *conf_yaml_parse(struct conf_reader *r, char *work);

/* Reports one syntax error that the library found, and gives the place that is to blame for it. */
size_t conf_syntax_report(struct conf_reader *r, size_t pos, const char *message);

/* Where node stands; fallback where it has no place of its own. *ret_span (may be NULL): its bytes,
 * if on one line. */
size_t conf_node_pos(const struct conf_reader *r, struct fy_node *node, size_t fallback,
                     size_t *ret_span);

/* The text of a scalar node as written, terminated and malloc'ed; NULL for another node. *ret_bytes
 * (may be NULL): its length, more than strlen's where the text holds a zero byte. */
char *conf_node_text(const struct conf_reader *r, struct fy_node *node, size_t *ret_bytes);

/* Where the token of a scalar node continues in another line, SIZE_MAX if it does not. */
size_t conf_node_second_line(const struct conf_reader *r, struct fy_node *node);

/* The text of a scalar node, !secret and !env resolved; malloc'ed, NULL after reporting an error.
 * where: "camera porch: url". *ret_hidden: it came from outside and must not be shown. row may be
 * NULL. */
NODISCARD char *conf_scalar(struct conf_reader *r, const struct opt *row, struct fy_node *node,
                            size_t key_pos, const char *where, bool *ret_hidden);

/* Reads the tree into dst, which has its defaults. */
void conf_read(struct conf_reader *r, struct fy_node *root, void *dst);

/* The points of a POINTS row. */
void conf_read_points(struct conf_reader *r, const struct opt *row, struct opt_points *points,
                      struct fy_node *node, size_t key_pos, const char *where);

/* NULL if there is none of that name. */
const char *conf_secrets_find(const struct conf_secrets *secrets, const char *name);
const char *conf_secrets_suggest(const struct conf_secrets *secrets, const char *name);
const char *conf_secrets_path(const struct conf_secrets *secrets);
bool conf_secrets_appear(const struct conf_secrets *secrets, const char *text);

/* The hint for an option that section does not have. */
void conf_unknown_hint(const struct section *root, const struct section *section, const char *name,
                       char *out, size_t bytes);
