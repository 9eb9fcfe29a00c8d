/* Where a language model may be asked, and what its section accepts. */
#include "test.h"

#include "model/event.h"
#include "risk/llm/conf.h"

enum { FAR, NEAR, HERE };

static const struct {
    const char *url, *base;
    int place;
} good[] = {
    {"http://127.0.0.1:8080", "http://127.0.0.1:8080", HERE},
    {"http://127.0.0.1:8080/", "http://127.0.0.1:8080", HERE},
    {"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", HERE},
    {"http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080", HERE},
    {"http://127.8.0.1", "http://127.8.0.1", HERE},
    {"http://localhost:11434", "http://localhost:11434", HERE},
    {"http://[::1]:8080", "http://[::1]:8080", HERE},
    {"http://192.168.1.7:8000", "http://192.168.1.7:8000", NEAR},
    {"http://10.0.0.2", "http://10.0.0.2", NEAR},
    {"http://172.31.0.2", "http://172.31.0.2", NEAR},
    {"http://172.32.0.2", "http://172.32.0.2", FAR},
    {"http://100.100.0.2", "http://100.100.0.2", NEAR},
    {"http://[fd00::7]", "http://[fd00::7]", NEAR},
    {"http://[2a00::7]", "http://[2a00::7]", FAR},
    {"http://brain:8080", "http://brain:8080", NEAR},
    {"http://brain.local:8080", "http://brain.local:8080", NEAR},
    {"http://8.8.8.8", "http://8.8.8.8", FAR},
    {"http://1270.0.0.1", "http://1270.0.0.1", FAR},
    {"http://2130706433", "http://2130706433", HERE},
    {"http://127.0.0.1.example.org", "http://127.0.0.1.example.org", FAR},
    {"https://api.example.org/models/v1", "https://api.example.org/models", FAR},
};

static void addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct llm_address a;
        struct err err = {0};
        if (!llm_address_parse(good[i].url, &a, &err))
            fail_msg("%s: %s", good[i].url, err.msg);
        int place = a.loopback ? HERE : a.near ? NEAR : FAR;
        if (strcmp(a.base, good[i].base) != 0 || place != good[i].place)
            fail_msg("%s: %s, place %d", good[i].url, a.base, place);
        CHECK_INT(a.https, good[i].url[4] == 's');
    }
}

static const struct {
    const char *url, *says;
} bad[] = {
    {"ftp://127.0.0.1", "not over ftp"},
    {"file:///etc/passwd", ""},
    {"127.0.0.1:8080", "no address of a server"},
    {"http://", "no address of a server"},
    {"http://a b", "no address of a server"},
    {"http://me:secret@127.0.0.1", "a user or a password"},
    {"http://127.0.0.1/?key=1", "no '?'"},
    {"http://127.0.0.1/#x", "no '#'"},
};

static void wrong_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct llm_address a;
        struct err err = {0};
        if (llm_address_parse(bad[i].url, &a, &err) || !strstr(err.msg, bad[i].says))
            fail_msg("%s: '%s'", bad[i].url, err.msg);
        CHECK_INT(err.code, ERR_INVALID);
        if (strstr(err.msg, "secret"))
            fail_msg("the password is told: %s", err.msg);
    }
}

static void defaults(void **state)
{
    (void)state;
    struct llm_conf conf;
    opt_defaults(&llm_section, &conf);
    const char *at = NULL;
    struct err err = {0};
    CHECK(llm_section.check(&conf, &at, &err));
    CHECK_STR(conf.url, "");
    CHECK_INT(conf.min_score, 0);
    CHECK_INT(conf.urgent_level, RISK_HIGH);
    CHECK_INT(conf.max_change, 25);
    CHECK_INT(conf.deadline_us, 120 * US_PER_S);
    CHECK_INT(conf.connect_us, 5 * US_PER_S);
    CHECK(conf.cache);
    /* llama-server's sign of life, every 30 s, has to be in time. */
    CHECK(conf.silence_us > 30 * US_PER_S);
}

static void whole_sections(void **state)
{
    (void)state;
    static const struct {
        const char *url, *key;
        int urgent;
        const char *at, *says; /* empty: fine */
    } rows[] = {
        {"off", "", RISK_HIGH, "", ""},
        {"Off", "", RISK_HIGH, "", ""},
        {"", "", RISK_LOW, "", ""},
        {"http://192.168.1.2:8080", "sk-1234", RISK_HIGH, "", ""},
        {"https://example.org", "sk-1234", RISK_HIGH, "", ""},
        {"http://example.org", "", RISK_HIGH, "url", "cross the internet unencrypted"},
        {"http://example.org", "sk-1234", RISK_HIGH, "url", "cross the internet unencrypted"},
        {"nonsense", "", RISK_HIGH, "url", "no address of a server"},
        {"", "sk-1234", RISK_HIGH, "api_key", "a key without a server"},
        {"", "two words", RISK_HIGH, "api_key", "characters"},
        {"", "k\xc3\xa4se", RISK_HIGH, "api_key", "characters"},
        {"", "", RISK_UNKNOWN, "urgent_level", "low is the lowest"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_conf conf;
        opt_defaults(&llm_section, &conf);
        STR_COPY(conf.url, rows[i].url);
        STR_COPY(conf.api_key, rows[i].key);
        conf.urgent_level = rows[i].urgent;
        struct err err = {0};
        const char *at = "";
        bool ok = llm_section.check(&conf, &at, &err);
        if (ok != !rows[i].at[0])
            fail_msg("row %zu: %s", i, err.msg);
        if (!ok && (strcmp(at, rows[i].at) != 0 || !strstr(err.msg, rows[i].says)))
            fail_msg("row %zu: at %s: %s", i, at, err.msg);
        if (!ok && strstr(err.msg, rows[i].key) && rows[i].key[0])
            fail_msg("row %zu tells the key", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(wrong_addresses),
        cmocka_unit_test(defaults),
        cmocka_unit_test(whole_sections),
    };
    return cmocka_run_group_tests_name("llm conf", tests, NULL, NULL);
}
