/* What strangers send, read by pure functions: paths, queries, headers. */
#include "test.h"

#include "serve/parse.h"

static void paths_match_their_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        const char *first; /* NULL: no match */
    } cases[] = {
        {"/", "/", ""},
        {"/", "", NULL},
        {"/", "/x", NULL},
        {"/api/events", "/api/events", ""},
        {"/api/events", "/api/events/", NULL},
        {"/api/events", "/api/event", NULL},
        {"/api/events/{id}", "/api/events/abc", "abc"},
        {"/api/events/{id}", "/api/events/", NULL},
        {"/api/events/{id}", "/api/events", NULL},
        {"/api/events/{id}", "/api/events/abc/snapshot", NULL},
        {"/api/events/{id}/snapshot", "/api/events/abc/snapshot", "abc"},
        {"/api/events/{id}/snapshot", "/api/events//snapshot", NULL},
        {"/api/events/{id}/snapshot", "/api/events/abc/snapshots", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char params[PATH_PARAMS_MAX][PARAM_BYTES] = {{0}};
        bool matched = path_match(cases[i].pattern, cases[i].path, params);
        if (matched != (cases[i].first != NULL))
            fail_msg("'%s' against '%s'", cases[i].path, cases[i].pattern);
        if (matched)
            CHECK_STR(params[0], cases[i].first);
    }
    char path[PARAM_BYTES + 16] = "/assets/";
    memset(path + 8, 'a', PARAM_BYTES);
    CHECK(!path_match("/assets/{file}", path, NULL)); /* one character too long */
    path[8 + PARAM_BYTES - 1] = '\0';
    CHECK(path_match("/assets/{file}", path, NULL));
}

static void patterns_are_filled_for_comparison(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path, *filled;
    } cases[] = {
        {"/api/events/{id}", "/api/event/abc", "/api/events/abc"},
        {"/api/events/{id}/snapshot", "/api/events/abc/snap", "/api/events/abc/snapshot"},
        {"/api/events/{id}", "/api", "/api/events/{id}"},
        {"/", "/x/y", "/"},
    };
    char out[64];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        path_fill(cases[i].pattern, cases[i].path, out, sizeof out);
        CHECK_STR(out, cases[i].filled);
    }
    path_fill("/api/events/{id}", "/api/events/abc", out, 8);
    CHECK_STR(out, "/api/ev");
}

static const char *const allowed[] = {"camera", "limit", NULL};

static void parameters_are_known_and_given_once(void **state)
{
    (void)state;
    struct params params = {0};
    struct err err = {0};
    CHECK(params_add(&params, "camera=porch=east", allowed, &err));
    CHECK(params_add(&params, "", allowed, &err));
    CHECK_STR(params_get(&params, "camera"), "porch=east");
    CHECK(params_get(&params, "limit") == NULL);
    CHECK(!params_add(&params, "camera=x", allowed, &err));
    CHECK_STR(err.msg, "parameter 'camera' is given twice");
    CHECK(!params_add(&params, "limti=3", allowed, &err));
    CHECK_STR(err.msg, "unknown parameter 'limti'");
    CHECK_STR(err.hint, "did you mean 'limit'?");
    CHECK(!params_add(&params, "zzzzzzzz", allowed, &err));
    CHECK_STR(err.hint, "allowed: camera, limit");
    CHECK(!params_add(&params, "x=1", NULL, &err));
    CHECK_STR(err.hint, "this address takes no parameters");
    CHECK(params_add(&params, "limit", allowed, &err));
    CHECK_STR(params_get(&params, "limit"), "");
    char long_pair[PARAM_BYTES + 16] = "camera=";
    struct params fresh = {0};
    memset(long_pair + 7, 'x', PARAM_BYTES);
    CHECK(!params_add(&fresh, long_pair, allowed, &err));
    CHECK_STR(err.msg, "camera: longer than 127 characters");
    char long_name[256];
    memset(long_name, 'n', sizeof long_name);
    long_name[255] = '\0';
    CHECK(!params_add(&fresh, long_name, allowed, &err));
    CHECK_INT(fresh.count, 0);
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *pair;
        bool good;
        int value;
    } cases[] = {
        {"limit=1", true, 1},           {"limit=100", true, 100},
        {"limit=0", false, 0},          {"limit=101", false, 0},
        {"limit=-1", false, 0},         {"limit=", false, 0},
        {"limit=1.5", false, 0},        {"limit= 1", false, 0},
        {"limit=0x10", false, 0},       {"limit=007", true, 7},
        {"camera=x", true, 50},         {"limit=99999999999999999999", false, 0},
        {"limit=2147483648", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct params params = {0};
        struct err err = {0};
        int value = 50;
        CHECK(params_add(&params, cases[i].pair, allowed, &err));
        if (params_int(&params, "limit", 1, 100, &value, &err) != cases[i].good)
            fail_msg("'%s'", cases[i].pair);
        CHECK_INT(value, cases[i].good ? cases[i].value : 50);
        if (!cases[i].good)
            CHECK_STR(err.hint, "allowed: 1 to 100");
    }
}

