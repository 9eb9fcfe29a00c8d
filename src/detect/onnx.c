/* The neural detector: a YOLO model in ONNX Runtime. The library is loaded when a detector is
 * opened, never linked: hsi starts in milliseconds without it and runs (motion only) where it is
 * absent. */
#include "detect/detect.h"

#include "detect/models.h"
#include "detect/yolo.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_BYTES_MAX (INT64_C(1) << 30)
#define BATCH_FIXED_MAX 16 /* a model of a larger fixed batch would spend most of it on nothing */
#define BATCH_FREE      8  /* pictures at once, where the model takes any number */
#define ORT_API_OLDEST  17 /* has everything used here; ONNX Runtime 1.17 */

struct onnx {
    void *library;
    char version[32];
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtValue *inputs[BATCH_FIXED_MAX]; /* by pictures in it, less one; all wrap tensor */
    float *tensor;                     /* batch pictures, one after the other */
    int batch;                         /* most pictures of one run */
    bool batch_is_fixed;               /* every run has that many */
    char input_name[64], output_name[64];
    int width, height; /* px */
    struct yolo_layout layout;
    struct yolo_classes classes;
    struct letterbox_scratch scratch[BATCH_FIXED_MAX];
    char model[64], note[256], provider[16], fallback[192];
};

/* ONNX Runtime's status as our error; frees it. True when there was none. */
static bool ort_ok(struct onnx *o, OrtStatus *status, const char *doing, struct err *err)
{
    if (!status)
        return true;
    const char *text = o->api->GetErrorMessage(status);
    size_t line = strcspn(text, "\r\n"); /* what follows is a trace */
    err_set(err, ERR_INTERNAL, "onnxruntime: %s: %.*s", doing, (int)line, text);
    o->api->ReleaseStatus(status);
    return false;
}

static void *load_library(const struct detect_conf *conf, char *tried, size_t tried_bytes)
{
    char beside[PATH_MAX] = "";
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = '\0';
        snprintf(beside, sizeof beside, "%.*s/../deps/onnxruntime/lib/libonnxruntime.so.1",
                 PATH_MAX - 64, dirname(exe));
    }
    const char *const places[] = {
        conf->library[0] ? conf->library : beside,
        "/usr/lib/hsi/libonnxruntime.so.1",
        "/usr/local/lib/hsi/libonnxruntime.so.1",
        "libonnxruntime.so.1",
        "libonnxruntime.so.1.21", /* Debian 13 */
        "libonnxruntime.so",
    };
    size_t count = conf->library[0] ? 1 : ARRAY_LEN(places);
    for (size_t i = 0; i < count; i++) {
        void *library = places[i][0] ? dlopen(places[i], RTLD_NOW | RTLD_LOCAL) : NULL;
        if (library)
            return library;
    }
    snprintf(tried, tried_bytes, "%s", conf->library[0] ? conf->library : "libonnxruntime.so.1");
    return NULL;
}

static bool open_library(struct onnx *o, const struct detect_conf *conf, struct err *err)
{
    char tried[DETECT_MODEL_BYTES];
    o->library = load_library(conf, tried, sizeof tried);
    if (!o->library) {
        err_set(err, ERR_UNAVAILABLE, "no ONNX Runtime library: cannot load %s", tried);
        err_hint(err, "run tools/setup build, or set detect.library to libonnxruntime.so");
        return false;
    }
    const OrtApiBase *(*base)(void) = NULL;
    *(void **)&base = dlsym(o->library, "OrtGetApiBase");
    if (!base)
        return err_set(err, ERR_UNAVAILABLE, "%s is not ONNX Runtime: no OrtGetApiBase", tried);
    STR_COPY(o->version, base()->GetVersionString());
    /* An older library says NULL, and a line on stderr, for an API it does not know yet: start from
     * its own version. */
    int minor = 0;
    if (sscanf(o->version, "1.%d", &minor) == 1)
        o->api = base()->GetApi((uint32_t)MIN(minor, ORT_API_VERSION));
    if (!o->api || minor < ORT_API_OLDEST) {
        err_set(err, ERR_UNAVAILABLE, "ONNX Runtime %s is too old", o->version);
        err_hint(err, "1.%d or newer is needed", ORT_API_OLDEST);
        return false;
    }
    return true;
}

