/* Pictures out of a multipart answer (MJPEG over HTTP), as cameras really write it: boundaries with
 * or without their dashes, declared or not, lengths missing or wrong. Pure, never trusts a length
 * for an allocation, and keeps at most one picture. */
#pragma once

#include "base/err.h"

#define PICTURE_BYTES_MAX        (16 * 1024 * 1024)
#define MULTIPART_BOUNDARY_BYTES 200
#define MULTIPART_LINE_BYTES     1024
#define MULTIPART_LINES_MAX      64 /* headers of one part */

/* Bytes that grow as they come, up to PICTURE_BYTES_MAX. */
struct picture_bytes {
    uint8_t *data; /* owned */
    size_t bytes, room;
};
NODISCARD bool picture_bytes_add(struct picture_bytes *p, const void *data, size_t bytes,
                                 struct err *err);
void picture_bytes_free(struct picture_bytes *p);

/* The length of the JPEG that the bytes are, without what may follow its end; 0: it is none, or not
 * whole. Looks at its first and last bytes only. */
size_t jpeg_whole_bytes(const uint8_t *data, size_t bytes);

enum multipart_state {
    PART_SEEK,   /* lines up to a boundary */
    PART_HEADER, /* lines up to an empty one */
    PART_COUNT,  /* as many bytes as were declared */
    PART_SCAN,   /* bytes up to a boundary */
};

struct multipart {
    enum multipart_state state;
    bool begun;                                   /* a boundary has come */
    char delimiter[MULTIPART_BOUNDARY_BYTES + 2]; /* "--" and the boundary; empty: not known yet */
    char line[MULTIPART_LINE_BYTES];
    size_t line_bytes;
    bool line_long; /* it has more than fits, which is dropped */
    int lines;
    size_t skipped; /* bytes without a boundary */
    size_t left;    /* PART_COUNT */
    int wrong;      /* declared lengths in a row that held no whole picture */
    bool done;      /* body holds a part, which the next push drops */
    struct picture_bytes body;
};

/* content_type as the server gave it, with its parameters; NULL: none. */
void multipart_init(struct multipart *m, const char *content_type);
void multipart_free(struct multipart *m);

/* Takes bytes up to the end of the next part: *ret_used says how many, *ret_part whether body now
 * holds one, whole JPEG or not. Fails with ERR_INVALID where there is no sense in going on. */
NODISCARD bool multipart_push(struct multipart *m, const uint8_t *data, size_t bytes,
                              size_t *ret_used, bool *ret_part, struct err *err);
