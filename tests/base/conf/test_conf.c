#include "base/conf/conf.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A small house of its own: the real one is tested in test_config.c. */
static const char *const kinds[] = {"door", "yard", NULL};

struct spot {
    char name[OPT_NAME_BYTES];
    int kind;
    struct opt_points polygon;
};
static const struct opt spot_rows[] = {
    {"kind", OPT_ENUM(struct spot, kind, kinds), .def = "yard"},
    {"polygon", OPT_POINTS(struct spot, polygon, 3, 8), .flags = OPT_REQUIRED, .help = "Corners."},
    {0},
};
static const struct section spot_section = {
    .name = "spot", .bytes = sizeof(struct spot), .rows = spot_rows};

struct level {
    char name[OPT_NAME_BYTES];
    double value;
};
static const struct opt level_rows[] = {
    {"value", OPT_DOUBLE(struct level, value, 0, 1), .flags = OPT_REQUIRED, .help = "How much."},
    {0},
};
static const struct section level_section = {
    .name = "level", .bytes = sizeof(struct level), .rows = level_rows};

struct source {
    char url[128], password[32];
    int low, high;
};
static const struct opt source_rows[] = {
    {"url", OPT_TEXT(struct source, url), .flags = OPT_REQUIRED, .help = "Where."},
    {"password", OPT_TEXT(struct source, password), .flags = OPT_SECRET, .help = "Who."},
    {"low", OPT_INT(struct source, low, 0, 100), .def = "1", .help = "The lower."},
    {"high", OPT_INT(struct source, high, 0, 100), .def = "9", .help = "The upper."},
    {0},
};
static bool check_source(const void *section, const char **ret_at, struct err *err)
{
    const struct source *source = section;
    *ret_at = "high";
    return source->low <= source->high ||
           err_set(err, ERR_INVALID, "%d is below low, %d", source->high, source->low);
}
static const struct section source_section = {
    .name = "source", .bytes = sizeof(struct source), .rows = source_rows, .check = check_source};

struct cam {
    char name[OPT_NAME_BYTES];
    struct source source;
    struct opt_map spots, levels;
};
static const struct opt cam_rows[] = {
    {"", OPT_GROUP(struct cam, source, &source_section)},
    {"spots", OPT_MAP(struct cam, spots, &spot_section, 3)},
    {"levels", OPT_MAP(struct cam, levels, &level_section, 3)},
    {0},
};
static const struct section cam_section = {
    .name = "cam", .help = "One camera.", .bytes = sizeof(struct cam), .rows = cam_rows};

struct look {
    double fps;
    bool on;
    struct opt_list labels;
    struct opt_times night;
    int64_t wait_us, size;
};
static const struct opt look_rows[] = {
    {"fps", OPT_DOUBLE(struct look, fps, 0.1, 60), .def = "5", .help = "Looks | per second."},
    {"on", OPT_BOOL(struct look, on), .def = "true", .flags = OPT_LIVE, .help = "At all."},
    {"labels", OPT_LIST(struct look, labels, 0, 4), .help = "What for."},
    {"night", OPT_TIMES(struct look, night), .help = "When."},
    {"wait", OPT_DURATION(struct look, wait_us, 0, 3600), .def = "10s", .help = "How long."},
    {"size", OPT_SIZE(struct look, size, 0, 1e12), .def = "1GB", .help = "How large."},
    {0},
};
static const struct section look_section = {
    .name = "look", .help = "Looking.", .bytes = sizeof(struct look), .rows = look_rows};

struct top {
    struct opt_map cams;
    struct look look;
};
static const struct opt top_rows[] = {
    {"cams", OPT_MAP(struct top, cams, &cam_section, 3), .flags = OPT_REQUIRED, .help = "Cams."},
    {"look", OPT_GROUP(struct top, look, &look_section)},
    {0},
};
static const struct section top_section = {
    .name = "file", .help = "All of it.", .bytes = sizeof(struct top), .rows = top_rows};

static struct conf_errors errors;

static bool parse(const char *text, struct top *top)
{
    return conf_parse("t.yaml", text, strlen(text), &top_section, top, NULL, &errors);
}

static const char *const good = "cams:\n"
                                "  porch:\n"
                                "    url: rtsp://camera/1\n"
                                "    password: 'pa ss'\n"
                                "    spots:\n"
                                "      mat: {kind: door, polygon: [[0, 0], [1, 0], [1, 0.5]]}\n"
                                "    levels:\n"
                                "      a: 0.25        # the short form\n"
                                "      b: {value: 1}\n"
                                "  garden: {url: \"b: #x\"}\n"
                                "look:\n"
                                "  fps: 2.5\n"
                                "  on: no\n"
                                "  labels:\n"
                                "  - person\n"
                                "  - car\n"
                                "  night: 22:00-06:00\n"
                                "  wait: 1m\n"
                                "  size: 5MB\n";

