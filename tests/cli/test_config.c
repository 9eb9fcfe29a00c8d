#include "base/base.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 4

/* Runs the subcommand in a child; gives its exit code and what it printed on both streams. */
static int run(const char *const *words, char *out, size_t bytes)
{
    static char name[] = "config";
    char *argv[WORDS_MAX + 2] = {name};
    int argc = 1;
    for (; argc <= WORDS_MAX && words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        int code = cli_config(argc, argv);
        fflush(NULL);
        _exit(code);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], out + used, bytes - 1 - used)) > 0;)
        used += (size_t)n;
    out[used] = '\0';
    close(ends[0]);
    int status;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *file(const char *name)
{
    static char path[1024];
    const char *tests = getenv("HSI_TESTS");
    snprintf(path, sizeof path, "%s/config/%s", tests ? tests : "tests", name);
    return path;
}

static void exit_codes_and_words(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS_MAX], *name;
        int code;
        const char *part;
    } cases[] = {
        {{"check"}, "good/minimal.yaml", EXIT_OK, "minimal.yaml: ok, 1 camera\n"},
        {{"check"}, "good/rtsps.yaml", EXIT_OK, "ok, 2 cameras\n"},
        {{"check"}, "bad/unknown_in_detect.yaml", EXIT_WRONG, ".yaml:6:3: detect: unknown option"},
        {{"check"}, "good/nothing.yaml", EXIT_WRONG, "cannot be opened"},
        {{"check"}, NULL, EXIT_WRONG, "FILE is missing"},
        {{"show"}, "good/minimal.yaml", EXIT_OK, "  porch:\n    enabled: true\n"},
        {{"show"}, NULL, EXIT_OK, "cameras: {}\n"},
        {{"show"}, "bad/tab_indent.yaml", EXIT_WRONG, "a tab in the indentation"},
        {{"docs"}, NULL, EXIT_OK, "## `cameras.NAME.zones.NAME`"},
        {{"docs"}, "good/minimal.yaml", EXIT_WRONG, "nothing is done with"},
        {{"docs", "--help"}, NULL, EXIT_OK, "usage: hsi config docs\n"},
        {{"--help"}, NULL, EXIT_OK, "usage: hsi config"},
        {{"chek"}, NULL, EXIT_WRONG, "did you mean 'hsi config check'?"},
        {{NULL}, NULL, EXIT_WRONG, "check, docs or show?"},
    };
    static char out[1 << 16];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *words[WORDS_MAX + 1] = {NULL};
        int count = 0;
        for (; cases[i].words[count]; count++)
            words[count] = cases[i].words[count];
        if (cases[i].name)
            words[count] = file(cases[i].name);
        int code = run(words, out, sizeof out);
        if (code != cases[i].code)
            fail_msg("case %zu: exit code %d: %s", i, code, out);
        CHECK_CONTAINS(out, cases[i].part);
    }
}

static void credentials_are_not_shown(void **state)
{
    (void)state;
    static char out[1 << 16];
    const char *const words[] = {"show", file("good/rtsps.yaml"), NULL};
    CHECK_INT(run(words, out, sizeof out), EXIT_OK);
    CHECK_CONTAINS(out, "rtsp://***@192.168.1.30:554/");
    CHECK(!strstr(out, "s3same"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_and_words),
        cmocka_unit_test(credentials_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
