#include "serve/internal.h"

#include <string.h>

static const char *const camera_events_params[] = {"camera", "limit", "cursor", NULL};
static const char *const events_params[] = {"camera", "min_level", "limit", "cursor", NULL};
/* The revision is not looked at: it makes a changed picture's address a new one. */
static const char *const event_picture_params[] = {"track", "boxes", "revision", NULL};
static const char *const jobs_params[] = {"dead", "limit", "cursor", NULL};
static const char *const feedback_params[] = {"limit", "cursor", NULL};
static const char *const camera_picture_params[] = {"boxes", "width", NULL};

/* Every address there is. What can be changed through this door before it has a lock is little, and
 * can be taken back: what people say about events, and asking a language model again. */
const struct route routes[] = {
    {"/health", ROUTE_PUBLIC, NULL, api_health},
    {"/", ROUTE_PUBLIC, NULL, asset_page},
    {"/assets/{file}", ROUTE_PUBLIC, NULL, asset_file},
    {"/api/system", 0, NULL, api_system},
    {"/api/cameras", 0, NULL, api_cameras},
    {"/api/cameras/{name}", 0, NULL, api_camera},
    {"/api/cameras/{name}/snapshot", 0, camera_picture_params, api_camera_snapshot},
    {"/api/camera-events", 0, camera_events_params, api_camera_events},
    {"/api/events", 0, events_params, api_events},
    {"/api/events/{id}", 0, NULL, api_event},
    {"/api/events/{id}/snapshot", 0, event_picture_params, api_event_snapshot},
    {"/api/events/{id}/feedback", 0, NULL, api_event_feedback, METHOD_PUT | METHOD_DELETE},
    {"/api/feedback", 0, feedback_params, api_feedback},
    {"/api/llm/jobs", 0, jobs_params, api_jobs},
    {"/api/llm/jobs/requeue", 0, NULL, api_jobs_requeue, METHOD_POST},
    {"/api/llm/jobs/{id}/requeue", 0, NULL, api_jobs_requeue, METHOD_POST},
    {"/ws/events", ROUTE_WEBSOCKET, NULL, live_plain},
    {0},
};

const struct route *route_find(const char *path, char params[][PARAM_BYTES])
{
    for (const struct route *r = routes; r->path; r++)
        if (path_match(r->path, path, params))
            return r;
    return NULL;
}

void route_unknown(const char *path, struct reply *reply)
{
    char filled[ARRAY_LEN(routes)][256];
    const char *names[ARRAY_LEN(routes)];
    size_t count = 0;
    for (; routes[count].path; count++) {
        path_fill(routes[count].path, path, filled[count], sizeof filled[count]);
        names[count] = filled[count];
    }
    names[count] = NULL;
    const char *nearest = suggest(path, names);
    struct err err = {0};
    (void)err_set(&err, ERR_NOT_FOUND, "nothing at '%.200s'", path);
    if (nearest)
        err_hint(&err, "did you mean '%.200s'?", nearest);
    reply_problem(reply, 404, err.msg, err.hint);
}
