/* Multipart answers as cameras really write them, in pieces of every size. */
#include "test.h"

#include "capture/multipart.h"

#include <stdlib.h>
#include <string.h>

#define JPEG "\xff\xd8\xff\xe0picture\xff\xd9"
#define HEAD "Content-Type: image/jpeg\r\n"

/* Pushes text in pieces; returns the number of parts that were whole pictures, -1 if it failed. */
static int push_all(const char *type, const char *text, size_t bytes, size_t piece, int *ret_broken,
                    struct err *err)
{
    struct multipart m;
    multipart_init(&m, type);
    int whole = 0;
    *ret_broken = 0;
    for (size_t at = 0; at < bytes && whole >= 0;) {
        size_t used, n = MIN(piece, bytes - at);
        bool part;
        if (!multipart_push(&m, (const uint8_t *)text + at, n, &used, &part, err)) {
            whole = -1;
            break;
        }
        CHECK(used <= n && (used == n || part));
        at += used;
        if (!part)
            continue;
        size_t length = jpeg_whole_bytes(m.body.data, m.body.bytes);
        if (length > 0) {
            CHECK_INT(length, sizeof JPEG - 1);
            CHECK(memcmp(m.body.data, JPEG, length) == 0);
        }
        whole += length > 0;
        *ret_broken += length == 0;
    }
    multipart_free(&m);
    return whole;
}

static void what_cameras_write(void **state)
{
    (void)state;
    static const struct {
        const char *what, *type, *text;
        int whole, broken;
    } rows[] = {
        {"by the book", "multipart/x-mixed-replace; boundary=f",
         "--f\r\n" HEAD "Content-Length: 13\r\n\r\n" JPEG "\r\n--f\r\n" HEAD
         "Content-Length: 13\r\n\r\n" JPEG "\r\n--f--\r\n",
         2, 0},
        {"without lengths", "multipart/x-mixed-replace; boundary=f",
         "--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n", 2, 0},
        {"quoted", "multipart/x-mixed-replace;boundary=\"a b\";x=y",
         "--a b\r\n" HEAD "\r\n" JPEG "\r\n--a b\r\n", 1, 0},
        {"dashes in the name", "multipart/x-mixed-replace; boundary=--f",
         "--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n", 2, 0},
        {"dashes in the name, and in front of it", "multipart/x-mixed-replace; boundary=--f",
         "----f\r\n" HEAD "\r\n" JPEG "\r\n----f\r\n" HEAD "\r\n" JPEG "\r\n----f\r\n", 2, 0},
        {"no dashes at all", "multipart/x-mixed-replace; boundary=myframe",
         "myframe\r\n" HEAD "Content-Length: 13\r\n\r\n" JPEG "\r\nmyframe\r\n" HEAD
         "Content-Length: 13\r\n\r\n" JPEG "\r\n",
         2, 0},
        {"nothing declared", NULL, "\r\n--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n", 1, 0},
        {"another name declared", "multipart/x-mixed-replace; boundary=g",
         "--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n" HEAD "\r\n" JPEG "\r\n--f\r\n", 2, 0},
        {"line feeds only", "multipart/x-mixed-replace; boundary=f",
         "--f\nContent-type: image/jpeg\n\n" JPEG "\n--f\n", 1, 0},
        {"zeros behind the picture", "multipart/x-mixed-replace; boundary=f",
         "--f\r\n\r\n" JPEG "\r\n\r\n\r\n--f\r\n", 1, 0},
        {"lengths too short are not believed for long", "multipart/x-mixed-replace; boundary=f",
         "--f\r\nContent-Length: 5\r\n\r\n" JPEG "\r\n--f\r\nContent-Length: 5\r\n\r\n" JPEG
         "\r\n--f\r\nContent-Length: 5\r\n\r\n" JPEG "\r\n--f\r\n",
         1, 2},
        {"a broken picture", "multipart/x-mixed-replace; boundary=f",
         "--f\r\n\r\n\xff\xd8 no end\r\n--f\r\n\r\n" JPEG "\r\n--f\r\n", 1, 1},
        {"the last one is cut off", "multipart/x-mixed-replace; boundary=f",
         "--f\r\n\r\n" JPEG "\r\n--f\r\n\r\n\xff\xd8 no", 1, 0},
        {"no boundary", "multipart/x-mixed-replace; boundary=f", JPEG JPEG, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 1; piece < 200; piece++) {
            struct err err = {0};
            int broken;
            int whole = push_all(rows[i].type, rows[i].text, strlen(rows[i].text), piece, &broken,
                                 &err);
            if (whole != rows[i].whole || broken != rows[i].broken)
                fail_msg("%s, in pieces of %zu: %d whole, %d broken %s", rows[i].what, piece, whole,
                         broken, err.msg);
        }
}

/* Bytes that look like a boundary without a name: any line would match it. */
static void a_boundary_has_a_name(void **state)
{
    (void)state;
    static const char text[] = "--\0x\r\n--\r\nContent-Type: image/jpeg\r\n\r\n" JPEG "\r\n--\r\n";
    struct err err = {0};
    int broken;
    CHECK_INT(push_all(NULL, text, sizeof text - 1, 7, &broken, &err), 0);
    CHECK_INT(broken, 0);
}

static void limits(void **state)
{
    (void)state;
    static const struct {
        const char *what, *head, *filler, *says;
    } rows[] = {
        {"declared", "--f\r\nContent-Length: 16777217\r\n\r\n", "x", "16777217 bytes; at most"},
        {"declared, absurd", "--f\r\nContent-Length: 99999999999999999999999\r\n\r\n", "x",
         "at most 16777216"},
        {"without an end", "--f\r\n\r\n", "xxxxxxxx", "more than 16777216 bytes"},
        {"no boundary", "", "xxxxxxx\n", "no boundary within 16777216 bytes"},
        {"endless headers", "--f\r\n", "a: b\r\n", "more than 64 lines"},
        {"endless header", "--f\r\n", "aaaaaaaa", "no boundary within"},
        {"long header", "--f\r\na: ",
         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n",
         NULL},
    };
    size_t bytes = 2 * (size_t)PICTURE_BYTES_MAX;
    AUTO(free_ptr) char *text = xcalloc(1, bytes);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t head = strlen(rows[i].head), filler = strlen(rows[i].filler);
        memcpy(text, rows[i].head, head);
        for (size_t k = head; k < bytes; k++)
            text[k] = rows[i].filler[(k - head) % filler];
        struct err err = {0};
        int broken;
        int whole = push_all("multipart/x-mixed-replace; boundary=f", text, bytes, 65536, &broken,
                             &err);
        CHECK_INT(whole, -1);
        CHECK_INT(err.code, ERR_INVALID);
        if (rows[i].says && !strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].what, err.msg);
    }
}

static void whole_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size, whole;
    } rows[] = {
        {"", 0, 0},
        {"\xff\xd8\xff\xd9", 4, 4},
        {"\xff\xd8\xff", 3, 0},
        {"\xff\xd8 \xff\xd9\0\0\0", 8, 5},
        {"\xff\xd8 \xff\xd8", 5, 0},
        {"x\xff\xd8\xff\xd9", 5, 0},
        {"\xff\xd9\xff\xd8", 4, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(jpeg_whole_bytes((const uint8_t *)rows[i].bytes, rows[i].size), rows[i].whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cameras_write),
        cmocka_unit_test(a_boundary_has_a_name),
        cmocka_unit_test(limits),
        cmocka_unit_test(whole_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
