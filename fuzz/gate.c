/* Packets of any kind, size and time, and anybody's wishes, against a reference that keeps books:
 * whatever comes, nothing is lost, doubled, out of order or kept without bound. */
#include "../tests/gate/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(free_ptr) struct model *model = NEW(struct model);
    model_run(model, data, size);
    return 0;
}
