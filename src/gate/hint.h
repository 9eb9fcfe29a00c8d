/* Packet sizes as a hint, no more: on clean video larger packets mean motion, but noise and rate
 * control flatten the difference, and there are streams on which it is the other way round. */
#pragma once

#include "base/clock.h"

/* Usual log size, and how far sizes are from it, forgetting slowly. */
struct size_usual {
    double mean, variance;
};

/* Belongs to one thread; all zero at the start and after an interruption. */
struct size_hint {
    int seen;      /* packets between key frames, up to where learning is at its slowest */
    int recent_at; /* of the last packets' sizes */
    double recent[3];
    struct size_usual one, three; /* of a single packet, of three in a row */
};

/* The next packet, key frames too. True: it, or it and the two before, are much larger than usual.
 */
bool size_hint_push(struct size_hint *hint, int64_t bytes, bool key);

/* Whether waking by size alone is worth it for this camera; all zero at the start. Belongs to the
 * gate. */
struct size_trust {
    uint32_t outcomes; /* of the last wakes by size alone: was something seen? newest lowest */
    int count;
    bool distrusted;
    int64_t until_us;
};

bool size_trusted(const struct size_trust *trust, int64_t now_us);
void size_trust_tell(struct size_trust *trust, int64_t now_us, bool seen);
