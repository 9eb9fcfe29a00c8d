/* The command line of one subcommand: its flags are option rows like those of the file, so bounds,
 * enums, defaults, errors and help come from the same table.
 *
 *     struct analyze_args { char model[256]; bool json; };
 *     static const struct opt analyze_flags[] = {
 *         {"model", OPT_TEXT(struct analyze_args, model), .unit = "FILE", .help = "..."},
 *         {"json", OPT_BOOL(struct analyze_args, json), .help = "One JSON document on stdout."},
 *         {0},
 *     };
 *     static const struct section analyze_section = {
 *         .name = "analyze", .bytes = sizeof(struct analyze_args), .rows = analyze_flags};
 *     static const struct args_spec analyze_spec = {
 *         .command = "analyze", .operands = "INPUT...", .min = 1, .max = INT_MAX,
 *         .help = "Finds events in recordings.", .flags = &analyze_section};
 *
 *     int cli_analyze(int argc, char **argv)
 *     {
 *         struct analyze_args args;
 *         struct args_rest rest;
 *         int code;
 *         if (!args_begin(&analyze_spec, &args, argc, argv, &rest, &code))
 *             return code;
 *
 * Written `--name value` or `--name=value`; a bool flag alone, `--no-name` or `--name=false`. A
 * dash in a flag is an underscore in its row: --log-level is row log_level. `--` ends the flags,
 * `-` alone is an operand, `-h` and `--help` ask for help. The last of a repeated flag counts. A
 * row's unit is the name of its value in the help. Rows may not be groups, maps or points. */
#pragma once

#include "base/opt.h"

#include <stdio.h>

/* Exit codes of every subcommand. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* while running: no camera, no disk, a damaged file */
    EXIT_WRONG = 2,  /* how it was asked: a flag, an operand, the configuration */
};

struct args_spec {
    const char *command;         /* as typed after "hsi": "analyze", "config check" */
    const char *operands;        /* for the usage line: "INPUT...", "[FILE]"; NULL: none */
    int min, max;                /* how many operands */
    const char *help;            /* a sentence or two */
    const struct section *flags; /* NULL: none, then dst may be NULL */
};

/* The operands; borrowed from argv. */
struct args_rest {
    int count;
    char **items;
    bool help; /* -h or --help was among the flags: nothing else was checked */
};

/* argv[0] is the subcommand itself and is skipped; operands are moved to the front of argv. Fills
 * *dst with defaults first. Fails with ERR_INVALID; the hint names the nearest flag or what is
 * allowed. */
NODISCARD bool args_parse(const struct args_spec *spec, void *dst, int argc, char **argv,
                          struct args_rest *ret, struct err *err);

/* As args_parse, and talks to the user: an error goes to stderr, help to stdout. False means that
 * the command is over, with *ret_code. */
NODISCARD bool args_begin(const struct args_spec *spec, void *dst, int argc, char **argv,
                          struct args_rest *ret, int *ret_code);

/* Usage, help and a line for each flag. */
void args_usage(FILE *out, const struct args_spec *spec);

/* "hsi: MESSAGE", and the hint on a line of its own, to stderr. Gives EXIT_FAILED, or EXIT_WRONG
 * for ERR_INVALID and ERR_NOT_FOUND. */
int args_fail(const struct err *err);