/* The GPU, if asked for or there; the reason if not. The CPU is always behind it. */
static bool choose_provider(struct onnx *o, OrtSessionOptions *options, int wanted, struct err *err)
{
    STR_COPY(o->provider, "cpu");
    if (wanted == PROVIDER_CPU)
        return true;
    char **names = NULL;
    int count = 0;
    if (!ort_ok(o, o->api->GetAvailableProviders(&names, &count), "list providers", err))
        return false;
    bool cuda = false;
    for (int i = 0; i < count; i++)
        cuda |= strcmp(names[i], "CUDAExecutionProvider") == 0;
    OrtStatus *ignored = o->api->ReleaseAvailableProviders(names, count);
    if (ignored)
        o->api->ReleaseStatus(ignored);

    struct err why = {0};
    OrtCUDAProviderOptions cuda_options = {0};
    if (cuda &&
        ort_ok(o, o->api->SessionOptionsAppendExecutionProvider_CUDA(options, &cuda_options),
               "use CUDA", &why)) {
        STR_COPY(o->provider, "cuda");
        return true;
    }
    if (!cuda)
        STR_COPY(why.msg, "this ONNX Runtime has no CUDA provider");
    if (wanted == PROVIDER_CUDA)
        STR_COPY(o->fallback, why.msg);
    return true;
}

static bool make_options(struct onnx *o, const struct detect_conf *conf, OrtSessionOptions *options,
                         struct err *err)
{
    const OrtApi *api = o->api;
    /* Full optimisation is 1.6 times faster than none for YOLO26n in FP32; spinning threads on a
     * busy small machine are twice slower than one thread. */
    return ort_ok(o, api->SetIntraOpNumThreads(options, conf->threads), "set threads", err) &&
           ort_ok(o, api->SetInterOpNumThreads(options, 1), "set threads", err) &&
           ort_ok(o, api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), "optimise",
                  err) &&
           ort_ok(o, api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"),
                  "set threads", err) &&
           choose_provider(o, options, conf->provider, err);
}

/* A model file's session, or that of a model the program carries. */
static bool create_session(struct onnx *o, const struct detect_conf *conf,
                           const OrtSessionOptions *options, struct err *err)
{
    size_t bytes;
    const void *builtin = models_builtin(conf->model, &bytes);
    if (builtin)
        return ort_ok(o,
                      o->api->CreateSessionFromArray(o->env, builtin, bytes, options, &o->session),
                      "load", err);
    char path[MODEL_PATH_BYTES];
    struct stat st;
    if (!models_find(conf->model, path, sizeof path, err))
        return false;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MODEL_BYTES_MAX)
        return err_set(err, ERR_INVALID, "%s is not a file of at most %lld bytes", path,
                       (long long)MODEL_BYTES_MAX);
    if (ort_ok(o, o->api->CreateSession(o->env, path, options, &o->session), "load", err))
        return true;
    if (err)
        err->code = ERR_INVALID;
    err_hint(err, "is it an ONNX export? yolo export model=yolo26n.pt format=onnx makes one");
    return false;
}

static bool open_session(struct onnx *o, const struct detect_conf *conf, struct err *err)
{
    if (!ort_ok(o, o->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "hsi", &o->env), "start", err))
        return false;
    OrtStatus *ignored = o->api->DisableTelemetryEvents(o->env);
    if (ignored)
        o->api->ReleaseStatus(ignored);
    OrtSessionOptions *options = NULL;
    if (!ort_ok(o, o->api->CreateSessionOptions(&options), "start", err))
        return false;
    bool ok = make_options(o, conf, options, err) && create_session(o, conf, options, err);
    o->api->ReleaseSessionOptions(options);
    return ok;
}

/* Shape and name of the session's input or output 0. */
static bool read_port(struct onnx *o, bool output, char *name, size_t name_bytes, int64_t *dims,
                      size_t *dim_count, struct err *err)
{
    const OrtApi *api = o->api;
    OrtAllocator *allocator;
    OrtTypeInfo *type = NULL;
    char *text = NULL;
    bool ok = ort_ok(o, api->GetAllocatorWithDefaultOptions(&allocator), "inspect", err) &&
              ort_ok(o,
                     output ? api->SessionGetOutputName(o->session, 0, allocator, &text)
                            : api->SessionGetInputName(o->session, 0, allocator, &text),
                     "inspect", err);
    if (!ok)
        return false;
    bool named = str_copy(name, name_bytes, text);
    allocator->Free(allocator, text);
    if (!named)
        return err_set(err, ERR_INVALID, "the model's tensor name is longer than %zu", name_bytes);
    ok = ort_ok(o,
                output ? api->SessionGetOutputTypeInfo(o->session, 0, &type)
                       : api->SessionGetInputTypeInfo(o->session, 0, &type),
                "inspect", err);
    if (!ok)
        return false;
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t count = 0;
    ok = ort_ok(o, api->CastTypeInfoToTensorInfo(type, &shape), "inspect", err) && shape &&
         ort_ok(o, api->GetTensorElementType(shape, &element), "inspect", err) &&
         ort_ok(o, api->GetDimensionsCount(shape, &count), "inspect", err);
    if (ok && (element != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || count > *dim_count))
        ok = err_set(err, ERR_INVALID, "the model's %s is not a float tensor of at most %zu axes",
                     output ? "output" : "input", *dim_count);
    if (ok) {
        *dim_count = count;
        ok = ort_ok(o, api->GetDimensions(shape, dims, count), "inspect", err);
    }
    api->ReleaseTypeInfo(type);
    return ok;
}

