/* The data part of a prompt: what is known of a window, as one line of JSON. Shared inside this
 * folder only. */
#pragma once

#include "risk/llm/evidence.h"

/* shown: which of the event's tracks; evidence: only what is to be told. Everything from outside
 * goes through outside_json; own words are free of '<'. */
void report_json(struct json *out, const struct window *window,
                 const struct evidence_list *evidence, const bool shown[EVENT_TRACKS_MAX]);
