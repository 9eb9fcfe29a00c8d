#include "risk/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CUT_MARK "..."

void text_init(struct text *text, char *out, size_t bytes)
{
    ASSERT(bytes > sizeof CUT_MARK);
    *text = (struct text){.out = out, .bytes = bytes};
    out[0] = '\0';
}

/* Shortens by whole UTF-8 characters until the mark fits behind them. */
static void mark_cut(struct text *text)
{
    size_t keep = MIN(text->used, text->bytes - sizeof CUT_MARK);
    while (keep > 0 && ((unsigned char)text->out[keep] & 0xc0) == 0x80)
        keep--;
    memcpy(text->out + keep, CUT_MARK, sizeof CUT_MARK);
    text->used = keep + sizeof CUT_MARK - 1;
    text->cut = true;
}

void text_add(struct text *text, const char *fmt, ...)
{
    if (text->cut)
        return;
    va_list args;
    va_start(args, fmt);
    size_t room = text->bytes - text->used;
    int wanted = vsnprintf(text->out + text->used, room, fmt, args);
    va_end(args);
    ASSERT(wanted >= 0);
    /* Names come from configurations and models: a line break in one must not break the sentence.
     */
    for (char *p = text->out + text->used; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    text->used += MIN((size_t)wanted, room - 1);
    if ((size_t)wanted >= room)
        mark_cut(text);
}

void text_capitalise(struct text *text)
{
    if (text->out[0] >= 'a' && text->out[0] <= 'z')
        text->out[0] = (char)(text->out[0] - 'a' + 'A');
}

void text_add_span(struct text *text, int64_t span_us)
{
    int64_t seconds = MAX((span_us + US_PER_S / 2) / US_PER_S, 0);
    if (seconds < 60)
        text_add(text, "%d s", (int)seconds);
    else if (seconds % 60 == 0)
        text_add(text, "%lld min", (long long)(seconds / 60));
    else
        text_add(text, "%lld min %d s", (long long)(seconds / 60), (int)(seconds % 60));
}

static bool local_time(int64_t wall_us, struct tm *ret)
{
    if (wall_us == TIME_UNKNOWN)
        return false;
    time_t seconds = (time_t)(wall_us / US_PER_S - (wall_us % US_PER_S < 0));
    return localtime_r(&seconds, ret) != NULL;
}

void text_add_time(struct text *text, int64_t wall_us)
{
    struct tm tm;
    if (local_time(wall_us, &tm))
        text_add(text, "%02d:%02d", tm.tm_hour, tm.tm_min);
    else
        text_add(text, "an unknown time");
}

#define DAY_MIN (24 * 60)

struct opt_times times_small(const struct opt_times *night)
{
    const int edge_min = 120;
    int span_min = (night->to_min - night->from_min + DAY_MIN) % DAY_MIN;
    if (span_min <= 2 * edge_min)
        return (struct opt_times){0, 0};
    return (struct opt_times){(night->from_min + edge_min) % DAY_MIN,
                              (night->to_min - edge_min + DAY_MIN) % DAY_MIN};
}

bool times_contain(const struct opt_times *times, int64_t wall_us)
{
    struct tm tm;
    if (times->from_min == times->to_min || !local_time(wall_us, &tm))
        return false;
    int minute = tm.tm_hour * 60 + tm.tm_min;
    if (times->from_min < times->to_min)
        return minute >= times->from_min && minute < times->to_min;
    return minute >= times->from_min || minute < times->to_min;
}

void text_add_place(struct text *text, const char *name)
{
    static const char *const own_article[] = {"the ", "a ", "an ", "my ", "our ", NULL};
    const char *article = "the ";
    for (int i = 0; own_article[i]; i++)
        if (strncasecmp(name, own_article[i], strlen(own_article[i])) == 0)
            article = "";
    char plain[OPT_NAME_BYTES];
    STR_COPY(plain, name);
    for (char *p = plain; *p; p++)
        if (*p == '_')
            *p = ' ';
    text_add(text, "%s%s", article, plain);
}

static bool ends_with(const char *word, const char *end)
{
    size_t n = strlen(word), m = strlen(end);
    return n >= m && strcmp(word + n - m, end) == 0;
}

static void add_plural(struct text *text, const char *label)
{
    static const char *const irregular[][2] = {
        {"person", "people"}, {"sheep", "sheep"},       {"mouse", "mice"}, {"knife", "knives"},
        {"skis", "skis"},     {"scissors", "scissors"}, {NULL, NULL},
    };
    for (int i = 0; irregular[i][0]; i++) {
        if (strcmp(label, irregular[i][0]) == 0) {
            text_add(text, "%s", irregular[i][1]);
            return;
        }
    }
    bool hissing = ends_with(label, "s") || ends_with(label, "ch") || ends_with(label, "x");
    text_add(text, "%s%s", label, hissing ? "es" : "s");
}

void text_add_objects(struct text *text, const char *label, int count)
{
    /* What the motion-only detector calls everything. */
    if (strcmp(label, "motion") == 0) {
        text_add(text, count == 1 ? "something" : "several things");
    } else if (count == 1) {
        bool vowel = label[0] && strchr("aeiou", label[0]);
        text_add(text, "%s %s", vowel ? "an" : "a", label);
    } else {
        text_add(text, "%d ", count);
        add_plural(text, label);
    }
}
