/* Stage 7: event -> verdict. A scorer is one scorer_ops table; the rules are the first and always
 * run: no event is seen without their score. Pure: the same event gives the same verdict. */
#pragma once

#include "base/err.h"
#include "base/opt.h"
#include "model/event.h"

struct risk_conf {
    char rules[256];        /* a rules file; empty: the built-in set */
    struct opt_times night; /* local time */
    struct opt_times away;  /* when nobody is expected; empty (from == to): never */
    char timezone[64];      /* "Europe/Berlin"; empty: the machine's */
};
extern const struct section risk_section;

/* Makes conf->timezone the whole process's, for all who show or judge local time. Once, before the
 * first other thread starts: the C library knows no other way. Fails if there is no such zone. */
NODISCARD bool risk_apply_timezone(const struct risk_conf *conf, struct err *err);

/* What a scorer may know beyond the event itself. All borrowed for the call. */
struct risk_context {
    const struct opt_map *zones; /* struct zone_conf of the event's camera */
    const struct opt_map *lines; /* struct line_conf */
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
};
extern const struct scorer_ops scorer_rules;

/* One thread at a time. conf is copied. */
struct scorer;
NODISCARD bool scorer_open(const struct scorer_ops *ops, const struct risk_conf *conf,
                           struct scorer **ret, struct err *err);
void scorer_close(struct scorer **scorer);
NODISCARD bool scorer_score(struct scorer *scorer, const struct event *event,
                            const struct risk_context *context, struct verdict *ret,
                            struct err *err);
