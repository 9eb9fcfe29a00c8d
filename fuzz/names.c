/* The class names in a model's metadata: text from whoever made the model. */
#include "detect/yolo.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) char *text = xcalloc(1, size + 1);
    AUTO(free_ptr) struct yolo_classes *classes = NEW(struct yolo_classes);
    if (size > 0)
        memcpy(text, data, size);
    struct err err = {0};
    bool ok = yolo_parse_names(text, classes, &err);
    ASSERT(ok == (err.code == ERR_NONE));
    ASSERT(!ok || (classes->count > 0 && classes->count <= YOLO_CLASSES_MAX));
    for (int i = 0; i < YOLO_CLASSES_MAX; i++) {
        size_t length = strnlen(classes->names[i], LABEL_BYTES);
        ASSERT(length < LABEL_BYTES);
        for (size_t k = 0; k < length; k++)
            ASSERT((unsigned char)classes->names[i][k] >= ' ');
    }
    return 0;
}
