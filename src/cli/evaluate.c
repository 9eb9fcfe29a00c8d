/* hsi evaluate: how good scoring is on windows that people have labelled. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/windows.h"
#include "risk/llm/judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SET_LINE_MAX WINDOW_BYTES_MAX

enum half { HALF_TUNE, HALF_REPORT, HALF_COUNT };
static const char *const part_names[] = {"all", "tune", "report", NULL};

struct evaluate_args {
    char config[256], rules[256], llm[256];
    int half;
    bool json, misses;
};

static const struct opt evaluate_flags[] = {
    {"config", OPT_TEXT(struct evaluate_args, config), .unit = "FILE",
     .help = "Take risk options from this configuration."},
    {"rules", OPT_TEXT(struct evaluate_args, rules), .unit = "FILE",
     .help = "Score by these rules instead of the built-in ones."},
    {"llm", OPT_TEXT(struct evaluate_args, llm), .unit = "URL",
     .help = "Ask the language model of this server as well, such as http://127.0.0.1:8080; auto: "
             "look for one on this machine."},
    {"half", OPT_ENUM(struct evaluate_args, half, part_names), .def = "all",
     .help = "Only the half that rules are tuned on, or the other one, which is reported."},
    {"misses", OPT_BOOL(struct evaluate_args, misses),
     .help = "A line for each window that is scored too high or too low."},
    {"json", OPT_BOOL(struct evaluate_args, json), .help = "One JSON document on standard output."},
    {0},
};

static const struct section evaluate_section = {
    .name = "evaluate", .bytes = sizeof(struct evaluate_args), .rows = evaluate_flags};

static const struct args_spec evaluate_spec = {
    .command = "evaluate",
    .operands = "SET.jsonl",
    .min = 1,
    .max = 1,
    .help = "Scores labelled windows, one a line, and tells how many benign ones raise a false "
            "alarm and how many incidents are scored at their level or above. The format is in "
            "docs/evaluate.md.",
    .flags = &evaluate_section,
};

/* One window as somebody scored it. */
struct outcome_row {
    int half, expect_level;
    bool incident;
    int score;
    int64_t spent_us;
};

struct scored {
    const char *name; /* of the scorer */
    struct outcome_row *rows;
    int count;
    int64_t tokens, cached_tokens, dropped_claims;
    int failed; /* windows the model gave no verdict on: the rules' score counts */
};

struct evaluation {
    struct evaluate_args args;
    struct config config;
    struct uuid_gen ids;
    struct windows_zone zone;
    struct log_sink *sink;
    struct scorer *scorer;
    struct judge_once *judge; /* NULL: rules only */
    struct scored rules, model;
};

/* Which half a window is in follows from the number at the end of its name: even numbers are for
 * tuning. */
static enum half half_of(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && strchr("02468", id[n - 1]) ? HALF_TUNE : HALF_REPORT;
}

static bool is_wrong(const struct outcome_row *r)
{
    int level = (int)risk_level_of(r->score); /* unknown is lower than any */
    return r->incident ? level < r->expect_level : level > r->expect_level;
}

static void add_row(struct evaluation *e, struct scored *to, const struct window_label *label,
                    const struct verdict *verdict, int64_t spent_us)
{
    struct outcome_row row = {half_of(label->id), label->expect_level, label->incident,
                              verdict->score, spent_us};
    to->rows = xrealloc(to->rows, (size_t)to->count + 1, sizeof *to->rows);
    to->rows[to->count++] = row;
    if (e->args.misses && is_wrong(&row))
        fprintf(stderr, "%-28s %-14s %3d %-8s expected %s%s  %s\n", label->id, to->name, row.score,
                risk_level_names[risk_level_of(row.score)], row.incident ? "at least " : "at most ",
                risk_level_names[row.expect_level], verdict->summary);
}

static void ask_model(struct evaluation *e, const struct window *window,
                      const struct window_label *label, struct verdict *verdict)
{
    struct inquiry_result result = {0};
    judge_once_ask(e->judge, window, NULL, 0, &result);
    const struct judgement *j = &result.judgement;
    judgement_apply(j, verdict);
    e->model.tokens += MAX(j->prompt_tokens, 0) + MAX(j->reply_tokens, 0);
    e->model.cached_tokens += MAX(j->cached_tokens, 0);
    e->model.dropped_claims += j->dropped_count;
    e->model.failed += j->state != JUDGEMENT_DONE;
    add_row(e, &e->model, label, verdict, j->spent_us);
    for (int i = 0; i < result.run_count; i++)
        run_done(&result.runs[i]);
}

