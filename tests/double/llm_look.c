/* Shows what the program makes of a model server, for tests in Python: llm_look [NAME=VALUE...],
 * options of risk.llm, and for=SECONDS. A JSON line at every change, until the time is up or the
 * standard input ends; a line "doubt" or "check" on it does that, "burn" asks for a reply without
 * an end, "cancel" no longer wants it. */
#include "risk/llm/server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool set(struct llm_conf *conf, char *argument, double *ret_for_s)
{
    char *value = strchr(argument, '=');
    if (!value)
        return false;
    *value++ = '\0';
    if (strcmp(argument, "for") == 0) {
        *ret_for_s = strtod(value, NULL);
        return true;
    }
    size_t base = 0;
    struct err err = {0};
    const struct opt *row = opt_find(&llm_section, argument, &base);
    if (row && opt_parse(row, (char *)conf + base, value, &err))
        return true;
    fprintf(stderr, "%s: %s\n", argument, row ? err.msg : "no such option");
    return false;
}

static void print(const struct server *server, int64_t since_us)
{
    AUTO(json_done) struct json line;
    json_init(&line);
    json_begin_object(&line, NULL);
    json_double(&line, "at", (double)(clock_mono_us(&clock_real) - since_us) / US_PER_S, 3);
    server_info_json(&line, "server", server_info(server));
    json_end_object(&line);
    puts(line.text);
    fflush(stdout);
}

static bool ignore_data(void *ctx, int status, const char *bytes, size_t count)
{
    (void)ctx;
    (void)status;
    (void)bytes;
    (void)count;
    return true;
}

static void burnt(void *ctx, const struct http_result *result)
{
    struct http_request **request = ctx;
    *request = NULL;
    fprintf(stderr, "burnt out: %s\n", http_end_names[result->end]);
}

static void burn(struct server *server, struct http_request **request)
{
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"go on\"}],\"max_tokens\":15000,"
        "\"ignore_eos\":true,\"stream\":true}";
    if (server_http(server) && !*request)
        *request = http_start(server_http(server),
                              &(struct http_call){.path = "/v1/chat/completions",
                                                  .body = body,
                                                  .body_bytes = sizeof body - 1,
                                                  .deadline_us = 600 * US_PER_S,
                                                  .answer_max = (size_t)1 << 30,
                                                  .data = ignore_data,
                                                  .done = burnt,
                                                  .ctx = request});
}

/* False: the input has ended. */
static bool obey(struct server *server, struct http_request **request)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&in, 1, 0) <= 0)
        return true;
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n <= 0)
        return false;
    line[n] = '\0';
    if (strstr(line, "doubt"))
        server_doubt(server, "somebody doubts it");
    if (strstr(line, "check"))
        server_check(server);
    if (strstr(line, "burn"))
        burn(server, request);
    if (strstr(line, "cancel"))
        http_cancel(request);
    return true;
}

int main(int argc, char **argv)
{
    struct llm_conf conf;
    double for_s = 10;
    opt_defaults(&llm_section, &conf);
    for (int i = 1; i < argc; i++)
        if (!set(&conf, argv[i], &for_s))
            return 2;
    struct log_sink *sink = log_sink_new(STDERR_FILENO, LOG_INFO, &clock_real);
    struct server *server = server_new(&conf, &clock_real, log_root(sink));
    int64_t begun_us = clock_mono_us(&clock_real);
    struct http_request *request = NULL;
    print(server, begun_us);
    while (clock_mono_us(&clock_real) - begun_us < (int64_t)(for_s * US_PER_S) &&
           obey(server, &request))
        if (server_poll(server, 20 * US_PER_MS))
            print(server, begun_us);
    server_free(&server);
    log_sink_free(&sink);
    return 0;
}
