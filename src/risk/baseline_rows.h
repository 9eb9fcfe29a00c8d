/* A baseline as rows of the store, and back. Pure. */
#pragma once

#include "risk/baseline.h"
#include "store/store.h"

/* Free with free(). */
NODISCARD struct baseline_row *baseline_rows_make(const struct baseline_watch *watch,
                                                  const struct baseline_cell *cells, int count,
                                                  int *ret_count);

/* Gathers rows in any order; rows that this program did not write are left out. */
struct baseline_rows;
NODISCARD struct baseline_rows *baseline_rows_new(void);
void baseline_rows_free(struct baseline_rows **rows);
void baseline_rows_add(struct baseline_rows *rows, const struct baseline_row *row);
/* False if there was nothing. */
bool baseline_rows_load(const struct baseline_rows *rows, struct baseline *baseline);
