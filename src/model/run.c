#include "model/run.h"

void run_done(struct run *run)
{
    blob_unref(&run->request);
    blob_unref(&run->reply);
}
