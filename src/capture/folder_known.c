/* An open table; nothing is deleted but by building it anew. */
#include "capture/folder_known.h"

#include <stdlib.h>
#include <sys/stat.h>

#define SLOTS_FIRST 1024

struct known {
    struct known_file *slots;
    size_t slot_count; /* a power of two; a quarter stays free */
    int count;
};

struct file_id file_id_of(const struct stat *st)
{
    /* 1970 to 2255: anybody can set a time, and it is counted with. */
    int64_t s = CLAMP((int64_t)st->st_mtim.tv_sec, 0, INT64_C(9000000000));
    return (struct file_id){(uint64_t)st->st_dev, (uint64_t)st->st_ino, st->st_size,
                            s * 1000000000 + st->st_mtim.tv_nsec};
}

struct known *known_new(void)
{
    struct known *k = NEW(struct known);
    k->slot_count = SLOTS_FIRST;
    k->slots = xcalloc(k->slot_count, sizeof *k->slots);
    return k;
}

void known_free(struct known **known)
{
    if (!*known)
        return;
    free((*known)->slots);
    free(*known);
    *known = NULL;
}

/* The file's slot, or the free one where it would go. */
static struct known_file *slot_of(struct known_file *slots, size_t slot_count,
                                  const struct file_id *id)
{
    uint64_t hash = (id->inode ^ id->device << 40) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (slot_count - 1);
    while (slots[i].used && (slots[i].id.inode != id->inode || slots[i].id.device != id->device))
        i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

/* Builds the table anew in slot_count slots, without what `since` forgets unless all are to stay.
 * False: no memory. */
static bool rebuild(struct known *k, size_t slot_count, bool all, uint32_t since)
{
    struct known_file *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return false;
    int count = 0;
    for (size_t i = 0; i < k->slot_count; i++) {
        const struct known_file *f = &k->slots[i];
        bool fresh = all || f->state == KNOWN_TAKEN || (int32_t)(f->seen - since) >= 0;
        if (!f->used || !fresh)
            continue;
        *slot_of(slots, slot_count, &f->id) = *f;
        count++;
    }
    free(k->slots);
    *k = (struct known){slots, slot_count, count};
    return true;
}

struct known_file *known_see(struct known *k, const struct file_id *id, int64_t now_us)
{
    struct known_file *f = slot_of(k->slots, k->slot_count, id);
    if (f->used && file_id_same(&f->id, id))
        return f;
    if (!f->used) {
        if (k->count >= KNOWN_FILES_MAX)
            return NULL;
        if ((size_t)k->count * 4 >= k->slot_count * 3) {
            if (!rebuild(k, 2 * k->slot_count, true, 0))
                return NULL;
            f = slot_of(k->slots, k->slot_count, id);
        }
        k->count++;
    }
    *f = (struct known_file){*id, now_us, f->seen, KNOWN_WAITING, true};
    return f;
}

struct known_file *known_find(const struct known *k, const struct file_id *id)
{
    struct known_file *f = slot_of(k->slots, k->slot_count, id);
    return f->used && file_id_same(&f->id, id) ? f : NULL;
}

void known_sweep(struct known *k, uint32_t since)
{
    rebuild(k, k->slot_count, false,
            since); /* without memory for it they are kept a little longer */
}

int known_count(const struct known *k)
{
    return k->count;
}
