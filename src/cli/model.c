/* hsi model: install, list and try detection models. Weights are never part of hsi: their licences
 * are their makers' (YOLO26: AGPL-3.0). */
#include "base/log.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "detect/models.h"
#include "model/picture.h"

#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALL_BYTES_MAX (INT64_C(1) << 30)
#define COPY_BYTES        (1 << 16)

/* --- install --- */

struct install_args {
    char name[64];
};

static const struct opt install_flags[] = {
    {"name", OPT_TEXT(struct install_args, name), .unit = "NAME",
     .help = "Install it under this name instead of the file's."},
    {0},
};

static const struct section install_section = {
    .name = "install", .bytes = sizeof(struct install_args), .rows = install_flags};

static const struct args_spec install_spec = {
    .command = "model install",
    .operands = "FILE|URL",
    .min = 1,
    .max = 1,
    .help = "Copies a YOLO model in ONNX format into the model folder, after trying it. YOLO26: "
            "`yolo export model=yolo26n.pt format=onnx` with the ultralytics package writes one.",
    .flags = &install_section,
};

/* "yolo26n-640" out of "https://host/x/yolo26n-640.onnx?raw=1". */
static bool name_of_source(const char *source, char *out, size_t bytes, struct err *err)
{
    size_t end = strcspn(source, "?#");
    size_t start = end;
    while (start > 0 && source[start - 1] != '/')
        start--;
    size_t length = end - start;
    if (length > 5 && strncmp(source + end - 5, ".onnx", 5) == 0)
        length -= 5;
    if (length == 0 || length >= bytes || source[start] == '.')
        return err_set(err, ERR_INVALID, "no model name in '%s'; give one with --name", source);
    memcpy(out, source + start, length);
    out[length] = '\0';
    return true;
}

static bool fail_fetch(const char *source, const char *doing, int rc, struct err *err)
{
    err_set(err, rc == AVERROR(ENOENT) ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s model %s: %s", doing,
            source, av_err2str(rc));
    redact_urls(err->msg);
    return false;
}

/* From a file or an https address; the certificate must be good. */
static bool fetch(const char *source, FILE *out, struct err *err)
{
    if (strstr(source, "://") && strncmp(source, "https://", 8) != 0 &&
        strncmp(source, "file://", 7) != 0) {
        err_set(err, ERR_INVALID, "model %s: only https:// addresses and files are taken", source);
        redact_urls(err->msg);
        return false;
    }
    AVIOContext *in = NULL;
    AVDictionary *options = NULL;
    av_dict_set(&options, "tls_verify", "1", 0);
    av_dict_set(&options, "ca_file", "/etc/ssl/certs/ca-certificates.crt", 0);
    av_dict_set(&options, "protocol_whitelist", "file,https,tls,tcp", 0);
    int rc = avio_open2(&in, source, AVIO_FLAG_READ, NULL, &options);
    av_dict_free(&options);
    if (rc < 0) {
        fail_fetch(source, "cannot open", rc, err);
        err_hint(err, "a file, or an address that begins with https://");
        return false;
    }
    AUTO(free_ptr) unsigned char *buffer = xcalloc(COPY_BYTES, 1);
    int64_t total = 0;
    bool ok = true;
    int n;
    while (ok && (n = avio_read(in, buffer, COPY_BYTES)) != 0 && n != AVERROR_EOF) {
        total += MAX(n, 0);
        if (n < 0) /* half a model must not pass for one */
            ok = fail_fetch(source, "cannot read", n, err);
        else if (total > INSTALL_BYTES_MAX)
            ok = err_set(err, ERR_INVALID, "the model has more than %lld bytes",
                         (long long)INSTALL_BYTES_MAX);
        else if (fwrite(buffer, 1, (size_t)n, out) != (size_t)n)
            ok = err_set(err, ERR_UNAVAILABLE, "cannot write the model: %s", strerror(errno));
    }
    if (ok && total == 0)
        ok = err_set(err, ERR_INVALID, "the model is empty");
    avio_closep(&in);
    return ok;
}

