#include "cli/args.h"

#include <string.h>

#define HELP_INDENT  26
#define HELP_COLUMNS 92

struct parser {
    const struct args_spec *spec;
    void *dst;
    int argc;
    char **argv;
    int at; /* the argument being read */
    struct args_rest *rest;
    bool given[64]; /* by row index, for what is required */
};

/* The row's name as a flag: log_level -> log-level. */
static const char *flag_name(char out[OPT_NAME_BYTES], const char *row_name)
{
    str_copy(out, OPT_NAME_BYTES, row_name);
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
    return out;
}

static const struct opt *flag_find(const struct section *flags, const char *name)
{
    char row_name[OPT_NAME_BYTES];
    if (!STR_COPY(row_name, name))
        return NULL;
    for (char *p = row_name; *p; p++)
        if (*p == '-')
            *p = '_';
    return opt_find(flags, row_name, NULL);
}

static bool fail_unknown(const struct args_spec *spec, const char *arg, struct err *err)
{
    const char *name = arg + strspn(arg, "-");
    char word[OPT_NAME_BYTES], flag[OPT_NAME_BYTES];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "="), name);
    const char *near = spec->flags ? opt_suggest(spec->flags, word) : NULL;
    err_set(err, ERR_INVALID, "unknown flag '%.*s'", (int)MIN(strcspn(arg, "="), 64), arg);
    if (near)
        err_hint(err, "did you mean --%s?", flag_name(flag, near));
    else
        err_hint(err, "'hsi %s --help' lists the flags", spec->command);
    return false;
}

static const char *value_name(const struct opt *row)
{
    if (row->unit)
        return row->unit;
    switch (row->type) {
    case OPT_TYPE_INT:
    case OPT_TYPE_DOUBLE:
        return "NUMBER";
    case OPT_TYPE_DURATION:
        return "DURATION";
    case OPT_TYPE_SIZE:
        return "SIZE";
    case OPT_TYPE_TIMES:
        return "FROM-TO";
    case OPT_TYPE_LIST:
        return "A,B";
    default:
        return row->choices ? "WORD" : "TEXT";
    }
}

/* The value of a flag: after its '=', or the next argument. NULL with err set. */
static const char *flag_value(struct parser *p, const struct opt *row, const char *equals,
                              struct err *err)
{
    if (equals)
        return equals + 1;
    if (row->type == OPT_TYPE_BOOL)
        return "true";
    /* A flag in place of a value was hardly meant as one. */
    if (p->at + 1 < p->argc && strncmp(p->argv[p->at + 1], "--", 2) != 0)
        return p->argv[++p->at];
    char flag[OPT_NAME_BYTES];
    flag_name(flag, row->name);
    err_set(err, ERR_INVALID, "--%s needs a value", flag);
    err_hint(err, "write --%s %s", flag, value_name(row));
    return NULL;
}

static bool parse_flag(struct parser *p, struct err *err)
{
    const char *arg = p->argv[p->at];
    const char *name = arg + 2;
    const char *equals = strchr(name, '=');
    char word[OPT_NAME_BYTES];
    if (arg[1] != '-' || strcspn(name, "=") >= sizeof word)
        return fail_unknown(p->spec, arg, err);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "="), name);
    const struct section *flags = p->spec->flags;
    if (!flags)
        return fail_unknown(p->spec, arg, err);
    const struct opt *row = flag_find(flags, word);
    bool negated = false;
    if (!row && strncmp(word, "no-", 3) == 0 && !equals) {
        row = flag_find(flags, word + 3);
        negated = row && row->type == OPT_TYPE_BOOL;
        row = negated ? row : NULL;
    }
    if (!row)
        return fail_unknown(p->spec, arg, err);
    const char *value = negated ? "false" : flag_value(p, row, equals, err);
    if (!value)
        return false;
    p->given[row - flags->rows] = true;
    if (opt_parse(row, p->dst, value, err))
        return true;
    char flag[OPT_NAME_BYTES];
    return err_wrap(err, "--%s", flag_name(flag, row->name));
}

static bool check_flags(const struct parser *p, struct err *err)
{
    const struct section *flags = p->spec->flags;
    for (int i = 0; flags && flags->rows[i].name; i++) {
        const struct opt *row = &flags->rows[i];
        char flag[OPT_NAME_BYTES];
        if (!(row->flags & OPT_REQUIRED) || p->given[i])
            continue;
        flag_name(flag, row->name);
        err_set(err, ERR_INVALID, "--%s is missing", flag);
        err_hint(err, "add --%s %s", flag, value_name(row));
        return false;
    }
    const char *at = NULL;
    return !flags || !flags->check || flags->check(p->dst, &at, err);
}

