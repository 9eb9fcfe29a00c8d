#include "model/camera_event.h"

const char *const camera_event_kind_names[] = {"lost",      "frozen", "black", "covered",
                                               "defocused", "moved",  NULL};
