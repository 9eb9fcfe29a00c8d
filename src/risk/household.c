#include "risk/household.h"

const char *const trust_names[] = {"full", "guest", NULL};
