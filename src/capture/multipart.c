#include "capture/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOM_FIRST_BYTES (64 * 1024)
#define TAIL_BYTES       64 /* what cameras put behind the end of a picture: zeros, line ends */
#define WRONG_MAX        2

bool picture_bytes_add(struct picture_bytes *p, const void *data, size_t bytes, struct err *err)
{
    if (bytes > PICTURE_BYTES_MAX - p->bytes)
        return err_set(err, ERR_INVALID, "a picture has more than %d bytes", PICTURE_BYTES_MAX);
    if (p->bytes + bytes > p->room) {
        size_t room = MAX(p->room, ROOM_FIRST_BYTES);
        while (room < p->bytes + bytes)
            room *= 2;
        uint8_t *grown = realloc(p->data, room);
        if (!grown)
            return err_set(err, ERR_EXHAUSTED, "no memory for a picture of %zu bytes", room);
        p->data = grown;
        p->room = room;
    }
    if (bytes > 0)
        memcpy(p->data + p->bytes, data, bytes);
    p->bytes += bytes;
    return true;
}

void picture_bytes_free(struct picture_bytes *p)
{
    free(p->data);
    *p = (struct picture_bytes){0};
}

size_t jpeg_whole_bytes(const uint8_t *data, size_t bytes)
{
    if (bytes < 4 || data[0] != 0xFF || data[1] != 0xD8)
        return 0;
    size_t least = bytes > TAIL_BYTES + 4 ? bytes - TAIL_BYTES : 4;
    for (size_t n = bytes; n >= least; n--)
        if (data[n - 2] == 0xFF && data[n - 1] == 0xD9)
            return n;
    return 0;
}

/* Cameras disagree on whether the dashes belong to the boundary's name, so none does here. */
static void set_boundary(struct multipart *m, const char *text, size_t bytes)
{
    while (bytes > 0 && *text == '-') {
        text++;
        bytes--;
    }
    bytes = strnlen(text, bytes);
    if (bytes == 0 || bytes > MULTIPART_BOUNDARY_BYTES - 1)
        return;
    memcpy(m->delimiter, "--", 2);
    memcpy(m->delimiter + 2, text, bytes);
    m->delimiter[2 + bytes] = '\0';
}

void multipart_init(struct multipart *m, const char *content_type)
{
    memset(m, 0, sizeof *m);
    const char *at = content_type ? strcasestr(content_type, "boundary=") : NULL;
    if (!at)
        return;
    at += strlen("boundary=");
    if (*at == '"')
        set_boundary(m, at + 1, strcspn(at + 1, "\""));
    else
        set_boundary(m, at, strcspn(at, "; \t\r\n"));
}

void multipart_free(struct multipart *m)
{
    picture_bytes_free(&m->body);
}

/* A boundary has come: the part's headers follow. */
static void begin_part(struct multipart *m)
{
    m->state = PART_HEADER;
    m->begun = true;
    m->lines = 0;
    m->left = 0;
    m->skipped = 0;
    m->body.bytes = 0;
}

static void seek_line(struct multipart *m)
{
    const char *name = m->line + strspn(m->line, "-");
    const char *wanted = m->delimiter + 2;
    bool known = m->delimiter[0] != '\0';
    if (known && strncmp(name, wanted, strlen(wanted)) == 0) {
        begin_part(m);
    } else if (!m->begun && strncmp(m->line, "--", 2) == 0) {
        /* None was declared, or not the one that is used. */
        set_boundary(m, m->line, m->line_bytes);
        if (m->delimiter[0] != '\0')
            begin_part(m);
    }
}

static bool header_line(struct multipart *m, struct err *err)
{
    if (m->line_bytes == 0) {
        bool count = m->left > 0 && m->wrong < WRONG_MAX;
        m->state = count ? PART_COUNT : PART_SCAN;
        return true;
    }
    if (++m->lines > MULTIPART_LINES_MAX)
        return err_set(err, ERR_INVALID, "a picture has more than %d lines of headers",
                       MULTIPART_LINES_MAX);
    static const char length[] = "content-length:";
    if (strncasecmp(m->line, length, sizeof length - 1) != 0)
        return true;
    char *end;
    unsigned long long n = strtoull(m->line + sizeof length - 1, &end, 10);
    if (n > PICTURE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a picture of %llu bytes; at most %d", n,
                       PICTURE_BYTES_MAX);
    m->left = (size_t)n;
    return true;
}

