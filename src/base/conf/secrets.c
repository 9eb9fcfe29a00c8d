/* Values kept out of the configuration: a file of names, and the environment. */
#include "base/conf/internal.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define APPEARS_BYTES_MIN 4 /* shorter values are found inside ordinary words */

struct conf_secrets {
    char path[256];
    int count;
    struct secret {
        char *name, *value; /* owned */
    } items[CONF_SECRETS_MAX];
};

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void conf_secrets_free(struct conf_secrets **secrets)
{
    if (!*secrets)
        return;
    for (int i = 0; i < (*secrets)->count; i++) {
        wipe(&(*secrets)->items[i].name);
        wipe(&(*secrets)->items[i].value);
    }
    free(*secrets);
    *secrets = NULL;
}

const char *conf_secrets_find(const struct conf_secrets *secrets, const char *name)
{
    for (int i = 0; secrets && i < secrets->count; i++)
        if (strcmp(secrets->items[i].name, name) == 0)
            return secrets->items[i].value;
    return NULL;
}

static const char *name_at(const void *ctx, size_t i)
{
    const struct conf_secrets *secrets = ctx;
    return i < (size_t)secrets->count ? secrets->items[i].name : NULL;
}

const char *conf_secrets_suggest(const struct conf_secrets *secrets, const char *name)
{
    return secrets ? suggest_from(name, name_at, secrets) : NULL;
}

const char *conf_secrets_path(const struct conf_secrets *secrets)
{
    return secrets ? secrets->path : "secrets.yaml";
}

bool conf_secrets_appear(const struct conf_secrets *secrets, const char *text)
{
    for (int i = 0; secrets && i < secrets->count; i++) {
        const char *value = secrets->items[i].value;
        if (strcmp(text, value) == 0)
            return true;
        if (strlen(value) >= APPEARS_BYTES_MIN && strstr(text, value))
            return true;
    }
    return false;
}

static bool is_name(const char *name)
{
    return name[0] && strlen(name) < OPT_NAME_BYTES && !strpbrk(name, " \t\n'\"{}[]");
}

/* Takes in one `NAME: value`. */
static void add_secret(struct conf_reader *r, struct conf_secrets *secrets,
                       struct fy_node_pair *pair)
{
    struct fy_node *key = fy_node_pair_key(pair);
    size_t pos = conf_node_pos(r, key, 0, NULL);
    AUTO(free_ptr) char *name = conf_node_text(r, key, NULL);
    if (!name || !is_name(name)) {
        conf_report(r, pos, 0, "write each secret as 'name: value'",
                    "this is not the name of a secret");
        return;
    }
    if (conf_secrets_find(secrets, name)) {
        conf_report(r, pos, strlen(name), "remove one of the two", "'%s' is given twice", name);
        return;
    }
    if (secrets->count == CONF_SECRETS_MAX) {
        conf_report(r, pos, 0, "remove those that are not used", "more than %d secrets",
                    CONF_SECRETS_MAX);
        return;
    }
    bool hidden;
    AUTO(wipe) char *value = conf_scalar(r, NULL, fy_node_pair_value(pair), pos, name, &hidden);
    if (!value)
        return;
    secrets->items[secrets->count].name = xstrdup(name);
    secrets->items[secrets->count++].value = TAKE(value);
}

static void add_secrets(struct conf_reader *r, struct conf_secrets *secrets, struct fy_node *root)
{
    if (!root || !fy_node_is_mapping(root)) {
        conf_report(r, conf_node_pos(r, root, 0, NULL), 0, "write each secret as 'name: value'",
                    "the file is not a mapping of names to values");
        return;
    }
    void *iterator = NULL;
    struct fy_node_pair *pair;
    while ((pair = fy_node_mapping_iterate(root, &iterator)))
        add_secret(r, secrets, pair);
}

static void document_destroy(struct fy_document **document)
{
    fy_document_destroy(*document);
    *document = NULL;
}

static void read_secrets(struct conf_reader *r, struct conf_secrets *secrets)
{
    if (r->bytes > CONF_FILE_BYTES) {
        conf_report(r, 0, 0, "is it the right file?", "the file is larger than 1 MiB");
        return;
    }
    r->partial = r->bytes == 0; /* no secrets yet is no mistake */
    AUTO(free_ptr) char *work = xcalloc(r->bytes + 1, 1);
    memcpy(work, r->text, r->bytes);
    if (conf_scan(r, work)) {
        AUTO(document_destroy) struct fy_document *document = conf_yaml_parse(r, work);
        if (document)
            add_secrets(r, secrets, fy_document_root(document));
    }
    explicit_bzero(work, r->bytes);
}

bool conf_secrets_load(const char *path, struct conf_secrets **ret, struct conf_errors *errors)
{
    AUTO(conf_secrets_free) struct conf_secrets *secrets = NEW(struct conf_secrets);
    STR_COPY(secrets->path, path);
    AUTO(free_ptr) char *text = NULL;
    size_t bytes;
    bool missing;
    if (!conf_file_read(path, 077, &text, &bytes, &missing, errors)) {
        if (missing)
            *ret = TAKE(secrets);
        return missing;
    }
    struct conf_reader r;
    conf_reader_init(&r, path, text, bytes, errors);
    read_secrets(&r, secrets);
    conf_reader_done(&r);
    explicit_bzero(text, bytes);
    if (errors->total > 0)
        return false;
    *ret = TAKE(secrets);
    return true;
}