static void check_good(const struct top *top)
{
    CHECK_INT(top->cams.count, 2);
    const struct cam *cams = top->cams.items;
    CHECK_STR(cams[0].name, "porch");
    CHECK_STR(cams[0].source.url, "rtsp://camera/1");
    CHECK_INT(cams[0].source.high, 9);
    const struct spot *spot = cams[0].spots.items;
    CHECK_STR(spot->name, "mat");
    CHECK_INT(spot->kind, 0);
    CHECK_INT(spot->polygon.count, 3);
    CHECK_NEAR(spot->polygon.items[2].y, 0.5, 0);
    const struct level *levels = cams[0].levels.items;
    CHECK_INT(cams[0].levels.count, 2);
    CHECK_NEAR(levels[0].value, 0.25, 0);
    CHECK_NEAR(levels[1].value, 1, 0);
    CHECK_STR(cams[1].source.url, "b: #x");
    CHECK_NEAR(top->look.fps, 2.5, 0);
    CHECK(!top->look.on);
    CHECK_INT(top->look.labels.count, 2);
    CHECK_STR(top->look.labels.items[1], "car");
    CHECK_INT(top->look.night.to_min, 360);
    CHECK_INT(top->look.wait_us, 60000000);
    CHECK_INT(top->look.size, 5000000);
}

static void a_good_file_is_read(void **state)
{
    (void)state;
    struct top top;
    if (!parse(good, &top)) {
        conf_errors_print(stderr, &errors);
        fail();
    }
    CHECK_STR(((struct cam *)top.cams.items)[0].source.password, "pa ss");
    check_good(&top);
    opt_free(&top_section, &top);
}

static void text_of(char *out, size_t bytes, void (*print)(FILE *f, const void *arg),
                    const void *arg)
{
    FILE *f = fmemopen(out, bytes, "w");
    assert_non_null(f);
    print(f, arg);
    fclose(f);
}

static void print_show(FILE *f, const void *arg)
{
    conf_show(f, &top_section, arg, NULL);
}

static void what_is_shown_reads_back(void **state)
{
    (void)state;
    struct top top, again;
    CHECK(parse(good, &top));
    char shown[4096] = "";
    text_of(shown, sizeof shown, print_show, &top);
    CHECK(!strstr(shown, "pa ss"));
    if (!parse(shown, &again)) {
        conf_errors_print(stderr, &errors);
        fail_msg("%s", shown);
    }
    check_good(&again);
    CHECK_STR(((struct cam *)again.cams.items)[0].source.password, "***");
    opt_free(&top_section, &top);
    opt_free(&top_section, &again);
}

#define CAM "cams: {a: {url: x}}\n"

