/* Judgements and what they are applied to, for this room: the verdict of an event as its JSON has
 * it, because the event itself is no longer in memory. */
#pragma once

#include "model/judgement.h"

/* Of an event that was asked about and is not judged; nothing else is known. To be freed. */
NODISCARD struct judgement *judgement_undone(const struct uuid *event, int revision,
                                             enum judgement_state state);

/* The rules' own verdict: scorer, score and reasons; times and boxes as exact as the JSON has them.
 * False for JSON that no store wrote. */
NODISCARD bool verdict_parse_rules(const char *event_json, size_t bytes, struct verdict *ret);
