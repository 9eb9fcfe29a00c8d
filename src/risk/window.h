/* A window: everything a score is made of, as one JSON text. It is stored with the event, goes into
 * the model's prompt, and can be scored again years later with the same result: by `hsi rescore`,
 * `hsi replay` and `hsi evaluate`. */
#pragma once

#include "risk/risk.h"

#define WINDOW_VERSION   1
#define WINDOW_BYTES_MAX (512 * 1024) /* of JSON; one of 64 tracks takes about 100 KB */

/* Owns all that context points to. */
struct window {
    struct event *event;
    struct risk_context context;
    char rules[64];              /* scorer that judged it: "rules 1" */
    uint8_t rules_sha256[32];    /* of the rules' text */
    char timezone[64];           /* whose local time was meant; empty: the machine's */
    int score;                   /* what it gave then; SCORE_NONE if not known */
    struct opt_map zones, lines; /* struct zone_conf, struct line_conf: names and kinds only */
};

/* The event with its verdict, and what its scorer knew. Exact: numbers come back bit by bit. */
void window_json(struct json *out, const struct event *event, const struct risk_context *context,
                 const char *rules, const uint8_t rules_sha256[32], const char *timezone);

/* The reverse. Hostile input: ERR_INVALID or ERR_DATA_LOSS with what is wrong. */
NODISCARD bool window_parse(const char *json, size_t bytes, struct window **ret, struct err *err);
void window_free(struct window **window);

/* One line of an evaluation set (docs/evaluate.md): a written-out window in short form. */
struct window_label {
    char id[64];
    int expect_level; /* enum risk_level */
    bool incident;
};
NODISCARD bool window_parse_line(const char *json, size_t bytes, struct window **ret,
                                 struct window_label *ret_label, struct err *err);

/* A window that was really seen as such a line; boxes are lost, what they meant is kept. note may
 * be NULL. In the process's time zone. */
void window_line_json(struct json *out, const struct window *window,
                      const struct window_label *label, const char *note);
