#include "capture/retry.h"

#define RETRY_FIRST_US  (500 * US_PER_MS)
#define RETRY_MOST_US   (2 * US_PER_S)
#define RETRY_DENIED_US (300 * US_PER_S)
#define REFUSALS_QUICK  2

void retry_worked(struct retry *r)
{
    *r = (struct retry){.worked = true};
}

int64_t retry_after_us(struct retry *r, enum err_code code)
{
    bool quick = true;
    if (code == ERR_DENIED)
        quick = r->refusals++ < REFUSALS_QUICK && r->worked;
    if (!quick)
        return RETRY_DENIED_US;
    r->wait_us = r->wait_us ? MIN(2 * r->wait_us, RETRY_MOST_US) : RETRY_FIRST_US;
    return r->wait_us;
}
