/* What a request brings that we read ourselves: the first byte chooses the reader, the rest is
 * text. */
#include "serve/parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void read_path(const char *text)
{
    static const char *const patterns[] = {"/", "/api/events/{id}", "/api/cameras/{name}/snapshot",
                                           "/{a}/{b}"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        char params[PATH_PARAMS_MAX][PARAM_BYTES] = {{0}};
        char filled[64];
        if (path_match(patterns[i], text, params))
            ASSERT(strlen(params[0]) < PARAM_BYTES);
        path_fill(patterns[i], text, filled, sizeof filled);
        ASSERT(strlen(filled) < sizeof filled);
    }
}

/* Pairs between line feeds. */
static void read_query(char *text)
{
    static const char *const allowed[] = {"camera", "limit", "boxes", "level", NULL};
    static const char *const levels[] = {"low", "high", NULL};
    struct params params = {0};
    struct err err = {0};
    int limit = 7, level = -1;
    bool boxes = false;
    for (char *next; text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        if (!params_add(&params, text, allowed, &err))
            ASSERT(err.msg[0]);
    }
    if (params_int(&params, "limit", 1, 100, &limit, &err))
        ASSERT(limit >= 1 && limit <= 100);
    if (params_choice(&params, "level", levels, &level, &err))
        ASSERT(level >= -1 && level <= 1);
    if (!params_bool(&params, "boxes", &boxes, &err))
        ASSERT(!boxes);
}

static void read_host(const char *text)
{
    char name[HOST_BYTES_MAX];
    int port = 0;
    if (!host_parse(text, name, sizeof name, &port))
        return;
    ASSERT(name[0] && strlen(name) < sizeof name && port >= 0 && port <= 65535);
    char origin[HOST_BYTES_MAX + 512] = "http://";
    (void)host_is_loopback(name);
    if (strlen(text) < 512) {
        strncat(origin, text, 512);
        ASSERT(origin_matches_host(origin, text)); /* whoever is here comes from here */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    char *text = malloc(bytes);
    if (!text)
        return 0;
    memcpy(text, data + 1, bytes - 1);
    text[bytes - 1] = '\0';
    switch (data[0] % 6) {
    case 0:
        read_path(text);
        break;
    case 1:
        read_query(text);
        break;
    case 2:
        read_host(text);
        break;
    case 3:
        (void)origin_matches_host(text, "localhost:8480");
        break;
    case 4:
        (void)accepts_encoding(text, "gzip");
        break;
    default:
        (void)etag_listed(text, "\"abc\"");
        break;
    }
    free(text);
    return 0;
}
