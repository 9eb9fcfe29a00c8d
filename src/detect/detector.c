/* Choosing and calling a detector; the options of the room. */
#include "detect/detect.h"

#include <stdalign.h>
#include <stdlib.h>

static const char *const region_names[] = {"auto", "on", "off", NULL};
static const char *const provider_names[] = {"auto", "cpu", "cuda", NULL};

static const struct opt label_rows[] = {
    {"threshold", OPT_DOUBLE(struct label_conf, threshold, 0.01, 1), .flags = OPT_REQUIRED,
     .help = "Least score for this label."},
    {0},
};

static const struct section label_section = {
    .name = "label",
    .help = "A threshold of its own for one label.",
    .bytes = sizeof(struct label_conf),
    .rows = label_rows,
};

static const struct opt detect_rows[] = {
    {"model", OPT_TEXT(struct detect_conf, model),
     .help = "A YOLO model in ONNX format: a path, or the name of an installed one. Empty: motion "
             "only."},
    {"fps", OPT_DOUBLE(struct detect_conf, fps, 0.2, 30), .def = "5", .unit = "looks per second",
     .help = "How often the detector looks at a camera while something moves."},
    {"threshold", OPT_DOUBLE(struct detect_conf, threshold, 0.01, 1), .def = "0.25",
     .help = "Least score of a detection. Tracks start at track.confirm_score; weaker ones only "
             "keep a track alive."},
    {"labels", OPT_LIST(struct detect_conf, labels, 0, OPT_LIST_MAX),
     .help = "What to look for, in the model's words. Empty: people, vehicles and animals. all: "
             "everything the model knows."},
    {"thresholds", OPT_MAP(struct detect_conf, label_thresholds, &label_section, 32),
     .help = "Least score by label, where it differs."},
    {"regions", OPT_ENUM(struct detect_conf, regions, region_names), .def = "auto",
     .help = "Look at parts of the picture, about as large as the model's input, around what moves "
             "and what was found, instead of at all of it. A small model sees as much in them as a "
             "large one in the whole picture, in a quarter of the time. auto: where the picture "
             "has at least 1.5 times the model's width or height, and with models above 448 pixels "
             "only as long as one part is enough."},
    {"whole_every", OPT_DURATION(struct detect_conf, whole_every_us, 0.5, 600), .def = "5s",
     .help = "With regions: look at the whole picture, too, at least this often."},
    {"batch_wait", OPT_DURATION(struct detect_conf, batch_wait_us, 0, 0.1), .def = "4ms",
     .help = "A model that takes several pictures at once waits at most this long for those of "
             "other cameras. Models exported with batch size 1 never wait."},
    {"threads", OPT_INT(struct detect_conf, threads, 1, 64), .def = "1",
     .help = "Threads of one inference. One leaves the other cores to the cameras."},
    {"provider", OPT_ENUM(struct detect_conf, provider, provider_names), .def = "auto",
     .help = "Where inference runs. auto takes the GPU where ONNX Runtime can, else the CPU."},
    {"library", OPT_TEXT(struct detect_conf, library),
     .help = "The ONNX Runtime library to load. Empty: search the usual places."},
    {0},
};

const struct section detect_section = {
    .name = "detect",
    .help = "Finding people, vehicles and animals in pictures.",
    .bytes = sizeof(struct detect_conf),
    .rows = detect_rows,
};

struct detector {
    const struct detector_ops *ops;
    struct detector_info info;
    struct detect_policy policy;
    alignas(max_align_t) unsigned char priv[];
};

static struct detector *open_with(const struct detector_ops *ops, const struct detect_conf *conf,
                                  struct err *err)
{
    struct detector *d = xcalloc(1, sizeof *d + ops->priv_size);
    d->ops = ops;
    d->policy = (struct detect_policy){conf->regions, conf->whole_every_us, conf->batch_wait_us};
    if (!ops->open(d->priv, conf, err)) {
        detector_close(&d);
        return NULL;
    }
    ops->describe(d->priv, &d->info);
    ASSERT(d->info.batch >= 1);
    return d;
}

/* Motion only, and why. */
static struct detector *open_motion(const struct detect_conf *conf, const char *reason)
{
    struct detector *d = open_with(&detector_motion, conf, NULL);
    ASSERT(d);
    STR_COPY(d->info.reason, reason);
    return d;
}

bool detector_open(const struct detect_conf *conf, const struct detector_ops *ops,
                   struct detector **ret, struct err *err)
{
    if (ops) {
        *ret = open_with(ops, conf, err);
        return *ret != NULL;
    }
    if (!conf->model[0]) {
        *ret = open_motion(conf, "no model configured: set detect.model");
        return true;
    }
#ifdef HAVE_ONNXRUNTIME
    struct err why = {0};
    *ret = open_with(&detector_onnx, conf, &why);
    if (!*ret && why.code == ERR_UNAVAILABLE && !conf->library[0]) {
        err_wrap(&why, "model %s is not used", conf->model);
        *ret = open_motion(conf, why.msg);
    }
    if (!*ret && err)
        *err = why;
    return *ret != NULL;
#else
    (void)err;
    *ret = open_motion(conf, "this hsi was built without ONNX Runtime");
    return true;
#endif
}

void detector_close(struct detector **detector)
{
    if (!*detector)
        return;
    (*detector)->ops->close((*detector)->priv);
    free(*detector);
    *detector = NULL;
}

const struct detector_info *detector_info(const struct detector *detector)
{
    return &detector->info;
}

const struct detect_policy *detector_policy(const struct detector *detector)
{
    return &detector->policy;
}

bool detector_run(struct detector *detector, struct look *looks, int count, struct err *err)
{
    ASSERT(count >= 1 && count <= detector->info.batch);
    for (int i = 0; i < count; i++)
        looks[i].ret->count = 0;
    return detector->ops->run(detector->priv, looks, count, err);
}
