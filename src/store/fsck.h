/* Whether everything a store keeps agrees: the pages of the database, its rows with each other and
 * with the JSON of the newest changes, the pictures with the rows. For a store that no hsi uses, or
 * beside one that does: then what is just being written is left out.
 *
 * Repairing takes the store for itself, and mends only what follows from something else that is
 * kept. Events are never deleted. */
#pragma once

#include "base/err.h"

/* One thing that is not as it should be. Texts are borrowed for the call. */
struct fsck_finding {
    const char *what;  /* the kind, a word or two */
    const char *where; /* which event, file, ... */
    const char *text;  /* what is wrong with it */
    const char *mends; /* what repairing does; NULL: nothing can be done without guessing */
    bool by_start;     /* the next start of hsi does that too */
    bool is_note;      /* worth knowing, but nothing is wrong */
};
typedef void fsck_fn(void *ctx, const struct fsck_finding *finding);

struct fsck_params {
    const char *dir; /* NULL: where it is kept if nothing else is configured */
    bool repair;
    fsck_fn *found;
    fsck_fn *left; /* after repairing: what is still wrong; NULL: not wanted */
    void *ctx;
};

struct fsck_result {
    char dir[256];
    int64_t events, changes, pictures, uploads, camera_events;
    int found;   /* notes not counted */
    int left;    /* after repairing; the same as found without */
    int start;   /* of those left: what the next start mends */
    long in_use; /* process that uses the store; 0: none */
};

/* False if the store cannot be looked at: ERR_NOT_FOUND for none, ERR_DATA_LOSS for one that is too
 * damaged, another program's or newer; ERR_UNAVAILABLE where repairing meets a hsi that uses it, or
 * one starts meanwhile. What was found until then has been told. */
NODISCARD bool store_fsck(const struct fsck_params *params, struct fsck_result *ret,
                          struct err *err);
