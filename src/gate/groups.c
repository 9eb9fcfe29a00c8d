#include "gate/groups.h"

#include "gate/ring.h"

#include <string.h>

#define TOLERANCE_US (50 * US_PER_MS) /* and a tenth of the limit: cameras do not count exactly */
#define ODD_TIMES    3 /* that the limit was broken anew within the groups remembered */

void groups_restart(struct groups *g, int64_t limit_us)
{
    *g = (struct groups){.limit_us = limit_us};
}

static int64_t limit_with_tolerance(const struct groups *g)
{
    return g->limit_us + g->limit_us / 10 + TOLERANCE_US;
}

static bool is_large(const struct group *group)
{
    return group->packets > RING_PACKETS_MAX || group->bytes > RING_BYTES_MAX;
}

static void close_group(struct groups *g, int64_t now_us)
{
    g->now.span_us = now_us - g->since_us;
    g->now.back |= g->now.span_us < 0;
    bool over = g->now.longest_us > limit_with_tolerance(g) || g->now.back;
    g->over = g->over << 1 | over;
    memmove(g->past + 1, g->past, sizeof g->past - sizeof g->past[0]);
    g->past[0] = g->now;
    g->past_count = MIN(g->past_count + 1, GROUPS_KEPT);
}

bool groups_push(struct groups *g, int64_t now_us, int64_t bytes, bool key)
{
    if (!g->started) {
        g->started = true;
        g->since_us = g->last_key_us = now_us;
    }
    bool look = false;
    if (key) {
        int64_t step_us = now_us - g->last_key_us;
        if (g->keys > 0)
            g->now.longest_us = MAX(g->now.longest_us, step_us);
        g->now.back |= step_us < 0;
        int64_t span_us = now_us - g->since_us;
        look = g->keys == 0 || span_us < 0 || span_us >= MIN(LOOK_EVERY_US, g->limit_us);
        g->last_key_us = now_us;
    }
    /* Before the key frame at its end was looked at, a group is in memory together with it. */
    g->now.packets++;
    g->now.bytes += bytes;
    if (look) {
        if (g->keys > 0)
            close_group(g, now_us);
        g->now = (struct group){.packets = 1, .bytes = bytes};
        g->since_us = now_us;
    }
    g->keys += key && g->keys < GROUPS_KEYS_MIN;
    return look;
}

/* How often the limit was broken after it had been kept. */
static int times_broken(uint64_t over)
{
    return __builtin_popcountll(over & ~(over >> 1));
}

enum groups_verdict groups_verdict(const struct groups *g, int64_t now_us)
{
    if (!g->started)
        return GROUPS_UNKNOWN;
    bool large = is_large(&g->now), back = g->now.back;
    for (int i = 0; i < g->past_count; i++) {
        large |= is_large(&g->past[i]);
        back |= g->past[i].back;
    }
    int64_t waiting_us = now_us - g->last_key_us;
    bool is_long = MAX(groups_key_us(g), waiting_us) > limit_with_tolerance(g);
    if (times_broken(g->over) >= ODD_TIMES || back)
        return GROUPS_ODD;
    if (is_long)
        return GROUPS_LONG;
    if (large)
        return GROUPS_LARGE;
    return g->keys < GROUPS_KEYS_MIN ? GROUPS_UNKNOWN : GROUPS_FINE;
}

int64_t groups_key_us(const struct groups *g)
{
    int64_t longest_us = g->now.longest_us;
    for (int i = 0; i < g->past_count; i++)
        longest_us = MAX(longest_us, g->past[i].longest_us);
    return longest_us;
}

int64_t groups_look_us(const struct groups *g)
{
    int64_t longest_us = 0;
    for (int i = 0; i < g->past_count; i++)
        longest_us = MAX(longest_us, g->past[i].span_us);
    return longest_us;
}
