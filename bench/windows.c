#include "windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must(bool ok, const struct err *err)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", err->msg);
    exit(1);
}

void windows_load(const char *path, int most, struct windows *ret)
{
    *ret = (struct windows){0};
    struct err err = {0};
    FILE *set = fopen(path, "re");
    must(set || err_set(&err, ERR_NOT_FOUND, "%s: cannot be opened", path), &err);
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    ret->items = xcalloc((size_t)most, sizeof *ret->items);
    while (ret->count < most && (bytes = getline(&line, &room, set)) > 1) {
        struct window_label label;
        must(window_parse_line(line, (size_t)bytes - 1, &ret->items[ret->count++], &label, &err),
             &err);
    }
    free(line);
    fclose(set);
    must(ret->count > 0 || err_set(&err, ERR_INVALID, "%s: no window in it", path), &err);
}

void windows_free(struct windows *windows)
{
    for (int i = 0; i < windows->count; i++)
        window_free(&windows->items[i]);
    free(windows->items);
    *windows = (struct windows){0};
}

struct event *windows_event(const struct window *window, struct uuid_gen *ids)
{
    struct event *e = event_copy(window->event);
    e->id = uuid7_new(ids);
    for (int i = 0; i < e->track_count; i++)
        e->tracks[i].id = uuid7_new(ids);
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_QUIET;
    e->verdict = (struct verdict){0};
    return e;
}
