/* What a watched folder knows of each file: how long it has been unchanged, and what has become of
 * it. Keyed by the file itself (device and inode), so that a file renamed within the folder stays
 * the same one; a change of its size or time makes it new. Not for several threads. */
#pragma once

#include "base/clock.h"

/* Files that can be remembered: 14 MiB in the table that holds them all. */
#define KNOWN_FILES_MAX (3 << 16)

struct file_id {
    uint64_t device, inode;
    int64_t bytes, mtime_ns;
};

enum known_state {
    KNOWN_WAITING, /* not looked at: perhaps not all of it is there yet */
    KNOWN_TAKEN,   /* on its way through the pipeline */
    KNOWN_DONE,
    KNOWN_REFUSED,
};

struct known_file {
    struct file_id id;
    int64_t at_us; /* WAITING: unchanged since; DONE, REFUSED: when to move or delete it, INT64_MAX
                      for never */
    uint32_t seen; /* the pass that saw it last */
    enum known_state state;
    bool used;
};

struct known;

NODISCARD struct known *known_new(void);
void known_free(struct known **known);

/* What is known of the file; it begins to wait at now_us if it is new or has changed. NULL when no
 * more files can be remembered. Valid until the next call of known_see or known_sweep. */
NODISCARD struct known_file *known_see(struct known *known, const struct file_id *id,
                                       int64_t now_us);

/* The same without adding or changing it: NULL unless exactly this file, unchanged, is known. */
NODISCARD struct known_file *known_find(const struct known *known, const struct file_id *id);

/* Forgets the files that no pass from `since` on has seen, except those on their way. */
void known_sweep(struct known *known, uint32_t since);

int known_count(const struct known *known);

struct stat;
struct file_id file_id_of(const struct stat *st);

static inline bool file_id_same(const struct file_id *a, const struct file_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->mtime_ns == b->mtime_ns;
}
