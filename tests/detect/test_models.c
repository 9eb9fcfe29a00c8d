/* Where models are looked for. */
#include "test.h"

#include "detect/models.h"
#include "double/clip.h"

#include <stdlib.h>
#include <unistd.h>

static void touch(const struct clip_folder *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fclose(file);
}

static void the_folder(void **state)
{
    (void)state;
    static const struct {
        const char *own, *data, *home, *expected;
    } cases[] = {
        {"models", "/data", "/h", "models"},
        {"", "/data", "/h", "/data/hsi/models"},
        {NULL, "/data", "/h", "/data/hsi/models"},
        {NULL, "relative", "/h", "/h/.local/share/hsi/models"}, /* not absolute: not valid */
        {NULL, "", "/h", "/h/.local/share/hsi/models"},
        {NULL, NULL, NULL, "/var/lib/hsi/models"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const names[] = {"HSI_MODELS", "XDG_DATA_HOME", "HOME"};
        const char *const values[] = {cases[i].own, cases[i].data, cases[i].home};
        for (int k = 0; k < 3; k++)
            if (values[k])
                setenv(names[k], values[k], 1);
            else
                unsetenv(names[k]);
        char out[MODEL_PATH_BYTES];
        CHECK(models_folder(out, sizeof out, NULL));
        CHECK_STR(out, cases[i].expected);
    }
    char small[8];
    struct err err = {0};
    CHECK(!models_folder(small, sizeof small, &err));
    CHECK_CONTAINS(err.msg, "longer than 8");
}

static void finding(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    setenv("HSI_MODELS", folder.path, 1);
    touch(&folder, "yolo26n-640.onnx");
    touch(&folder, "yolo26s-640.onnx");
    touch(&folder, "notes.txt");
    char full[512];
    snprintf(full, sizeof full, "%s/yolo26n-640.onnx", folder.path);
    const struct {
        const char *name, *path, *msg, *hint;
    } cases[] = {
        {"yolo26n-640", full, NULL, NULL},
        {"yolo26n-640.onnx", full, NULL, NULL},
        {full, full, NULL, NULL},
        {"yolo26n-64O", NULL, "no model 'yolo26n-64O' is installed", "did you mean 'yolo26n-640'?"},
        {"resnet", NULL, "no model 'resnet' is installed", "hsi model install"},
        {"notes", NULL, "no model 'notes' is installed", "hsi model install"},
        {"./no/such.onnx", NULL, "no model file ./no/such.onnx", "hsi model list"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[MODEL_PATH_BYTES];
        struct err err = {0};
        bool ok = models_find(cases[i].name, out, sizeof out, &err);
        CHECK_INT(ok, cases[i].path != NULL);
        if (ok) {
            CHECK_STR(out, cases[i].path);
            continue;
        }
        CHECK_INT(err.code, ERR_NOT_FOUND);
        CHECK_STR(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
    }
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    longer[3] = '/';
    char out[MODEL_PATH_BYTES];
    struct err err = {0};
    CHECK(!models_find(longer, out, sizeof out, &err));
    longer[3] = 'x';
    CHECK(!models_find(longer, out, sizeof out, &err));
    clip_folder_done(&folder);
}

static void append_name(void *ctx, const char *name, const char *path)
{
    char *text = ctx;
    CHECK(access(path, R_OK) == 0);
    strncat(text, name, 200 - strlen(text));
    strncat(text, " ", 200 - strlen(text));
}

static void listing_is_in_order(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    setenv("HSI_MODELS", folder.path, 1);
    static const char *const files[] = {"b.onnx", "a.onnx",      ".hidden.onnx", ".onnx",
                                        "c.txt",  "c.onnx.part", "B.onnx"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        touch(&folder, files[i]);
    char text[256] = "";
    models_each(append_name, text);
    CHECK_STR(text, "B a b ");
    clip_folder_done(&folder);
    text[0] = '\0';
    models_each(append_name, text); /* the folder is gone */
    CHECK_STR(text, "");
}

static void only_the_demo_is_built_in(void **state)
{
    (void)state;
    size_t bytes = 0;
    CHECK(!models_builtin("yolo26n", &bytes));
    CHECK(!models_builtin("", &bytes));
    const void *data = models_builtin(MODEL_DEMO, &bytes);
    CHECK_INT(data != NULL, bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder),
        cmocka_unit_test(finding),
        cmocka_unit_test(listing_is_in_order),
        cmocka_unit_test(only_the_demo_is_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
