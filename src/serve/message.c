#include "serve/parse.h"

#include "bus/bus.h"

#include <jansson.h>
#include <string.h>

static const char *const verb_names[] = {"ping", "resume", "subscribe", NULL};
static const char *const topic_names[] = {"event", "camera", "detections", NULL};
static const unsigned topic_bits[] = {BUS_EVENT, BUS_CAMERA, BUS_DETECTIONS};

static void json_drop(json_t **value)
{
    json_decref(*value);
}

/* Index of word in names, -1 with the error filled. */
static int word_index(const json_t *value, const char *what, const char *const *names,
                      struct err *err)
{
    const char *word = json_string_value(value);
    if (!word) {
        (void)err_set(err, ERR_INVALID, "%s is missing or not a text", what);
        return -1;
    }
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    (void)err_set(err, ERR_INVALID, "unknown %s '%.40s'", what, word);
    const char *nearest = suggest(word, names);
    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    else
        err_hint(err, "one of: %s, %s, %s", names[0], names[1], names[2]);
    return -1;
}

static bool members_known(const json_t *root, const char *const *allowed, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)root, key, value)
    {
        int i = 0;
        while (allowed[i] && strcmp(allowed[i], key) != 0)
            i++;
        if (allowed[i])
            continue;
        (void)err_set(err, ERR_INVALID, "unknown member '%.40s'", key);
        const char *nearest = suggest(key, allowed);
        if (nearest)
            err_hint(err, "did you mean '%s'?", nearest);
        return false;
    }
    return true;
}

static bool parse_topics(const json_t *topics, struct client_message *m, struct err *err)
{
    if (!topics)
        return true;
    if (!json_is_array(topics) || json_array_size(topics) == 0 || json_array_size(topics) > 16)
        return err_set(err, ERR_INVALID, "topics is not a list of 1 to 16 texts");
    for (size_t i = 0; i < json_array_size(topics); i++) {
        int topic = word_index(json_array_get(topics, i), "topic", topic_names, err);
        if (topic < 0)
            return false;
        m->topics |= topic_bits[topic];
    }
    return true;
}

static bool parse_cameras(const json_t *cameras, struct client_message *m, struct err *err)
{
    if (!cameras)
        return true;
    if (!json_is_array(cameras) || json_array_size(cameras) > CLIENT_CAMERAS_MAX)
        return err_set(err, ERR_INVALID, "cameras is not a list of at most %d texts",
                       CLIENT_CAMERAS_MAX);
    m->cameras_given = true;
    for (size_t i = 0; i < json_array_size(cameras); i++) {
        const char *name = json_string_value(json_array_get(cameras, i));
        if (!name || !STR_COPY(m->cameras[m->camera_count], name))
            return err_set(err, ERR_INVALID, "camera %zu is not a text of at most %d characters", i,
                           OPT_NAME_BYTES - 1);
        m->camera_count++;
    }
    return true;
}

static bool parse_resume(const json_t *root, struct client_message *m, struct err *err)
{
    static const char *const members[] = {"type", "after", NULL};
    const json_t *after = json_object_get(root, "after");
    if (!members_known(root, members, err))
        return false;
    if (!json_is_integer(after) || json_integer_value(after) < 0) {
        (void)err_set(err, ERR_INVALID, "after is missing or not a sequence number");
        err_hint(err, "the seq of the last event that arrived; 0 for all that is kept");
        return false;
    }
    m->after = json_integer_value(after);
    return true;
}

static bool parse_subscribe(const json_t *root, struct client_message *m, struct err *err)
{
    static const char *const members[] = {"type", "topics", "cameras", NULL};
    return members_known(root, members, err) &&
           parse_topics(json_object_get(root, "topics"), m, err) &&
           parse_cameras(json_object_get(root, "cameras"), m, err);
}

bool client_message_parse(const char *text, size_t bytes, struct client_message *ret,
                          struct err *err)
{
    static const char *const ping_members[] = {"type", NULL};
    json_error_t where;
    AUTO(json_drop) json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_INVALID, "not JSON: column %d: %s", where.column, where.text);
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "a message is an object with a type");
    struct client_message m = {0};
    int verb = word_index(json_object_get(root, "type"), "type", verb_names, err);
    if (verb < 0)
        return false;
    m.verb = (enum client_verb)verb;
    bool good = verb == CLIENT_PING     ? members_known(root, ping_members, err)
                : verb == CLIENT_RESUME ? parse_resume(root, &m, err)
                                        : parse_subscribe(root, &m, err);
    if (good)
        *ret = m;
    return good;
}

bool member_text(const char *json, size_t json_bytes, const char *parent, const char *name,
                 char *out, size_t bytes)
{
    AUTO(json_drop) json_t *root = json_loadb(json, json_bytes, 0, NULL);
    const json_t *object = parent ? json_object_get(root, parent) : root;
    const char *text = json_string_value(json_object_get(object, name));
    return text && str_copy(out, bytes, text);
}
