#include "risk/llm/conf.h"

#include "model/event.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const pictures_names[] = {"auto", "never", NULL};

static const struct opt llm_rows[] = {
    {"url", OPT_TEXT(struct llm_conf, url),
     .help = "Address of the server, such as http://127.0.0.1:8080. Empty: it is looked for on "
             "this machine at ports 8080 (llama-server), 11434 (Ollama) and 8000 (vLLM, NIM); off: "
             "no language model is asked."},
    {"model", OPT_TEXT(struct llm_conf, name),
     .help = "Which of the server's models to ask; empty: its first."},
    {"api_key", OPT_TEXT(struct llm_conf, api_key), .flags = OPT_SECRET,
     .help = "Key that the server asks for; better as !secret NAME, from secrets.yaml."},
    {"min_score", OPT_INT(struct llm_conf, min_score, 0, 100), .def = "0",
     .help = "Events that the rules score lower are not shown to the language model."},
    {"urgent_level", OPT_ENUM(struct llm_conf, urgent_level, risk_level_names), .def = "high",
     .help = "From this level of the rules on the model is asked at once, while the event still "
             "goes on, instead of at its end."},
    {"urgent_labels", OPT_LIST(struct llm_conf, urgent_labels, 0, OPT_LIST_MAX),
     .help = "So it is for these objects, whatever their score; for example [person]."},
    {"urgent_zones", OPT_LIST(struct llm_conf, urgent_zones, 0, OPT_LIST_MAX),
     .help = "And for whatever enters these zones."},
    {"max_change", OPT_INT(struct llm_conf, max_change, 0, 100), .def = "25", .unit = "points",
     .help =
         "How far the language model may move the score of the rules, up or down. An event that "
         "it rejects goes to 29 at most, however far that is; 0 leaves every score alone."},
    {"pictures", OPT_ENUM(struct llm_conf, pictures, pictures_names), .def = "auto",
     .help = "auto: a model that sees is shown up to four pictures of an event; never: text only."},
    {"max_parallel", OPT_INT(struct llm_conf, max_parallel, 0, 64), .def = "0", .unit = "requests",
     .help = "Most events asked about at a time; 0: as many as the server has slots."},
    {"deadline", OPT_DURATION(struct llm_conf, deadline_us, 1, 3600), .def = "2m",
     .help = "Longest time for one event, all attempts together; on a machine without a graphics "
             "chip a large model needs more."},
    {"connect_timeout", OPT_DURATION(struct llm_conf, connect_us, 0.1, 60), .def = "5s",
     .help = "Longest wait for a connection to the server."},
    {"silence", OPT_DURATION(struct llm_conf, silence_us, 0.1, 3600), .def = "45s",
     .help = "A server that sends nothing for so long is taken for dead. llama-server gives a sign "
             "of life every 30s while it reads a long text."},
    {"cache", OPT_BOOL(struct llm_conf, cache), .def = "true",
     .help = "Let the server keep what it worked out for the constant part of the question; "
             "without it a repeated question gives exactly the same answer."},
    {0},
};

bool llm_is_off(const struct llm_conf *conf)
{
    return strcasecmp(conf->url, "off") == 0;
}

/* 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, and 100.64.0.0/10, in which overlay
 * networks between a household's machines give out their addresses. */
