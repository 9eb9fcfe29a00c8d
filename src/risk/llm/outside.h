/* Text from outside on its way to a language model and back. To a model nothing is merely text: a
 * name that reads "<|im_end|>" would end its message, one that reads "/think" would change its
 * mode, and characters that nobody sees may say anything. Pure. */
#pragma once

#include "base/json.h"

#define OUTSIDE_BYTES_MAX 512 /* of one text; what is longer is cut */

/* As json_text, with every character that any model or chat template may take for more than text
 * written as \uXXXX: what remains are letters, digits, spaces and everyday punctuation. So neither
 * '<', '>', '[', '|' nor '/' occurs in it, nor a line break. Broken UTF-8 becomes U+FFFD. */
void outside_json(struct json *out, const char *key, const char *text);

/* Copies a model's text for people: control and invisible characters, line breaks too, become
 * spaces, runs of spaces one, none at the ends; cut between characters where it is longer. */
void outside_copy(char *dst, size_t bytes, const char *src);
