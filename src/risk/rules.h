/* Risk rules as data, shared inside this room: the file's shape, matching one rule against one
 * event, and putting the outcome into words. All pure and single-threaded; nothing here reads a
 * clock. */
#pragma once

#include "base/conf/conf.h"
#include "risk/risk.h"

#define RULES_MAX        64
#define RULE_TIMES_MAX   8
#define RULE_REASONS_MAX 24 /* rows of rules in a verdict; the rest is for what adjusts them */
#define RULE_SAYS_BYTES  160

/* Names of rows that no rule gives, besides those of model/judgement.h. */
#define REASON_FEEDBACK   "feedback" /* what people said about earlier events */
#define REASON_NONE       "none"     /* no rule has anything to say */
#define FEEDBACK_ROWS_MAX 3

enum rule_hours {
    HOURS_ANY,
    HOURS_DAY,
    HOURS_NIGHT,
    HOURS_SMALL, /* the middle of the night */
    HOURS_EDGE,  /* of the night, but not the small hours */
    HOURS_EARLY, /* the second edge */
    HOURS_AWAY,
};
enum rule_line { RULE_LINE_IGNORED, RULE_LINE_ANY, RULE_LINE_IN, RULE_LINE_OUT };
enum rule_zones { RULE_ZONES_ANY, RULE_ZONES_DRAWN, RULE_ZONES_NONE };
enum rule_rest { REST_EITHER, REST_YES, REST_NO };
enum rule_expected { EXPECTED_EITHER, EXPECTED_YES, EXPECTED_NO, EXPECTED_GUEST };
enum rule_owner { OWNER_ANY, OWNER_OWN, OWNER_OTHER };

/* All conditions that are given must hold for the same track. */
struct rule_when {
    struct opt_list label;     /* empty: any */
    struct opt_list kind;      /* of kind_names; empty: any */
    struct opt_list zone_kind; /* of zone_kind_names; was in one of them; empty: anywhere */
    struct opt_list also_in;   /* of zone_kind_names; was in one of them, too */
    struct opt_list never_in;  /* of zone_kind_names; was in none of them */
    struct opt_list with;      /* labels; the event has a track of one of these */
    struct opt_list without;   /* of kind_names; the event has no track of these */
    int64_t min_dwell_us, max_dwell_us;       /* in that zone; 0: no bound */
    bool stays;                               /* is still in that zone when last seen */
    bool left;                                /* that zone, again */
    int64_t min_duration_us, max_duration_us; /* in view within the event; 0: no bound */
    double min_growth;                        /* 0: no bound */
    int min_count;                            /* at one time, of tracks that meet all the rest */
    int hours;                                /* enum rule_hours */
    int line;                                 /* enum rule_line */
    int zones;                                /* enum rule_zones */
    int stationary;                           /* enum rule_rest */
    int expected;                             /* enum rule_expected: by the household */
    int owner;                                /* enum rule_owner: of that zone */
    double unusual, unusual_dwell;            /* probability of it at most; 0: no bound */
    int alone;                                /* enum rule_rest: no other of the kind then */
    bool every;                               /* all tracks of the label and kind meet the rest */
};

struct rule {
    char name[OPT_NAME_BYTES];
    int points;
    int max_times; /* at most this many tracks earn the points */
    char says[RULE_SAYS_BYTES];
    struct rule_when when;
};

struct rule_set {
    int version;
    struct opt_map rules; /* struct rule, in file order */
};
extern const struct section rule_set_section;

/* The set at path, or the built-in one where it is empty, and the SHA-256 of its text. */
NODISCARD bool rules_load(const char *path, struct rule_set *ret, struct err *err);
NODISCARD bool rules_hash(const char *path, uint8_t ret[32], struct err *err);

/* Whether path is a good file of rules; err has its first mistake: FILE:LINE:COLUMN: what. */
NODISCARD bool rules_check_file(const char *path, struct err *err);

/* What the rules may look at, borrowed. */
struct facts {
    const struct event *event;
    const struct risk_context *context;
};

/* Field by field: what lies between the fields of an event is nobody's business, and equal verdicts
 * are equal bytes. */
void copy_sighting(struct sighting *to, const struct sighting *from);

/* The rows that feedback adds to a verdict, behind those of the rules; returns their points. */
int feedback_apply(const struct facts *facts, struct verdict *verdict);

/* One track that met a rule, and why. */
struct match {
    int track;                       /* index into the event's tracks */
    struct sighting at;              /* the evidence */
    double strength;                 /* comparable between matches of one rule */
    int count;                       /* of tracks that met the rule: how many at one time */
    int64_t dwell_us;                /* in the zone, or in view where no zone is asked for */
    const struct zone_visit *visit;  /* NULL: no zone asked for */
    const struct crossing *crossing; /* NULL: no line asked for */
};

/* The strongest matches, best first, ties by track order; at most rule->max_times. Returns how
 * many. */
int rule_match(const struct rule *rule, const struct facts *facts,
               struct match ret[RULE_TIMES_MAX]);

/* Who else the zone belongs to; NULL: the household, as far as is known. */
const char *facts_owner(const struct facts *facts, const char *zone);

/* Why the track is expected: the name of somebody who may be it; NULL if it is not. They have to be
 * expected in every zone it was in, but for sidewalks. Where more of its label are in view at the
 * same time than are expected at all, guests too, nobody is. */
const char *facts_expected(const struct facts *facts, int track);

/* What is usual for the track; NULL: not known. */
const struct usual *facts_usual(const struct facts *facts, int track);

/* ZONE_OTHER where the configuration no longer knows the zone. */
enum zone_kind facts_zone_kind(const struct facts *facts, int zone);

/* Size in its best or last picture (the larger) over size when first seen: > 1 came nearer.
 * *ret_at: that picture. Unlike track.growth it remembers, and is not fooled by who steps in from
 * the side. */
double track_growth(const struct track *track, struct sighting *ret_at);

/* How many of the tracks in has were in view at the same time, at most. One person who comes three
 * times is three tracks, but never three people. */
int tracks_together(const struct event *event, const bool has[EVENT_TRACKS_MAX]);

/* The middle of a night: without its first and its last two hours; never where it has none. */
struct opt_times times_small(const struct opt_times *night);

/* Whether local time at wall_us is inside; false if the time is unknown. */
bool times_contain(const struct opt_times *times, int64_t wall_us);

/* The rule's sentence about a match. */
void rule_says(const struct rule *rule, const struct facts *facts, const struct match *match,
               char *out, size_t bytes);

/* The first {word} of a template that rule_says does not know, copied to ret; false if there is
 * none. An unclosed brace counts. */
bool rule_says_unknown(const char *says, char *ret, size_t bytes);
extern const char *const rule_placeholders[]; /* "label", "zone", ... NULL */

/* One sentence about the whole event. */
void facts_summary(const struct facts *facts, char *out, size_t bytes);

/* A sentence of bounded length: what does not fit is cut between characters and marked "...". */
struct text {
    char *out;
    size_t bytes, used;
    bool cut;
};
void text_init(struct text *text, char *out, size_t bytes);
void text_add(struct text *text, const char *fmt, ...) PRINTF(2, 3);
void text_capitalise(struct text *text);                  /* its first letter, if it is ASCII */
void text_add_span(struct text *text, int64_t span_us);   /* "48 s", "1 min 20 s" */
void text_add_time(struct text *text, int64_t wall_us);   /* "03:12", local */
void text_add_place(struct text *text, const char *name); /* "the front door" */
void text_add_objects(struct text *text, const char *label, int count); /* "a dog", "2 people" */
