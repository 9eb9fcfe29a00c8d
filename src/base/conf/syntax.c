/* Syntax errors in plain words. The library's own are about tokens; what people did is forget a
 * colon, a space or a quote, or put a password without quotes. */
#include "base/conf/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static size_t first_char(const char *text, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && text[i] == ' ')
        i++;
    return i;
}

/* The line is one whole text where `name: value` belongs. */
static void report_no_mapping(struct conf_reader *r, int line)
{
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    size_t start = first_char(text, bytes);
    if (start + 1 < bytes && text[start] == '-' && text[start + 1] == ' ')
        start += 2;
    size_t end = start;
    while (end < bytes && is_word_char(text[end]))
        end++;
    size_t sign = end; /* what follows the word */
    while (sign < bytes && text[sign] == ' ')
        sign++;
    size_t pos = r->lines[line] + start;
    int length = (int)MIN(end - start, OPT_NAME_BYTES);
    const char *word = text + start;
    char hint[200];
    if (conf_line_is_secret(r, line))
        end = sign = start; /* repeat no word of it */
    if (end > start && end < bytes && text[end] == ':') {
        snprintf(hint, sizeof hint, "write '%.*s: ' and then the value", length, word);
        conf_report(r, pos + (end - start), 0, hint, "no space after the colon of '%.*s'", length,
                    word);
    } else if (end > start && sign < bytes && text[sign] == '=') {
        snprintf(hint, sizeof hint, "write '%.*s: ' and then the value", length, word);
        conf_report(r, r->lines[line] + sign, 0, hint, "'=' where ': ' belongs");
    } else if (end > start) {
        snprintf(hint, sizeof hint, "write '%.*s:'%s", length, word,
                 sign < bytes ? " and then the value" : "");
        conf_report(r, pos, end - start, hint, "no colon after '%.*s'", length, word);
    } else {
        conf_report(r, pos, 0, "write an option as 'name: value', and a comment after '#'",
                    "this line is not 'name: value'");
    }
}

/* The library points at a text that runs on over lines until one with a colon. */
static void report_multiline(struct conf_reader *r, size_t pos)
{
    int line = conf_line_at(r, pos);
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    size_t start = first_char(text, bytes);
    if (start + 1 < bytes && text[start] == '-' && text[start + 1] == ' ')
        start += 2;
    if (pos - r->lines[line] <= start) {
        report_no_mapping(r, line);
        return;
    }
    int next = line + 1;
    while (next < r->line_count - 1 && conf_line_is_blank(r, next))
        next++;
    size_t indent = (size_t)conf_line_indent(r, MIN(next, r->line_count - 1));
    size_t at = MIN(r->lines[MIN(next, r->line_count - 1)] + indent, r->bytes);
    conf_report(r, at, 0,
                "begin it in the same column as the line above, or give that line no value",
                "indented deeper than the line above, which already has a value");
}

static void report_start(struct conf_reader *r, size_t pos)
{
    char hint[200];
    snprintf(hint, sizeof hint, "put the value in quotes: '%c...'", r->text[pos]);
    conf_report(r, pos, 0, hint, "a value cannot begin with '%c' unless it is quoted",
                r->text[pos]);
}

/* The quote that an error at pos is about: a line before it may have opened one and not closed it.
 */
static size_t open_quote(const struct conf_reader *r, size_t pos, char quote)
{
    int line = conf_line_at(r, pos);
    for (int above = line - 1; above >= 0 && above >= line - 8; above--) {
        size_t bytes, last = 0;
        const char *text = conf_line(r, above, &bytes);
        int count = 0;
        for (size_t i = 0; i < bytes; i++) {
            if (text[i] == quote && (quote == '\'' || i == 0 || text[i - 1] != '\\')) {
                count++;
                last = i;
            }
        }
        if (count % 2 == 1)
            return r->lines[above] + last;
    }
    return SIZE_MAX;
}

static void report_unclosed(struct conf_reader *r, size_t pos)
{
    bool behind = pos > 0 && (pos == r->bytes || !strchr("'\"", r->text[pos])) &&
                  (r->text[pos - 1] == '\'' || r->text[pos - 1] == '"');
    if (behind)
        pos--;
    char quote = r->text[pos] == '\'' ? '\'' : '"';
    char hint[200];
    snprintf(hint, sizeof hint, "put a %c at the end of the value", quote);
    conf_report(r, pos, 0, hint, "the quote opened here is not closed");
}

static void report_trailing(struct conf_reader *r, size_t pos, char quote)
{
    size_t open = open_quote(r, pos, quote);
    if (open != SIZE_MAX) {
        report_unclosed(r, open);
        return;
    }
    conf_report(r, pos, 0,
                quote == '\'' ? "inside '...' write a quote twice: ''"
                              : "inside \"...\" write a quote as \\\", or use '...' outside",
                "more text after the closing quote");
}