static bool is_private_ipv4(uint32_t address)
{
    return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ||
           address >> 16 == 0xa9fe || address >> 22 == 0x191;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* A name says little; what only a home's own name server can answer is taken for near. */
static bool is_near_name(const char *host)
{
    static const char *const suffixes[] = {".local",    ".lan",       ".home",
                                           ".internal", ".home.arpa", NULL};
    if (!strchr(host, '.'))
        return true;
    for (int i = 0; suffixes[i]; i++)
        if (ends_with(host, suffixes[i]))
            return true;
    return false;
}

static void place_host(const char *host, struct llm_address *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    char plain[128] = "";
    size_t n = strlen(host);
    if (host[0] == '[' && n > 2 && n < sizeof plain)
        memcpy(plain, host + 1, n - 2);
    if (inet_pton(AF_INET, host, &v4) == 1) {
        uint32_t number = ntohl(v4.s_addr);
        address->loopback = number >> 24 == 127;
        address->near = address->loopback || is_private_ipv4(number);
    } else if (inet_pton(AF_INET6, plain, &v6) == 1) {
        address->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        address->near = address->loopback || IN6_IS_ADDR_LINKLOCAL(&v6) ||
                        (v6.s6_addr[0] & 0xfe) == 0xfc;
    } else {
        address->loopback = strcasecmp(host, "localhost") == 0;
        address->near = address->loopback || is_near_name(host);
    }
}

static void free_text(char **text)
{
    curl_free(*text);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    AUTO(free_text) char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

/* People copy addresses as other programs want them: with "/v1" or a slash at the end. */
static bool set_base(const char *url, struct llm_address *ret, struct err *err)
{
    if (!STR_COPY(ret->base, url))
        return err_set(err, ERR_INVALID, "the address is longer than %d characters",
                       LLM_URL_BYTES - 1);
    static const char *const tails[] = {"/", "/v1", "/"};
    for (size_t i = 0; i < ARRAY_LEN(tails); i++)
        if (ends_with(ret->base, tails[i]))
            ret->base[strlen(ret->base) - strlen(tails[i])] = '\0';
    return true;
}

static bool check_scheme(CURLU *url, bool *ret_https, struct err *err)
{
    AUTO(free_text) char *scheme = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return err_set(err, ERR_INVALID, "the address has no scheme");
    *ret_https = strcasecmp(scheme, "https") == 0;
    if (*ret_https || strcasecmp(scheme, "http") == 0)
        return true;
    return err_set(err, ERR_INVALID, "a language model is asked over http or https, not over %s",
                   scheme);
}

bool llm_address_parse(const char *text, struct llm_address *ret, struct err *err)
{
    *ret = (struct llm_address){.base = ""};
    AUTO(free_url) CURLU *url = curl_url();
    AUTO(free_text) char *host = NULL;
    ASSERT(url);
    if (!strstr(text, "://") ||
        curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !host[0]) {
        (void)err_set(err, ERR_INVALID, "this is no address of a server");
        err_hint(err, "it looks like http://127.0.0.1:8080, or is off");
        return false;
    }
    if (!check_scheme(url, &ret->https, err))
        return false;
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
        (void)err_set(err, ERR_INVALID, "there is a user or a password in the address");
        err_hint(err, "a key for the server goes into api_key");
        return false;
    }
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return err_set(err, ERR_INVALID, "the address of a server has no '?' and no '#'");
    place_host(host, ret);
    return set_base(text, ret, err);
}

/* It becomes a line of a header. */
static bool check_key(const char *key, struct err *err)
{
    for (const char *p = key; *p; p++)
        if (*p <= ' ' || *p > '~')
            return err_set(err, ERR_INVALID, "the key has characters that no key has");
    return true;
}

static bool check_llm(const void *section, const char **ret_at, struct err *err)
{
    const struct llm_conf *conf = section;
    *ret_at = "urgent_level";
    if (conf->urgent_level < RISK_LOW)
        return err_set(err, ERR_INVALID, "what is unknown cannot be urgent: low is the lowest");
    *ret_at = "api_key";
    if (!check_key(conf->api_key, err))
        return false;
    /* Whoever listens at a usual port is asked what it is; it shall not get a key for that. */
    if (conf->api_key[0] && !conf->url[0]) {
        (void)err_set(err, ERR_INVALID, "a key without a server that it is for");
        err_hint(err, "give the server's address as url");
        return false;
    }
    *ret_at = "url";
    struct llm_address address;
    if (!conf->url[0] || llm_is_off(conf))
        return true;
    if (!llm_address_parse(conf->url, &address, err))
        return false;
    if (address.https || address.near)
        return true;
    /* Key or not: what is sent tells who comes and goes at home. */
    (void)err_set(err, ERR_INVALID, "the events of this home would cross the internet unencrypted");
    err_hint(err, "use https, or the server's address in the home's own network");
    return false;
}

const struct section llm_section = {
    .name = "llm",
    .help = "The language model that reads what happened and gives a verdict in words: any server "
            "that speaks the OpenAI protocol. The rules' score never waits for it.",
    .bytes = sizeof(struct llm_conf),
    .rows = llm_rows,
    .check = check_llm,
};
