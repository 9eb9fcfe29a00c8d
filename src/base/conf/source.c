/* The line that an error quotes: what may be shown of it, cut to a width, and where its caret goes.
 *
 * A mistake may stand in the very line of a password, or the password itself may be the mistake.
 * What looks like a credential by the name before it is therefore blanked, rather too much than too
 * little. */
#include "base/conf/internal.h"
#include "base/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_BYTES       OPT_NAME_BYTES
#define SECRET_NAMES_MAX 16
#define SOURCE_COLUMNS   76

/* Parts of names that keep a secret, whatever the option tables say. */
static const char *const secret_parts[] = {"pass",   "pwd",        "secret", "token",
                                           "apikey", "credential", "auth",   NULL};

struct secret_names {
    int count;
    const char *names[SECRET_NAMES_MAX + 1]; /* ends with NULL */
};

static void collect_secret_names(const struct section *section, struct secret_names *names)
{
    for (const struct opt *row = section->rows; row->name; row++) {
        if (row->section)
            collect_secret_names(row->section, names);
        else if ((row->flags & OPT_SECRET) && names->count < SECRET_NAMES_MAX)
            names->names[names->count++] = row->name;
    }
}

static bool is_secret_word(const struct secret_names *names, const char *word)
{
    for (int i = 0; secret_parts[i]; i++)
        if (strcasestr(word, secret_parts[i]))
            return true;
    return suggest(word, names->names) != NULL;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || ((unsigned char)c & 0x80);
}

/* `!secret name` and `!env NAME` up to the end of the line show nothing. */
static bool is_reference(const char *text, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && text[i] == ' ')
        i++;
    if (bytes - i > 8 && strncmp(text + i, "!secret ", 8) == 0)
        i += 8;
    else if (bytes - i > 5 && strncmp(text + i, "!env ", 5) == 0)
        i += 5;
    else
        return false;
    while (i < bytes && is_word_char(text[i]))
        i++;
    while (i < bytes && text[i] == ' ')
        i++;
    return i == bytes;
}

/* Where in the line a secret value begins, SIZE_MAX if nowhere. */
static size_t secret_start(const struct secret_names *names, const char *text, size_t bytes)
{
    bool first = true;
    for (size_t i = 0; i < bytes;) {
        if (!is_word_char(text[i])) {
            i++;
            continue;
        }
        char word[WORD_BYTES] = "";
        size_t start = i;
        while (i < bytes && is_word_char(text[i]))
            i++;
        memcpy(word, text + start, MIN(i - start, sizeof word - 1));
        size_t end = i;
        while (end < bytes && strchr("\"' \t", text[end]) && text[end])
            end++;
        bool named = end < bytes && (text[end] == ':' || text[end] == '=');
        if ((first || named) && is_secret_word(names, word) &&
            !(start > 0 && text[start - 1] == '!')) {
            size_t value = named ? end + 1 : i;
            return is_reference(text + value, bytes - value) ? SIZE_MAX : value;
        }
        first = false;
    }
    return SIZE_MAX;
}

/* A line that continues the value of a secret name above it. */
static bool continues_secret(const struct conf_reader *r, const struct secret_names *names,
                             int line)
{
    int indent = conf_line_indent(r, line);
    for (int above = line - 1; above >= 0 && indent > 0; above--) {
        if (conf_line_is_blank(r, above) || conf_line_indent(r, above) >= indent)
            continue;
        indent = conf_line_indent(r, above);
        size_t bytes;
        const char *text = conf_line(r, above, &bytes);
        size_t start = secret_start(names, text, bytes);
        if (start == SIZE_MAX)
            continue;
        return true;
    }
    return false;
}

bool conf_line_is_secret(const struct conf_reader *r, int line)
{
    if (!r->root)
        return true;
    struct secret_names names = {.count = 0};
    collect_secret_names(r->root, &names);
    return continues_secret(r, &names, line);
}

/* Up to two stretches of a line that may not be shown. */
struct blanks {
    size_t from[2], to[2];
    int count;
};

static void find_blanks(const struct conf_reader *r, int line, struct blanks *ret)
{
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    *ret = (struct blanks){.count = 0};
    size_t secret = SIZE_MAX;
    if (r->root) {
        struct secret_names names = {.count = 0};
        collect_secret_names(r->root, &names);
        secret = secret_start(&names, text, bytes);
        if (conf_line_is_secret(r, line))
            secret = 0;
    } else {
        const char *colon = memchr(text, ':', bytes);
        secret = colon ? (size_t)(colon - text) + 1 : 0;
    }
    size_t from, to;
    if (redact_range(text, bytes, &from, &to) && from < secret) {
        ret->from[ret->count] = from;
        ret->to[ret->count++] = MIN(to, secret);
    }
    if (secret < bytes) {
        while (secret < bytes && text[secret] == ' ')
            secret++;
        ret->from[ret->count] = secret;
        ret->to[ret->count++] = bytes;
    }
}

