/* Messages that WebSocket clients send. */
#include "bus/bus.h"
#include "serve/parse.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct client_message m;
    struct err err = {0};
    if (bytes > CLIENT_MESSAGE_BYTES_MAX)
        return 0; /* never gets this far */
    if (!client_message_parse((const char *)data, bytes, &m, &err)) {
        ASSERT(err.code == ERR_INVALID && err.msg[0]);
        return 0;
    }
    ASSERT(m.after >= 0 && m.camera_count <= CLIENT_CAMERAS_MAX);
    ASSERT((m.topics & ~(unsigned)(BUS_EVENT | BUS_CAMERA | BUS_DETECTIONS)) == 0);
    for (int i = 0; i < m.camera_count; i++)
        ASSERT(memchr(m.cameras[i], '\0', OPT_NAME_BYTES));
    return 0;
}
