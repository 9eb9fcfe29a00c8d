/* What a detector can name. Labels are the words of the model's class list (COCO's for YOLO26); a
 * label's kind is what tracking and rules care about. */
#pragma once

#include "base/base.h"

#define LABEL_BYTES 24 /* the longest COCO name has 14 characters */

enum object_kind { KIND_PERSON, KIND_VEHICLE, KIND_ANIMAL, KIND_OTHER, KIND_COUNT };
extern const char *const kind_names[]; /* "person" "vehicle" "animal" "object", NULL */

/* The 80 COCO names in class order, NULL-terminated. */
extern const char *const label_coco[];

/* KIND_OTHER for a label that is none of the default classes. */
enum object_kind label_kind(const char *label);

/* Whether the label is of the default classes: person; bicycle, car, motorcycle, bus, truck; bird,
 * cat, dog, horse, sheep, cow, bear. */
static inline bool label_is_default(const char *label)
{
    return label_kind(label) != KIND_OTHER;
}