static bool check_operands(const struct parser *p, struct err *err)
{
    const struct args_spec *spec = p->spec;
    const char *operands = spec->operands ? spec->operands : "";
    if (p->rest->count >= spec->min && p->rest->count <= spec->max)
        return true;
    if (p->rest->count < spec->min)
        err_set(err, ERR_INVALID, "%s is missing", operands);
    else
        err_set(err, ERR_INVALID, "nothing is done with '%.64s'", p->rest->items[spec->max]);
    err_hint(err, "usage: hsi %s%s%s%s", spec->command, spec->flags ? " [FLAGS]" : "",
             *operands ? " " : "", operands);
    return false;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

bool args_parse(const struct args_spec *spec, void *dst, int argc, char **argv,
                struct args_rest *ret, struct err *err)
{
    *ret = (struct args_rest){.items = argv, .help = asks_for_help(argc, argv)};
    if (spec->flags)
        opt_defaults(spec->flags, dst);
    if (ret->help)
        return true;
    struct parser p = {.spec = spec, .dst = dst, .argc = argc, .argv = argv, .rest = ret};
    for (int i = 0; spec->flags && spec->flags->rows[i].name; i++)
        ASSERT(i < (int)ARRAY_LEN(p.given) && !spec->flags->rows[i].section);
    bool flags = true;
    for (p.at = 1; p.at < argc; p.at++) {
        char *arg = argv[p.at];
        if (flags && strcmp(arg, "--") == 0)
            flags = false;
        else if (!flags || arg[0] != '-' || arg[1] == '\0')
            ret->items[ret->count++] = arg; /* never overtakes the argument being read */
        else if (!parse_flag(&p, err))
            return false;
    }
    return check_flags(&p, err) && check_operands(&p, err);
}

/* Text in lines of HELP_COLUMNS, all but the first indented; column: where the first begins. */
static void put_wrapped(FILE *out, const char *text, int column, int indent)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column + length > HELP_COLUMNS && column > indent) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length;
        if (*text == ' ') {
            fputc(' ', out);
            column++;
            text++;
        }
    }
    fputc('\n', out);
}

static void usage_row(FILE *out, const struct opt *row)
{
    char flag[OPT_NAME_BYTES], left[128], allowed[200], text[600];
    const char *value = row->type == OPT_TYPE_BOOL ? "" : value_name(row);
    snprintf(left, sizeof left, "  --%s%s%s", flag_name(flag, row->name), *value ? " " : "", value);
    fprintf(out, "%-*s", HELP_INDENT, left);
    if (strlen(left) >= HELP_INDENT)
        fprintf(out, "\n%*s", HELP_INDENT, "");
    opt_allowed(row, allowed, sizeof allowed);
    bool bounded = row->type != OPT_TYPE_BOOL && row->type != OPT_TYPE_TEXT &&
                   row->type != OPT_TYPE_LIST;
    bool preset = row->def && *row->def;
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", row->help ? row->help : "",
             bounded || preset ? " (" : "", bounded ? allowed : "", bounded && preset ? "; " : "",
             preset ? "default " : "", preset ? row->def : "", bounded || preset ? ")" : "");
    put_wrapped(out, text, HELP_INDENT, HELP_INDENT);
}

void args_usage(FILE *out, const struct args_spec *spec)
{
    fprintf(out, "usage: hsi %s%s%s%s\n", spec->command, spec->flags ? " [FLAGS]" : "",
            spec->operands ? " " : "", spec->operands ? spec->operands : "");
    if (spec->help) {
        fputc('\n', out);
        put_wrapped(out, spec->help, 0, 0);
    }
    if (!spec->flags)
        return;
    fputc('\n', out);
    for (const struct opt *row = spec->flags->rows; row->name; row++)
        usage_row(out, row);
}

int args_fail(const struct err *err)
{
    fprintf(stderr, "hsi: %s\n", err->msg);
    if (err->hint[0])
        fprintf(stderr, "     %s\n", err->hint);
    return err->code == ERR_INVALID || err->code == ERR_NOT_FOUND ? EXIT_WRONG : EXIT_FAILED;
}

bool args_begin(const struct args_spec *spec, void *dst, int argc, char **argv,
                struct args_rest *ret, int *ret_code)
{
    struct err err = {.code = ERR_NONE};
    if (!args_parse(spec, dst, argc, argv, ret, &err)) {
        err_wrap(&err, "%s", spec->command);
        args_fail(&err);
        *ret_code = EXIT_WRONG;
        return false;
    }
    if (ret->help) {
        args_usage(stdout, spec);
        *ret_code = EXIT_OK;
        return false;
    }
    return true;
}
