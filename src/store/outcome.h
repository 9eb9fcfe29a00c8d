/* What happens to an event from outside the scene: a model's outcome, what somebody says about it,
 * a dead letter that is queued again. Each makes a new change from the event's newest, with the
 * same revision. For this room; on the store thread, inside a transaction but for outcome_revive.
 */
#pragma once

#include "store/db_model.h"
#include "store/internal.h"

/* What is known of the event beside it, and will be shown with this change: one that asks waits,
 * unless an earlier judgement counts. */
NODISCARD bool outcome_marks(struct store *store, const struct event *event, bool is_known,
                             struct event_marks *ret, struct err *err);

/* An event that is gone is no error: nothing is kept. *ret_message stays NULL if nothing that is
 * shown has changed, or nobody listens. */
NODISCARD bool outcome_write(struct store *store, const struct outcome *outcome,
                             struct bus_message **ret_message, struct err *err);
NODISCARD bool feedback_write(struct store *store, const struct feedback *feedback,
                              struct bus_message **ret_message, struct err *err);

/* event zero: all dead letters from now on, by outcome_revive. */
NODISCARD bool requeue_write(struct store *store, const struct uuid *event,
                             struct bus_message **ret_message, struct err *err);

/* All jobs that wait become dead letters for this reason, by outcome_revive. Of two wishes for all
 * the later counts. */
bool bury_write(struct store *store, const char *reason);

/* Queues some of them again, or gives some up, in a transaction of its own. True if there are more.
 */
bool outcome_revive(struct store *store);

/* Makes a change of what is kept of the event's judgement. For fsck too, on any thread. */
NODISCARD bool outcome_show_again(struct db *db, const struct uuid *event, struct err *err);

/* The bus's message of a change. camera: its index; -1: only its name is known, from the JSON. */
struct bus_message *outcome_message(int camera, int64_t seq, const char *event_json);
