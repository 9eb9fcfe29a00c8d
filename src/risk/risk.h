/* Stage 7: event -> verdict. A scorer is one scorer_ops table; the rules are the first and always
 * run: no event is seen without their score. Pure: the same event gives the same verdict. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "model/event.h"
#include "model/feedback.h"
#include "model/zone.h"
#include "risk/baseline.h"
#include "risk/household.h"
#include "risk/llm/conf.h"

struct risk_conf {
    char rules[256];        /* a rules file; empty: the built-in set */
    struct opt_times night; /* local time */
    struct opt_times away;  /* when nobody is expected; empty (from == to): never */
    char timezone[64];      /* "Europe/Berlin"; empty: the machine's */
    struct household_conf household;
    struct baseline_conf baseline;
    struct llm_conf llm;
    char shadow[256]; /* a rules file that scores beside the real one; empty: none */
};
extern const struct section risk_section;

/* Makes conf->timezone the whole process's, for all who show or judge local time. Once, before the
 * first other thread starts: the C library knows no other way. Fails if there is no such zone. */
NODISCARD bool risk_apply_timezone(const struct risk_conf *conf, struct err *err);

/* What a scorer may know beyond the event itself. All borrowed for the call. */
struct risk_context {
    const struct opt_map *zones; /* struct zone_conf of the event's camera */
    const struct opt_map *lines; /* struct line_conf */
    struct opt_times night, away;
    const struct household *household; /* at the event's last sighting; NULL: none configured */
    const struct usual *usual;         /* of each track of the event; NULL: no baseline */
    const struct offsets *offsets;     /* from feedback; NULL: none */
};

struct scorer_ops {
    const char *name;
    size_t priv_size; /* zeroed before open */
    bool (*open)(void *priv, const struct risk_conf *conf, struct err *err);
    /* Fills *ret, unused bytes with zero, at least one reason. Fails only if it could not judge at
     * all; *ret is then "needs review". */
    bool (*score)(void *priv, const struct event *event, const struct risk_context *context,
                  struct verdict *ret, struct err *err);
    void (*close)(void *priv); /* also after a failed open */
    /* Of the text that the verdicts rest on; NULL: on nothing but the program. */
    void (*sha256)(const void *priv, uint8_t ret[32]);
};
extern const struct scorer_ops scorer_rules;

/* One thread at a time. conf is copied. */
struct scorer;
NODISCARD bool scorer_open(const struct scorer_ops *ops, const struct risk_conf *conf,
                           struct scorer **ret, struct err *err);
void scorer_close(struct scorer **scorer);
void scorer_sha256(const struct scorer *scorer,
                   uint8_t ret[32]); /* zeros: nothing but the program */
NODISCARD bool scorer_score(struct scorer *scorer, const struct event *event,
                            const struct risk_context *context, struct verdict *ret,
                            struct err *err);

/* --- all of it, for the risk thread --- */

/* What the shadow rules would have changed, of closed events. */
struct risk_shadow_stats {
    int64_t events, raised, lowered;      /* by level */
    int64_t alarms_added, alarms_removed; /* high or critical */
};

/* Scores events of many cameras: rules, household, baselines, feedback; keeps the window of closed
 * ones and says which a model is to judge. One thread at a time; stats from any. */
struct risk;

struct risk_params {
    const struct risk_conf *conf; /* borrowed */
    struct log log;
    /* A camera's offsets, and what its baseline was: false if there is none. NULL: not kept. */
    bool (*offsets_of)(void *ctx, const char *camera, struct offsets *ret);
    bool (*baseline_load)(void *ctx, const char *camera, struct baseline *baseline);
    /* What a baseline has learned, to be kept; borrowed. NULL: not kept. */
    void (*baseline_sink)(void *ctx, const char *camera, const struct baseline_watch *watch,
                          const struct baseline_cell *cells, int count);
    void *ctx;
    /* Whether a language model may be asked: asked before each event->ask is set. NULL: no. */
    bool (*model_known)(void *ctx);
    void *model_ctx;
};

NODISCARD bool risk_open(const struct risk_params *params, struct risk **ret, struct err *err);
void risk_close(struct risk **risk);

/* Fills event->verdict, and window and ask where they are due. An event that cannot be judged gets
 * a verdict that says so; the log has why. */
void risk_judge(struct risk *risk, struct event *event, const struct opt_map *zones,
                const struct opt_map *lines);

/* A camera was watched: for the baseline's denominators. Spans in order, a minute or longer. */
void risk_watched(struct risk *risk, const char *camera, int64_t from_wall_us, int64_t to_wall_us);

struct risk_shadow_stats risk_shadow_stats(const struct risk *risk);
