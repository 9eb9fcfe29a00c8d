#include "cli/windows.h"

#include "cli/args.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

bool windows_load_config(const char *path, const char *rules, const char *llm, struct config *ret,
                         int *ret_code, struct err *err)
{
    AUTO(free_ptr) struct conf_errors *errors = NEW(struct conf_errors);
    if (!path[0]) {
        opt_defaults(&config_section, ret);
    } else if (!config_load(path, ret, NULL, errors)) {
        conf_errors_print(stderr, errors);
        *ret_code = EXIT_WRONG;
        return false;
    }
    if (rules[0])
        STR_COPY(ret->risk.rules, rules);
    STR_COPY(ret->risk.llm.url, !llm[0] ? "off" : strcmp(llm, "auto") == 0 ? "" : llm);
    return risk_apply_timezone(&ret->risk, err);
}

void windows_zone_init(struct windows_zone *zone)
{
    const char *now = getenv("TZ");
    STR_COPY(zone->began, now ? now : "");
}

void windows_use_zone(const struct windows_zone *zone, const char *timezone)
{
    const char *now = getenv("TZ");
    const char *wanted = timezone[0] ? timezone : zone->began;
    if (strcmp(now ? now : "", wanted) == 0)
        return;
    if (wanted[0])
        setenv("TZ", wanted, 1);
    else
        unsetenv("TZ");
    tzset();
}
