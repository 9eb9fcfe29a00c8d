/* What a question to a model holds on to. */
#include "test.h"

#include "model/run.h"

static void done_drops_what_it_owns(void **state)
{
    (void)state;
    struct blob *request = blob_new("why", 3), *reply = blob_new("because", 7);
    struct run run = {.request = blob_ref(request), .reply = blob_ref(reply)};
    CHECK_INT(request->refs, 2);
    run_done(&run);
    CHECK(run.request == NULL);
    CHECK(run.reply == NULL);
    CHECK_INT(request->refs, 1);
    CHECK_INT(reply->refs, 1);
    CHECK(memcmp(reply->data, "because", 7) == 0);
    run_done(&run); /* nothing is left to drop */

    struct run unanswered = {.request = blob_ref(request)};
    run_done(&unanswered);
    CHECK_INT(request->refs, 1);
    blob_unref(&request);
    blob_unref(&reply);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_drops_what_it_owns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
