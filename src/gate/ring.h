/* The packets that wait: those of a sleeping camera until they are either needed or known to show
 * nothing, then those being replayed. Bounded; packets leave in the order in which they came. */
#pragma once

#include "model/packet.h"

/* What a sleeping camera may keep. */
#define RING_PACKETS_MAX 512
#define RING_BYTES_MAX   (INT64_C(16) << 20)
/* A replay may still be going on when the next packets come. */
#define RING_SLOTS (2 * RING_PACKETS_MAX)

struct packet_ring {
    struct packet *slots[RING_SLOTS]; /* owned */
    int first, count;
    int replay; /* of the first ones, how many come out of memory and not out of the stream */
    int64_t bytes;
};

/* Size of what it was compressed to; 0 for packets without a picture. */
int64_t packet_bytes(const struct packet *packet);

/* Takes the packet. There must be a free slot. */
void packet_ring_push(struct packet_ring *ring, struct packet *packet);

/* The oldest, given away; NULL if there is none. */
NODISCARD struct packet *packet_ring_pop(struct packet_ring *ring, bool *ret_replay);

/* Borrowed; NULL if there is none. */
struct packet *packet_ring_newest(const struct packet_ring *ring);

/* Forgets all but the newest count packets. */
void packet_ring_trim(struct packet_ring *ring, int count);

/* All that is in it now is to be replayed. */
void packet_ring_replay(struct packet_ring *ring);
