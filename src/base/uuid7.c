#include "base/uuid7.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

/* getrandom() costs a system call; one of 1 KiB serves 128 ids. Per thread, so nothing is shared.
 */
#define RANDOM_POOL_BYTES 1024

static uint64_t random_u64(void)
{
    static _Thread_local uint8_t pool[RANDOM_POOL_BYTES];
    static _Thread_local size_t left;
    if (left == 0) {
        for (size_t have = 0; have < sizeof pool;) {
            ssize_t n = getrandom(pool + have, sizeof pool - have, 0);
            if (n > 0)
                have += (size_t)n;
        }
        left = sizeof pool;
    }
    left -= sizeof(uint64_t);
    uint64_t value;
    memcpy(&value, pool + left, sizeof value);
    return value;
}

static void put_be64(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

struct uuid uuid7_new(struct uuid_gen *gen)
{
    uint64_t wall_us = (uint64_t)clock_wall_us(gen->clock);
    uint64_t now = (wall_us / 1000) << 12 | (wall_us % 1000) * 4096 / 1000;
    uint64_t last = atomic_load_explicit(&gen->last, memory_order_relaxed);
    uint64_t next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&gen->last, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    struct uuid id;
    put_be64(id.bytes, next >> 12 << 16 | 0x7000 | (next & 0xfff));
    put_be64(id.bytes + 8, (random_u64() >> 2) | UINT64_C(1) << 63);
    return id;
}

int64_t uuid7_wall_us(const struct uuid *id)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return (int64_t)ms * 1000;
}

const char *uuid_format(char out[UUID_TEXT_BYTES], const struct uuid *id)
{
    static const char digits[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[id->bytes[i] >> 4];
        *p++ = digits[id->bytes[i] & 15];
    }
    *p = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(const char *text, struct uuid *ret)
{
    struct uuid id;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text)
        return false;
    *ret = id;
    return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool uuid_is_zero(const struct uuid *id)
{
    static const struct uuid zero;
    return uuid_equal(id, &zero);
}