static void words_are_chosen_from_lists(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "level", NULL};
    static const char *const levels[] = {"unknown", "low", "medium", "high", NULL};
    struct params params = {0};
    struct err err = {0};
    bool yes = false;
    int level = -1;
    CHECK(params_add(&params, "b=true", names, &err));
    CHECK(params_add(&params, "level=medum", names, &err));
    CHECK(params_bool(&params, "b", &yes, &err) && yes);
    CHECK(!params_choice(&params, "level", levels, &level, &err));
    CHECK_STR(err.hint, "did you mean 'medium'?");
    struct params other = {0};
    CHECK(params_add(&other, "b=maybe", names, &err));
    CHECK(params_add(&other, "level=zzzzzz", names, &err));
    CHECK(!params_bool(&other, "b", &yes, &err));
    CHECK(!params_choice(&other, "level", levels, &level, &err));
    CHECK_STR(err.hint, "one of: unknown, low, medium, high");
    CHECK_INT(level, -1);
}

static void hosts_are_names_of_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *header, *name; /* NULL: malformed */
        int port;
        bool loopback;
    } cases[] = {
        {"localhost", "localhost", 0, true},
        {"LocalHost:8480", "localhost", 8480, true},
        {"127.0.0.1:80", "127.0.0.1", 80, true},
        {"127.9.9.9", "127.9.9.9", 0, true},
        {"[::1]:8480", "::1", 8480, true},
        {"cam.localhost", "cam.localhost", 0, true},
        {".localhost", ".localhost", 0, false},
        {"localhost.evil.example", "localhost.evil.example", 0, false},
        {"evillocalhost", "evillocalhost", 0, false},
        {"192.168.1.7", "192.168.1.7", 0, false},
        {"127.0.0.1.evil.example", "127.0.0.1.evil.example", 0, false},
        {"[2001:db8::1]", "2001:db8::1", 0, false},
        {"", NULL, 0, false},
        {"local host", NULL, 0, false},
        {"localhost:", NULL, 0, false},
        {"localhost:0", NULL, 0, false},
        {"localhost:70000", NULL, 0, false},
        {"localhost,localhost", NULL, 0, false},
        {"user@localhost", NULL, 0, false},
        {"[::1", NULL, 0, false},
        {"[]", NULL, 0, false},
        {"localhost/x", NULL, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[HOST_BYTES_MAX] = "";
        int port = -1;
        bool good = host_parse(cases[i].header, name, sizeof name, &port);
        if (good != (cases[i].name != NULL))
            fail_msg("'%s'", cases[i].header);
        if (!good)
            continue;
        CHECK_STR(name, cases[i].name);
        CHECK_INT(port, cases[i].port);
        if (host_is_loopback(name) != cases[i].loopback)
            fail_msg("'%s'", cases[i].header);
    }
    char small[4];
    int port;
    CHECK(!host_parse("localhost", small, sizeof small, &port));
}

static void origins_match_the_host_they_came_to(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        bool same;
    } cases[] = {
        {"http://localhost:8480", "localhost:8480", true},
        {"http://LOCALHOST:8480", "localhost:8480", true},
        {"http://localhost", "localhost:80", true},
        {"https://localhost", "localhost:443", true},
        {"https://localhost", "localhost", true}, /* a proxy does the TLS */
        {"http://localhost:8481", "localhost:8480", false},
        {"http://127.0.0.1:8480", "localhost:8480", false},
        {"http://evil.example", "localhost", false},
        {"null", "localhost", false},
        {"", "localhost", false},
        {"file://", "localhost", false},
        {"http://localhost/path", "localhost", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (origin_matches_host(cases[i].origin, cases[i].host) != cases[i].same)
            fail_msg("'%s' at '%s'", cases[i].origin, cases[i].host);
}

static void encodings_are_negotiated(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool gzip;
    } cases[] = {
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"deflate, gzip;q=0.5, br", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"gzip;q=0.001", true},
        {"*", true},
        {"*;q=0", false},
        {"br, *", true},
        {"gzip;q=0, *", false},
        {"xgzip", false},
        {"gzipx", false},
        {"identity", false},
        {",,, ,gzip", true},
        {"gzip;q", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (accepts_encoding(cases[i].header, "gzip") != cases[i].gzip)
            fail_msg("'%s'", cases[i].header);
}

static void etags_are_found_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool listed;
    } cases[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"\"x\", \"abc\"", true},
        {"\"x\" , W/\"abc\"", true},
        {"*", true},
        {"", false},
        {"abc", false},
        {"\"abcd\"", false},
        {"\"ab\"", false},
        {"\"abc", false},
        {"\"x\", abc", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (etag_listed(cases[i].header, "\"abc\"") != cases[i].listed)
            fail_msg("'%s'", cases[i].header);
}

static void addresses_to_listen_on(void **state)
{
    (void)state;
    CHECK(address_is_loopback("127.0.0.1"));
    CHECK(address_is_loopback("127.1.2.3"));
    CHECK(address_is_loopback("::1"));
    CHECK(address_is_loopback("localhost"));
    CHECK(!address_is_loopback("0.0.0.0"));
    CHECK(!address_is_loopback("::"));
    CHECK(!address_is_loopback("192.168.1.2"));
    CHECK(!address_is_loopback(""));
    CHECK(!address_is_loopback("eth0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match_their_patterns),
        cmocka_unit_test(patterns_are_filled_for_comparison),
        cmocka_unit_test(parameters_are_known_and_given_once),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(words_are_chosen_from_lists),
        cmocka_unit_test(hosts_are_names_of_this_machine),
        cmocka_unit_test(origins_match_the_host_they_came_to),
        cmocka_unit_test(encodings_are_negotiated),
        cmocka_unit_test(etags_are_found_in_lists),
        cmocka_unit_test(addresses_to_listen_on),
    };
    return cmocka_run_group_tests_name("serve/parse", tests, NULL, NULL);
}
