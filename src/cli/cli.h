/* One function per subcommand: argv[0] is its name, the result is the exit code (cli/args.h). */
#pragma once

int cli_run(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_analyze(int argc, char **argv);
int cli_evaluate(int argc, char **argv);
int cli_feedback(int argc, char **argv);
int cli_rescore(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_fsck(int argc, char **argv);