/* A grey picture through the model: proves that it loads, has a known head, and runs. */
static bool try_model(const char *path, struct detector_info *ret, struct err *err)
{
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    STR_COPY(conf.model, path);
    AUTO(detector_close) struct detector *detector = NULL;
    if (!detector_open(&conf, NULL, &detector, err))
        return false;
    *ret = *detector_info(detector);
    if (ret->width == 0)
        return true; /* no ONNX Runtime here to try it with */
    AUTO(frame_unref) struct frame *grey = frame_alloc(ret->width, ret->height);
    struct motion_result motion = {0};
    struct detections found;
    struct look look = {grey, &motion, BOX_WHOLE, &found};
    return grey && detector_run(detector, &look, 1, err);
}

static bool install(const char *source, const char *name, char *path, size_t path_bytes,
                    struct detector_info *info, struct err *err)
{
    char folder[MODEL_PATH_BYTES];
    if (strchr(name, '/') || name[0] == '.')
        return err_set(err, ERR_INVALID, "'%s' is not a model name", name);
    if (!models_folder(folder, sizeof folder, err) || !files_make_folder(folder, err))
        return false;
    char partial[MODEL_PATH_BYTES + 80];
    snprintf(partial, sizeof partial, "%s/.%s.onnx.part", folder, name);
    snprintf(path, path_bytes, "%s/%s.onnx", folder, name);
    FILE *out = fopen(partial, "wb");
    if (!out)
        return err_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", partial, strerror(errno));
    bool ok = fetch(source, out, err);
    ok = fflush(out) == 0 && fsync(fileno(out)) == 0 && ok;
    fclose(out);
    ok = ok && try_model(partial, info, err);
    if (ok && rename(partial, path) != 0)
        ok = err_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
    if (!ok)
        unlink(partial);
    return ok;
}

static int model_install(int argc, char **argv)
{
    struct install_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(&install_spec, &args, argc, argv, &rest, &code))
        return code;
    struct err err = {0};
    struct detector_info info = {0};
    char path[MODEL_PATH_BYTES + 80];
    const char *source = rest.items[0];
    if ((!args.name[0] && !name_of_source(source, args.name, sizeof args.name, &err)) ||
        !install(source, args.name, path, sizeof path, &info, &err))
        return args_fail(&err);
    printf("installed %s\n", path);
    if (info.width)
        printf("it runs here: %dx%d, %s\n", info.width, info.height, info.backend);
    else
        printf("not tried: %s\n", info.reason);
    printf("to use it, write in the configuration:\ndetect:\n  model: %s\n", args.name);
    return EXIT_OK;
}

/* --- list --- */

static const struct args_spec list_spec = {
    .command = "model list",
    .help = "Lists the installed models.",
};

static void print_model(void *ctx, const char *name, const char *path)
{
    int *count = ctx;
    struct stat st = {0};
    if (stat(path, &st) == 0)
        printf("%-24s %6.1f MB  %s\n", name, (double)st.st_size / 1e6, path);
    (*count)++;
}

static int model_list(int argc, char **argv)
{
    struct args_rest rest;
    int code;
    if (!args_begin(&list_spec, NULL, argc, argv, &rest, &code))
        return code;
    size_t bytes;
    if (models_builtin(MODEL_DEMO, &bytes))
        printf("%-24s %6.1f MB  built in; knows only the demonstration scene\n", MODEL_DEMO,
               (double)bytes / 1e6);
    int count = 0;
    models_each(print_model, &count);
    char folder[MODEL_PATH_BYTES];
    if (count == 0 && models_folder(folder, sizeof folder, NULL))
        printf("none installed in %s; hsi model install FILE.onnx adds one\n", folder);
    return EXIT_OK;
}

/* --- test --- */

struct test_args {
    char output[256];
    double threshold;
    bool all;
};

