/* The checks of db_check.h as data: a statement that finds, and one that mends. */
#pragma once

#include "base/base.h"

enum check_when {
    CHECK_ROWS,
    CHECK_ENDED, /* rows, unless a hsi uses the store */
    CHECK_NAMES,
};

struct check_sql {
    enum check_when when;
    const char *what;
    const char *select;   /* gives where and what is wrong, as two texts */
    const char *mends;    /* in words; NULL: nothing can be done without guessing */
    const char *mend_sql; /* NULL: done elsewhere */
    bool by_start, is_note;
};

extern const struct check_sql check_sqls[]; /* ends with an empty row; in the order to mend */

/* Up to ?2 events after ?1 that the check of verdicts finds. */
extern const char *const check_wrong_verdicts;
