/* Replies of a language model. */
#include "risk/llm/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const struct judgement *j)
{
    ASSERT(j->score >= 0 && j->score <= 100);
    ASSERT(j->verdict >= MODEL_UNCERTAIN && j->verdict <= MODEL_REJECTED);
    ASSERT(j->claim_count + j->dropped_count <= CLAIMS_MAX);
    for (int i = 0; i < j->claim_count; i++)
        ASSERT(j->claims[i].text[0] && j->claims[i].evidence_count >= 1);

    /* Whatever it says, it can be stored and read again, and moves a score only so far. */
    struct json out;
    struct judgement back;
    json_init(&out);
    judgement_json(&out, NULL, j);
    ASSERT(judgement_parse(out.text, out.bytes, &back, NULL));
    ASSERT(memcmp(&back, j, sizeof back) == 0);
    json_done(&out);
    struct verdict verdict = {.score = 50, .reason_count = 1, .reasons = {{.points = 50}}};
    judgement_apply(j, &verdict);
    ASSERT(verdict.score >= (j->verdict == MODEL_REJECTED ? 0 : 25) && verdict.score <= 75);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct evidence_list list = {
        .count = 3, .items = {{.id = "e1", .what.zone = "door"}, {.id = "e2"}, {.id = "e96"}}};
    struct judgement j;
    memset(&j, 0, sizeof j);
    j.state = JUDGEMENT_DONE;
    j.max_change = 25;
    j.rules_score = 50;
    struct err err = {0};
    if (reply_parse((const char *)data, bytes, &list, &j, &err))
        check(&j);
    else
        ASSERT(err.code == ERR_INVALID && err.msg[0]);
    return 0;
}