/* One mistake, one error, at its place. The long corpus is in tests/config/bad. */
static void mistakes_are_placed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column, span;
        const char *msg, *hint;
    } cases[] = {
        {"", 1, 1, 1, "empty", "begin"},
        {"cams:\n  a:\n    url: x\n    lwo: 3\n", 4, 5, 3, "cam a: unknown option 'lwo'", "'low'"},
        {CAM "look:\n  fps: \"five\"\n", 3, 8, 6, "look: fps: 'five' is not a number", "0.1 to 60"},
        {"cams:\n  a:\n    url: x\n    high: 0\n", 4, 5, 4, "cam a: 0 is below low, 1",
         "The upper"},
        {"cams:\n  a:\n    low: 1\n", 2, 3, 1, "cam a: url is missing", "url: ..."},
        {"cams:\n  a: {url: x}\n  a: {url: y}\n", 3, 3, 1, "cam a is given twice", "line 2"},
        {"cams:\n  a: {url: x}\n  b: {url: x}\n  c: {url: x}\n  d: {url: x}\n", 5, 3, 1,
         "cam d is one more than the 3", "remove"},
        {CAM "look: [1]\n", 2, 7, 1, "look is a list", "- "},
        {CAM "look:\n\tfps: 5\n", 3, 1, 1, "a tab in the indentation", "spaces"},
        {CAM "look:\n  fps: \xc3\xa4\n  on: maybe\n", 3, 8, 1, "'\xc3\xa4' is not a number", "0.1"},
        {"cams: {\xc3\xa4: {url: x}}\n", 1, 8, 1, "characters that are not allowed", "letters"},
        {CAM "look:\n  night: \"22:00-06:00\n", 3, 10, 1, "quote", "end of the value"},
        {"%YAML 1.1\n---\n" CAM, 1, 1, 9, "directives", "remove"},
        {CAM "---\n" CAM, 2, 1, 3, "second document", "remove"},
        {CAM "look:\n  on: \x01\n", 3, 7, 1, "control character 0x01", "remove"},
        {CAM "look:\n  fps: 5\xff\n", 3, 9, 1, "byte 0xff is not UTF-8", "save"},
        {CAM "look:\n  wait: null\n", 3, 3, 1, "look: wait has no value", "remove"},
        {CAM "look:\n  wait: 1\n    on\n", 4, 5, 1, "look: wait: the value goes on", "one line"},
        {CAM "look:\n  wait: '1\n    s'\n", 3, 9, 1, "opened here ends in line 4", "close"},
        {CAM "look:\n  wait: ${WAIT}\n", 3, 9, 7, "not replaced", "!env WAIT"},
        {CAM "look:\n  wait: !include x\n", 3, 9, 10, "tag", "!secret"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct top top;
        if (parse(cases[i].text, &top))
            fail_msg("no error in:\n%s", cases[i].text);
        const struct conf_error *e = &errors.items[0];
        if (e->line != cases[i].line || e->column != cases[i].column || e->span != cases[i].span) {
            conf_errors_print(stderr, &errors);
            fail_msg("%d:%d+%d, expected %d:%d+%d for '%s'", e->line, e->column, e->span,
                     cases[i].line, cases[i].column, cases[i].span, cases[i].msg);
        }
        CHECK_CONTAINS(e->msg, cases[i].msg);
        CHECK_CONTAINS(e->hint, cases[i].hint);
        CHECK(top.cams.items == NULL); /* zeroed */
    }
}

static void print_errors(FILE *f, const void *arg)
{
    conf_errors_print(f, arg);
}

static void all_mistakes_at_once(void **state)
{
    (void)state;
    struct top top;
    CHECK(!parse("cams:\n"
                 "  a:\n"
                 "    url: \"x\n"
                 "  b:\n"
                 "    low: many\n"
                 "look:\n"
                 "  fps: 5fps\n"
                 "  labels: person\n"
                 "  night: [1]\n"
                 "  lables: []\n"
                 "looks:\n"
                 "  fps 5\n"
                 "  on: yes\n",
                 &top));
    static const int lines[] = {3, 5, 7, 8, 9, 10, 11, 12};
    CHECK_INT(errors.count, ARRAY_LEN(lines));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        CHECK_INT(errors.items[i].line, lines[i]);
    char text[8192] = "";
    text_of(text, sizeof text, print_errors, &errors);
    CHECK_CONTAINS(text, "t.yaml:7:8: look: fps: '5fps' is not a number\n"
                         "       7 |   fps: 5fps\n"
                         "         |        ^~~~\n"
                         "  write 5 alone");
}

static void errors_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    char text[2048] = CAM "look:\n";
    for (int i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "  option%d: 1\n", i);
    struct top top;
    CHECK(!parse(text, &top));
    CHECK_INT(errors.count, CONF_ERRORS_MAX);
    CHECK_INT(errors.total, 30);
    char printed[16384] = "";
    text_of(printed, sizeof printed, print_errors, &errors);
    CHECK_CONTAINS(printed, "t.yaml: and 10 more\n");
}