/* A metadata entry into out; false if the model has none of that name. */
static bool read_metadata(struct onnx *o, const char *key, char *out, size_t bytes)
{
    OrtModelMetadata *metadata = NULL;
    OrtAllocator *allocator;
    char *text = NULL;
    if (!ort_ok(o, o->api->GetAllocatorWithDefaultOptions(&allocator), "inspect", NULL) ||
        !ort_ok(o, o->api->SessionGetModelMetadata(o->session, &metadata), "inspect", NULL))
        return false;
    bool found = ort_ok(
                     o,
                     o->api->ModelMetadataLookupCustomMetadataMap(metadata, allocator, key, &text),
                     "inspect", NULL) &&
                 text;
    if (found) {
        found = str_copy(out, bytes, text);
        allocator->Free(allocator, text);
    }
    o->api->ReleaseModelMetadata(metadata);
    return found;
}

static void default_names(struct yolo_classes *classes)
{
    memset(classes, 0, sizeof *classes);
    for (; label_coco[classes->count]; classes->count++)
        STR_COPY(classes->names[classes->count], label_coco[classes->count]);
}

/* In the configuration a blank may be written as _, as names of elements must. */
static bool same_label(const char *written, const char *label)
{
    while (*written && (*written == *label || (*written == '_' && *label == ' '))) {
        written++;
        label++;
    }
    return !*written && !*label;
}

static bool chosen(const struct detect_conf *conf, const char *label)
{
    if (conf->labels.count == 0)
        return label_is_default(label);
    for (int i = 0; i < conf->labels.count; i++)
        if (same_label(conf->labels.items[i], label) ||
            strcmp(conf->labels.items[i], DETECT_ALL_LABELS) == 0)
            return true;
    return false;
}

static float threshold_for(const struct detect_conf *conf, const char *label)
{
    const struct label_conf *rows = conf->label_thresholds.items;
    for (int i = 0; i < conf->label_thresholds.count; i++)
        if (same_label(rows[i].name, label))
            return (float)rows[i].threshold;
    return (float)conf->threshold;
}

static const char *class_at(const void *ctx, size_t i)
{
    const struct yolo_classes *classes = ctx;
    return i < (size_t)classes->count ? classes->names[i] : NULL;
}

/* A word the model does not know is a typing mistake, or the wrong model. */
static bool check_label(const struct onnx *o, const char *written, struct err *err)
{
    if (strcmp(written, DETECT_ALL_LABELS) == 0)
        return true;
    for (int i = 0; i < o->classes.count; i++)
        if (same_label(written, o->classes.names[i]))
            return true;
    err_set(err, ERR_INVALID, "the model knows no label '%s'", written);
    const char *near = suggest_from(written, class_at, &o->classes);
    if (near)
        err_hint(err, "did you mean '%s'?", near);
    else
        err_hint(err, "it knows %d, '%s' first", o->classes.count, o->classes.names[0]);
    return false;
}

static bool check_labels(const struct onnx *o, const struct detect_conf *conf, struct err *err)
{
    const struct label_conf *rows = conf->label_thresholds.items;
    for (int i = 0; i < conf->labels.count; i++)
        if (!check_label(o, conf->labels.items[i], err))
            return false;
    for (int i = 0; i < conf->label_thresholds.count; i++)
        if (!check_label(o, rows[i].name, err))
            return false;
    return true;
}

