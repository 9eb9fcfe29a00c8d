#include "risk/rules.h"

#include "base/embed.h"
#include "model/judgement.h"

#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct embedded embedded_rules[];

/* -- its options -- */

static const char *const hours_names[] = {"any",  "day",   "night", "small",
                                          "edge", "early", "away",  NULL};
static const char *const line_names[] = {"ignored", "any", "in", "out", NULL};
static const char *const zones_names[] = {"any", "drawn", "none", NULL};
static const char *const rest_names[] = {"either", "yes", "no", NULL};
static const char *const expected_names[] = {"either", "yes", "no", "guest", NULL};
static const char *const owner_names[] = {"any", "own", "other", NULL};

#define KINDS(field) OPT_LIST(struct rule_when, field, 0, KIND_COUNT), .choices = kind_names
#define PLACES(field)                                                                              \
    OPT_LIST(struct rule_when, field, 0, ZONE_OTHER + 1), .choices = zone_kind_names
#define SPAN(field) OPT_DURATION(struct rule_when, field, 0, 3600), .def = "0s"

static const struct opt when_rows[] = {
    {"label", OPT_LIST(struct rule_when, label, 0, OPT_LIST_MAX),
     .help = "The track is one of these, in the words of the detector: person, car, dog."},
    {"kind", KINDS(kind), .help = "The track is of one of these kinds."},
    {"zone_kind", PLACES(zone_kind), .help = "The track was in a zone of one of these kinds."},
    {"also_in", PLACES(also_in), .help = "It was in a zone of one of these kinds as well."},
    {"never_in", PLACES(never_in),
     .help = "The track was in no zone of these kinds; zones of somebody else do not count."},
    {"owner", OPT_ENUM(struct rule_when, owner, owner_names), .def = "any",
     .help = "That zone is the household's own, or it belongs to somebody else (other)."},
    {"expected", OPT_ENUM(struct rule_when, expected, expected_names), .def = "either",
     .help = "The household expects somebody, or such a vehicle, there at that time (yes), or it "
             "has such and expects none of them then, guests neither (no); guest: a guest, or a "
             "guest's vehicle, may come."},
    {"unusual", OPT_DOUBLE(struct rule_when, unusual, 0, 1), .def = "0",
     .help = "So many at that place and hour of the week are at most this probable, by what has "
             "been learned; 0: no bound."},
    {"unusual_dwell", OPT_DOUBLE(struct rule_when, unusual_dwell, 0, 1), .def = "0",
     .help = "So long a stay there is at most this probable; 0: no bound."},
    {"min_dwell", SPAN(min_dwell_us), .help = "It stayed in that zone at least this long."},
    {"max_dwell", SPAN(max_dwell_us),
     .help = "It stayed in that zone at most this long so far; 0s: no bound."},
    {"left", OPT_BOOL(struct rule_when, left), .def = "false",
     .help = "It has left that zone again."},
    {"stays", OPT_BOOL(struct rule_when, stays), .def = "false",
     .help = "It is still in that zone, or was when it was last seen."},
    {"line", OPT_ENUM(struct rule_when, line, line_names), .def = "ignored",
     .help = "It crossed a line: any way, in, or out."},
    {"min_growth", OPT_DOUBLE(struct rule_when, min_growth, 0, 1000), .def = "0",
     .help = "It came nearer: its box became this many times as large; 0: no bound."},
    {"min_duration", SPAN(min_duration_us), .help = "It was in view at least this long."},
    {"max_duration", SPAN(max_duration_us),
     .help = "It was in view at most this long so far; 0s: no bound."},
    {"stationary", OPT_ENUM(struct rule_when, stationary, rest_names), .def = "either",
     .help = "It has come to rest, or it has not."},
    {"hours", OPT_ENUM(struct rule_when, hours, hours_names), .def = "any",
     .help = "The evidence is from the night or away hours of the configuration; day is outside "
             "the night, small are the small hours: its middle, without its first and last two "
             "hours, which are its edge; early are the last two. Never holds while the time of the "
             "pictures is unknown, except "
             "for any."},
    {"zones", OPT_ENUM(struct rule_when, zones, zones_names), .def = "any",
     .help = "The camera has zones drawn, or it has none."},
    {"with", OPT_LIST(struct rule_when, with, 0, OPT_LIST_MAX),
     .help = "One of these, in the words of the detector, is in the event, too."},
    {"without", KINDS(without), .help = "Nothing of these kinds is in the event."},
    {"min_count", OPT_INT(struct rule_when, min_count, 1, EVENT_TRACKS_MAX), .def = "1",
     .help = "At least this many tracks meet all the rest and were in view at the same time."},
    {"alone", OPT_ENUM(struct rule_when, alone, rest_names), .def = "either",
     .help = "No other of this label and kind was in view at the same time (yes), or one was."},
    {"every", OPT_BOOL(struct rule_when, every), .def = "false",
     .help = "All tracks of this label and kind meet all the rest, not just one of them. Use it "
             "where points are negative: a passer-by must not excuse a burglar."},
    {0},
};

