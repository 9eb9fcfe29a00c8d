/* Bytes come back as they were, and no compressed data does harm. */
#include "test.h"

#include "base/blob.h"

#include <stdlib.h>

static void owners_share(void **state)
{
    (void)state;
    char text[] = "evidence";
    struct blob *blob = blob_new(text, 8), *again = blob_ref(blob);
    memset(text, 'x', sizeof text);
    CHECK(again == blob);
    CHECK_INT(blob->refs, 2);
    CHECK_INT(blob->bytes, 8);
    CHECK_STR((const char *)blob->data, "evidence"); /* with a zero behind */
    blob_unref(&blob);
    CHECK(blob == NULL);
    CHECK_INT(again->refs, 1);
    blob_unref(&again);
    blob_unref(&again); /* none is nothing */
    struct blob *empty = blob_new(NULL, 0);
    CHECK_INT(empty->bytes, 0);
    CHECK_INT(empty->data[0], 0);
    blob_unref(&empty);
}

/* All kinds of bytes: noise for odd seeds, text that repeats itself for even ones. */
static void fill(unsigned char *bytes, size_t count, unsigned seed)
{
    unsigned noise = seed;
    for (size_t i = 0; i < count; i++) {
        noise = noise * 1664525u + 1013904223u;
        bytes[i] = seed % 2 ? (unsigned char)(noise >> 24) : (unsigned char)"zone, track, "[i % 13];
    }
}

static void bytes_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 13, 255, 4096, 65537, 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (unsigned seed = 0; seed < 2; seed++) {
            AUTO(free_ptr) unsigned char *bytes = xcalloc(1, sizes[i] + 1);
            fill(bytes, sizes[i], seed);
            AUTO(blob_unref) struct blob *packed = blob_compress(bytes, sizes[i]);
            AUTO(blob_unref) struct blob *back = NULL;
            struct err err = {0};
            if (!blob_expand(packed->data, packed->bytes, sizes[i], &back, &err))
                fail_msg("%zu bytes: %s", sizes[i], err.msg);
            CHECK_INT(back->bytes, sizes[i]);
            CHECK(memcmp(back->data, bytes, sizes[i]) == 0);
            CHECK_INT(back->data[sizes[i]], 0);
            if (seed == 0 && sizes[i] >= 4096)
                CHECK(packed->bytes < sizes[i] / 10);
        }
}

static void check_refused(const void *data, size_t bytes, size_t max_bytes, const char *why)
{
    struct blob *ret = (struct blob *)-1;
    struct err err = {0};
    CHECK(!blob_expand(data, bytes, max_bytes, &ret, &err));
    CHECK(ret == NULL);
    CHECK_INT(err.code, ERR_DATA_LOSS);
    CHECK_CONTAINS(err.msg, why);
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[4096];
    fill(bytes, sizeof bytes, 0);
    AUTO(blob_unref) struct blob *packed = blob_compress(bytes, sizeof bytes);
    AUTO(blob_unref) struct blob *back = NULL;
    CHECK(blob_expand(packed->data, packed->bytes, 4096, &back, NULL));
    check_refused(packed->data, packed->bytes, 4095, "of 4096 bytes, more than 4095");
    check_refused(packed->data, packed->bytes, 0, "more than 0");
}

static void what_is_cut_or_no_zstd_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[3000];
    for (unsigned seed = 0; seed < 2; seed++) {
        fill(bytes, sizeof bytes, seed);
        AUTO(blob_unref) struct blob *packed = blob_compress(bytes, sizeof bytes);
        for (size_t cut = 0; cut < packed->bytes; cut++) {
            /* Of its own size, so that a tool that watches memory sees a step beyond. */
            AUTO(free_ptr) unsigned char *part = xcalloc(1, cut + !cut);
            memcpy(part, packed->data, cut);
            check_refused(part, cut, sizeof bytes, "compressed data");
        }
    }
    check_refused("", 0, 100, "0 bytes are not compressed data");
    check_refused("{\"version\":1}", 13, 100, "13 bytes are not compressed data");
}

/* Whatever bit is wrong: it is told, or the size is right and within the bound. */
static void damage_does_no_harm(void **state)
{
    (void)state;
    unsigned char bytes[300];
    for (unsigned seed = 0; seed < 2; seed++) {
        fill(bytes, sizeof bytes, seed);
        AUTO(blob_unref) struct blob *packed = blob_compress(bytes, sizeof bytes);
        int refused = 0;
        for (size_t bit = 0; bit < packed->bytes * 8; bit++) {
            AUTO(blob_unref) struct blob *bad = blob_new(packed->data, packed->bytes);
            AUTO(blob_unref) struct blob *back = NULL;
            struct err err = {0};
            bad->data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            if (blob_expand(bad->data, bad->bytes, 1000, &back, &err)) {
                CHECK(back->bytes <= 1000);
                continue;
            }
            CHECK(back == NULL && err.code == ERR_DATA_LOSS && err.msg[0]);
            refused++;
        }
        CHECK(refused >= 16); /* the magic number and the size at least */
    }
}

/* A frame says in its header how long it is: 8 bytes of size, no checksum, one segment. */
static void lying_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t says;
        const char *why;
    } cases[] = {
        {9, "damaged"},  /* too short for it */
        {11, "damaged"}, /* more than it holds */
        {1000, "damaged"},
        {1001, "more than 1000"},
        {UINT64_C(1) << 40, "more than 1000"},
        {UINT64_MAX - 2, "more than 1000"},
        {UINT64_MAX - 1, "compressed data"}, /* zstd's own words for not known */
        {UINT64_MAX, "compressed data"},
    };
    unsigned char frame[26] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0};
    frame[13] = 10 << 3 | 1; /* the last block: 10 bytes as they are */
    memcpy(frame + 16, "0123456789", 10);
    frame[5] = 10;
    AUTO(blob_unref) struct blob *back = NULL;
    struct err err = {0};
    if (!blob_expand(frame, sizeof frame, 1000, &back, &err))
        fail_msg("%s", err.msg);
    CHECK_STR((const char *)back->data, "0123456789");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int k = 0; k < 8; k++)
            frame[5 + k] = (unsigned char)(cases[i].says >> (8 * k));
        check_refused(frame, sizeof frame, 1000, cases[i].why);
    }
}

/* What streams make: nothing says how much is to come. */
static void unknown_sizes_are_refused(void **state)
{
    (void)state;
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, /* no size */
                                          0x09, 0x00, 0x00, 'x'};
    check_refused(frame, sizeof frame, 1000, "not compressed data");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_share),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(what_is_cut_or_no_zstd_is_refused),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(lying_sizes_are_refused),
        cmocka_unit_test(unknown_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