static bool read_classes(struct onnx *o, const struct detect_conf *conf, struct err *err)
{
    AUTO(free_ptr) char *text = xcalloc(1, 1 << 16);
    if (!read_metadata(o, "names", text, 1 << 16))
        default_names(&o->classes);
    else if (!yolo_parse_names(text, &o->classes, err))
        return false;
    if (!check_labels(o, conf, err))
        return false;
    int wanted = 0;
    for (int i = 0; i < o->classes.count; i++) {
        const char *label = o->classes.names[i];
        bool counts = label[0] && chosen(conf, label);
        o->classes.threshold[i] = counts ? threshold_for(conf, label) : 2.0f;
        wanted += counts;
    }
    if (wanted > 0)
        return true;
    err_set(err, ERR_INVALID, "the model knows none of the labels asked for");
    err_hint(err, "its first class is '%s'; see detect.labels", o->classes.names[0]);
    return false;
}

/* The shape of input and output, which must agree about how many pictures there are. */
static bool read_shapes(struct onnx *o, struct err *err)
{
    int64_t in[4], out[4];
    size_t in_count = ARRAY_LEN(in), out_count = ARRAY_LEN(out);
    if (!read_port(o, false, o->input_name, sizeof o->input_name, in, &in_count, err) ||
        !read_port(o, true, o->output_name, sizeof o->output_name, out, &out_count, err))
        return false;
    if (in_count != 4 || in[0] > BATCH_FIXED_MAX || in[1] != 3 || in[2] < 32 || in[3] < 32 ||
        in[2] > LETTERBOX_SIDE_MAX || in[3] > LETTERBOX_SIDE_MAX) {
        err_set(err, ERR_INVALID, "the model's input is not [1, 3, height, width] of fixed size");
        err_hint(err, "export it with a fixed imgsz of 32 to %d and a batch of at most %d",
                 LETTERBOX_SIDE_MAX, BATCH_FIXED_MAX);
        return false;
    }
    o->batch_is_fixed = in[0] > 0;
    o->batch = o->batch_is_fixed ? (int)in[0] : BATCH_FREE;
    bool agrees = out[0] == in[0] || out[0] < 1;
    if (out_count == 3 && agrees)
        out[0] = 1; /* each picture's share of it */
    o->height = (int)in[2];
    o->width = (int)in[3];
    return yolo_layout(out, out_count, &o->layout, err);
}

static size_t picture_floats(const struct onnx *o)
{
    return (size_t)3 * (size_t)o->height * (size_t)o->width;
}

static bool open_tensors(struct onnx *o, struct err *err)
{
    if (!read_shapes(o, err) ||
        !ort_ok(o, o->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &o->memory),
                "allocate", err))
        return false;
    size_t floats = picture_floats(o);
    o->tensor = calloc((size_t)o->batch * floats, sizeof(float));
    if (!o->tensor)
        return err_set(err, ERR_EXHAUSTED, "no memory for %d pictures of %dx%d", o->batch, o->width,
                       o->height);
    bool ok = true;
    for (int n = o->batch_is_fixed ? o->batch : 1; ok && n <= o->batch; n++) {
        int64_t shape[4] = {n, 3, o->height, o->width};
        ok = ort_ok(o,
                    o->api->CreateTensorWithDataAsOrtValue(
                        o->memory, o->tensor, (size_t)n * floats * sizeof(float), shape, 4,
                        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &o->inputs[n - 1]),
                    "allocate", err);
    }
    return ok;
}

static void name_model(struct onnx *o, const char *path)
{
    const char *slash = strrchr(path, '/');
    STR_COPY(o->model, slash ? slash + 1 : path);
    char *dot = strrchr(o->model, '.');
    if (dot)
        *dot = '\0';
    if (!read_metadata(o, "hsi_note", o->note, sizeof o->note))
        o->note[0] = '\0';
}

static size_t picture_values(const struct onnx *o)
{
    int per_row = o->layout.head == YOLO_END_TO_END ? 6 : 4 + o->layout.classes;
    return (size_t)o->layout.rows * (size_t)per_row;
}

static bool check_output(struct onnx *o, OrtValue *output, int pictures, struct err *err)
{
    OrtTensorTypeAndShapeInfo *shape = NULL;
    if (!ort_ok(o, o->api->GetTensorTypeAndShape(output, &shape), "read output", err))
        return false;
    size_t floats = 0;
    bool ok = ort_ok(o, o->api->GetTensorShapeElementCount(shape, &floats), "read output", err);
    o->api->ReleaseTensorTypeAndShapeInfo(shape);
    size_t expected = (size_t)pictures * picture_values(o);
    if (ok && floats != expected)
        return err_set(err, ERR_INVALID, "the model gave %zu values instead of %zu", floats,
                       expected);
    return ok;
}

