/* hsi feedback: what people said about events, as a labelled set. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/windows.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 100

struct feedback_args {
    char data[256], config[256];
};

static const struct opt feedback_flags[] = {
    {"data", OPT_TEXT(struct feedback_args, data), .unit = "DIR",
     .help =
         "The directory of the store, as storage.path names it; without it the one that is used "
         "where nothing is configured."},
    {"config", OPT_TEXT(struct feedback_args, config), .unit = "FILE",
     .help = "Take the store's directory from this configuration."},
    {0},
};

static const struct section feedback_section = {
    .name = "feedback", .bytes = sizeof(struct feedback_args), .rows = feedback_flags};

static const struct args_spec feedback_spec = {
    .command = "feedback",
    .help = "Prints every event that somebody has said something about as a line of a labelled "
            "set, for hsi evaluate. hsi may be running.",
    .flags = &feedback_section,
};

/* What an event that was scored so should have been, by what was said of it. */
static struct window_label label_of(int kind, int level, const char *id)
{
    struct window_label label = {.expect_level = MAX(level, (int)RISK_LOW)};
    STR_COPY(label.id, id);
    switch (kind) {
    case FEEDBACK_FALSE_POSITIVE:
        label.expect_level = RISK_LOW;
        break;
    case FEEDBACK_MISSED:
        label.expect_level = RISK_HIGH;
        label.incident = true;
        break;
    case FEEDBACK_TOO_HIGH:
        label.expect_level = MAX(level - 1, (int)RISK_LOW);
        break;
    case FEEDBACK_TOO_LOW:
        label.expect_level = MIN(level + 1, (int)RISK_CRITICAL);
        label.incident = true;
        break;
    default: /* accurate: what was told loudly was worth it */
        label.incident = level >= RISK_HIGH;
        break;
    }
    return label;
}

static bool print_item(struct store_reader *reader, const struct windows_zone *zone,
                       const json_t *item, struct err *err)
{
    const char *event = json_string_value(json_object_get(item, "event_id"));
    const char *kind = json_string_value(json_object_get(item, "kind"));
    struct uuid id;
    AUTO(blob_unref) struct blob *packed = NULL;
    AUTO(blob_unref) struct blob *text = NULL;
    AUTO(window_free) struct window *window = NULL;
    if (!event || !kind || !uuid_parse(event, &id))
        return err_set(err, ERR_DATA_LOSS, "feedback of no event");
    int index = 0;
    while (feedback_kind_names[index] && strcmp(feedback_kind_names[index], kind) != 0)
        index++;
    if (!store_read_window(reader, &id, &packed, err))
        return err->code == ERR_NOT_FOUND; /* still open, or from before windows were kept */
    if (!blob_expand(packed->data, packed->bytes, WINDOW_BYTES_MAX, &text, err) ||
        !window_parse((const char *)text->data, text->bytes, &window, err))
        return err_wrap(err, "event %s", event);
    struct window_label label = label_of(index, (int)risk_level_of(window->score), event);
    windows_use_zone(zone, window->timezone);
    struct json j;
    json_init(&j);
    window_line_json(&j, window, &label, json_string_value(json_object_get(item, "note")));
    puts(j.text);
    json_done(&j);
    return true;
}

static bool print_page(struct store_reader *reader, const struct windows_zone *zone,
                       struct uuid *cursor, int *count, struct err *err)
{
    struct json j;
    struct uuid next = {0};
    json_init(&j);
    json_begin_object(&j, NULL);
    bool ok = store_list_feedback(reader, cursor, PAGE, &j, &next, err);
    json_end_object(&j);
    json_t *root = ok ? json_loadb(j.text, j.bytes, 0, NULL) : NULL;
    size_t index;
    const json_t *item;
    *count += (int)json_array_size(json_object_get(root, "items"));
    json_array_foreach(json_object_get(root, "items"), index, item)
        ok = ok && print_item(reader, zone, item, err);
    json_decref(root);
    json_done(&j);
    *cursor = next;
    return ok;
}

int cli_feedback(int argc, char **argv)
{
    struct feedback_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(&feedback_spec, &args, argc, argv, &rest, &code))
        return code;
    AUTO(config_done) struct config config = {0};
    AUTO(store_reader_close) struct store_reader *reader = NULL;
    struct uuid cursor = {0};
    struct windows_zone zone;
    windows_zone_init(&zone);
    struct err err = {0};
    code = EXIT_OK;
    bool ok = windows_load_config(args.config, "", "", &config, &code, &err) &&
              store_reader_look(args.data[0] ? args.data : config.store.path, &reader, &err);
    int count = 0;
    do
        ok = ok && print_page(reader, &zone, &cursor, &count, &err);
    while (ok && !uuid_is_zero(&cursor));
    if (ok && count == 0)
        fputs("hsi: nobody has said anything about an event yet\n", stderr);
    return ok ? EXIT_OK : code == EXIT_OK ? args_fail(&err) : code;
}
