#include "cli/args.h"
#include "test.h"

#include <limits.h>

static const char *const modes[] = {"fast", "slow", NULL};

struct flags {
    char model[32];
    bool json, pace;
    int port, mode;
};
static const struct opt flag_rows[] = {
    {"model", OPT_TEXT(struct flags, model), .unit = "FILE", .help = "The model."},
    {"json", OPT_BOOL(struct flags, json), .help = "As JSON."},
    {"keep_pace", OPT_BOOL(struct flags, pace), .def = "true", .help = "Not faster."},
    {"port", OPT_INT(struct flags, port, -1, 65535), .def = "80", .help = "Where."},
    {"mode", OPT_ENUM(struct flags, mode, modes), .def = "slow", .help = "How."},
    {0},
};
static const struct section flags_section = {
    .name = "try", .bytes = sizeof(struct flags), .rows = flag_rows};
static const struct args_spec spec = {.command = "try",
                                      .operands = "INPUT...",
                                      .min = 1,
                                      .max = 2,
                                      .help = "Tries it.",
                                      .flags = &flags_section};

#define WORDS_MAX 10

/* Parses the words after "try"; they end with NULL. */
static bool parse(const char *const *words, struct flags *flags, struct args_rest *rest,
                  struct err *err, char **argv)
{
    static char storage[WORDS_MAX][64];
    int argc = 0;
    static char name[] = "try";
    argv[argc++] = name;
    for (; words[argc - 1]; argc++) {
        STR_COPY(storage[argc - 1], words[argc - 1]);
        argv[argc] = storage[argc - 1];
    }
    argv[argc] = NULL;
    return args_parse(&spec, flags, argc, argv, rest, err);
}

static void flags_and_operands_mix(void **state)
{
    (void)state;
    static const char *const words[] = {"a.mp4",     "--model",     "m.onnx",         "--json",
                                        "--port=-1", "--mode=fast", "--no-keep-pace", "--",
                                        "--b",       NULL};
    struct flags flags;
    struct args_rest rest;
    struct err err = {.code = ERR_NONE};
    char *argv[WORDS_MAX + 2];
    if (!parse(words, &flags, &rest, &err, argv))
        fail_msg("%s", err.msg);
    CHECK_STR(flags.model, "m.onnx");
    CHECK(flags.json && !flags.pace && !rest.help);
    CHECK_INT(flags.port, -1);
    CHECK_INT(flags.mode, 0);
    CHECK_INT(rest.count, 2);
    CHECK_STR(rest.items[0], "a.mp4");
    CHECK_STR(rest.items[1], "--b");
}

static void defaults_and_repetition(void **state)
{
    (void)state;
    static const char *const words[] = {"-", "--port", "1", "--port", "2", "--json=no", NULL};
    struct flags flags;
    struct args_rest rest;
    struct err err;
    char *argv[WORDS_MAX + 2];
    CHECK(parse(words, &flags, &rest, &err, argv));
    CHECK(flags.pace && !flags.json);
    CHECK_INT(flags.port, 2);
    CHECK_STR(rest.items[0], "-");
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *msg, *hint;
    } cases[] = {
        {{"a", "--modle", "x"}, "unknown flag '--modle'", "did you mean --model?"},
        {{"a", "--keep_paec"}, "unknown flag '--keep_paec'", "did you mean --keep-pace?"},
        {{"a", "-model", "x"}, "unknown flag '-model'", "did you mean --model?"},
        {{"a", "-x"}, "unknown flag '-x'", "hsi try --help"},
        {{"a", "--no-model"}, "unknown flag '--no-model'", ""},
        {{"a", "--model"}, "--model needs a value", "--model FILE"},
        {{"a", "--model", "--json"}, "--model needs a value", "--model FILE"},
        {{"a", "--port=70000"}, "--port: '70000' is out of range", "-1 to 65535"},
        {{"a", "--port", "eighty"}, "--port: 'eighty' is not a whole number", "-1 to 65535"},
        {{"a", "--mode", "fsat"}, "--mode: 'fsat' is not a choice", "did you mean 'fast'?"},
        {{"a", "--json=maybe"}, "--json: 'maybe' is neither", "true or false"},
        {{"--json"}, "INPUT... is missing", "usage: hsi try [FLAGS] INPUT..."},
        {{"a", "b", "c"}, "nothing is done with 'c'", "usage: hsi try"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flags flags;
        struct args_rest rest;
        struct err err = {.code = ERR_NONE};
        char *argv[WORDS_MAX + 2];
        if (parse(cases[i].words, &flags, &rest, &err, argv))
            fail_msg("case %zu passed", i);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
    }
}

static void help_is_asked_for(void **state)
{
    (void)state;
    static const char *const asked[] = {"--nonsense", "-h", NULL};
    static const char *const operand[] = {"--", "-h", NULL};
    struct flags flags;
    struct args_rest rest;
    struct err err;
    char *argv[WORDS_MAX + 2];
    CHECK(parse(asked, &flags, &rest, &err, argv));
    CHECK(rest.help);
    CHECK(parse(operand, &flags, &rest, &err, argv));
    CHECK(!rest.help);
    CHECK_STR(rest.items[0], "-h");
}

static void usage_names_everything(void **state)
{
    (void)state;
    char text[4096] = "";
    FILE *f = fmemopen(text, sizeof text, "w");
    assert_non_null(f);
    args_usage(f, &spec);
    fclose(f);
    CHECK_CONTAINS(text, "usage: hsi try [FLAGS] INPUT...\n\nTries it.\n");
    CHECK_CONTAINS(text, "  --model FILE            The model.\n");
    CHECK_CONTAINS(text, "  --keep-pace             Not faster. (default true)\n");
    CHECK_CONTAINS(text, "  --mode WORD             How. (one of: fast, slow; default slow)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_operands_mix),
        cmocka_unit_test(defaults_and_repetition),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(help_is_asked_for),
        cmocka_unit_test(usage_names_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
