/* Reads the fields of JSON from outside, each within its bounds. The first mistake is kept with its
 * place and what is wrong; from then on everything reads as zero, so that a reader checks once, at
 * its end, instead of after every field. One thread. */
#pragma once

#include "base/err.h"
#include "base/uuid7.h"

#include <jansson.h>

struct fields {
    struct err *err;
    bool failed;
    char where[80]; /* "track 3": before the name of the field, in messages */
};

/* An object of at most max_bytes, without a name given twice; NULL after filling f->err. */
NODISCARD json_t *fields_load(struct fields *f, const char *json, size_t bytes, size_t max_bytes);
void fields_drop(json_t **root); /* for AUTO */

/* Names the place that is read next. */
void fields_at(struct fields *f, const char *fmt, ...) PRINTF(2, 3);
/* Keeps the first mistake, with ERR_INVALID; yields false. */
bool fields_fail(struct fields *f, const char *fmt, ...) PRINTF(2, 3);

/* A field that is missing or null counts as not given. */
bool fields_has(const json_t *object, const char *name);

/* Required: a missing field is a mistake. Objects and arrays are borrowed, NULL after a mistake
 * (which reads as empty with jansson's own functions). */
json_t *fields_object(struct fields *f, const json_t *object, const char *name);
json_t *fields_array(struct fields *f, const json_t *object, const char *name, size_t max);
int64_t fields_int(struct fields *f, const json_t *object, const char *name, int64_t min,
                   int64_t max);
double fields_number(struct fields *f, const json_t *object, const char *name, double min,
                     double max);
bool fields_bool(struct fields *f, const json_t *object, const char *name);
void fields_text(struct fields *f, const json_t *object, const char *name, char *out, size_t bytes);
int fields_choice(struct fields *f, const json_t *object, const char *name,
                  const char *const *names); /* index */
void fields_uuid(struct fields *f, const json_t *object, const char *name,
                 struct uuid *ret); /* null: zero */

/* The same of a value that stands in an array; name is for the message. */
int64_t fields_int_of(struct fields *f, const json_t *value, const char *name, int64_t min,
                      int64_t max);
double fields_number_of(struct fields *f, const json_t *value, const char *name, double min,
                        double max);
void fields_text_of(struct fields *f, const json_t *value, const char *name, char *out,
                    size_t bytes);

/* Index of word in names; a mistake, with the nearest as the hint, if it is none of them. */
int fields_word(struct fields *f, const char *word, const char *what, const char *const *names);

/* Every field of the object is one of names; if not, the nearest is the hint. */
bool fields_known(struct fields *f, const json_t *object, const char *const *names);
