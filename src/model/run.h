/* One question that a language model was asked, and its answer. Plain data. */
#pragma once

#include "base/blob.h"
#include "base/uuid7.h"

/* Everything needed to ask again: one per attempt. */
struct run {
    struct uuid id, event;
    int revision;
    int attempt;      /* from 1 */
    char outcome[32]; /* "ok", or the failure's name */
    char detail[256];
    char model[128], build[64];
    int64_t seed;
    double temperature;
    int prompt_version, schema_version;
    uint8_t prompt_sha256[32];
    struct blob *request; /* zstd: prompt_stored_json */
    struct blob *reply;   /* zstd: the text as it came; NULL: none */
    int prompt_tokens, cached_tokens, reply_tokens;
    int64_t spent_us, wall_us;
};
void run_done(struct run *run); /* drops what it owns */
