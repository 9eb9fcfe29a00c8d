/* What pictures say about themselves. */
#include "test.h"

#include "capture/folder_picture.h"
#include "double/folder.h"

#include <libavcodec/packet.h>
#include <stdlib.h>
#include <time.h>

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static void whole_jpegs(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t bytes;
        bool whole;
    } rows[] = {
        {BYTES(""), false},
        {BYTES("\xff\xd8"), false},
        {BYTES("\xff\xd8\xff\xd9"), true},
        {BYTES("\xff\xd9\xff\xd9"), false},
        {BYTES("\xff\xd8\xff\xe0\x00\x04xx\xff\xda\x00\x02pixels\xff\xd9"), true},
        {BYTES("\xff\xd8\xff\xda\x00\x02pixels"), false},
        {BYTES("\xff\xd8\xff\xda\x00\x02pix\xff\x00\xd9\xff\xd0more"),
         false},                                                          /* stuffed, restart */
        {BYTES("\xff\xd8\xff\xda\x00\x02pix\xff\xff\xff\xd9"), true},     /* fill */
        {BYTES("\xff\xd8\xff\xda\x00\x02one\xff\xda\x00\x02two"), false}, /* progressive */
        {BYTES("\xff\xd8\xff\xda\x00\x02one\xff\xda\x00\x02two\xff\xd9"), true},
        {BYTES("\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xda\x00\x02pix"),
         false}, /* thumbnail */
        {BYTES("\xff\xd8\xff\xe1\x00\x01\xff\xd9"), false},
        {BYTES("\xff\xd8\xff\xe1\xff\xff\xff\xd9"), false},
        {BYTES("\xff\xd8\xff\xe1\x00"), false},
        {BYTES("\xff\xd8\x00\x00\xff\xd9"), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (picture_jpeg_is_whole(rows[i].data, rows[i].bytes) != rows[i].whole)
            fail_msg("row %zu", i);
}

/* Of a real one: wherever it is cut, it is cut. */
static void cut_jpegs(void **state)
{
    (void)state;
    struct clip clip;
    jpegs_make(&clip, 1);
    const AVPacket *av = clip.items[0]->av;
    CHECK(picture_jpeg_is_whole(av->data, (size_t)av->size));
    for (int cut = 0; cut < av->size; cut++)
        if (picture_jpeg_is_whole(av->data, (size_t)cut))
            fail_msg("whole at %d of %d bytes", cut, av->size);
    clip_done(&clip);
}

static void exif_times(void **state)
{
    (void)state;
    static const struct {
        const char *text, *offset, *expected; /* NULL: refused */
    } rows[] = {
        {"2024:05:01 12:34:56", "+02:00", "2024-05-01T10:34:56.000Z"},
        {"2024:05:01 12:34:56", "Z", "2024-05-01T12:34:56.000Z"},
        {"2024:05:01 12:34:56", NULL, "2024-05-01T12:34:56.000Z"}, /* TZ is UTC here */
        {"2024:02:30 12:34:56", NULL, NULL},
        {"2024:13:01 12:34:56", NULL, NULL},
        {"0000:00:00 00:00:00", NULL, NULL},
        {"2024-05-01 12:34:56", NULL, NULL},
        {"    :  :     :  :  ", NULL, NULL},
        {"2024:05:01 12:34", NULL, NULL},
        {"2024:05:01 12:34:567", NULL, NULL},
        {"2024:05:01 12:34:56", "nonsense", NULL},
        {"2024:05:01 12:34:56", "", NULL},
        {"", NULL, NULL},
    };
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us;
        char text[TIME_TEXT_BYTES];
        if (picture_exif_time(rows[i].text, rows[i].offset, &us) != (rows[i].expected != NULL))
            fail_msg("row %zu", i);
        if (rows[i].expected)
            CHECK_STR(time_format(text, us), rows[i].expected);
    }
}

static void which_time_is_believed(void **state)
{
    (void)state;
    static const struct {
        int64_t claimed_s, expected_s; /* before the writing */
    } rows[] = {
        {0, 0},
        {4, 4},
        {600, 600},
        {601, 0},       /* a wrong clock */
        {2 * 3600, 0},  /* a wrong zone */
        {14 * 3600, 0}, /* the farthest zone */
        {86401, 86401}, /* a copy */
        {86400 * 300, 86400 * 300},
        {-30, 0}, /* a clock that is a little fast */
        {-3600, 0},
        {1700000000, 0},             /* 1970 */
        {1700000000 - 900000000, 0}, /* 1998 */
    };
    int64_t written_us = 1700000000 * US_PER_S;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(written_us -
                      picture_wall_us(written_us - rows[i].claimed_s * US_PER_S, written_us),
                  rows[i].expected_s * US_PER_S);
    CHECK_INT(picture_wall_us(TIME_UNKNOWN, written_us), written_us);
}

static void names_for_people(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shown;
    } rows[] = {
        {"a b.jpg", "a b.jpg"},
        {"T\xc3\xbcr \xe7\x8e\x84 \xf0\x9f\x9a\xaa.jpg",
         "T\xc3\xbcr \xe7\x8e\x84 \xf0\x9f\x9a\xaa.jpg"},
        {"a\nb\x7f", "a\\x0ab\\x7f"},
        {"back\\slash", "back\\x5cslash"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc0\xaf", "\\xc0\\xaf"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xe2\x80\xae"
         "gpj.exe",
         "\\xe2\\x80\\xaegpj.exe"}, /* turns what follows around */
        {"\xc2\x9b", "\\xc2\\x9b"}, /* a control character */
        {"\xc3", "\\xc3"},          /* cut */
    };
    char out[256];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        picture_show_name(out, sizeof out, rows[i].name);
        CHECK_STR(out, rows[i].shown);
    }
    picture_show_name(out, 8, "\xff\xff\xff");
    CHECK_STR(out, "\\xff");
    picture_show_name(out, 8, "abcdefghij");
    CHECK(strlen(out) < 8 && strncmp(out, "abcdefghij", strlen(out)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_jpegs),      cmocka_unit_test(cut_jpegs),
        cmocka_unit_test(exif_times),       cmocka_unit_test(which_time_is_believed),
        cmocka_unit_test(names_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
