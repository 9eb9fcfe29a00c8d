/* Recordings through the daemon's own pipeline, as fast as it goes and without dropping a frame:
 * what analyze and replay have in common. */
#pragma once

#include "cli/args.h"
#include "pipeline/pipeline.h"

#include <pthread.h>

struct analysis_params {
    const char *config; /* path, empty: defaults */
    const char *zones;  /* path of a file with zones and lines for every input, empty: none */
    const char *model;  /* empty: the configuration's */
    const char *start;  /* of the recordings, RFC 3339; empty: as they say themselves */
    bool idle, pictures;
    /* As the pipeline's sinks. */
    void (*event_sink)(void *ctx, struct event *event);
    void (*track_sink)(void *ctx, int camera, const struct live_track *track);
    void *sink_ctx;
};

struct analysis {
    struct analysis_params params;
    struct config config; /* its cameras are the inputs */
    struct uuid_gen ids;
    int64_t start_wall_us;
    struct detector *detector;
    int64_t wall_us; /* the analysis took */
    struct pipeline_stats stats;
    struct failure {
        char input[CAPTURE_URL_BYTES]; /* fit to be shown; empty: not of one input */
        char msg[512];                 /* without the input's name */
    } * failures;
    int failure_count;
    pthread_mutex_t lock; /* of the failures: sinks may add some */
};

/* Everything that can be wrong before the first picture is looked at. *ret_code is EXIT_OK unless
 * it has been told already. params is copied, what it points to borrowed. */
NODISCARD bool analysis_prepare(struct analysis *analysis, const struct analysis_params *params,
                                const struct args_rest *inputs, int *ret_code, struct err *err);

/* What broke on the way is in failures, and no reason to fail. */
NODISCARD bool analysis_run(struct analysis *analysis, struct err *err);

/* msg may begin with the input's name. Any thread. */
void analysis_add_failure(struct analysis *analysis, const char *input, const char *msg);

void analysis_done(struct analysis *analysis);
