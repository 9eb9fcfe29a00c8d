/* A streaming JSON writer: no tree, one growing buffer. Commas and nesting are its business; keys
 * and texts are escaped, invalid UTF-8 becomes U+FFFD. For reading JSON use jansson. Not
 * thread-safe. */
#pragma once

#include "base/uuid7.h"

struct json {
    char *text;   /* terminated; owned, json_done frees */
    size_t bytes; /* without the terminator */
    size_t capacity;
    bool comma; /* the next value needs one */
    int depth;
};

void json_init(struct json *j);
void json_done(struct json *j);
void json_reset(struct json *j); /* empty again, keeps the memory */

/* key is NULL inside arrays and at the top. */
void json_begin_object(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_begin_array(struct json *j, const char *key);
void json_end_array(struct json *j);
void json_text(struct json *j, const char *key, const char *value); /* NULL value: null */
void json_int(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value, int decimals); /* NaN: null */
void json_bool(struct json *j, const char *key, bool value);
void json_put_null(struct json *j, const char *key);
void json_uuid(struct json *j, const char *key, const struct uuid *id); /* zero: null */
void json_time(struct json *j, const char *key, int64_t wall_us);       /* unknown: null */
void json_raw(struct json *j, const char *key, const char *json_text);  /* already JSON */

/* Gives the text away (free with free()); the writer is empty afterwards. */
NODISCARD char *json_take(struct json *j);