static bool evaluate_line(struct evaluation *e, const char *line, size_t bytes, struct err *err)
{
    AUTO(window_free) struct window *window = NULL;
    struct window_label label;
    if (!window_parse_line(line, bytes, &window, &label, err))
        return false;
    if (e->args.half != 0 && (int)half_of(label.id) != e->args.half - 1)
        return true;
    struct verdict *verdict = &window->event->verdict;
    int64_t before_us = clock_mono_us(&clock_real);
    windows_use_zone(&e->zone, window->timezone);
    if (!scorer_score(e->scorer, window->event, &window->context, verdict, err))
        return false;
    add_row(e, &e->rules, &label, verdict, clock_mono_us(&clock_real) - before_us);
    if (e->judge)
        ask_model(e, window, &label, verdict);
    return true;
}

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

static bool evaluate_file(struct evaluation *e, const char *path, struct err *err)
{
    AUTO(close_file) FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, ERR_NOT_FOUND, "%s: cannot open: %s", path, strerror(errno));
    AUTO(free_ptr) char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    for (int number = 1; (bytes = getline(&line, &room, file)) >= 0; number++) {
        while (bytes > 0 && strchr("\r\n \t", line[bytes - 1]))
            bytes--;
        if (bytes == 0)
            continue;
        bool fits = bytes <= SET_LINE_MAX ||
                    err_set(err, ERR_INVALID, "a line of %zd bytes, at most %d are read", bytes,
                            SET_LINE_MAX);
        if (!fits || !evaluate_line(e, line, (size_t)bytes, err))
            return err_wrap(err, "%s:%d", path, number);
    }
    return e->rules.count > 0 || err_set(err, ERR_INVALID, "%s: there is no window in it", path);
}

/* -- the table -- */

struct measure {
    int benign, false_alarms, loud_alarms; /* loud: high or critical */
    int incidents, told, noticed;          /* noticed: medium or higher */
    int not_judged;
    double auroc; /* of the score, incident against benign; < 0: there is only one of them */
    double median_ms, p95_ms;
};

static int compare_us(const void *pa, const void *pb)
{
    const int64_t *a = pa, *b = pb;
    return (*a > *b) - (*a < *b);
}

/* Share of (incident, benign) pairs in which the incident has the higher score; ties count half. */
static double auroc_of(const struct scored *s, int part)
{
    double wins = 0;
    int64_t pairs = 0;
    for (int i = 0; i < s->count; i++) {
        if (!s->rows[i].incident || (part > 0 && s->rows[i].half != part - 1))
            continue;
        for (int k = 0; k < s->count; k++) {
            if (s->rows[k].incident || (part > 0 && s->rows[k].half != part - 1))
                continue;
            pairs++;
            int difference = s->rows[i].score - s->rows[k].score;
            wins += difference > 0 ? 1 : difference == 0 ? 0.5 : 0;
        }
    }
    return pairs > 0 ? wins / (double)pairs : -1;
}

static struct measure measure_of(const struct scored *s, int part)
{
    struct measure m = {.auroc = auroc_of(s, part)};
    AUTO(free_ptr) int64_t *spent_us = xcalloc((size_t)s->count + 1, sizeof *spent_us);
    int count = 0;
    for (int i = 0; i < s->count; i++) {
        const struct outcome_row *r = &s->rows[i];
        if (part > 0 && r->half != part - 1)
            continue;
        spent_us[count++] = r->spent_us;
        m.incidents += r->incident;
        m.benign += !r->incident;
        m.told += r->incident && !is_wrong(r);
        m.noticed += r->incident && risk_level_of(r->score) >= RISK_MEDIUM;
        m.not_judged += r->score == SCORE_NONE;
        m.false_alarms += !r->incident && is_wrong(r);
        m.loud_alarms += !r->incident && risk_level_of(r->score) >= RISK_HIGH;
    }
    if (count == 0)
        return m;
    qsort(spent_us, (size_t)count, sizeof *spent_us, compare_us);
    m.median_ms = (double)spent_us[count / 2] / US_PER_MS;
    m.p95_ms = (double)spent_us[(count - 1) * 95 / 100] / US_PER_MS;
    return m;
}

static double percent(int part, int whole)
{
    return whole > 0 ? 100.0 * part / whole : 0;
}

