/* A window as a request to an OpenAI-compatible server. Constant text comes first, so that the
 * server's prompt cache works; whatever comes from outside (names, labels, notes) is JSON data
 * inside a delimiter, never instruction. Pure: the same input gives the same bytes. */
#pragma once

#include "risk/llm/evidence.h"

#define PROMPT_VERSION      1
#define SCHEMA_VERSION      1
#define PROMPT_PICTURES_MAX 4
#define REPLY_TOKENS_MAX    1024

/* A JPEG that the model is shown. Borrowed. */
struct prompt_picture {
    char evidence[8]; /* which moment it is */
    const unsigned char *data;
    size_t bytes;
    uint8_t sha256[32];
};

struct prompt_params {
    const struct window *window;
    const struct evidence_list *evidence;
    const struct prompt_picture *pictures;
    int picture_count;
    const char *model;  /* NULL or empty: not named */
    double temperature; /* 0 or 0.3 */
    int64_t seed;
    bool cache;
    int max_tokens; /* of the reply */
    int max_tracks; /* 0: all; else the strongest, and a line that says how many are left out */
};

/* The body of POST /v1/chat/completions: streaming, usage included, schema-constrained. */
void prompt_json(struct json *out, const struct prompt_params *params);

/* The same with each picture's bytes replaced by its hash: what is stored. */
void prompt_stored_json(struct json *out, const struct prompt_params *params);

/* The schema alone, for probes and documentation. */
void prompt_schema_json(struct json *out, const char *key, const struct evidence_list *evidence);

/* The constant text at the front, and its SHA-256 as hex: changes only with PROMPT_VERSION. */
const char *prompt_constant(void);