/* What the tensor holds through the model; *ret_values is the output's own. */
static bool run_tensor(struct onnx *o, int pictures, OrtValue **ret_output, float **ret_values,
                       struct err *err)
{
    const char *input_names[] = {o->input_name};
    const char *output_names[] = {o->output_name};
    const OrtValue *inputs[] = {o->inputs[pictures - 1]};
    *ret_output = NULL;
    return ort_ok(
               o,
               o->api->Run(o->session, NULL, input_names, inputs, 1, output_names, 1, ret_output),
               "run", err) &&
           check_output(o, *ret_output, pictures, err) &&
           ort_ok(o, o->api->GetTensorMutableData(*ret_output, (void **)ret_values), "read output",
                  err);
}

/* Many an exporter writes that a model takes any number of pictures when something inside of it
 * does not. */
static void try_batch(struct onnx *o)
{
    if (o->batch_is_fixed)
        return;
    OrtValue *output;
    float *values;
    if (!run_tensor(o, 2, &output, &values, NULL))
        o->batch = 1;
    if (output)
        o->api->ReleaseValue(output);
}

static bool onnx_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    struct onnx *o = priv;
    if (!open_library(o, conf, err) || !open_session(o, conf, err))
        return false;
    name_model(o, conf->model);
    if (!open_tensors(o, err) || !read_classes(o, conf, err))
        return false;
    try_batch(o);
    return true;
}

/* How one look lies in its share of the tensor. */
struct place {
    struct crop crop;
    struct letterbox lb;
};

static bool fill_picture(struct onnx *o, int index, const struct look *look, struct place *ret,
                         struct err *err)
{
    const struct frame *frame = look->frame;
    ret->crop = crop_of(look->region, frame->width, frame->height);
    ret->lb = letterbox_fit(ret->crop.width, ret->crop.height, o->width, o->height);
    float *tensor = o->tensor + (size_t)index * picture_floats(o);
    if (letterbox_fill_crop(&ret->lb, frame, &ret->crop, tensor, &o->scratch[index]))
        return true;
    return err_set(err, ERR_EXHAUSTED, "no memory to scale a %dx%d picture", frame->width,
                   frame->height);
}

static void take_picture(const struct onnx *o, const float *values, const struct place *place,
                         struct look *look)
{
    yolo_decode(&o->layout, values, &place->lb, &o->classes, look->ret);
    for (int i = 0; i < look->ret->count; i++) {
        struct box *box = &look->ret->items[i].box;
        *box = crop_unmap(&place->crop, look->frame->width, look->frame->height, *box);
    }
}

static bool onnx_run(void *priv, struct look *looks, int count, struct err *err)
{
    struct onnx *o = priv;
    ASSERT(count >= 1 && count <= o->batch);
    struct place places[BATCH_FIXED_MAX];
    for (int i = 0; i < count; i++)
        if (!fill_picture(o, i, &looks[i], &places[i], err))
            return false;
    OrtValue *output;
    float *values = NULL;
    bool ok = run_tensor(o, o->batch_is_fixed ? o->batch : count, &output, &values, err);
    for (int i = 0; ok && i < count; i++)
        take_picture(o, values + (size_t)i * picture_values(o), &places[i], &looks[i]);
    if (output)
        o->api->ReleaseValue(output);
    return ok;
}

static void onnx_describe(const void *priv, struct detector_info *ret)
{
    const struct onnx *o = priv;
    STR_COPY(ret->name, o->model);
    snprintf(ret->backend, sizeof ret->backend, "onnxruntime %s %s", o->version, o->provider);
    STR_COPY(ret->reason, o->fallback);
    STR_COPY(ret->note, o->note);
    ret->batch = o->batch;
    ret->width = o->width;
    ret->height = o->height;
}

static void onnx_close(void *priv)
{
    struct onnx *o = priv;
    for (int i = 0; i < BATCH_FIXED_MAX; i++)
        if (o->inputs[i])
            o->api->ReleaseValue(o->inputs[i]);
    if (o->memory)
        o->api->ReleaseMemoryInfo(o->memory);
    if (o->session)
        o->api->ReleaseSession(o->session);
    if (o->env)
        o->api->ReleaseEnv(o->env);
    free(o->tensor);
    for (int i = 0; i < BATCH_FIXED_MAX; i++)
        letterbox_scratch_done(&o->scratch[i]);
    /* The library stays mapped: its own threads and thread-locals do not survive dlclose. */
}

const struct detector_ops detector_onnx = {
    .name = "onnx",
    .priv_size = sizeof(struct onnx),
    .open = onnx_open,
    .run = onnx_run,
    .describe = onnx_describe,
    .close = onnx_close,
};
