/* The whole configuration: gathers the option tables of all rooms into one file's structure. A
 * loaded configuration is immutable. */
#pragma once

#include "base/conf/conf.h"
#include "batch/batch.h"
#include "capture/capture.h"
#include "capture/inbox.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "gate/gate.h"
#include "model/zone.h"
#include "motion/motion.h"
#include "risk/risk.h"
#include "serve/serve.h"
#include "store/store.h"
#include "track/track.h"

#define CAMERAS_MAX 64

struct camera_conf {
    char name[OPT_NAME_BYTES];
    bool enabled;
    struct capture_conf capture;
    struct gate_conf idle;
    struct motion_conf motion;
    struct opt_map zones; /* struct zone_conf */
    struct opt_map lines; /* struct line_conf */
};

struct config {
    int log_level; /* enum log_level */
    struct serve_conf serve;
    struct store_conf store;
    struct decode_conf decode;
    struct detect_conf detect;
    struct track_conf track;
    struct batch_conf batch;
    struct risk_conf risk;
    struct uploads_conf uploads;
    struct opt_map cameras; /* struct camera_conf */
};
extern const struct section config_section;
extern const struct section camera_section; /* struct camera_conf */

/* Reads the file at path, with secrets.yaml beside it for !secret. On failure *ret is zeroed and
 * errors say why. ret_secrets (may be NULL) is given the secrets, for conf_show. */
NODISCARD bool config_load(const char *path, struct config *ret, struct conf_secrets **ret_secrets,
                           struct conf_errors *errors);

/* Frees what *config owns and zeroes it. */
void config_done(struct config *config);

static inline const struct camera_conf *config_camera(const struct config *config, int index)
{
    return (const struct camera_conf *)config->cameras.items + index;
}
