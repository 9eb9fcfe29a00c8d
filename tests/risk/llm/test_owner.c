#include "risk/llm/owner.h"
#include "test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST "00000000:00000000 00:00000000 00000000 "

/* As a machine of this byte order prints it. */
static const char *hex(uint32_t address)
{
    static char text[9];
    snprintf(text, sizeof text, "%08X", (unsigned)htonl(address));
    return text;
}

static void lines_are_read(void **state)
{
    (void)state;
    char loopback[200], outside[200], v6[200], mapped[200];
    snprintf(loopback, sizeof loopback, "   0: %s:1F90 00000000:0000 0A " REST "  1001  0 77 1",
             hex(0x7f000001));
    snprintf(outside, sizeof outside, "   0: %s:1F90 00000000:0000 0A " REST "  1001  0 77 1",
             hex(0xc0a80102));
    snprintf(v6, sizeof v6, "  12: 000000000000000000000000%s:1F90 %032d:0000 0A " REST " 7 0 7 1",
             hex(1), 0);
    snprintf(mapped, sizeof mapped, "  12: 0000000000000000%s", hex(0xffff));
    snprintf(mapped + strlen(mapped), sizeof mapped - strlen(mapped),
             "%s:1F90 %032d:0000 0A " REST " 65534 0 7 1", hex(0x7f000001), 0);
    const struct {
        const char *line;
        int uid; /* -1: none that is meant */
    } rows[] = {
        {loopback, 1001},
        {outside, -1},
        {v6, -1}, /* ::1 is another address */
        {mapped, 65534},
        {"   3: 00000000:1F90 00000000:0000 0A " REST "    0 0 77 1 0000", 0},
        {"   3: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 "
         "0A " REST "  33 0 77 1 0000",
         33},
        {"   3: 00000000:1F91 00000000:0000 0A " REST "    0 0 77 1 0000", -1},
        {"   3: 00000000:1F90 0100007F:9000 01 " REST "    0 0 77 1 0000", -1}, /* a connection */
        {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", -1},
        {"   3: 00000000:1F90 00000000:0000 0A", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned uid = 0;
        bool found = owner_read_line(rows[i].line, 8080, &uid);
        if (found != (rows[i].uid >= 0) || (found && (int)uid != rows[i].uid))
            fail_msg("'%s': %d, %u", rows[i].line, found, uid);
    }
}

static void services_are_no_strangers(void **state)
{
    (void)state;
    static const struct {
        unsigned uid;
        bool service;
    } rows[] = {{0, true},     {33, true},    {999, true},    {1000, false},  {60000, false},
                {61184, true}, {65519, true}, {65520, false}, {65534, false}, {~0u, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (owner_is_service(rows[i].uid) != rows[i].service)
            fail_msg("%u", rows[i].uid);
}

static void a_listener_is_seen_with_its_owner(void **state)
{
    (void)state;
    static const struct {
        int family, more; /* more than this user's number, for the one who asks */
        bool stranger;
    } rows[] = {{AF_INET, 0, false}, {AF_INET, 1, true}, {AF_INET6, 0, false}, {AF_INET6, 1, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sockaddr_in6 at6 = {.sin6_family = AF_INET6};
        struct sockaddr_in at4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        bool is_v6 = rows[i].family == AF_INET6;
        struct sockaddr *at = is_v6 ? (struct sockaddr *)&at6 : (struct sockaddr *)&at4;
        socklen_t bytes = is_v6 ? sizeof at6 : sizeof at4;
        int fd = socket(rows[i].family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, at, bytes) != 0) {
            print_message("no IPv6 here\n");
            if (fd >= 0)
                close(fd);
            continue;
        }
        CHECK_INT(listen(fd, 1), 0);
        CHECK_INT(getsockname(fd, at, &bytes), 0);
        int port = ntohs(is_v6 ? at6.sin6_port : at4.sin_port);
        unsigned uid = 0, self = geteuid() + (unsigned)rows[i].more;
        /* The machine's own accounts are nobody's. */
        bool stranger = rows[i].stranger && !owner_is_service(geteuid());
        CHECK(owner_is_stranger(port, self, &uid) == stranger);
        CHECK_INT(uid, stranger ? geteuid() : 0);
        close(fd);
        CHECK(!owner_is_stranger(port, self, &uid));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(services_are_no_strangers),
        cmocka_unit_test(a_listener_is_seen_with_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