/* No message, hint or quoted line repeats a password, whatever is wrong around it. */
static void secrets_stay_out_of_errors(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "cams:\n  a:\n    password: hunter2\n",
        "cams:\n  a:\n    url: x\n    password: hunter2hunter2hunter2hunter2hunter2\n",
        "cams:\n  a:\n    url: x\n    pasword: hunter2\n",
        "cams:\n  a:\n    url: x\n    PASSWORD: hunter2\n",
        "cams:\n  a:\n    url: x\n    password hunter2\n    low: 1\n",
        "cams:\n  a:\n    url: x\n    password:hunter2\n    low: 1\n",
        "cams:\n  a:\n    url: x\n    password = hunter2\n",
        "cams:\n  a:\n    url: x\n    password: @hunter2\n",
        "cams:\n  a:\n    url: x\n    password: *hunter2\n",
        "cams:\n  a:\n    url: x\n    password: &hunter2\n",
        "cams:\n  a:\n    url: x\n    password: !hunter2\n",
        "cams:\n  a:\n    url: x\n    password: #hunter2\n",
        "cams:\n  a:\n    url: x\n    password: [hunter2\n",
        "cams:\n  a:\n    url: x\n    password: {hunter2}\n",
        "cams:\n  a:\n    url: x\n    password: \"hunter2\n",
        "cams:\n  a:\n    url: x\n    password: 'a'hunter2\n",
        "cams:\n  a:\n    url: x\n    password: a: hunter2\n",
        "cams:\n  a:\n    url: x\n    password:\n      hunter2: x\n",
        "cams:\n  a:\n    url: x\n    password:\n      - hunter2\n",
        "cams:\n  a:\n    url: x\n    password: |\n      hunter2\n      x\n",
        "cams:\n  a:\n    url: x\n    password:\n      hunter2\n      x\n",
        "cams:\n  a:\n    url: x\n    \"password\": \"hunter2\" x\n",
        "cams: {a: {url: x, password: hunter2, foo: 1}}\n",
        "cams: {a: {foo: 1, password: hunter2, url: x}}\n",
        "cams:\n  a: rtsp://admin:hunter2@camera/1\n",
        "cams:\n  a:\n    url: [rtsp://admin:hunter2@camera/1]\n",
        "cams:\n  a:\n    url: rtsp://admin:pa/hunter2@camera/1 x: y\n",
        "cams:\n  a:\n    urll: rtsp://admin:pa#hunter2@camera/1\n",
        "cams:\n  a:\n    url:rtsp://admin:hunter2@camera/1\n    low: 1\n",
        "cams:\n  a:\n    url: admin:hunter2@camera/1 \x01\n",
        "cams:\n  a:\n    urll: http://camera/?user=admin&password=hunter2&channel=1\n",
        "cams:\n  a:\n    low: rtsp://admin:hunter2@camera/1\n    url: x\n",
        "look:\n  labels: rtsp://admin:hunter2@camera/1\n",
        "look:\n  labels: [\"rtsp://admin:hunter2@camera/this/is/far/too/long/for/a/label\"]\n",
        "rtsp://admin:hunter2@camera/1: 5\n",
        "cams:\n  a:\n    url: x\n    password:\n      hunter2 x\n      y: z\n",
        "cams:\n  a:\n    url: x\n    password:\n      - x\n      - @hunter2\n",
        "cams:\n  a:\n    low: http://camera/?user=admin&password=hunter2\n    url: x\n",
        "look:\n  labels: rtsp://camera/user=admin&password=hunter2\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct top top;
        if (parse(texts[i], &top))
            fail_msg("no error in:\n%s", texts[i]);
        char printed[16384] = "";
        text_of(printed, sizeof printed, print_errors, &errors);
        if (strstr(printed, "hunter2"))
            fail_msg("%s", printed);
    }
}

static bool make_folder(char *out, size_t bytes)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, bytes, "%s/hsi-conf-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(out) != NULL;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK_INT(fchmod(fd, mode), 0);
    close(fd);
}

