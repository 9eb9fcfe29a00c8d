#include "store/fsck.h"

#include "store/fsck_files.h"
#include "store/internal.h"
#include "store/outcome.h"

#include <stdio.h>
#include <unistd.h>

struct fsck {
    const struct fsck_params *params;
    struct fsck_result *result;
    struct db *db;
};

static void note_found(void *ctx, const struct fsck_finding *finding)
{
    struct fsck *f = ctx;
    if (!finding->is_note) {
        f->result->found++;
        f->result->left += !f->params->repair;
        f->result->start += !f->params->repair && finding->by_start;
    }
    f->params->found(f->params->ctx, finding);
}

static void note_left(void *ctx, const struct fsck_finding *finding)
{
    struct fsck *f = ctx;
    if (finding->is_note)
        return;
    f->result->left++;
    f->result->start += finding->by_start;
    if (f->params->left)
        f->params->left(f->params->ctx, finding);
}

/* Beside a hsi, rows are looked at in one state of the database, files as they are now. */
static bool look(struct fsck *f, const struct check *check, struct err *err)
{
    const char *dir = f->result->dir;
    if (!db_check_begin(f->db, false, err))
        return err_wrap(err, "%s/hsi.db", dir);
    bool ok = db_check_rows(f->db, check, err) && db_check_names(f->db, check, err) &&
              db_count_all(f->db, f->result, err);
    db_check_end(f->db);
    return ok && fsck_pictures(dir, f->db, check, err) && fsck_strays(dir, f->db, check, err);
}

static bool mend_names(struct fsck *f, const struct check *check, struct err *err)
{
    return db_check_begin(f->db, true, err) && db_check_names(f->db, check, err) &&
           db_commit(f->db, err);
}

static bool mend_rows(struct fsck *f, const struct check *check, struct err *err)
{
    return db_check_begin(f->db, true, err) && db_check_rows(f->db, check, err) &&
           fsck_pictures(f->result->dir, f->db, check, err) && db_commit(f->db, err);
}

/* In one transaction: a person waits, and nobody else writes. */
static bool mend_verdicts(struct fsck *f, struct err *err)
{
    struct uuid ids[64] = {0}, after = {0};
    int count = 0;
    if (!db_check_begin(f->db, true, err))
        return false;
    do {
        if (!db_wrong_verdicts(f->db, &after, ids, (int)ARRAY_LEN(ids), &count, err))
            return false;
        for (int i = 0; i < count; i++)
            if (!outcome_show_again(f->db, &ids[i], err))
                return false;
        if (count > 0)
            after = ids[count - 1];
    } while (count == (int)ARRAY_LEN(ids));
    return db_commit(f->db, err);
}

/* Files that no row names go last, when the rows are on the disk. Then everything is looked at once
 * more: that says what is left. */
static bool repair(struct fsck *f, struct err *err)
{
    const struct check mend = {.mend = true, .fn = note_found, .ctx = f};
    const struct check again = {.fn = note_left, .ctx = f};
    const char *dir = f->result->dir;
    int closed;
    bool ok = mend_rows(f, &mend, err) && store_close_left_open(f->db, dir, &closed, err) &&
              mend_verdicts(f, err) && mend_names(f, &mend, err) &&
              fsck_strays(dir, f->db, &mend, err);
    db_check_end(f->db);
    return ok && look(f, &again, err);
}

static bool only_look(struct fsck *f, struct err *err)
{
    struct fsck_result *r = f->result;
    const struct check check = {.in_use = r->in_use != 0, .fn = note_found, .ctx = f};
    if (!look(f, &check, err))
        return false;
    long holder = db_lock_holder(r->dir);
    if (holder == 0 || r->in_use != 0)
        return true;
    err_set(err, ERR_UNAVAILABLE, "a hsi (process %ld) has started meanwhile", holder);
    err_hint(err, "what was found may have been its work: run it again");
    return false;
}

bool store_exists(const char *dir, struct err *err)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/hsi.db", dir);
    if (access(path, F_OK) == 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "no store at %s: there is no %s", dir, path);
    err_hint(err, "name the directory that storage.path of the configuration names");
    return false;
}

bool store_fsck(const struct fsck_params *params, struct fsck_result *ret, struct err *err)
{
    *ret = (struct fsck_result){0};
    if (!store_dir(params->dir, ret->dir, err) || !store_exists(ret->dir, err))
        return false;
    struct fsck f = {params, ret, NULL};
    ret->in_use = params->repair ? 0 : db_lock_holder(ret->dir);
    bool ok = params->repair ? db_open_mender(ret->dir, &f.db, err) && repair(&f, err)
                             : db_open_looker(ret->dir, &f.db, err) && only_look(&f, err);
    db_close(&f.db);
    return ok;
}
