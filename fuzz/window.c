/* Windows as they are stored and as they are written out by hand. Whatever is accepted can be
 * scored, and comes back from its own text as it was. */
#include "risk/window.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char *text_of(const struct window *window)
{
    struct json out;
    json_init(&out);
    window_json(&out, window->event, &window->context, window->rules, window->rules_sha256,
                window->timezone);
    char *text = json_take(&out);
    json_done(&out);
    return text;
}

static void score(const struct window *window)
{
    static struct scorer *scorer; /* reading the rules takes longer than all the rest */
    struct risk_conf conf;
    struct verdict verdict;
    struct err err = {0};
    opt_defaults(&risk_section, &conf);
    ASSERT(scorer || scorer_open(&scorer_rules, &conf, &scorer, &err));
    ASSERT(scorer_score(scorer, window->event, &window->context, &verdict, &err));
    ASSERT(verdict.score >= 0 && verdict.score <= 100 && verdict.reason_count >= 1);
}

static void check(const struct window *window)
{
    struct window *again;
    struct err err = {0};
    ASSERT(window->event->track_count <= EVENT_TRACKS_MAX);
    score(window);
    AUTO(free_ptr) char *text = text_of(window);
    if (strlen(text) > WINDOW_BYTES_MAX)
        return; /* escapes may be longer than what they stand for */
    ASSERT(window_parse(text, strlen(text), &again, &err));
    AUTO(free_ptr) char *same = text_of(again);
    ASSERT(strcmp(text, same) == 0);
    window_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct window *window;
    struct window_label label;
    struct err err = {0};
    if (window_parse((const char *)data, bytes, &window, &err))
        check(window);
    else
        ASSERT(err.code == ERR_INVALID && err.msg[0]);
    window_free(&window);
    if (window_parse_line((const char *)data, bytes, &window, &label, &err))
        check(window);
    else
        ASSERT(err.code == ERR_INVALID && err.msg[0]);
    window_free(&window);
    return 0;
}
