/* Where the language model is and how much it may do. */
#pragma once

#include "base/opt.h"

#define LLM_URL_BYTES 256

enum model_pictures { PICTURES_AUTO, PICTURES_NEVER };

struct llm_conf {
    char url[LLM_URL_BYTES]; /* "http://127.0.0.1:8080"; empty: look on loopback; "off": none */
    char name[128];          /* model to ask for where a server has several; empty: its first */
    char api_key[128];       /* secret; empty: none */
    int min_score;           /* windows the rules score lower are not asked about */
    int urgent_level; /* enum risk_level, at least low: asked at once, while the event is open */
    struct opt_list urgent_labels, urgent_zones; /* so are these, whatever their score */
    int max_change;                 /* points the model may move the score by, either way */
    int pictures;                   /* enum model_pictures */
    int max_parallel;               /* requests at a time; 0: as many as the server has slots */
    int64_t deadline_us;            /* of one window: all attempts */
    int64_t connect_us, silence_us; /* longest without a byte */
    bool cache;                     /* let the server keep the constant part of the prompt */
};
extern const struct section llm_section;

/* No language model is to be asked. */
bool llm_is_off(const struct llm_conf *conf);

/* Where an address leads, as far as its text tells. */
struct llm_address {
    char base[LLM_URL_BYTES]; /* what paths such as "/health" are appended to */
    bool https;
    bool loopback; /* never leaves this machine */
    bool near;     /* this machine or one of the home: a private address, a name without a domain */
};

/* ERR_INVALID with what is wrong: another scheme, a user or a query in it, no host. */
NODISCARD bool llm_address_parse(const char *url, struct llm_address *ret, struct err *err);
