#include "risk/rules.h"

#include <string.h>

const char *const rule_placeholders[] = {"label", "zone", "line", "dwell", "count", "time", NULL};

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

static void add_placeholder(struct text *text, const char *word, size_t bytes,
                            const struct facts *facts, const struct match *match)
{
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
        add_placeholder(&text, p + 1, word, facts, match);
        p += 1 + word + (p[1 + word] == '}');
    }
    text_capitalise(&text);
}
