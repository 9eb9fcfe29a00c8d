/* The pipeline's memory: what it tells goes to the store, and what it wants to know comes from
 * there. */
#pragma once

#include "pipeline/pipeline.h"

struct keep;

/* Borrows the store. */
NODISCARD bool keep_open(struct store *store, struct log log, struct keep **ret, struct err *err);
void keep_close(struct keep **keep); /* after every pipeline that was connected */

/* Sets the sinks and sources of a pipeline that is about to start. */
void keep_connect(struct keep *keep, struct pipeline_params *params);
