/* Everything this room reads of what strangers send: names in paths, query parameters, the few
 * headers that matter, and the messages of WebSocket clients. Pure functions on texts: they never
 * read past the end, never allocate by what the text claims, and say what is wrong in words. Any
 * thread. */
#pragma once

#include "base/err.h"
#include "base/opt.h"

#define URL_BYTES_MAX            2048 /* path and query of a request */
#define PARAM_BYTES              128  /* a value in a path or a query, with the terminator */
#define PATH_PARAMS_MAX          2
#define PARAMS_MAX               16
#define HOST_BYTES_MAX           256
#define CLIENT_MESSAGE_BYTES_MAX 4096 /* of one WebSocket message from a client */
#define CLIENT_CAMERAS_MAX       64   /* named in one subscription */

/* --- paths --- */

/* Matches path against a pattern such as "/api/events/{id}" and copies what stands in the braces,
 * in order, to params (may be NULL). A brace matches one segment, never an empty or an overlong
 * one. */
bool path_match(const char *pattern, const char *path, char params[][PARAM_BYTES]);

/* The pattern with its braces filled from the path's segments at the same places, so that a
 * mistyped path can be compared with what was meant. Cut to bytes. */
void path_fill(const char *pattern, const char *path, char *out, size_t bytes);

/* --- queries --- */

struct params {
    int count;
    struct {
        char name[32];
        char value[PARAM_BYTES];
    } items[PARAMS_MAX];
};

/* Adds one "name=value", percent-decoding already done. Fails with ERR_INVALID on names that are
 * not in allowed (NULL-terminated; the hint has the nearest one), twice the same, too many, too
 * long. */
NODISCARD bool params_add(struct params *params, const char *pair, const char *const *allowed,
                          struct err *err);

/* The value, NULL if the parameter was not given. */
const char *params_get(const struct params *params, const char *name);

/* These leave *ret alone and succeed when the parameter was not given. */
NODISCARD bool params_int(const struct params *params, const char *name, int min, int max, int *ret,
                          struct err *err);
NODISCARD bool params_bool(const struct params *params, const char *name, bool *ret,
                           struct err *err);
NODISCARD bool params_choice(const struct params *params, const char *name,
                             const char *const *choices, int *ret, struct err *err);

/* Decimal digits only, at most max. */
bool parse_number(const char *text, int64_t max, int64_t *ret);

/* --- headers --- */

/* "name", "name:port", "[v6]:port" into the bare lower-case name. False if it is none of them. */
bool host_parse(const char *header, char *name, size_t name_bytes, int *ret_port);

/* localhost and what ends in .localhost, 127.0.0.0/8, ::1. */
bool host_is_loopback(const char *name);

/* An address to listen on that nobody else can reach. "localhost" counts. */
bool address_is_loopback(const char *address);

/* Whether the Origin header names the very host and port the Host header does. */
bool origin_matches_host(const char *origin, const char *host);

/* Whether an Accept-Encoding header takes the coding: named, or "*", and not with q=0. */
bool accepts_encoding(const char *header, const char *coding);

/* Whether an If-None-Match header lists the tag (given with its quotes), weakly compared. */
bool etag_listed(const char *header, const char *etag);

/* --- messages of WebSocket clients --- */

enum client_verb { CLIENT_PING, CLIENT_RESUME, CLIENT_SUBSCRIBE };

struct client_message {
    enum client_verb verb;
    int64_t after;   /* RESUME */
    unsigned topics; /* SUBSCRIBE: mask of enum bus_topic; 0: as before */
    bool cameras_given;
    int camera_count;
    char cameras[CLIENT_CAMERAS_MAX][OPT_NAME_BYTES];
};

NODISCARD bool client_message_parse(const char *text, size_t bytes, struct client_message *ret,
                                    struct err *err);

/* A text member of a JSON object, or of the object that is its member parent (NULL: itself). False
 * if there is none, or it does not fit. */
bool member_text(const char *json, size_t json_bytes, const char *parent, const char *name,
                 char *out, size_t bytes);
