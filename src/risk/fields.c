#include "risk/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fields_drop(json_t **root)
{
    json_decref(*root);
    *root = NULL;
}

json_t *fields_load(struct fields *f, const char *json, size_t bytes, size_t max_bytes)
{
    if (bytes > max_bytes) {
        fields_fail(f, "%zu bytes, more than %zu", bytes, max_bytes);
        return NULL;
    }
    json_error_t at;
    AUTO(fields_drop) json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &at);
    if (!root) {
        fields_fail(f, "not JSON: line %d column %d: %s", at.line, at.column, at.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        fields_fail(f, "not a JSON object");
        return NULL;
    }
    return TAKE(root);
}

void fields_at(struct fields *f, const char *fmt, ...)
{
    if (f->failed)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->where, sizeof f->where, fmt, args);
    va_end(args);
}

bool fields_fail(struct fields *f, const char *fmt, ...)
{
    if (f->failed)
        return false;
    f->failed = true;
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_set(f->err, ERR_INVALID, "%s%s%s", f->where, f->where[0] ? ": " : "", text);
}

bool fields_has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && !json_is_null(value);
}

/* "missing", or what the value is not. */
static void fail_type(struct fields *f, const json_t *value, const char *name, const char *type)
{
    fields_fail(f, "%s is %s%s", name, value ? "not " : "missing", value ? type : "");
}

json_t *fields_object(struct fields *f, const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (json_is_object(value))
        return value;
    fail_type(f, value, name, "an object");
    return NULL;
}

json_t *fields_array(struct fields *f, const json_t *object, const char *name, size_t max)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_array(value)) {
        fail_type(f, value, name, "a list");
        return NULL;
    }
    if (json_array_size(value) <= max)
        return value;
    fields_fail(f, "%s has %zu elements, at most %zu are possible", name, json_array_size(value),
                max);
    return NULL;
}

int64_t fields_int_of(struct fields *f, const json_t *value, const char *name, int64_t min,
                      int64_t max)
{
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value))
        fail_type(f, value, name, "a whole number");
    else if (number < min || number > max)
        fields_fail(f, "%s is %lld, not within %lld to %lld", name, (long long)number,
                    (long long)min, (long long)max);
    return f->failed ? 0 : number;
}

int64_t fields_int(struct fields *f, const json_t *object, const char *name, int64_t min,
                   int64_t max)
{
    return fields_int_of(f, json_object_get(object, name), name, min, max);
}

double fields_number_of(struct fields *f, const json_t *value, const char *name, double min,
                        double max)
{
    double number = json_number_value(value);
    if (!json_is_number(value))
        fail_type(f, value, name, "a number");
    else if (!(number >= min && number <= max))
        fields_fail(f, "%s is %g, not within %g to %g", name, number, min, max);
    return f->failed ? 0 : number;
}

double fields_number(struct fields *f, const json_t *object, const char *name, double min,
                     double max)
{
    return fields_number_of(f, json_object_get(object, name), name, min, max);
}

bool fields_bool(struct fields *f, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_boolean(value))
        fail_type(f, value, name, "true or false");
    return json_is_true(value);
}

void fields_text_of(struct fields *f, const json_t *value, const char *name, char *out,
                    size_t bytes)
{
    const char *text = json_string_value(value);
    out[0] = '\0';
    if (!text) {
        fail_type(f, value, name, "a text");
        return;
    }
    /* Where a byte was broken the writer has put three: what has grown by that is cut. */
    if (!str_copy(out, bytes, text) && !strstr(text, "\xef\xbf\xbd"))
        fields_fail(f, "%s is %zu bytes long, at most %zu are possible", name, strlen(text),
                    bytes - 1);
}

void fields_text(struct fields *f, const json_t *object, const char *name, char *out, size_t bytes)
{
    fields_text_of(f, json_object_get(object, name), name, out, bytes);
}

int fields_word(struct fields *f, const char *word, const char *what, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    if (f->failed)
        return 0;
    fields_fail(f, "unknown %s '%.60s'", what, word);
    const char *nearest = suggest(word, names);
    if (nearest) {
        err_hint(f->err, "did you mean '%s'?", nearest);
        return 0;
    }
    char all[200] = "";
    for (int i = 0; names[i]; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    err_hint(f->err, "one of: %s", all);
    return 0;
}

int fields_choice(struct fields *f, const json_t *object, const char *name,
                  const char *const *names)
{
    const json_t *value = json_object_get(object, name);
    const char *word = json_string_value(value);
    if (word)
        return fields_word(f, word, name, names);
    fail_type(f, value, name, "a text");
    return 0;
}

void fields_uuid(struct fields *f, const json_t *object, const char *name, struct uuid *ret)
{
    *ret = (struct uuid){{0}};
    const json_t *value = json_object_get(object, name);
    if (json_is_null(value))
        return;
    const char *text = json_string_value(value);
    if (!text || !uuid_parse(text, ret))
        fail_type(f, value, name, "an id");
}

bool fields_known(struct fields *f, const json_t *object, const char *const *names)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        fields_word(f, name, "field", names);
    }
    return !f->failed;
}
