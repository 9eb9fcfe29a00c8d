#include "risk/llm/breaker.h"

bool breaker_allows(struct breaker *breaker, int64_t now_us)
{
    if (!breaker->open)
        return true;
    if (breaker->trial || now_us < breaker->until_us)
        return false;
    breaker->trial = true;
    return true;
}

void breaker_success(struct breaker *breaker)
{
    breaker->failures = 0;
    breaker->open = breaker->trial = false;
}

void breaker_failure(struct breaker *breaker, int64_t now_us)
{
    if (breaker->failures < BREAKER_FAILURES)
        breaker->failures++;
    /* What was under way when it opened says nothing new; only the trial's end counts. */
    if (breaker->open && !breaker->trial)
        return;
    if (!breaker->open && breaker->failures < BREAKER_FAILURES)
        return;
    if (!breaker->open)
        breaker->opened++;
    breaker->open = true;
    breaker->trial = false;
    breaker->until_us = now_us + BREAKER_OPEN_US;
}

void breaker_withdraw(struct breaker *breaker)
{
    breaker->trial = false;
}
