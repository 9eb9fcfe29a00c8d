/* A folder of folders: every one in it is a camera that uploads. Looks for new ones on a thread of
 * its own. */
#pragma once

#include "base/log.h"
#include "base/opt.h"

#define INBOX_CAMERAS_MAX 32
#define INBOX_PATH_BYTES  256

struct uploads_conf {
    char path[INBOX_PATH_BYTES]; /* empty: there is none */
    int after;                   /* enum upload_after */
};
extern const struct section uploads_section;

/* A camera's folder has appeared, by a name that is good for a camera; path is for "folder:PATH".
 * Called on the inbox's thread, once for each folder. False and err: it cannot be a camera. */
typedef bool inbox_found_fn(void *ctx, const char *name, const char *path, struct err *err);

struct inbox_params {
    const struct uploads_conf *conf; /* borrowed for the inbox's life */
    struct log log;
    inbox_found_fn *found;
    void *ctx;
};

struct inbox;

/* Folders that are there already are found at once, still before any thread is waited for: by the
 * time of the first look of the thread. A path that is not there yet is waited for. */
NODISCARD bool inbox_start(const struct inbox_params *params, struct inbox **ret, struct err *err);
/* Asks the thread to stop; returns at once. Any thread. NULL is fine, also below. */
void inbox_stop(struct inbox *inbox);
/* Waits for the thread, frees. */
void inbox_join(struct inbox **inbox);

/* A camera's name for a folder's: "Front door" -> Front_door, "1" -> camera_1. False: there is no
 * letter or digit in it. */
NODISCARD bool inbox_name(const char *folder, char ret_name[OPT_NAME_BYTES]);
