/* Two small questions that show what a server can really do: whether it keeps to a schema, and
 * whether it sees. Pure. */
#pragma once

#include "base/json.h"

#define PROBE_SECRET_BYTES 9 /* with the terminator */
#define PROBE_TOKENS_MAX   256

extern const char *const probe_colours[]; /* NULL at the end */
#define PROBE_COLOURS 6

struct probe {
    const char *model; /* empty: not named */
    int64_t seed;
    char secret[PROBE_SECRET_BYTES]; /* which only the schema tells */
    int colour;                      /* of the picture; -1: no picture, the secret is asked for */
};

/* The body of a request, with all the fields that a real one has: a server that minds one of them
 * says so now. */
void probe_json(struct json *out, const struct probe *probe);

/* Whether the reply is what only a server that can do it says. */
bool probe_passed(const struct probe *probe, const char *reply, size_t bytes);
