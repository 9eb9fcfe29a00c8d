/* A window as a request to an OpenAI-compatible server. Constant text comes first, so that the
 * server's prompt cache works; whatever comes from outside (names, labels, notes) is JSON data
 * between delimiters that cannot occur in it, never instruction. Pure but for the process's time
 * zone: the same input gives the same bytes. */
#pragma once

#include "risk/llm/evidence.h"

#define PROMPT_VERSION      1
#define SCHEMA_VERSION      1
#define PROMPT_PICTURES_MAX 4
#define REPLY_TOKENS_MAX    1024

/* What the schema allows: together they fit into REPLY_TOKENS_MAX in any language that takes a
 * token for two characters or more. */
#define REPLY_REASONING_CHARS 600
#define REPLY_CLAIMS_MAX      6
#define REPLY_CLAIM_CHARS     120
#define REPLY_SUMMARY_CHARS   200

/* The lines around the data. Nothing between them contains a '<'. */
#define PROMPT_DATA_BEGIN "<data>"
#define PROMPT_DATA_END   "</data>"

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
    int max_tracks; /* 0: all; else the strongest, and a line that says how many are left out; what
                       only they show is left out of the evidence too */
};

/* The body of POST /v1/chat/completions: streaming, usage included, schema-constrained. A model
 * that could think first is asked not to: its thoughts would fall under the schema too. */
void prompt_json(struct json *out, const struct prompt_params *params);

/* The same with each picture's bytes replaced by its hash, "sha256:..." in place of the data URL:
 * what is stored. */
void prompt_stored_json(struct json *out, const struct prompt_params *params);

/* The schema alone, for probes and documentation. Nothing from outside is in it. */
void prompt_schema_json(struct json *out, const char *key, const struct evidence_list *evidence);

/* The constant text at the front: changes only with PROMPT_VERSION. */
const char *prompt_constant(void);
