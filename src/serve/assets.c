#include "serve/internal.h"

#include "base/embed.h"

#include <stdio.h>
#include <string.h>

/* The page, bundled and compressed at build time: "index.html", "assets/app-1a2b3c4d.js", and for
 * each text a copy with ".gz" after its name. */
extern const struct embedded embedded_web[];

static const struct embedded *find(const char *name)
{
    for (const struct embedded *e = embedded_web; e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},         {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},           {".svg", "image/svg+xml"},
        {".webmanifest", "application/manifest+json"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* FNV-1a: tells one build's file from the next, nothing more is asked of it. */
static uint64_t hash(const unsigned char *data, size_t bytes)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ data[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void answer_asset(const char *name, const struct request *request, struct reply *reply)
{
    const struct embedded *plain = find(name);
    if (!plain) {
        route_unknown(request->path, reply);
        return;
    }
    char gz_name[PARAM_BYTES + 16];
    snprintf(gz_name, sizeof gz_name, "%s.gz", name);
    const struct embedded *gz = find(gz_name);
    const struct embedded *chosen = gz && request->accepts_gzip ? gz : plain;
    reply->status = 200;
    reply->type = type_of(name);
    reply->gzip = chosen == gz;
    reply->vary = gz != NULL;
    reply->data = chosen->data;
    reply->bytes = chosen->bytes;
    snprintf(reply->etag, sizeof reply->etag, "\"%016llx\"",
             (unsigned long long)hash(chosen->data, chosen->bytes));
    /* Names under assets/ carry a hash of what is in them, so that they never change. */
    bool hashed = strncmp(name, "assets/", 7) == 0 && strchr(name, '-') != NULL;
    reply->cache = hashed ? "public, max-age=31536000, immutable" : "no-cache";
    reply_revalidate(reply, request);
}

void asset_page(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)serve;
    answer_asset("index.html", request, reply);
    reply->page = true;
}

void asset_file(struct serve *serve, struct request *request, struct reply *reply)
{
    (void)serve;
    char name[PARAM_BYTES + 16];
    snprintf(name, sizeof name, "assets/%s", request->path_params[0]);
    size_t length = strlen(name);
    /* The compressed copies are an answer's form, not addresses of their own. */
    if (length > 3 && strcmp(name + length - 3, ".gz") == 0) {
        route_unknown(request->path, reply);
        return;
    }
    answer_asset(name, request, reply);
}
