/* What every test file includes: cmocka in the order it needs, and checks that say what they saw.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CHECK(cond) assert_true(cond)

/* cmocka 1.1.5 prints integers in hexadecimal; these print what a person compares. */
#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long a_ = (long long)(actual), e_ = (long long)(expected);                            \
        if (a_ != e_)                                                                              \
            fail_msg("%s is %lld, expected %lld", #actual, a_, e_);                                \
    } while (0)

#define CHECK_STR(actual, expected) assert_string_equal(actual, expected)

#define CHECK_NEAR(actual, expected, tolerance)                                                    \
    do {                                                                                           \
        double a_ = (actual), e_ = (expected);                                                     \
        if (!(a_ >= e_ - (tolerance) && a_ <= e_ + (tolerance)))                                   \
            fail_msg("%s is %g, expected %g +- %g", #actual, a_, e_, (double)(tolerance));         \
    } while (0)

#define CHECK_CONTAINS(text, part)                                                                 \
    do {                                                                                           \
        const char *t_ = (text);                                                                   \
        if (!strstr(t_, (part)))                                                                   \
            fail_msg("'%s' does not contain '%s'", t_, (part));                                    \
    } while (0)

/* Leaves a case that cannot run here; the reason is shown behind the count of skipped cases. If it
 * is for want of the models and clips, it names HSI_TEST_DATA: where that is set, such a skip is a
 * failure. */
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        print_message("# skip: %s\n", (reason));                                                   \
        skip();                                                                                    \
    } while (0)
