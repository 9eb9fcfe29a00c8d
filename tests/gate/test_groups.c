/* What is learnt of a camera's key frames. */
#include "test.h"

#include "gate/groups.h"
#include "gate/ring.h"

/* Letters are packets 100 ms apart: K a key frame, . another; + and - are 3 s forward and back, * a
 * packet of 16 MB. */
static int64_t play(struct groups *g, const char *packets, int *ret_looks)
{
    int64_t now_us = 0;
    *ret_looks = 0;
    for (const char *c = packets; *c; c++) {
        if (*c == '+' || *c == '-') {
            now_us += (*c == '+' ? 3 : -3) * US_PER_S;
            continue;
        }
        *ret_looks += groups_push(g, now_us, *c == '*' ? RING_BYTES_MAX : 100, *c == 'K');
        now_us += 100 * US_PER_MS;
    }
    return now_us;
}

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *packets;
        enum groups_verdict verdict;
        int looks;
        int key_ms, look_ms;
    } rows[] = {
        {"", GROUPS_UNKNOWN, 0, 0, 0},
        {"..K", GROUPS_UNKNOWN, 1, 0, 0},
        {"K.........K", GROUPS_UNKNOWN, 2, 1000, 1000},
        {"K.........K.........K", GROUPS_FINE, 3, 1000, 1000},
        {"K.........K....K......K", GROUPS_FINE, 4, 1000, 1000},
        {"KKKKKKKKKKK", GROUPS_FINE, 3, 100, 500},
        {"KKKK", GROUPS_FINE, 1, 100, 0},
        {"K...........K....K....K", GROUPS_LONG, 4, 1200, 1200}, /* the limit is 1 s */
        {"K...........K....K....K....K....K", GROUPS_FINE, 6, 500, 500},
        {"K....K....K...........", GROUPS_FINE, 3, 500, 500},  /* 1.1 s: within tolerance */
        {"K....K....K............", GROUPS_LONG, 3, 500, 500}, /* one that does not come */
        {".............", GROUPS_LONG, 0, 0, 0},
        {"K....K....K..*.K....K", GROUPS_LARGE, 5, 500, 500},
        {"K....K....K..*", GROUPS_LARGE, 3, 500, 500},
        {"K....K....K..*.K....K....K....K....K", GROUPS_FINE, 8, 500, 500},
        {"K....K....K-K....K....K", GROUPS_ODD, 6, 500, 500},
        {"K....K....K-K....K....K....K....K....K", GROUPS_FINE, 9, 500, 500},
        {"K....K+K....K+K....K+K....K....K....K....K....K", GROUPS_ODD, 12, 500, 500},
        {"K....K+K....K+K....K....K....K....K....K", GROUPS_FINE, 10, 500, 500},
        {"K+K+K+K+K....K....K....K....K", GROUPS_FINE, 9, 500, 500}, /* it was changed once */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct groups g;
        int looks;
        groups_restart(&g, US_PER_S);
        int64_t now_us = play(&g, rows[i].packets, &looks) - 100 * US_PER_MS;
        enum groups_verdict verdict = groups_verdict(&g, now_us);
        if (verdict != rows[i].verdict || looks != rows[i].looks ||
            groups_key_us(&g) != rows[i].key_ms * US_PER_MS ||
            groups_look_us(&g) != rows[i].look_ms * US_PER_MS)
            fail_msg("%s: verdict %d, looks %d, key %lld, look %lld", rows[i].packets, verdict,
                     looks, (long long)groups_key_us(&g), (long long)groups_look_us(&g));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
