/* What the sources in the network share: addresses with a login, what libavformat's failures mean,
 * and what it does not tell about an address that it could not connect to. */
#pragma once

#include "capture/capture.h"

/* Room for an address with the username and password in it, every letter of them encoded. */
#define NET_URL_BYTES                                                                              \
    (CAPTURE_URL_BYTES + 3 * sizeof((struct capture_conf){0}.username) +                           \
     3 * sizeof((struct capture_conf){0}.password) + 8)

/* capture_ops.check for an address in the network. */
NODISCARD bool net_check(const char *url, struct err *err);

/* The address with username and password in it; never to be shown. */
void net_login(const struct capture_conf *conf, char out[NET_URL_BYTES]);

/* What libavformat's rc means. What is not known is a connection that ended: resets, early ends and
 * whatever else one can die of. */
enum err_code net_code(int rc, enum camera_cause *ret_cause);
/* The same in words: "cannot connect: Connection refused". */
bool net_fail(int rc, const char *doing, enum camera_cause *ret_cause, struct err *err);

/* Whether the host of the address means anything to the name server. libavformat looks it up again
 * for itself, but where that fails it only says "input/output error". Cannot be interrupted. */
NODISCARD bool net_resolve(const char *url, struct err *err);

/* Asks an RTSP address for its options and says how that went: CAUSE_NONE if the answer is one,
 * else NAME, REFUSED, TIMEOUT, ENDED (closed without an answer), GARBAGE. Without credentials. stop
 * turns true to give up. */
enum camera_cause net_knock(const char *url, int64_t timeout_us, const atomic_bool *stop);