/* The bracket before pos that nothing has closed yet, SIZE_MAX if there is none. */
static size_t open_bracket(const struct conf_reader *r, size_t pos)
{
    int depth = 0;
    for (size_t i = pos; i-- > 0;) {
        char c = r->text[i];
        if (c == ']' || c == '}')
            depth++;
        if ((c == '[' || c == '{') && depth-- == 0)
            return i;
    }
    return SIZE_MAX;
}

static void report_flow(struct conf_reader *r, size_t pos)
{
    size_t open = open_bracket(r, pos);
    bool same_line = open != SIZE_MAX && conf_line_at(r, open) == conf_line_at(r, pos);
    if (open == SIZE_MAX || (same_line && pos < r->bytes && r->text[pos] != '\n')) {
        conf_report(r, pos, 0,
                    "separate the items by commas and put texts with , [ ] { } in quotes",
                    "a comma is missing, or a quote around the value");
        return;
    }
    char close = r->text[open] == '[' ? ']' : '}';
    char hint[200];
    snprintf(hint, sizeof hint,
             "put a '%c' after the last item; text that begins with '%c' needs quotes", close,
             r->text[open]);
    conf_report(r, open, 0, hint, "the '%c' opened here is not closed", r->text[open]);
}

static void report_second_colon(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0,
                "if it belongs to the value, put the value in quotes; else begin a new line",
                "a second ': ' in one line");
}

static void report_escape(struct conf_reader *r, size_t pos)
{
    if (pos > 0 && pos < r->bytes && r->text[pos] != '\\' && r->text[pos - 1] == '\\')
        pos--;
    conf_report(r, pos, 0,
                "write the value in '...', where a backslash is itself, or double it: \\\\",
                "a backslash in \"...\" with a letter that means nothing");
}

static void report_alias(struct conf_reader *r, size_t pos)
{
    while (pos > 0 && pos > r->lines[conf_line_at(r, pos)] && r->text[pos] != '*')
        pos--;
    conf_report(r, pos, 0, "put the value in quotes: '*...'",
                "a value that begins with '*' is a reference in YAML");
}

static void report_list_start(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0, "begin the list in the next line, or put a value with '- ' in quotes",
                "a list cannot begin in the line of its name");
}

static void report_after(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0, "write 'name: value' lines; [names] in brackets are no sections here",
                "nothing may follow here: what stands above is complete in itself");
}

static void report_indent(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0,
                "begin options of one level in the same column, two spaces a level deeper",
                "the indentation of this line fits none above it");
}

static void report_closing(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0, "remove it, or put the value in quotes",
                "a closing '%c' without its opening one", r->text[pos]);
}

static void report_block(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0, "put a value that begins with '|' or '>' in quotes",
                "nothing may follow '|' or '>' in their line");
}

static void report_depth(struct conf_reader *r, size_t pos)
{
    conf_report(r, pos, 0, "no option is nested that deep: check the indentation and the brackets",
                "nested deeper than %d levels", CONF_DEPTH_MAX);
}

static void report_trailing_single(struct conf_reader *r, size_t pos)
{
    report_trailing(r, pos, '\'');
}

static void report_trailing_double(struct conf_reader *r, size_t pos)
{
    report_trailing(r, pos, '"');
}

size_t conf_syntax_report(struct conf_reader *r, size_t pos, const char *message)
{
    static const struct {
        const char *part; /* of the library's message */
        void (*report)(struct conf_reader *r, size_t pos);
    } kinds[] = {
        {"invalid multiline plain key", report_multiline},
        {"could not find expected ':'", report_multiline},
        {"plain scalar cannot start with", report_start},
        {"block sequence on the same line", report_list_start},
        {"missing document start", report_after},
        {"did not find expected key", report_indent},
        {"expected '-' indicator", report_indent},
        {"trailing content after single", report_trailing_single},
        {"trailing content after double", report_trailing_double},
        {"double-quoted scalar has invalid", report_escape},
        {"invalid escape", report_escape},
        {"in double-quoted string", report_escape},
        {"quoted scalar", report_unclosed},
        {"extra closing", report_closing},
        {"flow", report_flow},
        {"nested block mapping on the same line", report_second_colon},
        {"alias", report_alias},
        {"indentation", report_indent},
        {"invalid value after mapping", report_indent},
        {"block scalar", report_block},
        {"Max depth", report_depth},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strstr(message, kinds[i].part)) {
            kinds[i].report(r, pos);
            return r->reported;
        }
    }
    conf_report(r, pos, 0, "check the indentation, the colon and the quotes of this line",
                "this is not YAML: %s", message);
    return pos;
}
