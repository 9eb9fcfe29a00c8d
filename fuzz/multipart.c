/* A camera's multipart answer: the content type up to the first line end, then the body, which
 * arrives in pieces whose sizes the input itself decides. */
#include "capture/multipart.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const struct multipart *m)
{
    ASSERT(m->body.bytes <= PICTURE_BYTES_MAX && m->body.bytes <= m->body.room);
    ASSERT(m->line_bytes < sizeof m->line && strnlen(m->delimiter, sizeof m->delimiter) > 2);
    size_t whole = jpeg_whole_bytes(m->body.data, m->body.bytes);
    ASSERT(whole <= m->body.bytes);
    ASSERT(whole == 0 || (m->body.data[0] == 0xFF && m->body.data[whole - 1] == 0xD9));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[256] = "";
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t head = line ? (size_t)(line - data) : 0;
    memcpy(type, data, MIN(head, sizeof type - 1));
    struct multipart m;
    multipart_init(&m, head > 0 ? type : NULL);
    struct err err = {0};
    bool ok = true;
    for (size_t at = line ? head + 1 : 0; ok && at < size;) {
        size_t piece = MIN(size - at, (size_t)data[at] + 1), used = 0;
        for (size_t from = 0; ok && from < piece; from += used) {
            bool part;
            ok = multipart_push(&m, data + at + from, piece - from, &used, &part, &err);
            ASSERT(!ok || (used > 0 || part));
            ASSERT(ok == (err.code == ERR_NONE) && used <= piece - from);
            if (ok && part)
                check_body(&m);
        }
        at += piece;
    }
    multipart_free(&m);
    return 0;
}