static bool check_when(const void *section, const char **ret_at, struct err *err)
{
    const struct rule_when *when = section;
    struct {
        const char *name;
        bool given;
    } of_zone[] = {
        {"min_dwell", when->min_dwell_us > 0},
        {"max_dwell", when->max_dwell_us > 0},
        {"left", when->left},
        {"stays", when->stays},
        {"owner", when->owner != OWNER_ANY},
    };
    for (size_t i = 0; i < ARRAY_LEN(of_zone); i++) {
        if (!of_zone[i].given || when->zone_kind.count > 0)
            continue;
        *ret_at = of_zone[i].name;
        err_set(err, ERR_INVALID, "%s needs a zone, and zone_kind is not given", of_zone[i].name);
        err_hint(err, "add zone_kind, or use min_duration for the whole time in view");
        return false;
    }
    if (when->max_dwell_us && when->max_dwell_us < when->min_dwell_us) {
        *ret_at = "max_dwell";
        return err_set(err, ERR_INVALID, "max_dwell is shorter than min_dwell");
    }
    if (when->max_duration_us && when->max_duration_us < when->min_duration_us) {
        *ret_at = "max_duration";
        return err_set(err, ERR_INVALID, "max_duration is shorter than min_duration");
    }
    return true;
}

static const struct section when_section = {
    .name = "when",
    .help = "Conditions of a rule. Those that are given must all hold for the same track.",
    .bytes = sizeof(struct rule_when),
    .rows = when_rows,
    .check = check_when,
};

static const struct opt rule_rows[] = {
    {"points", OPT_INT(struct rule, points, -100, 100), .flags = OPT_REQUIRED,
     .help = "Added to the score when the rule fires."},
    {"max_times", OPT_INT(struct rule, max_times, 1, RULE_TIMES_MAX), .def = "1",
     .help = "The points are given for this many tracks at most, the strongest first."},
    {"says", OPT_TEXT(struct rule, says), .flags = OPT_REQUIRED,
     .help = "The reason in words. {label}, {zone}, {line}, {dwell}, {count} and {time} stand for "
             "what was seen, {who}, {owner} and {usual} for what the household and the baseline "
             "know."},
    {"when", OPT_GROUP(struct rule, when, &when_section), .help = "Its conditions."},
    {0},
};

