#include "config.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const struct opt camera_rows[] = {
    {"enabled", OPT_BOOL(struct camera_conf, enabled), .def = "true",
     .help = "Off: the camera stays in the file but is not watched."},
    {"", OPT_GROUP(struct camera_conf, capture, &capture_section)},
    {"idle", OPT_GROUP(struct camera_conf, idle, &gate_section)},
    {"motion", OPT_GROUP(struct camera_conf, motion, &motion_section)},
    {"zones", OPT_MAP(struct camera_conf, zones, &zone_section, ZONES_MAX)},
    {"lines", OPT_MAP(struct camera_conf, lines, &line_section, LINES_MAX)},
    {0},
};

const struct section camera_section = {
    .name = "camera",
    .help =
        "One source of pictures. Its name is used in addresses and file names: letters, digits, "
        "_ and -.",
    .bytes = sizeof(struct camera_conf),
    .rows = camera_rows,
};

static const struct opt config_rows[] = {
    {"log_level", OPT_ENUM(struct config, log_level, log_level_names), .def = "info",
     .flags = OPT_LIVE, .help = "How much is written to the log."},
    {"cameras", OPT_MAP(struct config, cameras, &camera_section, CAMERAS_MAX), .flags = OPT_LIVE,
     .help = "The cameras, each below a name of your choice."},
    {"uploads", OPT_GROUP(struct config, uploads, &uploads_section), .flags = OPT_LIVE},
    {"decode", OPT_GROUP(struct config, decode, &decode_section), .flags = OPT_LIVE},
    {"detect", OPT_GROUP(struct config, detect, &detect_section), .flags = OPT_LIVE},
    {"track", OPT_GROUP(struct config, track, &track_section), .flags = OPT_LIVE},
    {"batch", OPT_GROUP(struct config, batch, &batch_section), .flags = OPT_LIVE},
    {"risk", OPT_GROUP(struct config, risk, &risk_section), .flags = OPT_LIVE},
    {"storage", OPT_GROUP(struct config, store, &store_section)},
    {"server", OPT_GROUP(struct config, serve, &serve_section)},
    {0},
};

/* A neighbour that does not exist would be waited for in vain. With uploads, it may yet come. */
static bool check_neighbours(const struct config *config, struct err *err)
{
    if (config->uploads.path[0])
        return true;
    const char *names[CAMERAS_MAX + 1] = {0};
    for (int i = 0; i < config->cameras.count; i++)
        names[i] = config_camera(config, i)->name;
    for (int i = 0; i < config->cameras.count; i++) {
        const struct opt_list *with = &config_camera(config, i)->idle.with;
        for (int k = 0; k < with->count; k++) {
            bool known = false;
            for (int n = 0; n < config->cameras.count && !known; n++)
                known = strcmp(names[n], with->items[k]) == 0;
            if (known)
                continue;
            const char *near = suggest(with->items[k], names);
            err_set(err, ERR_INVALID, "camera %s: idle.with: there is no camera '%s'", names[i],
                    with->items[k]);
            if (near)
                err_hint(err, "did you mean '%s'?", near);
            return false;
        }
    }
    return true;
}

static bool check_config(const void *section, const char **ret_at, struct err *err)
{
    const struct config *config = section;
    *ret_at = "cameras";
    if (config->cameras.count == 0 && !config->uploads.path[0]) {
        err_set(err, ERR_INVALID, "there is no camera");
        err_hint(err,
                 "write a name of your choice below 'cameras:', and 'url: ...' below the name");
        return false;
    }
    if (!check_neighbours(config, err))
        return false;
    if (config->batch.quiet_us > config->batch.window_us) {
        *ret_at = "batch";
        err_set(err, ERR_INVALID, "batch: quiet is longer than window, so it would never count");
        err_hint(err, "make quiet shorter than window");
        return false;
    }
    return true;
}

const struct section config_section = {
    .name = "configuration",
    .help =
        "Every option of the configuration file. A duration is written 500ms, 10s, 2m, 1h or "
        "30d, a size 500MB, 10GB or 4GiB. What applies on reload is taken over when the running "
        "hsi gets SIGHUP (`systemctl reload`, `pkill -HUP hsi`); a file with mistakes is refused "
        "and changes nothing. Any value may be `!secret NAME`, from secrets.yaml "
        "beside the file, or `!env NAME`, from the environment.",
    .bytes = sizeof(struct config),
    .rows = config_rows,
    .check = check_config,
};

/* secrets.yaml beside the file at path. */
static void secrets_path(char *out, size_t bytes, const char *path)
{
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path) + 1 : 0;
    snprintf(out, bytes, "%.*ssecrets.yaml", directory, path);
}

bool config_load(const char *path, struct config *ret, struct conf_secrets **ret_secrets,
                 struct conf_errors *errors)
{
    char beside[4096];
    secrets_path(beside, sizeof beside, path);
    AUTO(conf_secrets_free) struct conf_secrets *secrets = NULL;
    if (!conf_secrets_load(beside, &secrets, errors)) {
        memset(ret, 0, sizeof *ret);
        return false;
    }
    if (!conf_load(path, &config_section, ret, secrets, errors))
        return false;
    if (ret_secrets)
        *ret_secrets = TAKE(secrets);
    return true;
}

void config_done(struct config *config)
{
    opt_free(&config_section, config);
}