static void print_measure(const char *name, const char *part, const struct measure *m)
{
    if (m->benign + m->incidents == 0)
        return;
    char auroc[16] = "-";
    if (m->auroc >= 0)
        snprintf(auroc, sizeof auroc, "%.3f", m->auroc);
    printf("%-14s %-7s %6d %10.1f %% %7.1f %% %10d %6.1f %% %8.1f %% %7s %9.2f %9.2f\n", name, part,
           m->benign, percent(m->false_alarms, m->benign), percent(m->loud_alarms, m->benign),
           m->incidents, percent(m->told, m->incidents), percent(m->noticed, m->incidents), auroc,
           m->median_ms, m->p95_ms);
    if (m->not_judged > 0)
        printf("%-14s %-7s %d windows could not be judged\n", name, part, m->not_judged);
}

static void json_measure(struct json *j, const char *part, const struct measure *m)
{
    json_begin_object(j, part);
    json_int(j, "benign", m->benign);
    json_int(j, "false_alarms", m->false_alarms);
    json_int(j, "loud_alarms", m->loud_alarms);
    json_int(j, "incidents", m->incidents);
    json_int(j, "told", m->told);
    json_int(j, "noticed", m->noticed);
    json_int(j, "not_judged", m->not_judged);
    if (m->auroc < 0)
        json_put_null(j, "auroc");
    else
        json_double(j, "auroc", m->auroc, 4);
    json_double(j, "median_ms", m->median_ms, 3);
    json_double(j, "p95_ms", m->p95_ms, 3);
    json_end_object(j);
}

static void print_scored(const struct evaluation *e, const struct scored *s)
{
    for (int part = e->args.half; part <= (e->args.half ? e->args.half : HALF_COUNT); part++) {
        struct measure m = measure_of(s, part);
        print_measure(s->name, part_names[part], &m);
    }
}

static void print_text(const struct evaluation *e)
{
    printf("%-14s %-7s %6s %12s %9s %10s %8s %10s %7s %9s %9s\n", "scorer", "half", "benign",
           "false alarms", "loud", "incidents", "told", "noticed", "AUROC", "median ms", "95 % ms");
    print_scored(e, &e->rules);
    if (!e->judge)
        return;
    print_scored(e, &e->model);
    const struct server_info *server = judge_once_server(e->judge);
    printf("%s, %s: %lld tokens (%lld of the prompts from its cache), %d windows without a "
           "verdict, %lld claims dropped\n",
           server->model, server->build, (long long)e->model.tokens,
           (long long)e->model.cached_tokens, e->model.failed, (long long)e->model.dropped_claims);
}

static void json_scored(struct json *j, const struct evaluation *e, const char *key,
                        const struct scored *s)
{
    json_begin_object(j, key);
    for (int part = e->args.half; part <= (e->args.half ? e->args.half : HALF_COUNT); part++) {
        struct measure m = measure_of(s, part);
        json_measure(j, part_names[part], &m);
    }
    json_int(j, "tokens", s->tokens);
    json_int(j, "cached_tokens", s->cached_tokens);
    json_int(j, "without_verdict", s->failed);
    json_int(j, "dropped_claims", s->dropped_claims);
    json_end_object(j);
}

static void print_json(const struct evaluation *e)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "version", HSI_VERSION);
    json_scored(&j, e, "rules", &e->rules);
    if (e->judge) {
        json_scored(&j, e, "rules_and_model", &e->model);
        server_info_json(&j, "server", judge_once_server(e->judge));
    }
    json_end_object(&j);
    puts(j.text);
    json_done(&j);
}

static bool evaluate(struct evaluation *e, const char *path, int *ret_code, struct err *err)
{
    if (!windows_load_config(e->args.config, e->args.rules, e->args.llm, &e->config, ret_code, err))
        return false;
    if (!scorer_open(&scorer_rules, &e->config.risk, &e->scorer, err))
        return false;
    e->sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    if (e->args.llm[0] &&
        !judge_once_open(&e->config.risk.llm, &e->ids, log_root(e->sink), &e->judge, err))
        return false;
    return evaluate_file(e, path, err);
}

int cli_evaluate(int argc, char **argv)
{
    struct evaluation e = {.ids = {.clock = &clock_real},
                           .rules = {.name = "rules"},
                           .model = {.name = "rules + model"}};
    struct args_rest rest;
    int code;
    if (!args_begin(&evaluate_spec, &e.args, argc, argv, &rest, &code))
        return code;
    struct err err = {0};
    windows_zone_init(&e.zone);
    code = EXIT_OK;
    bool ok = evaluate(&e, rest.items[0], &code, &err);
    if (ok && e.args.json)
        print_json(&e);
    else if (ok)
        print_text(&e);
    else if (code == EXIT_OK)
        code = args_fail(&err);
    judge_once_close(&e.judge);
    scorer_close(&e.scorer);
    log_sink_free(&e.sink);
    free(e.rules.rows);
    free(e.model.rows);
    config_done(&e.config);
    return code;
}
