/* Whose program listens at a port of this machine. A server that nobody configured gets to read who
 * comes and goes here, so it must not be anybody's who happens to have an account. Linux only;
 * elsewhere nobody is known and nobody is refused. */
#pragma once

#include "base/base.h"

/* Accounts of the machine itself, root and the services that root has installed, are below the
 * first, or in the range that systemd gives to services without an account of their own. */
#define OWNER_PEOPLE_FROM  1000
#define OWNER_DYNAMIC_FROM 61184
#define OWNER_DYNAMIC_TO   65519
bool owner_is_service(unsigned uid);

/* Whether a line of /proc/net/tcp or tcp6 is a program that waits for connections to 127.0.0.1 at
 * this port, and whose. */
bool owner_read_line(const char *line, int port, unsigned *ret_uid);

/* Whether somebody else's program waits there: not self's, and no service's. Where several do, one
 * is enough: which of them would answer is not known. */
bool owner_is_stranger(int port, unsigned self, unsigned *ret_uid);
