/* The real tables against two corpora: tests/config/bad, where every file is one mistake that must
 * be pointed at, and tests/config/good. The first line of a bad file, or NAME.expect beside it,
 * says
 *
 *     # expect: LINE:COLUMN: part of the message | part of the hint */
#include "config.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct conf_errors errors;
static struct conf_secrets *secrets;

static const char *corpus(const char *kind)
{
    static char path[1024];
    const char *tests = getenv("HSI_TESTS");
    snprintf(path, sizeof path, "%s/config/%s", tests ? tests : "tests", kind);
    return path;
}

static bool make_folder(char *out, size_t bytes)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, bytes, "%s/hsi-conf-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(out) != NULL;
}

/* The corpus cannot hold its secrets: git does not keep a file private. */
static int make_secrets(void **state)
{
    (void)state;
    char folder[128], path[192];
    if (!make_folder(folder, sizeof folder))
        return -1;
    snprintf(path, sizeof path, "%s/secrets.yaml", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    static const char text[] = "porch_password: 'hunter2!'\ngarden_password: \"s3same\"\n"
                               "garden_url: rtsp://admin:s3same@192.168.1.21/stream1\n";
    bool written = fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1;
    close(fd);
    setenv("HSI_TEST_USER", "viewer", 1);
    bool loaded = written && conf_secrets_load(path, &secrets, &errors);
    unlink(path);
    rmdir(folder);
    return loaded ? 0 : -1;
}

static int free_secrets(void **state)
{
    (void)state;
    conf_secrets_free(&secrets);
    return 0;
}

struct expected {
    int line, column;
    char msg[256], hint[256];
};

static bool read_line(const char *path, char *out, size_t bytes)
{
    FILE *f = fopen(path, "r");
    bool read = f && fgets(out, (int)bytes, f);
    if (f)
        fclose(f);
    return read;
}

static void read_expected(const char *path, struct expected *ret)
{
    char beside[1100], line[1024] = "";
    snprintf(beside, sizeof beside, "%.*s.expect", (int)(strlen(path) - strlen(".yaml")), path);
    if (!read_line(beside, line, sizeof line) && !read_line(path, line, sizeof line))
        fail_msg("%s cannot be read", path);
    const char *text = strstr(line, "# expect: ") == line ? line + strlen("# expect: ") : line;
    int used = 0;
    if (sscanf(text, "%d:%d: %n", &ret->line, &ret->column, &used) != 2 || used == 0)
        fail_msg("%s: no 'LINE:COLUMN: ...' in '%s'", path, line);
    const char *bar = strstr(text, " | ");
    if (!bar) {
        fail_msg("%s: no ' | ' in '%s'", path, line);
        return;
    }
    snprintf(ret->msg, sizeof ret->msg, "%.*s", (int)(bar - text) - used, text + used);
    snprintf(ret->hint, sizeof ret->hint, "%.*s", (int)strcspn(bar + 3, "\n"), bar + 3);
}

static bool is_as_expected(const struct conf_error *e, const struct expected *expected)
{
    return e->line == expected->line && e->column == expected->column &&
           strstr(e->msg, expected->msg) && strstr(e->hint, expected->hint);
}

static void check_bad(const char *path)
{
    struct expected expected;
    read_expected(path, &expected);
    struct config config;
    if (conf_load(path, &config_section, &config, secrets, &errors))
        fail_msg("%s was taken", path);
    CHECK(config.cameras.items == NULL);
    bool found = false;
    for (int i = 0; i < errors.count; i++) {
        const struct conf_error *e = &errors.items[i];
        found = found || is_as_expected(e, &expected);
        if (e->line < 1 || e->column < 1 || e->span < 1 || !e->msg[0] || !e->hint[0])
            fail_msg("%s: an error without a place, a reason or a hint: '%s'", path, e->msg);
        const char *leak = strstr(e->source, "hunter2");
        if (leak || strstr(e->msg, "hunter2") || strstr(e->hint, "hunter2"))
            fail_msg("%s: a secret is shown", path);
    }
    if (found)
        return;
    conf_errors_print(stderr, &errors);
    fail_msg("%s: expected %d:%d: %s | %s", path, expected.line, expected.column, expected.msg,
             expected.hint);
}

static int for_each_file(const char *folder, void (*check)(const char *path))
{
    DIR *dir = opendir(folder);
    if (!dir) {
        fail_msg("%s cannot be read", folder);
        return 0;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < 6 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
            continue;
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check(path);
        count++;
    }
    closedir(dir);
    return count;
}

static void every_bad_file_is_pointed_at(void **state)
{
    (void)state;
    int count = for_each_file(corpus("bad"), check_bad);
    print_message("# %d bad configurations\n", count);
    CHECK(count >= 110);
}

static void check_good(const char *path)
{
    struct config config, again;
    if (!conf_load(path, &config_section, &config, secrets, &errors)) {
        conf_errors_print(stderr, &errors);
        fail_msg("%s was refused", path);
    }
    char *first = NULL, *second = NULL;
    size_t first_bytes, second_bytes;
    FILE *f = open_memstream(&first, &first_bytes);
    conf_show(f, &config_section, &config, secrets);
    fclose(f);
    CHECK(!strstr(first, "hunter2") && !strstr(first, "s3same"));
    if (!conf_parse("shown", first, first_bytes, &config_section, &again, NULL, &errors)) {
        conf_errors_print(stderr, &errors);
        fail_msg("%s: what is shown does not load:\n%s", path, first);
    }
    f = open_memstream(&second, &second_bytes);
    conf_show(f, &config_section, &again, NULL);
    fclose(f);
    CHECK_STR(second, first);
    free(first);
    free(second);
    config_done(&config);
    config_done(&again);
}

static void good_files_load_and_show_the_same(void **state)
{
    (void)state;
    CHECK(for_each_file(corpus("good"), check_good) >= 8);
}

static void the_example_is_good(void **state)
{
    (void)state;
    check_good(corpus("../../share/hsi.example.yaml"));
}

static void values_arrive(void **state)
{
    (void)state;
    struct config config;
    CHECK(conf_load(corpus("good/full.yaml"), &config_section, &config, secrets, &errors));
    CHECK_INT(config.cameras.count, 2);
    const struct camera_conf *porch = config_camera(&config, 0);
    CHECK_STR(porch->name, "porch");
    CHECK(porch->enabled);
    CHECK_STR(porch->capture.url, "rtsp://192.168.1.20/stream1");
    CHECK_STR(porch->capture.username, "viewer");
    CHECK_STR(porch->capture.password, "hunter2!");
    CHECK_INT(porch->capture.timeout_us, 20 * INT64_C(1000000));
    CHECK_INT(porch->zones.count, 2);
    CHECK_INT(((struct zone_conf *)porch->zones.items)[0].kind, ZONE_ENTRY);
    CHECK_INT(porch->lines.count, 1);
    CHECK_INT(porch->motion.masks.count, 1);
    CHECK(!config_camera(&config, 1)->enabled);
    CHECK_NEAR(config.detect.fps, 4, 0);
    CHECK_INT(config.detect.labels.count, 2);
    CHECK_INT(config.detect.label_thresholds.count, 2);
    CHECK_INT(config.risk.away.from_min, 8 * 60);
    CHECK_INT(config.log_level, LOG_DEBUG);
    config_done(&config);
}

static void secrets_stand_beside_the_file(void **state)
{
    (void)state;
    char folder[128], path[192], beside[192];
    CHECK(make_folder(folder, sizeof folder));
    snprintf(path, sizeof path, "%s/hsi.yaml", folder);
    snprintf(beside, sizeof beside, "%s/secrets.yaml", folder);
    FILE *f = fopen(path, "w");
    fputs("cameras: {a: {url: scene, password: !secret pw}}\n", f);
    fclose(f);
    struct config config;
    CHECK(!config_load(path, &config, NULL, &errors));
    CHECK_CONTAINS(errors.items[0].hint, beside);
    f = fopen(beside, "w");
    fputs("pw: abc\n", f);
    fclose(f);
    chmod(beside, 0644);
    CHECK(!config_load(path, &config, NULL, &errors));
    CHECK_CONTAINS(errors.items[0].hint, "chmod 600");
    chmod(beside, 0600);
    struct conf_secrets *loaded = NULL;
    CHECK(config_load(path, &config, &loaded, &errors));
    CHECK_STR(config_camera(&config, 0)->capture.password, "abc");
    config_done(&config);
    conf_secrets_free(&loaded);
    unlink(path);
    unlink(beside);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_file_is_pointed_at),
        cmocka_unit_test(good_files_load_and_show_the_same),
        cmocka_unit_test(the_example_is_good),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(secrets_stand_beside_the_file),
    };
    return cmocka_run_group_tests(tests, make_secrets, free_secrets);
}
