/* Where models live: the user's model folder and what the program itself carries. */
#pragma once

#include "base/err.h"

#define MODEL_PATH_BYTES 512
#define MODEL_DEMO       "demo" /* the built-in model of the demonstration scene */

/* The user's folder of installed models: $HSI_MODELS, else hsi/models below $XDG_DATA_HOME or
 * ~/.local/share. Not created. */
NODISCARD bool models_folder(char *out, size_t bytes, struct err *err);

/* The file a model option means: a path as it is, a plain name as NAME.onnx in the folder. Fails
 * with ERR_NOT_FOUND, hinting at the nearest installed name. Not for MODEL_DEMO. */
NODISCARD bool models_find(const char *name, char *out, size_t bytes, struct err *err);

/* Calls fn with the name of every installed model, in order of name. */
void models_each(void (*fn)(void *ctx, const char *name, const char *path), void *ctx);

/* The bytes of a model the program carries; NULL if it is none of that name. */
const void *models_builtin(const char *name, size_t *ret_bytes);
