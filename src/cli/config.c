/* hsi config check | docs | show */
#include "cli/cli.h"

#include "cli/args.h"
#include "config.h"

#include <string.h>

static const struct args_spec check_spec = {
    .command = "config check",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .help =
        "Reads a configuration and points at every mistake in it. Exit code 0: it is good, 2: it "
        "is not.",
};

static const struct args_spec docs_spec = {
    .command = "config docs",
    .help = "Prints the reference of all options, in Markdown.",
};

static const struct args_spec show_spec = {
    .command = "config show",
    .operands = "[FILE]",
    .max = 1,
    .help = "Prints the configuration as it takes effect, defaults included and secrets blanked. "
            "Without a file: the defaults.",
};

static int check(int argc, char **argv)
{
    struct args_rest rest;
    int code;
    if (!args_begin(&check_spec, NULL, argc, argv, &rest, &code))
        return code;
    struct conf_errors errors;
    struct config config;
    if (!config_load(rest.items[0], &config, NULL, &errors)) {
        conf_errors_print(stderr, &errors);
        return EXIT_WRONG;
    }
    printf("%s: ok, %d camera%s\n", rest.items[0], config.cameras.count,
           config.cameras.count == 1 ? "" : "s");
    config_done(&config);
    return EXIT_OK;
}

static int docs(int argc, char **argv)
{
    struct args_rest rest;
    int code;
    if (!args_begin(&docs_spec, NULL, argc, argv, &rest, &code))
        return code;
    puts("# Configuration\n\nWritten by `hsi config docs` from the option tables; do not edit.\n");
    conf_docs(stdout, &config_section);
    return EXIT_OK;
}

static int show(int argc, char **argv)
{
    struct args_rest rest;
    int code;
    if (!args_begin(&show_spec, NULL, argc, argv, &rest, &code))
        return code;
    struct config config;
    AUTO(conf_secrets_free) struct conf_secrets *secrets = NULL;
    if (rest.count == 0) {
        opt_defaults(&config_section, &config);
    } else {
        struct conf_errors errors;
        if (!config_load(rest.items[0], &config, &secrets, &errors)) {
            conf_errors_print(stderr, &errors);
            return EXIT_WRONG;
        }
    }
    conf_show(stdout, &config_section, &config, secrets);
    config_done(&config);
    return EXIT_OK;
}

int cli_config(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {{"check", check}, {"docs", docs}, {"show", show}};
    static const char *const names[] = {"check", "docs", "show", NULL};
    static const struct args_spec spec = {
        .command = "config check|docs|show",
        .operands = "[FILE]",
        .help = "Checks a configuration, prints the reference of all options, or shows what takes "
                "effect. Each has its own --help.",
    };
    const char *verb = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    if (strcmp(verb, "-h") == 0 || strcmp(verb, "--help") == 0) {
        args_usage(stdout, &spec);
        return EXIT_OK;
    }
    struct err err = {.code = ERR_NONE};
    const char *near = suggest(verb, names);
    if (verb[0])
        err_set(&err, ERR_INVALID, "config: unknown command '%.64s'", verb);
    else
        err_set(&err, ERR_INVALID, "config: check, docs or show?");
    if (near)
        err_hint(&err, "did you mean 'hsi config %s'?", near);
    else
        err_hint(&err, "write hsi config check FILE, hsi config docs or hsi config show [FILE]");
    return args_fail(&err);
}
