#include "gate/ring.h"

#include <libavcodec/packet.h>

int64_t packet_bytes(const struct packet *packet)
{
    return packet->av ? MAX(packet->av->size, 0) : 0;
}

static struct packet *take_first(struct packet_ring *ring)
{
    struct packet *packet = TAKE(ring->slots[ring->first]);
    ring->first = (ring->first + 1) % RING_SLOTS;
    ring->count--;
    ring->bytes -= packet_bytes(packet);
    return packet;
}

void packet_ring_push(struct packet_ring *ring, struct packet *packet)
{
    ASSERT(ring->count < RING_SLOTS);
    ring->slots[(ring->first + ring->count) % RING_SLOTS] = packet;
    ring->count++;
    ring->bytes += packet_bytes(packet);
}

struct packet *packet_ring_pop(struct packet_ring *ring, bool *ret_replay)
{
    if (ring->count == 0)
        return NULL;
    *ret_replay = ring->replay > 0;
    ring->replay -= *ret_replay;
    return take_first(ring);
}

struct packet *packet_ring_newest(const struct packet_ring *ring)
{
    if (ring->count == 0)
        return NULL;
    return ring->slots[(ring->first + ring->count - 1) % RING_SLOTS];
}

void packet_ring_trim(struct packet_ring *ring, int count)
{
    while (ring->count > count) {
        struct packet *packet = take_first(ring);
        packet_unref(&packet);
    }
    ring->replay = MIN(ring->replay, ring->count);
}

void packet_ring_replay(struct packet_ring *ring)
{
    ring->replay = ring->count;
}
