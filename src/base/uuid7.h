/* UUID version 7 (RFC 9562 section 5.7, method 3 of 6.2): 48 bits of Unix milliseconds, 12 bits of
 * sub-millisecond time, 62 random bits. Ids of one generator are strictly increasing, also across
 * threads and when the wall clock steps back: the 60 time bits never repeat. */
#pragma once

#include "base/clock.h"

struct uuid {
    uint8_t bytes[16];
};

/* One per process, owned by whoever starts the threads. Zero-initialise, then set clock. */
struct uuid_gen {
    const struct clock *clock;
    _Atomic uint64_t last; /* the highest 60-bit time handed out */
};

/* Any thread. */
struct uuid uuid7_new(struct uuid_gen *gen);

/* The time an id was made, from its first 48 bits, to the millisecond. */
int64_t uuid7_wall_us(const struct uuid *id);

#define UUID_TEXT_BYTES 37
const char *uuid_format(char out[UUID_TEXT_BYTES], const struct uuid *id); /* returns out */
NODISCARD bool uuid_parse(const char *text, struct uuid *ret);

bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_zero(const struct uuid *id); /* the zero id means "none" */
