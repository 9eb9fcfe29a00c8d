/* The JSON of events, for this room: with the addresses of the pictures that are on disk. */
#pragma once

#include "base/json.h"
#include "model/camera_event.h"
#include "model/event.h"
#include "model/feedback.h"

/* As event_json of store.h; bit i of pictures: the picture of track i can be fetched. feedback may
 * be NULL. */
void event_json_with(struct json *out, const char *key, const struct event *event,
                     uint64_t pictures, const struct feedback *feedback);

/* Its members by themselves: "reasons", and "feedback", which is null for NULL. */
void reasons_json(struct json *out, const char *key, const struct verdict *verdict);
void feedback_json(struct json *out, const char *key, const struct feedback *feedback);
void feedback_members_json(struct json *out, const struct feedback *feedback);

/* The address of an event's picture; track NULL: of the one that stands for the event. Returns out.
 */
#define SNAPSHOT_ADDRESS_BYTES 160
const char *event_snapshot_address(char out[SNAPSHOT_ADDRESS_BYTES], const struct uuid *event,
                                   const struct uuid *track);

/* {"id", "camera", "kind", "ended", "at", "text"}, as lists have it, and what the bus carries:
 * {"type":"camera_event","data":{...}}. */
void camera_event_json(struct json *out, const char *key, const struct camera_event *event);
void camera_event_message_json(struct json *out, const struct camera_event *event);

/* What the bus carries for a change, and the outbox gives back: {"type":"event","data":{...}}. */
void event_message_json(struct json *out, const char *event_json);
