#include "store/change.h"

#include <stdio.h>
#include <stdlib.h>

void change_free(struct change **change)
{
    struct change *c = *change;
    *change = NULL;
    if (!c)
        return;
    event_unref(&c->event);
    upload_unref(&c->upload);
    free(c->parked);
    free(c->camera_event);
    for (int i = 0; c->outcome && i < c->outcome->run_count; i++)
        run_done(&c->outcome->runs[i]);
    free(c->outcome);
    free(c->feedback);
    free(c->baseline);
    free(c->requeue);
    free(c->bury);
    free(c);
}

bool change_is_opening(const struct change *c)
{
    return c->event && c->event->revision == 0 && c->event->state == EVENT_OPEN;
}

const char *change_describe(char out[CHANGE_TEXT_BYTES], const struct change *c)
{
    char id[UUID_TEXT_BYTES];
    if (c->event)
        snprintf(out, CHANGE_TEXT_BYTES, "event %s, revision %d,", uuid_format(id, &c->event->id),
                 c->event->revision);
    else if (c->upload)
        snprintf(out, CHANGE_TEXT_BYTES, "upload %s of camera %s", c->upload->name,
                 c->upload->camera);
    else if (c->parked)
        snprintf(out, CHANGE_TEXT_BYTES, "what stands still at camera %s", c->parked->camera);
    else if (c->camera_event)
        snprintf(out, CHANGE_TEXT_BYTES, "camera event %s of camera %s",
                 uuid_format(id, &c->camera_event->id), c->camera_event->camera);
    else if (c->outcome)
        snprintf(out, CHANGE_TEXT_BYTES, "what a model said of event %s,",
                 uuid_format(id, &c->outcome->event));
    else if (c->feedback)
        snprintf(out, CHANGE_TEXT_BYTES, "what somebody said of event %s",
                 uuid_format(id, &c->feedback->event));
    else if (c->baseline)
        snprintf(out, CHANGE_TEXT_BYTES, "what is usual at camera %s", c->baseline->camera);
    else if (c->requeue)
        snprintf(out, CHANGE_TEXT_BYTES, "the wish to ask again");
    else if (c->bury)
        snprintf(out, CHANGE_TEXT_BYTES, "the wish not to ask");
    else
        snprintf(out, CHANGE_TEXT_BYTES, "nothing");
    return out;
}
