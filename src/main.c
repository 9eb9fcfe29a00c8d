/* hsi: one program, its work in subcommands. Only this file and cli/ talk to the user. */
#include "base/process.h"
#include "cli/args.h"
#include "cli/cli.h"

#include <libavutil/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", cli_run, "watch the configured cameras and serve the page"},
    {"demo", cli_demo, "the same with a rendered street instead of cameras"},
    {"analyze", cli_analyze, "find and explain the events in recordings"},
    {"evaluate", cli_evaluate, "how good scores are on windows that people have labelled"},
    {"feedback", cli_feedback, "what people said about events, as a labelled set"},
    {"rescore", cli_rescore, "score stored events again, and say what differs"},
    {"replay", cli_replay, "what another configuration would have made of a recording or an event"},
    {"model", cli_model, "install, list and try detection models"},
    {"config", cli_config, "check, show and document the configuration"},
    {"fsck", cli_fsck, "check that what is stored agrees, and mend it"},
    {NULL, NULL, NULL},
};

static void print_help(FILE *out)
{
    fputs("hsi: home security intelligence\n\nusage: hsi COMMAND [ARGUMENT...]\n\ncommands:\n",
          out);
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %-8s  %s\n", c->name, c->help);
    fputs("\nhsi COMMAND --help tells more.  hsi --version\n"
          "exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration\n",
          out);
}

static const char *command_name_at(const void *ctx, size_t i)
{
    (void)ctx;
    return commands[i].name;
}

int main(int argc, char **argv)
{
    process_keep_lean();
    /* ONNX Runtime keeps a device's id and a diary of its use in the home directory, unless its
     * environment says no; setting that has to come before the first thread. */
    setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    /* libav's own messages may hold an address with its password. */
    av_log_set_level(AV_LOG_QUIET);
    if (argc < 2) {
        print_help(stderr);
        return EXIT_WRONG;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 || strcmp(name, "version") == 0) {
        puts("hsi " HSI_VERSION);
        return EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c->run(argc - 1, argv + 1);
    fprintf(stderr, "hsi: unknown command '%s'\n", name);
    const char *near = suggest_from(name, command_name_at, NULL);
    if (near)
        fprintf(stderr, "did you mean '%s'?\n", near);
    else
        fputs("hsi --help lists the commands\n", stderr);
    return EXIT_WRONG;
}
