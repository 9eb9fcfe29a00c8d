/* What a look at the bytes finds before YAML is parsed. */
#include "base/conf/internal.h"

#include <stdio.h>
#include <string.h>

size_t conf_utf8_bytes(const char *text, size_t bytes)
{
    const unsigned char *c = (const unsigned char *)text;
    unsigned char a = c[0];
    if (a < 0x80)
        return 1;
    size_t n = a >= 0xc2 && a < 0xe0   ? 2
               : a >= 0xe0 && a < 0xf0 ? 3
               : a >= 0xf0 && a < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > bytes)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (a == 0xe0 && c[1] < 0xa0) || (a == 0xf0 && c[1] < 0x90);
    bool beyond = (a == 0xed && c[1] >= 0xa0) || (a == 0xf4 && c[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

static bool scan_encoding(struct conf_reader *r)
{
    const unsigned char *text = (const unsigned char *)r->text;
    bool wide = r->bytes >= 2 &&
                ((text[0] == 0xff && text[1] == 0xfe) || (text[0] == 0xfe && text[1] == 0xff));
    if (wide) {
        conf_report(r, 0, 0, "save it as UTF-8", "the file is UTF-16");
        return false;
    }
    for (size_t i = 0; i < r->bytes;) {
        size_t n = conf_utf8_bytes(r->text + i, r->bytes - i);
        if (n == 0) {
            conf_report(r, i, 0, "save the file as UTF-8", "byte 0x%02x is not UTF-8", text[i]);
            return false;
        }
        i += n;
    }
    return true;
}

static bool scan_controls(struct conf_reader *r)
{
    int found = 0;
    for (size_t i = 0; i < r->bytes && found <= CONF_ERRORS_MAX; i++) {
        unsigned char c = (unsigned char)r->text[i];
        if ((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r')
            continue;
        conf_report(r, i, 0, "remove it; it may have come in by copying from elsewhere",
                    "control character 0x%02x", c);
        found++;
    }
    return found == 0;
}

/* Characters that look like a space, or like nothing, and are no space to YAML. */
static bool is_invisible(const unsigned char *c)
{
    if (c[0] == 0xc2)
        return c[1] == 0xa0 || c[1] == 0xad;
    if (c[0] == 0xe2 && c[1] == 0x80)
        return c[2] <= 0x8f || (c[2] >= 0xa8 && c[2] <= 0xaf);
    if (c[0] == 0xe2 && c[1] == 0x81)
        return c[2] >= 0x9f && c[2] <= 0xa4;
    return (c[0] == 0xe3 && c[1] == 0x80 && c[2] == 0x80) ||
           (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf);
}

static void scan_line(struct conf_reader *r, char *work, int line)
{
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    size_t start = r->lines[line];
    if (bytes > 0 && text[0] == '%') { /* the library is slow at them, and nobody needs one here */
        conf_report(r, start, bytes,
                    "remove the line, or put a text that begins with '%' in quotes",
                    "YAML directives (%%...) are not read");
        memset(work + start, ' ', bytes);
        return;
    }
    size_t indent = 0;
    while (indent < bytes && (text[indent] == ' ' || text[indent] == '\t'))
        indent++;
    const char *tab = memchr(text, '\t', indent);
    if (tab) {
        conf_report(r, start + (size_t)(tab - text), 0,
                    "indent with spaces, two for each level; YAML does not allow tabs there",
                    "a tab in the indentation");
        conf_block_blank(r, work, start + indent);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        bool comment = text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t');
        if (comment)
            return;
        /* The text is terminated and valid UTF-8: no character reaches past its end. */
        if (!is_invisible((const unsigned char *)text + i))
            continue;
        conf_report(r, start + i, 0, "replace it by a plain space or remove it",
                    "an invisible character that is no space to YAML");
        conf_block_blank(r, work, start + i);
        return;
    }
}

static bool is_marker(const char *text, size_t bytes, const char *marker)
{
    return bytes >= 3 && memcmp(text, marker, 3) == 0 &&
           (bytes == 3 || text[3] == ' ' || text[3] == '\t');
}

/* A second document would silently be ignored by the library. */
static void scan_documents(struct conf_reader *r, char *work)
{
    bool content = false, ended = false;
    for (int line = 0; line < r->line_count; line++) {
        size_t bytes;
        const char *text = conf_line(r, line, &bytes);
        bool begins = is_marker(text, bytes, "---");
        if ((begins && content) || (ended && !conf_line_is_blank(r, line))) {
            size_t start = r->lines[line];
            conf_report(r, start, begins ? 3 : bytes,
                        "one file holds one configuration: remove this line, or what follows it",
                        "a second document begins here");
            memset(work + start, ' ', r->bytes - start);
            r->partial = true;
            return;
        }
        ended = ended || is_marker(text, bytes, "...");
        bool directive = bytes > 0 && text[0] == '%';
        content = content || begins || !(conf_line_is_blank(r, line) || directive);
    }
}

/* The first line after `line` that is indented by at most indent columns. */
static int block_end(const struct conf_reader *r, int line, int indent)
{
    int end = line + 1;
    while (end < r->line_count && (conf_line_is_blank(r, end) || conf_line_indent(r, end) > indent))
        end++;
    return end;
}

/* The nearest line at or above `line`, not above top, indented by at most indent columns. */
static int block_start(const struct conf_reader *r, int line, int indent, int top)
{
    while (line > top && (conf_line_is_blank(r, line) || conf_line_indent(r, line) > indent))
        line--;
    return line;
}

static bool blank_lines(const struct conf_reader *r, char *work, int start, int end)
{
    bool blanked = false;
    for (size_t i = r->lines[start]; i < r->lines[end]; i++) {
        if (work[i] == '\n' || work[i] == '\r' || work[i] == ' ')
            continue;
        work[i] = ' ';
        blanked = true;
    }
    return blanked;
}

bool conf_block_blank(struct conf_reader *r, char *work, size_t pos)
{
    if (r->errors->total > CONF_ERRORS_MAX)
        return false; /* nothing found later would be printed, and each block costs a walk */
    int line = conf_line_at(r, pos);
    r->partial = true;
    int top = block_start(r, line, 0, 0);
    int top_end = block_end(r, top, 0);
    int child = top + 1;
    while (child < line && conf_line_is_blank(r, child))
        child++;
    if (child > line || child >= top_end)
        return blank_lines(r, work, top, top_end);
    int indent = conf_line_indent(r, child);
    int start = block_start(r, line, indent, child);
    if (blank_lines(r, work, start, MIN(block_end(r, start, indent), top_end)))
        return true;
    return blank_lines(r, work, top, top_end);
}

bool conf_scan(struct conf_reader *r, char *work)
{
    if (!scan_encoding(r) || !scan_controls(r))
        return false;
    for (int line = 0; line < r->line_count; line++)
        scan_line(r, work, line);
    if (r->errors->total > CONF_ERRORS_MAX)
        return false;
    scan_documents(r, work);
    return true;
}
