/* What a model server says about itself: llama-server's /props, everybody's /v1/models, the
 * version. Outside input, read leniently: what is missing or of the wrong kind stays as it was.
 * Pure. */
#pragma once

#include "risk/llm/server.h"

enum describe_vision { VISION_UNKNOWN, VISION_NO, VISION_YES };

/* Fills kind, model, build, slots and context. False if it is no llama-server's answer. */
bool describe_props(const char *json, size_t bytes, struct server_info *info,
                    enum describe_vision *vision);

/* Fills kind, model and context from the list of models: those of the one called wanted, or, where
 * that is empty or the server has just one that it does not look at the name of (llama.cpp), of the
 * first that does not run elsewhere, which its id tells by ending in "cloud": what happens at home
 * leaves it only if somebody says so. ERR_INVALID: this is no list; ERR_NOT_FOUND: the model is not
 * in it, the hint has some that are. */
NODISCARD bool describe_models(const char *json, size_t bytes, const char *wanted,
                               struct server_info *info, struct err *err);

/* {"version": "0.12.3"} into build. */
void describe_version(const char *json, size_t bytes, struct server_info *info);
