#include "model/label.h"

#include <string.h>

const char *const kind_names[] = {"person", "vehicle", "animal", "object", NULL};

const char *const label_coco[] = {
    "person",        "bicycle",      "car",
    "motorcycle",    "airplane",     "bus",
    "train",         "truck",        "boat",
    "traffic light", "fire hydrant", "stop sign",
    "parking meter", "bench",        "bird",
    "cat",           "dog",          "horse",
    "sheep",         "cow",          "elephant",
    "bear",          "zebra",        "giraffe",
    "backpack",      "umbrella",     "handbag",
    "tie",           "suitcase",     "frisbee",
    "skis",          "snowboard",    "sports ball",
    "kite",          "baseball bat", "baseball glove",
    "skateboard",    "surfboard",    "tennis racket",
    "bottle",        "wine glass",   "cup",
    "fork",          "knife",        "spoon",
    "bowl",          "banana",       "apple",
    "sandwich",      "orange",       "broccoli",
    "carrot",        "hot dog",      "pizza",
    "donut",         "cake",         "chair",
    "couch",         "potted plant", "bed",
    "dining table",  "toilet",       "tv",
    "laptop",        "mouse",        "remote",
    "keyboard",      "cell phone",   "microwave",
    "oven",          "toaster",      "sink",
    "refrigerator",  "book",         "clock",
    "vase",          "scissors",     "teddy bear",
    "hair drier",    "toothbrush",   NULL,
};

static bool is_one_of(const char *label, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(label, *names) == 0)
            return true;
    return false;
}

enum object_kind label_kind(const char *label)
{
    static const char *const vehicles[] = {"bicycle", "car", "motorcycle", "bus", "truck", NULL};
    static const char *const animals[] = {"bird",  "cat", "dog",  "horse",
                                          "sheep", "cow", "bear", NULL};
    if (strcmp(label, "person") == 0)
        return KIND_PERSON;
    if (is_one_of(label, vehicles))
        return KIND_VEHICLE;
    if (is_one_of(label, animals))
        return KIND_ANIMAL;
    return KIND_OTHER;
}
