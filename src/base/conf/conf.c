#include "base/conf/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void conf_reader_init(struct conf_reader *r, const char *name, const char *text, size_t bytes,
                      struct conf_errors *errors)
{
    *r = (struct conf_reader){.errors = errors, .bytes = bytes};
    memset(errors, 0, sizeof *errors);
    STR_COPY(errors->file, name);
    char *copy = xcalloc(bytes + 1, 1);
    memcpy(copy, text, bytes);
    r->text = copy;
    int count = 1;
    for (size_t i = 0; i < bytes; i++)
        count += text[i] == '\n';
    r->lines = xcalloc((size_t)count + 1, sizeof *r->lines);
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == '\n')
            r->lines[++r->line_count] = i + 1;
    r->lines[++r->line_count] = bytes;
}

void conf_reader_done(struct conf_reader *r)
{
    explicit_bzero((char *)r->text, r->bytes);
    free((char *)r->text);
    free(r->lines);
    *r = (struct conf_reader){0};
}

int conf_line_at(const struct conf_reader *r, size_t pos)
{
    int low = 0, high = r->line_count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (r->lines[middle] <= pos)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

const char *conf_line(const struct conf_reader *r, int line, size_t *ret_bytes)
{
    const char *text = r->text + r->lines[line];
    size_t bytes = r->lines[line + 1] - r->lines[line];
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r'))
        bytes--;
    *ret_bytes = bytes;
    return text;
}

int conf_line_indent(const struct conf_reader *r, int line)
{
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    int indent = 0;
    for (size_t i = 0; i < bytes && (text[i] == ' ' || text[i] == '\t'); i++)
        indent += text[i] == '\t' ? CONF_TAB_COLUMNS : 1;
    return indent;
}

bool conf_line_is_blank(const struct conf_reader *r, int line)
{
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    size_t i = 0;
    while (i < bytes && (text[i] == ' ' || text[i] == '\t'))
        i++;
    return i == bytes || text[i] == '#';
}

/* Code points in the bytes from text. */
static int characters(const char *text, size_t bytes)
{
    int count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Keeps the errors in file order; the list is short. */
static struct conf_error *error_slot(struct conf_errors *errors, int line, int column)
{
    errors->total++;
    int at = errors->count;
    while (at > 0 && (errors->items[at - 1].line > line || (errors->items[at - 1].line == line &&
                                                            errors->items[at - 1].column > column)))
        at--;
    if (at == CONF_ERRORS_MAX)
        return NULL;
    if (errors->count < CONF_ERRORS_MAX)
        errors->count++;
    int after = errors->count - 1 - at;
    memmove(&errors->items[at + 1], &errors->items[at], (size_t)after * sizeof errors->items[0]);
    errors->items[at] = (struct conf_error){.line = line, .column = column, .span = 1};
    return &errors->items[at];
}

void conf_report(struct conf_reader *r, size_t pos, size_t span, const char *hint, const char *fmt,
                 ...)
{
    pos = MIN(pos, r->bytes);
    r->reported = pos;
    int line = conf_line_at(r, pos);
    size_t start = r->lines[line];
    struct conf_error *e = error_slot(r->errors, line + 1,
                                      characters(r->text + start, pos - start) + 1);
    if (!e)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    STR_COPY(e->hint, hint);
    conf_source_fill(r, pos, span, e);
}

static void report_file(struct conf_errors *errors, const char *hint, const char *fmt, ...)
    PRINTF(3, 4);
static void report_file(struct conf_errors *errors, const char *hint, const char *fmt, ...)
{
    struct conf_error *e = error_slot(errors, 0, 0);
    if (!e)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    STR_COPY(e->hint, hint);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool read_fd(int fd, char *text, size_t capacity, size_t *ret_bytes)
{
    size_t bytes = 0;
    while (bytes < capacity) {
        ssize_t n = read(fd, text + bytes, capacity - bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        bytes += (size_t)n;
    }
    *ret_bytes = bytes;
    return true;
}

bool conf_file_read(const char *path, unsigned mode_mask, char **ret, size_t *ret_bytes,
                    bool *ret_missing, struct conf_errors *errors)
{
    memset(errors, 0, sizeof *errors);
    STR_COPY(errors->file, path);
    if (ret_missing)
        *ret_missing = false;
    /* Not blocking, so that a FIFO in its place does not hang the program. */
    AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && ret_missing) {
        *ret_missing = true;
        return false;
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        report_file(errors,
                    errno == EACCES ? "give the user that runs hsi the right to read it"
                                    : "check the path",
                    "cannot be opened: %s", strerror(errno));
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        report_file(errors, "give the path of a YAML file", "is not a file");
        return false;
    }
    if (st.st_mode & mode_mask) {
        char hint[256];
        snprintf(hint, sizeof hint, "run: chmod 600 %s", path);
        report_file(errors, hint, "may be read by others (mode %03o)", st.st_mode & 0777u);
        return false;
    }
    AUTO(free_ptr) char *text = xcalloc(CONF_FILE_BYTES + 1, 1);
    if (!read_fd(fd, text, CONF_FILE_BYTES + 1, ret_bytes)) {
        report_file(errors, "check the disk", "cannot be read: %s", strerror(errno));
        return false;
    }
    *ret = TAKE(text);
    return true;
}

static void document_destroy(struct fy_document **document)
{
    fy_document_destroy(*document); /* NULL is fine */
    *document = NULL;
}

/* Reads the prepared reader's text into dst; errors say whether that went well. */
static void read_text(struct conf_reader *r, void *dst)
{
    if (r->bytes > CONF_FILE_BYTES) {
        conf_report(r, 0, 0,
                    "a configuration of hundreds of cameras is smaller: is it the right file?",
                    "the file is larger than 1 MiB");
        return;
    }
    AUTO(free_ptr) char *work = xcalloc(r->bytes + 1, 1);
    memcpy(work, r->text, r->bytes);
    if (conf_scan(r, work)) {
        AUTO(document_destroy) struct fy_document *document = conf_yaml_parse(r, work);
        if (document)
            conf_read(r, fy_document_root(document), dst);
    }
    explicit_bzero(work, r->bytes);
}

#define BOM       "\xef\xbb\xbf"
#define BOM_BYTES 3

bool conf_parse(const char *name, const char *text, size_t bytes, const struct section *section,
                void *dst, const struct conf_secrets *secrets, struct conf_errors *errors)
{
    if (bytes >= BOM_BYTES && memcmp(text, BOM, BOM_BYTES) == 0) {
        text += BOM_BYTES; /* some editors put it there; it says nothing */
        bytes -= BOM_BYTES;
    }
    struct conf_reader r;
    conf_reader_init(&r, name, text, bytes, errors);
    r.root = section;
    r.secrets = secrets;
    opt_defaults(section, dst);
    read_text(&r, dst);
    conf_reader_done(&r);
    if (errors->total == 0)
        return true;
    opt_free(section, dst);
    return false;
}

bool conf_load(const char *path, const struct section *section, void *dst,
               const struct conf_secrets *secrets, struct conf_errors *errors)
{
    AUTO(free_ptr) char *text = NULL;
    size_t bytes;
    memset(dst, 0, section->bytes);
    if (!conf_file_read(path, 0, &text, &bytes, NULL, errors))
        return false;
    bool read = conf_parse(path, text, bytes, section, dst, secrets, errors);
    explicit_bzero(text, bytes);
    return read;
}

static void print_source(FILE *out, const struct conf_error *e)
{
    fprintf(out, "  %6d | %s\n         | %*s^", e->line, e->source, e->caret, "");
    for (int i = 1; i < e->span; i++)
        fputc('~', out);
    fputc('\n', out);
}

void conf_errors_print(FILE *out, const struct conf_errors *errors)
{
    for (int i = 0; i < errors->count; i++) {
        const struct conf_error *e = &errors->items[i];
        if (e->line > 0) {
            fprintf(out, "%s:%d:%d: %s\n", errors->file, e->line, e->column, e->msg);
            print_source(out, e);
        } else {
            fprintf(out, "%s: %s\n", errors->file, e->msg);
        }
        if (e->hint[0])
            fprintf(out, "  %s\n", e->hint);
    }
    if (errors->total > errors->count)
        fprintf(out, "%s: and %d more\n", errors->file, errors->total - errors->count);
}