static void secrets_and_environment(void **state)
{
    (void)state;
    char folder[128];
    CHECK(make_folder(folder, sizeof folder));
    char path[192];
    snprintf(path, sizeof path, "%s/secrets.yaml", folder);
    struct conf_secrets *secrets = NULL;
    CHECK(conf_secrets_load(path, &secrets, &errors)); /* a missing file is an empty set */
    conf_secrets_free(&secrets);

    write_file(path, "porch: 'hunter2!'\nfps: 7.5\n", 0640);
    CHECK(!conf_secrets_load(path, &secrets, &errors));
    CHECK_CONTAINS(errors.items[0].msg, "others (mode 640)");
    CHECK_CONTAINS(errors.items[0].hint, "chmod 600");

    write_file(path, "porch: hunter2\nbad\n", 0600);
    CHECK(!conf_secrets_load(path, &secrets, &errors));
    CHECK(!strstr(errors.items[0].source, "hunter2"));
    write_file(path, "porch: a\nhunter2\nb: c\n", 0600);
    CHECK(!conf_secrets_load(path, &secrets, &errors));
    CHECK(!strstr(errors.items[0].source, "hunter2") && !strstr(errors.items[0].msg, "hunter2"));

    write_file(path, "porch: 'hunter2!'\nfps: 7.5\n", 0600);
    CHECK(conf_secrets_load(path, &secrets, &errors));
    setenv("HSI_TEST_URL", "rtsp://camera/7", 1);
    static const char text[] = "cams: {a: {url: !env HSI_TEST_URL, password: !secret porch}}\n"
                               "look:\n  fps: !secret fps\n";
    struct top top;
    CHECK(conf_parse("t.yaml", text, sizeof text - 1, &top_section, &top, secrets, &errors));
    const struct cam *cam = top.cams.items;
    CHECK_STR(cam->source.password, "hunter2!");
    CHECK_STR(cam->source.url, "rtsp://camera/7");
    CHECK_NEAR(top.look.fps, 7.5, 0);
    opt_free(&top_section, &top);

    static const struct {
        const char *text, *msg, *hint;
    } cases[] = {
        {"cams: {a: {url: !secret porhc}}\n", "no secret 'porhc'", "did you mean 'porch'?"},
        {"cams: {a: {url: !secret zzzzzzz}}\n", "no secret 'zzzzzzz'", "zzzzzzz: VALUE"},
        {"cams: {a: {url: !env HSI_TSET_URL}}\n", "environment has no",
         "did you mean 'HSI_TEST_URL'?"},
        {"cams: {a: {url: x}}\nlook: {fps: !secret porch}\n", "the value is not a number",
         "0.1 to"},
        {"cams: {a: {url: !secret }}\n", "needs a name", "!secret NAME"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(!conf_parse("t.yaml", cases[i].text, strlen(cases[i].text), &top_section, &top,
                          secrets, &errors));
        CHECK_CONTAINS(errors.items[0].msg, cases[i].msg);
        CHECK_CONTAINS(errors.items[0].hint, cases[i].hint);
        CHECK(!strstr(errors.items[0].msg, "hunter2"));
    }
    conf_secrets_free(&secrets);
    unlink(path);
    rmdir(folder);
}

static void hostile_sizes(void **state)
{
    (void)state;
    struct top top;
    size_t bytes = CONF_FILE_BYTES + 1;
    char *text = malloc(bytes);
    memset(text, '#', bytes);
    CHECK(!conf_parse("t.yaml", text, bytes, &top_section, &top, NULL, &errors));
    CHECK_CONTAINS(errors.items[0].msg, "larger than 1 MiB");
    /* A quarter of a megabyte of one thing each; none may take noticeable time or stack. */
    static const char *const parts[] = {
        "[",   "{", "- ",   "a: ", "? ", "\ta\n",   "x: 1\n",     "a:\n ", "&a *a", "\"",    "'",
        "!x ", "%", "- - ", "x\n", ": ", "{a: [b,", "\xc2\xa0\n", "#\n",   "@\n",   "a: @\n"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t part = strlen(parts[i]);
        for (size_t at = 0; at < CONF_FILE_BYTES / 4; at++)
            text[at] = parts[i][at % part];
        CHECK(!conf_parse("t.yaml", text, CONF_FILE_BYTES / 4 / part * part, &top_section, &top,
                          NULL, &errors));
        CHECK(errors.count > 0);
    }
    free(text);
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct top top;
    CHECK(!conf_load("/nonexistent/hsi.yaml", &top_section, &top, NULL, &errors));
    CHECK_INT(errors.items[0].line, 0);
    CHECK_CONTAINS(errors.items[0].msg, "No such file");
    CHECK(!conf_load("/dev/null", &top_section, &top, NULL, &errors));
    CHECK_CONTAINS(errors.items[0].msg, "is not a file");
}

static void print_docs(FILE *f, const void *arg)
{
    conf_docs(f, arg);
}

static void the_reference_has_every_row(void **state)
{
    (void)state;
    char docs[8192] = "";
    text_of(docs, sizeof docs, print_docs, &top_section);
    CHECK_CONTAINS(docs, "## `cams.NAME`");
    CHECK_CONTAINS(docs, "## `cams.NAME.spots.NAME`");
    CHECK_CONTAINS(docs,
                   "| `url` | one line of text, up to 127 bytes | required | restart | Where. |");
    CHECK_CONTAINS(docs, "| `fps` | 0.1 to 60 | `5` | restart | Looks \\| per second. |");
    CHECK_CONTAINS(docs, "| `on` | true or false | `true` | reload | At all. |");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(what_is_shown_reads_back),
        cmocka_unit_test(mistakes_are_placed),
        cmocka_unit_test(all_mistakes_at_once),
        cmocka_unit_test(errors_beyond_the_limit_are_counted),
        cmocka_unit_test(secrets_stay_out_of_errors),
        cmocka_unit_test(secrets_and_environment),
        cmocka_unit_test(hostile_sizes),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(the_reference_has_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
