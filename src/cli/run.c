/* hsi run and hsi demo: the daemon in the foreground. */
#include "base/embed.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct embedded embedded_demo[];

struct run_args {
    char config[256], data[256];
    char port[8];
    int log_level;
};

/* log_level_names behind "what the file says". */
static const char *const level_choices[] = {"configured", "error", "warn", "info",
                                            "debug",      "trace", NULL};

static const struct opt run_flags[] = {
    {"config", OPT_TEXT(struct run_args, config), .unit = "FILE",
     .help = "The configuration. Without it hsi.yaml here, then ~/.config/hsi/hsi.yaml, then "
             "/etc/hsi/hsi.yaml; where there is none, the demonstration runs."},
    {"data", OPT_TEXT(struct run_args, data), .unit = "DIR",
     .help = "Keep events and pictures there, instead of storage.path."},
    {"port", OPT_TEXT(struct run_args, port), .unit = "PORT",
     .help = "Serve the page at this port, instead of server.port. 0 takes any free one."},
    {"log_level", OPT_ENUM(struct run_args, log_level, level_choices), .def = "configured",
     .unit = "LEVEL", .help = "How much to tell, instead of log_level."},
    {0},
};

static const struct section run_section = {
    .name = "run", .bytes = sizeof(struct run_args), .rows = run_flags};

static const struct args_spec run_spec = {
    .command = "run",
    .help = "Watches the configured cameras, keeps and explains what happens, and serves the page.",
    .flags = &run_section,
};

static const struct args_spec demo_spec = {
    .command = "demo",
    .help =
        "Everything, with a rendered street instead of cameras and a tiny model that knows only "
        "that street.",
    .flags = &run_section,
};

/* The first configuration file that is there; false: none. */
static bool find_config(char *out, size_t bytes)
{
    const char *home = getenv("HOME");
    char places[3][512];
    snprintf(places[0], sizeof places[0], "hsi.yaml");
    snprintf(places[1], sizeof places[1], "%s/.config/hsi/hsi.yaml", home ? home : "");
    snprintf(places[2], sizeof places[2], "/etc/hsi/hsi.yaml");
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], F_OK) == 0)
            return str_copy(out, bytes, places[i]);
    return false;
}

static bool load_file(const char *path, struct config *config)
{
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    bool ok = config_load(path, config, NULL, errors);
    if (!ok)
        conf_errors_print(stderr, errors);
    return ok;
}

static bool load_demo(struct config *config)
{
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    const struct embedded *demo = &embedded_demo[0];
    if (!conf_parse(demo->name, (const char *)demo->data, demo->bytes, &config_section, config,
                    NULL, errors)) {
        conf_errors_print(stderr, errors);
        return false;
    }
    /* A drawn street has no business among the events of a home. */
    struct err err = {0};
    char *path = config->store.path;
    if (store_default_dir("hsi-demo", path, sizeof config->store.path, &err))
        return true;
    args_fail(&err);
    return false;
}

/* --port is the row of the file. */
static bool set_port(const struct run_args *args, struct serve_conf *conf, struct err *err)
{
    return opt_parse(opt_find(&serve_section, "port", NULL), conf, args->port, err) ||
           err_wrap(err, "--port");
}

/* Where the configuration comes from, and what the command line says over it. */
struct origin {
    const struct run_args *args;
    bool demo;
    char path[512];
    struct log_sink *sink;
};

/* daemon's reload, and the first load. */
static bool load(void *ctx, struct config *ret)
{
    const struct origin *origin = ctx;
    const struct run_args *args = origin->args;
    if (origin->demo ? !load_demo(ret) : !load_file(origin->path, ret))
        return false;
    if (args->data[0])
        STR_COPY(ret->store.path, args->data);
    if (args->port[0])
        (void)!set_port(args, &ret->serve, NULL); /* checked at the start */
    if (args->log_level > 0)
        ret->log_level = args->log_level - 1;
    log_sink_set_level(origin->sink, (enum log_level)ret->log_level);
    return true;
}

static int run_daemon(struct origin *origin, struct config *config)
{
    struct err err = {0};
    struct daemon_params params = {
        .config = config, .reload = load, .ctx = origin, .sink = origin->sink};
    if (!risk_apply_timezone(&config->risk, &err)) {
        config_done(config);
        free(config);
        return args_fail(&err);
    }
    daemon_block_signals();
    struct daemon *daemon = NULL;
    char listen[sizeof config->serve.listen];
    STR_COPY(listen, config->serve.listen);
    bool ok = daemon_start(&params, &daemon, &err);
    if (ok) {
        printf("hsi: http://%s:%d/\n", listen, daemon_port(daemon));
        fflush(stdout);
        ok = daemon_run(daemon, &err);
    }
    bool clean = daemon_stop(&daemon);
    int code = ok ? EXIT_OK : args_fail(&err);
    if (!clean)
        _exit(code);
    return code;
}

static int run(const struct args_spec *spec, bool demo, int argc, char **argv)
{
    struct run_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(spec, &args, argc, argv, &rest, &code))
        return code;
    struct serve_conf unused;
    struct err err = {0};
    if (args.port[0] && !set_port(&args, &unused, &err))
        return args_fail(&err);
    AUTO(log_sink_free)
    struct log_sink *sink = log_sink_new(STDERR_FILENO, LOG_INFO, &clock_real);
    struct origin origin = {.args = &args, .demo = demo, .sink = sink};
    STR_COPY(origin.path, args.config);
    if (!demo && !origin.path[0] && !find_config(origin.path, sizeof origin.path)) {
        fputs("hsi: no configuration found: showing the demonstration (hsi run --help)\n", stderr);
        origin.demo = true;
    }
    struct config *config = NEW(struct config);
    if (load(&origin, config))
        return run_daemon(&origin, config);
    free(config);
    return EXIT_WRONG;
}

int cli_run(int argc, char **argv)
{
    return run(&run_spec, false, argc, argv);
}

int cli_demo(int argc, char **argv)
{
    return run(&demo_spec, true, argc, argv);
}
