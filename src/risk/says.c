#include "risk/rules.h"

#include <string.h>

const char *const rule_placeholders[] = {"label", "zone",  "line", "dwell", "count",
                                         "time",  "usual", "who",  "owner", NULL};

static bool is_word(const char *start, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(start, word, bytes) == 0;
}

bool rule_says_unknown(const char *says, char *ret, size_t bytes)
{
    for (const char *open = strchr(says, '{'); open; open = strchr(open + 1, '{')) {
        size_t span = strcspn(open + 1, "{}");
        bool known = false;
        for (int i = 0; rule_placeholders[i]; i++)
            known |= open[1 + span] == '}' && is_word(open + 1, span, rule_placeholders[i]);
        if (known)
            continue;
        span = MIN(span, bytes - 1);
        memcpy(ret, open + 1, span);
        ret[span] = '\0';
        return true;
    }
    return false;
}

/* "0.2", "3", "0.004": as many digits as say something. */
static void add_rate(struct text *text, double rate)
{
    if (rate < 0.001)
        text_add(text, "less than 0.001");
    else
        text_add(text, "%.*g", rate < 10 ? 2 : 3, rate);
}

/* "0.2 an hour on Tuesdays 03:00-04:00, over 11 weeks": the numbers behind a probability. */
static void add_usual(struct text *text, const struct usual *usual, bool dwell)
{
    static const char *const days[] = {"Mondays", "Tuesdays",  "Wednesdays", "Thursdays",
                                       "Fridays", "Saturdays", "Sundays"};
    if (dwell) {
        text_add_span(text, (int64_t)(CLAMP(usual->dwell_s, 0.0, 86400.0) * (double)US_PER_S));
    } else {
        add_rate(text, usual->per_hour);
        text_add(text, " an hour");
    }
    int hour = CLAMP(usual->hour, 0, BASELINE_HOURS - 1);
    text_add(text, " on %s %02d:00-%02d:00, over %.0f week%s", days[hour / 24], hour % 24,
             hour % 24 + 1, usual->weeks, usual->weeks < 1.5 ? "" : "s");
}

static void add_plain(struct text *text, const char *name)
{
    text_add(text, "%s", name ? name : "nobody");
}

static void add_household(struct text *text, const char *word, size_t bytes,
                          const struct facts *facts, const struct match *match)
{
    if (is_word(word, bytes, "who"))
        add_plain(text, facts_expected(facts, match->track));
    else if (is_word(word, bytes, "owner") && match->visit)
        add_plain(text, facts_owner(facts, match->visit->name));
}

static void add_placeholder(struct text *text, const char *word, size_t bytes,
                            const struct rule *rule, const struct facts *facts,
                            const struct match *match)
{
    const struct usual *usual = facts_usual(facts, match->track);
    if (is_word(word, bytes, "label"))
        text_add_objects(text, facts->event->tracks[match->track].label, 1);
    else if (is_word(word, bytes, "zone") && match->visit)
        text_add_place(text, match->visit->name);
    else if (is_word(word, bytes, "line") && match->crossing)
        text_add_place(text, match->crossing->name);
    else if (is_word(word, bytes, "dwell"))
        text_add_span(text, match->dwell_us);
    else if (is_word(word, bytes, "count"))
        text_add(text, "%d", match->count);
    else if (is_word(word, bytes, "time"))
        text_add_time(text, match->at.wall_us);
    else if (is_word(word, bytes, "usual") && usual)
        add_usual(text, usual, rule->when.unusual <= 0);
    else
        add_household(text, word, bytes, facts, match);
}

void rule_says(const struct rule *rule, const struct facts *facts, const struct match *match,
               char *out, size_t bytes)
{
    struct text text;
    text_init(&text, out, bytes);
    const char *p = rule->says;
    while (*p) {
        size_t plain = strcspn(p, "{");
        text_add(&text, "%.*s", (int)plain, p);
        p += plain;
        if (*p != '{')
            continue;
        size_t word = strcspn(p + 1, "}");
        add_placeholder(&text, p + 1, word, rule, facts, match);
        p += 1 + word + (p[1 + word] == '}');
    }
    text_capitalise(&text);
}
