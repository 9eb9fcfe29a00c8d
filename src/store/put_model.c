/* Putting the model's part: on any thread, to the store's. */
#include "store/db_model.h"
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

/* Rows in one change: some milliseconds. */
#define BASELINE_AT_ONCE 512

void store_put_outcome(struct store *s, struct outcome *outcome)
{
    const struct judgement *judgement = &outcome->judgement;
    ASSERT(outcome->end >= OUTCOME_JUDGED && outcome->end <= OUTCOME_DEAD);
    ASSERT(outcome->run_count >= 0 && outcome->run_count <= (int)ARRAY_LEN(outcome->runs));
    ASSERT(judgement->verdict >= MODEL_UNCERTAIN && judgement->verdict <= MODEL_REJECTED);
    struct change *change = NEW(struct change);
    change->outcome = NEW(struct outcome);
    *change->outcome = *outcome;
    outcome->run_count = 0;
    memset(outcome->runs, 0, sizeof outcome->runs);
    store_put(s, &change);
}

void store_requeue(struct store *s, const struct uuid *event)
{
    struct change *change = NEW(struct change);
    change->requeue = NEW(struct uuid);
    *change->requeue = *event;
    store_put(s, &change);
}

void store_bury_jobs(struct store *s, const char *reason)
{
    ASSERT(reason[0]);
    struct change *change = NEW(struct change);
    change->bury = xstrdup(reason);
    store_put(s, &change);
}

void store_put_feedback(struct store *s, const struct feedback *feedback)
{
    ASSERT(feedback->kind <= FEEDBACK_TOO_LOW);
    struct change *change = NEW(struct change);
    change->feedback = NEW(struct feedback);
    *change->feedback = *feedback;
    store_put(s, &change);
}

void store_put_baseline(struct store *s, const char *camera, const struct baseline_row *rows,
                        int count)
{
    for (int done = 0; done < count; done += BASELINE_AT_ONCE) {
        int some = MIN(count - done, BASELINE_AT_ONCE);
        struct change *change = NEW(struct change);
        change->baseline = xcalloc(1, sizeof *change->baseline +
                                          (size_t)some * sizeof change->baseline->rows[0]);
        STR_COPY(change->baseline->camera, camera);
        change->baseline->count = some;
        memcpy(change->baseline->rows, rows + done, (size_t)some * sizeof *rows);
        store_put(s, &change);
    }
}
