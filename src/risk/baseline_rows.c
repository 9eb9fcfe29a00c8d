#include "risk/baseline_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hours that go into one row. */
#define WATCH_STEP 8
#define WATCH_ROWS (BASELINE_HOURS / WATCH_STEP)
#define TIME_BYTES 24
#define CELL_BYTES 48

_Static_assert(BASELINE_HOURS % WATCH_STEP == 0, "every hour is in a row");
_Static_assert(WATCH_STEP * 8 <= sizeof((struct baseline_row *)0)->data, "a row has room for them");

struct baseline_rows {
    struct baseline_watch watch;
    struct baseline_cell *cells; /* BASELINE_CELLS_MAX */
    int cell_count, watch_count;
    bool timed;
};

/* Least significant byte first, whatever the machine. */
static void put_u64(struct baseline_row *row, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        row->data[row->bytes++] = (uint8_t)(value >> (8 * i));
}

static void put_double(struct baseline_row *row, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u64(row, bits);
}

static uint64_t get_u64(const struct baseline_row *row, int index)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)row->data[8 * index + i] << (8 * i);
    return value;
}

static double get_double(const struct baseline_row *row, int index)
{
    uint64_t bits = get_u64(row, index);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void make_watch(const struct baseline_watch *watch, struct baseline_row *rows, int *count)
{
    for (int i = 0; i < WATCH_ROWS; i++) {
        struct baseline_row *row = &rows[(*count)++];
        snprintf(row->key, sizeof row->key, "watch %d", i);
        for (int k = 0; k < WATCH_STEP; k++)
            put_double(row, watch->hours[i * WATCH_STEP + k]);
    }
    struct baseline_row *row = &rows[(*count)++];
    STR_COPY(row->key, "time");
    put_u64(row, (uint64_t)watch->wall_us);
    put_u64(row, (uint64_t)watch->hour_wall_us);
    put_double(row, watch->hour_watched);
}

struct baseline_row *baseline_rows_make(const struct baseline_watch *watch,
                                        const struct baseline_cell *cells, int count,
                                        int *ret_count)
{
    struct baseline_row *rows = xcalloc((size_t)(WATCH_ROWS + 1 + count), sizeof *rows);
    *ret_count = 0;
    make_watch(watch, rows, ret_count);
    for (int i = 0; i < count; i++) {
        const struct baseline_cell *c = &cells[i];
        struct baseline_row *row = &rows[(*ret_count)++];
        snprintf(row->key, sizeof row->key, "cell %d %d %s", c->hour, c->kind, c->zone);
        if (c->visits == 0)
            continue; /* a row without data is dropped */
        put_double(row, c->visits);
        put_double(row, c->dwell_s);
        put_double(row, c->dwell_s2);
        put_u64(row, (uint64_t)c->wall_us);
        put_u64(row, (uint64_t)c->hour_wall_us);
        put_u64(row, (uint64_t)c->hour_visits);
    }
    return rows;
}

struct baseline_rows *baseline_rows_new(void)
{
    struct baseline_rows *rows = NEW(struct baseline_rows);
    rows->cells = xcalloc(BASELINE_CELLS_MAX, sizeof *rows->cells);
    return rows;
}

void baseline_rows_free(struct baseline_rows **rows)
{
    if (*rows)
        free((*rows)->cells);
    free(*rows);
    *rows = NULL;
}

static void add_cell(struct baseline_rows *rows, const struct baseline_row *row)
{
    struct baseline_cell *c = &rows->cells[rows->cell_count];
    int zone_at = 0;
    if (rows->cell_count == BASELINE_CELLS_MAX || row->bytes != CELL_BYTES ||
        sscanf(row->key, "cell %d %d %n", &c->hour, &c->kind, &zone_at) != 2 || zone_at == 0 ||
        !STR_COPY(c->zone, row->key + zone_at))
        return;
    c->visits = get_double(row, 0);
    c->dwell_s = get_double(row, 1);
    c->dwell_s2 = get_double(row, 2);
    c->wall_us = (int64_t)get_u64(row, 3);
    c->hour_wall_us = (int64_t)get_u64(row, 4);
    c->hour_visits = (int)get_u64(row, 5);
    rows->cell_count++;
}

void baseline_rows_add(struct baseline_rows *rows, const struct baseline_row *row)
{
    int index;
    if (strncmp(row->key, "cell ", 5) == 0) {
        add_cell(rows, row);
    } else if (strcmp(row->key, "time") == 0 && row->bytes == TIME_BYTES) {
        rows->watch.wall_us = (int64_t)get_u64(row, 0);
        rows->watch.hour_wall_us = (int64_t)get_u64(row, 1);
        rows->watch.hour_watched = get_double(row, 2);
        rows->timed = true;
    } else if (sscanf(row->key, "watch %d", &index) == 1 && index >= 0 && index < WATCH_ROWS &&
               row->bytes == WATCH_STEP * 8) {
        for (int k = 0; k < WATCH_STEP; k++)
            rows->watch.hours[index * WATCH_STEP + k] = get_double(row, k);
        rows->watch_count++;
    }
}

bool baseline_rows_load(const struct baseline_rows *rows, struct baseline *baseline)
{
    if (!rows->timed || rows->watch_count != WATCH_ROWS)
        return false;
    baseline_load(baseline, &rows->watch, rows->cells, rows->cell_count);
    return true;
}
