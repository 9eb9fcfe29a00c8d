#include "risk/llm/owner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define STATE_LISTEN 0x0a

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* The kernel prints an address as the numbers that its four bytes are on this machine. */
static bool is_reached_from_loopback(const char *address)
{
    char v4[9], mapped[33];
    snprintf(v4, sizeof v4, "%08X", (unsigned)htonl(INADDR_LOOPBACK));
    snprintf(mapped, sizeof mapped, "0000000000000000%08X%s", (unsigned)htonl(0xffff), v4);
    return strspn(address, "0") == strlen(address) || strcmp(address, v4) == 0 ||
           strcmp(address, mapped) == 0;
}

bool owner_read_line(const char *line, int port, unsigned *ret_uid)
{
    char address[33];
    unsigned at, state, uid;
    /* sl local:port remote:port st tx:rx tr:when retransmits uid */
    int n = sscanf(line, " %*d: %32[0-9A-F]:%4x %*32[0-9A-F]:%*4x %2x %*s %*s %*s %10u", address,
                   &at, &state, &uid);
    if (n != 4 || state != STATE_LISTEN || (int)at != port || !is_reached_from_loopback(address))
        return false;
    *ret_uid = uid;
    return true;
}

bool owner_is_service(unsigned uid)
{
    return uid < OWNER_PEOPLE_FROM || (uid >= OWNER_DYNAMIC_FROM && uid <= OWNER_DYNAMIC_TO);
}

static bool has_stranger(const char *path, int port, unsigned self, unsigned *ret_uid)
{
    char line[512];
    unsigned uid;
    AUTO(close_file) FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (!owner_read_line(line, port, &uid) || uid == self || owner_is_service(uid))
            continue;
        *ret_uid = uid;
        return true;
    }
    return false;
}

bool owner_is_stranger(int port, unsigned self, unsigned *ret_uid)
{
    return has_stranger("/proc/net/tcp", port, self, ret_uid) ||
           has_stranger("/proc/net/tcp6", port, self, ret_uid);
}
