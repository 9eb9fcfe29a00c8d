/* A bare ONNX Runtime loop with the session options hsi uses: how many inferences a second one
 * thread gives, and what a loaded model weighs. Prints one JSON object. */
#include <dlfcn.h>
#include <inttypes.h>
#include <onnxruntime_c_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIDE_MAX 4096

struct loop {
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtValue *input;
    float *tensor;
    char input_name[64], output_name[64];
    int64_t shape[4];
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* "VmRSS" or "RssAnon" of this process, in KiB. */
static long status_kib(const char *name)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
            kib = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

/* Seconds this thread was ready to run but had no core. */
static double waited_s(void)
{
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    char line[128] = "";
    char *end = line;
    if (file && fgets(line, sizeof line, file))
        strtoull(line, &end, 10);
    if (file)
        fclose(file);
    return (double)strtoull(end, NULL, 10) / 1e9;
}

static void must(struct loop *l, OrtStatus *status)
{
    if (!status)
        return;
    fprintf(stderr, "onnxruntime: %s\n", l->api->GetErrorMessage(status));
    exit(1);
}

static void load(struct loop *l, const char *library, const char *model)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const OrtApiBase *(*base)(void) = NULL;
    if (handle)
        *(void **)&base = dlsym(handle, "OrtGetApiBase");
    l->api = base ? base()->GetApi(ORT_API_VERSION) : NULL;
    if (!l->api) {
        fprintf(stderr, "%s: %s\n", library, handle ? "too old" : dlerror());
        exit(1);
    }
    OrtSessionOptions *options;
    must(l, l->api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "bench", &l->env));
    must(l, l->api->CreateSessionOptions(&options));
    must(l, l->api->SetIntraOpNumThreads(options, 1));
    must(l, l->api->SetInterOpNumThreads(options, 1));
    must(l, l->api->SetSessionExecutionMode(options, ORT_SEQUENTIAL));
    must(l, l->api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
    must(l, l->api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
    must(l, l->api->CreateSession(l->env, model, options, &l->session));
    l->api->ReleaseSessionOptions(options);
}

static void describe(struct loop *l)
{
    OrtAllocator *allocator;
    OrtTypeInfo *type;
    const OrtTensorTypeAndShapeInfo *info;
    char *name;
    must(l, l->api->GetAllocatorWithDefaultOptions(&allocator));
    must(l, l->api->SessionGetInputName(l->session, 0, allocator, &name));
    snprintf(l->input_name, sizeof l->input_name, "%s", name);
    must(l, l->api->AllocatorFree(allocator, name));
    must(l, l->api->SessionGetOutputName(l->session, 0, allocator, &name));
    snprintf(l->output_name, sizeof l->output_name, "%s", name);
    must(l, l->api->AllocatorFree(allocator, name));
    must(l, l->api->SessionGetInputTypeInfo(l->session, 0, &type));
    must(l, l->api->CastTypeInfoToTensorInfo(type, &info));
    must(l, l->api->GetDimensions(info, l->shape, 4));
    l->api->ReleaseTypeInfo(type);
    for (int i = 2; i < 4; i++)
        if (l->shape[i] <= 0 || l->shape[i] > SIDE_MAX)
            l->shape[i] = 640;
    l->shape[0] = 1;
}

static void make_input(struct loop *l)
{
    size_t count = (size_t)(3 * l->shape[2] * l->shape[3]);
    l->tensor = malloc(count * sizeof *l->tensor);
    if (!l->tensor)
        abort();
    /* Smooth but not constant, so that no value is denormal and none is special. */
    for (size_t i = 0; i < count; i++)
        l->tensor[i] = (float)(i * 7 % 251) / 251.0f;
    must(l, l->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &l->memory));
    must(l, l->api->CreateTensorWithDataAsOrtValue(l->memory, l->tensor, count * sizeof *l->tensor,
                                                   l->shape, 4, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                                   &l->input));
}

static void run_once(struct loop *l)
{
    const char *inputs[] = {l->input_name}, *outputs[] = {l->output_name};
    OrtValue *output = NULL;
    must(l, l->api->Run(l->session, NULL, inputs, (const OrtValue *const *)&l->input, 1, outputs, 1,
                        &output));
    l->api->ReleaseValue(output);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s LIBONNXRUNTIME MODEL SECONDS\n", argv[0]);
        return 2;
    }
    struct loop l = {0};
    long rss_before = status_kib("VmRSS"), anon_before = status_kib("RssAnon");
    load(&l, argv[1], argv[2]);
    describe(&l);
    make_input(&l);
    for (int i = 0; i < 3; i++)
        run_once(&l);
    long rss_after = status_kib("VmRSS"), anon_after = status_kib("RssAnon");
    double for_s = strtod(argv[3], NULL);
    double wait = waited_s();
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    int64_t runs = 0;
    while (seconds(CLOCK_MONOTONIC) - wall < for_s) {
        run_once(&l);
        runs++;
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wait = waited_s() - wait;
    printf("{\"side\":%" PRId64 ",\"runs\":%" PRId64
           ",\"wall_s\":%.6f,\"cpu_s\":%.6f,\"wait_s\":%.6f,"
           "\"rss_kib\":%ld,\"anon_kib\":%ld}\n",
           l.shape[3], runs, wall, cpu, wait, rss_after - rss_before, anon_after - anon_before);
    return 0;
}