/* A placeholder has nothing to stand for unless the rule asks for it. */
static bool check_placeholders(const struct rule *rule, struct err *err)
{
    const struct rule_when *when = &rule->when;
    const struct {
        const char *word, *thing, *add;
        bool given;
    } needs[] = {
        {"{zone}", "a zone", "zone_kind", when->zone_kind.count > 0},
        {"{line}", "a line", "line", when->line != RULE_LINE_IGNORED},
        {"{who}", "somebody expected", "expected: yes", when->expected == EXPECTED_YES},
        {"{owner}", "a zone of somebody else", "owner: other", when->owner == OWNER_OTHER},
        {"{usual}", "what is unusual", "unusual or unusual_dwell",
         when->unusual > 0 || when->unusual_dwell > 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        if (needs[i].given || !strstr(rule->says, needs[i].word))
            continue;
        err_set(err, ERR_INVALID, "%s needs %s, and the rule asks for none", needs[i].word,
                needs[i].thing);
        err_hint(err, "add %s to when", needs[i].add);
        return false;
    }
    return true;
}

static bool check_rule(const void *section, const char **ret_at, struct err *err)
{
    const struct rule *rule = section;
    char word[OPT_NAME_BYTES];
    static const char *const reserved[] = {REASON_MODEL,    REASON_MODEL_REJECTED, REASON_LIMIT,
                                           REASON_FEEDBACK, REASON_NONE,           NULL};
    for (int i = 0; reserved[i]; i++)
        if (strcmp(rule->name, reserved[i]) == 0)
            return err_set(err, ERR_INVALID, "the name '%s' is kept for rows that no rule gives",
                           rule->name);
    *ret_at = "says";
    if (!rule_says_unknown(rule->says, word, sizeof word))
        return check_placeholders(rule, err);
    const char *near = suggest(word, rule_placeholders);
    err_set(err, ERR_INVALID, "nothing is known about {%s}", word);
    if (near)
        err_hint(err, "did you mean {%s}?", near);
    else
        err_hint(err, "use {label}, {zone}, {line}, {dwell}, {count}, {time}, {who}, {owner} or "
                      "{usual}");
    return false;
}

static const struct section rule_section = {
    .name = "rule",
    .help = "One reason for or against alarm.",
    .bytes = sizeof(struct rule),
    .rows = rule_rows,
    .check = check_rule,
};

static const struct opt rule_set_rows[] = {
    {"version", OPT_INT(struct rule_set, version, 1, 1000000), .flags = OPT_REQUIRED,
     .help = "Goes with every verdict; raise it when you change a rule."},
    {"rules", OPT_MAP(struct rule_set, rules, &rule_section, RULES_MAX), .flags = OPT_REQUIRED,
     .help = "The rules by name. The score is the sum of the points of those that fire, 0 to 100."},
    {0},
};

const struct section rule_set_section = {
    .name = "rule set",
    .help = "A file of risk rules.",
    .bytes = sizeof(struct rule_set),
    .rows = rule_set_rows,
};

/* -- reading it -- */

static bool first_error(const struct conf_errors *errors, struct err *err)
{
    const struct conf_error *first = &errors->items[0];
    char more[32] = "";
    if (errors->total > 1)
        snprintf(more, sizeof more, " (and %d more)", errors->total - 1);
    if (first->line == 0)
        err_set(err, ERR_INVALID, "%s: %s%s", errors->file, first->msg, more);
    else
        err_set(err, ERR_INVALID, "%s:%d:%d: %s%s", errors->file, first->line, first->column,
                first->msg, more);
    err_hint(err, "%s", first->hint);
    return false;
}

bool rules_load(const char *path, struct rule_set *ret, struct err *err)
{
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    const struct embedded *own = &embedded_rules[0];
    bool ok = path[0] ? conf_load(path, &rule_set_section, ret, NULL, errors)
                      : conf_parse(own->name, (const char *)own->data, own->bytes,
                                   &rule_set_section, ret, NULL, errors);
    return ok || first_error(errors, err);
}

bool rules_check_file(const char *path, struct err *err)
{
    struct rule_set set;
    if (!rules_load(path, &set, err))
        return false;
    opt_free(&rule_set_section, &set);
    return true;
}

static void free_sha(struct AVSHA **sha)
{
    av_freep(sha);
}

static void sha256_of(const void *data, size_t bytes, uint8_t ret[32])
{
    AUTO(free_sha) struct AVSHA *sha = av_sha_alloc();
    ASSERT(sha);
    av_sha_init(sha, 256);
    av_sha_update(sha, data, bytes);
    av_sha_final(sha, ret);
}

/* Of the text as it is: a comment counts too, but a set that was only looked at keeps its hash. */
bool rules_hash(const char *path, uint8_t ret[32], struct err *err)
{
    const struct embedded *own = &embedded_rules[0];
    if (!path[0]) {
        sha256_of(own->data, own->bytes, ret);
        return true;
    }
    AUTO(free_ptr) char *text = xcalloc(CONF_FILE_BYTES, 1);
    FILE *file = fopen(path, "rb");
    if (!file)
        return err_set(err, ERR_UNAVAILABLE, "%s cannot be read again", path);
    size_t bytes = fread(text, 1, CONF_FILE_BYTES, file);
    fclose(file);
    sha256_of(text, bytes, ret);
    return true;
}
