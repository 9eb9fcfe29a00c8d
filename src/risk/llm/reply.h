/* A model's reply -> judgement. The reply is outside input, whatever the server promised: every
 * field is checked, every claim's evidence looked up. Pure. */
#pragma once

#include "risk/llm/evidence.h"

#define REPLY_BYTES_MAX (64 * 1024)

/* Fills the parts of *ret that the reply decides (verdict, score, summary, reasoning, claims,
 * dropped_count); the rest stays as it is, and all of it where it fails.
 *
 * Fails with ERR_INVALID and what is wrong: not JSON (with the position), not UTF-8, a member
 * missing, given twice, of the wrong type or one too many, a list too long, a score out of range.
 * White space around the object is allowed, anything else is not. Texts that are too long are cut
 * between characters, and lose what cannot be seen. A claim that says nothing, or cites evidence
 * that does not exist, is dropped and counted, not an error. */
NODISCARD bool reply_parse(const char *text, size_t bytes, const struct evidence_list *evidence,
                           struct judgement *ret, struct err *err);