/* Bytes of the character at text; 1 for what is none. */
static size_t character_bytes(const char *text, size_t bytes)
{
    return MAX(conf_utf8_bytes(text, bytes), 1);
}

/* A terminal must not be led to do things: controls, and the marks that turn the writing direction.
 */
static bool is_unprintable(const char *c, size_t n)
{
    unsigned char a = (unsigned char)c[0], b = n > 1 ? (unsigned char)c[1] : 0;
    if (n == 1)
        return a < 0x20 || a >= 0x7f;
    if (n == 2)
        return a == 0xc2 && b < 0xa0;
    unsigned char d = (unsigned char)c[2];
    return n == 3 && a == 0xe2 &&
           ((b == 0x80 && ((d >= 0x8b && d <= 0x8f) || (d >= 0xa8 && d <= 0xae))) ||
            (b == 0x81 && d >= 0xa0 && d <= 0xaf));
}

/* The line rewritten for showing, one column a character, and where a byte of it went. */
struct shown {
    char *text; /* owned */
    size_t bytes, capacity;
    int columns;
    size_t from, to; /* byte range looked for, in the original line */
    int from_column, to_column;
};

static void shown_put(struct shown *s, const char *text, size_t bytes)
{
    if (s->bytes + bytes > s->capacity)
        return;
    memcpy(s->text + s->bytes, text, bytes);
    s->bytes += bytes;
    s->columns++;
}

static int blank_at(const struct blanks *blanks, size_t pos)
{
    for (int i = 0; i < blanks->count; i++)
        if (pos >= blanks->from[i] && pos < blanks->to[i])
            return i;
    return -1;
}

static void shown_fill(struct shown *s, const char *text, size_t bytes, const struct blanks *blanks)
{
    s->from_column = s->to_column = -1;
    for (size_t i = 0; i < bytes;) {
        int blank = blank_at(blanks, i);
        size_t step = blank >= 0 ? blanks->to[blank] - i : character_bytes(text + i, bytes - i);
        if (s->from_column < 0 && s->from < i + step)
            s->from_column = s->columns;
        if (blank >= 0) {
            for (int star = 0; star < 3; star++)
                shown_put(s, "*", 1);
        } else if (text[i] == '\t') {
            shown_put(s, " ", 1);
        } else {
            bool bad = is_unprintable(text + i, step);
            shown_put(s, bad ? "?" : text + i, bad ? 1 : step);
        }
        i += step;
        if (s->to_column < 0 && s->to <= i)
            s->to_column = s->columns;
    }
    if (s->from_column < 0)
        s->from_column = s->columns;
    if (s->to_column < 0)
        s->to_column = s->columns;
}

/* Byte offset of a column. */
static size_t column_offset(const struct shown *s, int column)
{
    size_t i = 0;
    while (column > 0 && i < s->bytes) {
        i += character_bytes(s->text + i, s->bytes - i);
        column--;
    }
    return i;
}

void conf_source_fill(const struct conf_reader *r, size_t pos, size_t span, struct conf_error *e)
{
    int line = conf_line_at(r, pos);
    size_t bytes;
    const char *text = conf_line(r, line, &bytes);
    struct blanks blanks;
    find_blanks(r, line, &blanks);
    size_t offset = pos - r->lines[line];
    struct shown s = {.capacity = bytes + 3 * ARRAY_LEN(blanks.from),
                      .from = offset,
                      .to = offset + MAX(span, 1)};
    AUTO(free_ptr) char *buffer = xcalloc(s.capacity + 1, 1);
    s.text = buffer;
    shown_fill(&s, text, bytes, &blanks);
    int first = s.from_column > SOURCE_COLUMNS - 16 ? s.from_column - SOURCE_COLUMNS / 2 : 0;
    int last = MIN(s.columns, first + SOURCE_COLUMNS);
    size_t begin = column_offset(&s, first);
    size_t end = column_offset(&s, last);
    while (end - begin >= sizeof e->source - 8) /* characters of several bytes */
        end = column_offset(&s, --last);
    snprintf(e->source, sizeof e->source, "%s%.*s%s", first > 0 ? "..." : "", (int)(end - begin),
             s.text + begin, last < s.columns ? "..." : "");
    e->caret = s.from_column - first + (first > 0 ? 3 : 0);
    e->span = MAX(1, MIN(s.to_column, last) - s.from_column);
}