static bool take_line(struct multipart *m, const uint8_t *data, size_t bytes, size_t *ret_used,
                      struct err *err)
{
    const uint8_t *newline = memchr(data, '\n', bytes);
    size_t n = newline ? (size_t)(newline - data) : bytes;
    *ret_used = n + (newline != NULL);
    size_t fits = MIN(n, sizeof m->line - 1 - m->line_bytes);
    m->line_long |= fits < n;
    memcpy(m->line + m->line_bytes, data, fits);
    m->line_bytes += fits;
    m->skipped += *ret_used;
    if (m->skipped > PICTURE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "no boundary within %d bytes", PICTURE_BYTES_MAX);
    if (!newline)
        return true;
    while (m->line_bytes > 0 && strchr("\r \t", m->line[m->line_bytes - 1]))
        m->line_bytes--;
    m->line[m->line_bytes] = '\0';
    bool ok = true;
    if (m->state == PART_HEADER)
        ok = m->line_long
                 ? err_set(err, ERR_INVALID, "a header of more than %d bytes", MULTIPART_LINE_BYTES)
                 : header_line(m, err);
    else
        seek_line(m);
    m->line_bytes = 0;
    m->line_long = false;
    return ok;
}

static bool take_counted(struct multipart *m, const uint8_t *data, size_t bytes, size_t *ret_used,
                         bool *ret_part, struct err *err)
{
    *ret_used = MIN(bytes, m->left);
    if (!picture_bytes_add(&m->body, data, *ret_used, err))
        return false;
    m->left -= *ret_used;
    if (m->left > 0)
        return true;
    m->wrong = jpeg_whole_bytes(m->body.data, m->body.bytes) > 0 ? 0 : m->wrong + 1;
    m->state = PART_SEEK;
    *ret_part = true;
    return true;
}

static bool take_scanned(struct multipart *m, const uint8_t *data, size_t bytes, size_t *ret_used,
                         bool *ret_part, struct err *err)
{
    size_t old = m->body.bytes, delimiter = strlen(m->delimiter);
    if (!picture_bytes_add(&m->body, data, bytes, err))
        return false;
    *ret_used = bytes;
    size_t from = old > delimiter ? old - delimiter : 0;
    const uint8_t *found = memmem(m->body.data + from, m->body.bytes - from, m->delimiter,
                                  delimiter);
    if (!found)
        return true;
    /* The boundary's own line is read once more, as a line; of what came earlier only its dashes
     * and letters are missing then, which are put back. */
    size_t at = (size_t)(found - m->body.data), end = at + delimiter;
    *ret_used = end > old ? end - old : 0;
    m->body.bytes = at;
    memcpy(m->line, m->delimiter, delimiter);
    m->line_bytes = delimiter;
    m->line_long = false;
    m->state = PART_SEEK;
    *ret_part = true;
    return true;
}

static bool take(struct multipart *m, const uint8_t *data, size_t bytes, size_t *ret_used,
                 bool *ret_part, struct err *err)
{
    switch (m->state) {
    case PART_COUNT:
        return take_counted(m, data, bytes, ret_used, ret_part, err);
    case PART_SCAN:
        return take_scanned(m, data, bytes, ret_used, ret_part, err);
    default:
        return take_line(m, data, bytes, ret_used, err);
    }
}

bool multipart_push(struct multipart *m, const uint8_t *data, size_t bytes, size_t *ret_used,
                    bool *ret_part, struct err *err)
{
    *ret_used = 0;
    *ret_part = false;
    if (m->done)
        m->body.bytes = 0;
    m->done = false;
    while (*ret_used < bytes && !*ret_part) {
        size_t used;
        if (!take(m, data + *ret_used, bytes - *ret_used, &used, ret_part, err))
            return false;
        *ret_used += used;
    }
    m->done = *ret_part;
    return true;
}