static const struct opt test_flags[] = {
    {"output", OPT_TEXT(struct test_args, output), .unit = "FILE.jpg",
     .help = "Write the picture with its boxes there."},
    {"threshold", OPT_DOUBLE(struct test_args, threshold, 0.01, 1), .def = "0.25",
     .help = "Least score."},
    {"all", OPT_BOOL(struct test_args, all),
     .help = "Every class of the model, not only people, vehicles and animals."},
    {0},
};

static const struct section test_section = {
    .name = "test", .bytes = sizeof(struct test_args), .rows = test_flags};

static const struct args_spec test_spec = {
    .command = "model test",
    .operands = "MODEL IMAGE",
    .min = 2,
    .max = 2,
    .help =
        "Runs a model on one picture and prints what it finds: label, score, and the box in the "
        "picture's pixels.",
    .flags = &test_section,
};

static bool write_annotated(const char *path, const struct frame *frame,
                            const struct detections *found, struct err *err)
{
    AUTO(frame_unref) struct frame *drawn = picture_of_detections(frame, found);
    return files_write_jpeg(path, drawn, 92, err);
}

static int model_test(int argc, char **argv)
{
    struct test_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(&test_spec, &args, argc, argv, &rest, &code))
        return code;
    struct err err = {0};
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    conf.threshold = args.threshold;
    STR_COPY(conf.model, rest.items[0]);
    if (args.all)
        STR_COPY(conf.labels.items[conf.labels.count++], DETECT_ALL_LABELS);
    AUTO(frame_unref) struct frame *frame = NULL;
    AUTO(detector_close) struct detector *detector = NULL;
    struct motion_result motion = {0};
    struct detections found;
    if (!decode_still(rest.items[1], &frame, &err) || !detector_open(&conf, NULL, &detector, &err))
        return args_fail(&err);
    const struct detector_info *info = detector_info(detector);
    if (info->reason[0] && info->width == 0) {
        err_set(&err, ERR_UNAVAILABLE, "%s", info->reason);
        return args_fail(&err);
    }
    int64_t before_us = clock_mono_us(&clock_real);
    struct look look = {frame, &motion, BOX_WHOLE, &found};
    if (!detector_run(detector, &look, 1, &err))
        return args_fail(&err);
    double took_ms = (double)(clock_mono_us(&clock_real) - before_us) / 1000;
    for (int i = 0; i < found.count; i++) {
        const struct detection *d = &found.items[i];
        printf("%-14s %.3f  [%.1f, %.1f, %.1f, %.1f]\n", d->label, d->score,
               d->box.x0 * (float)frame->width, d->box.y0 * (float)frame->height,
               d->box.x1 * (float)frame->width, d->box.y1 * (float)frame->height);
    }
    fprintf(stderr, "%s: %dx%d picture, %dx%d model, %s, %.1f ms\n", info->name, frame->width,
            frame->height, info->width, info->height, info->backend, took_ms);
    if (args.output[0] && !write_annotated(args.output, frame, &found, &err))
        return args_fail(&err);
    return EXIT_OK;
}

/* --- the subcommand --- */

int cli_model(int argc, char **argv)
{
    static const char *const names[] = {"install", "list", "test", NULL};
    static int (*const functions[])(int, char **) = {model_install, model_list, model_test};
    const char *usage =
        "usage: hsi model install FILE|URL\n       hsi model list\n"
        "       hsi model test MODEL IMAGE [--output annotated.jpg]\n\n"
        "These are detection models. A language model runs in a server of its own:\n"
        "docs/language-model.md tells which, and how to start it.\n";
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_WRONG;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], argv[1]) == 0)
            return functions[i](argc - 1, argv + 1);
    fprintf(stderr, "hsi: unknown command 'model %s'\n", argv[1]);
    const char *near = suggest(argv[1], names);
    if (near)
        fprintf(stderr, "did you mean 'model %s'?\n", near);
    fputs(usage, stderr);
    return EXIT_WRONG;
}
