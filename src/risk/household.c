#include "risk/household.h"

#include "base/clock.h"
#include "model/label.h"

#include <string.h>
#include <time.h>

const char *const trust_names[] = {"full", "guest", NULL};

#define SCHEDULES_MAX 8 /* of one member or vehicle */

/* -- options -- */

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static const struct opt schedule_rows[] = {
    {"days", OPT_LIST(struct schedule_conf, days, 0, 7), .choices = day_names,
     .help = "On these days; none named: every day."},
    {"times", OPT_TIMES(struct schedule_conf, times), .def = "00:00-24:00", .unit = "local time",
     .help =
         "Between these times. Times that span midnight belong to the day on which they begin."},
    {0},
};

static const struct section schedule_section = {
    .name = "schedule",
    .help = "When somebody may come or go.",
    .bytes = sizeof(struct schedule_conf),
    .rows = schedule_rows,
};

#define WHEN_AND_WHERE(conf)                                                                       \
    {"trust", OPT_ENUM(struct conf, trust, trust_names), .def = "full",                            \
     .help = "Whether they excuse what is seen while they are expected: guests do not, they are "  \
             "only told to the language model."},                                                  \
        {"zones", OPT_LIST(struct conf, zones, 0, OPT_LIST_MAX),                                   \
         .help = "Where they are expected; none named: anywhere."},                                \
        {"expected", OPT_MAP(struct conf, expected, &schedule_section, SCHEDULES_MAX),             \
         .help = "When they are expected, by a name of your own; nothing named: at all times."},

static const struct opt member_rows[] = {WHEN_AND_WHERE(member_conf){0}};

static const struct section member_section = {
    .name = "member",
    .help = "Somebody who lives here or has business here.",
    .bytes = sizeof(struct member_conf),
    .rows = member_rows,
};

static const struct opt vehicle_rows[] = {
    {"label", OPT_TEXT(struct vehicle_conf, label), .def = "car",
     .help = "What a detector calls it: car, truck, bus, motorcycle or bicycle."},
    WHEN_AND_WHERE(vehicle_conf){0},
};

static bool check_vehicle(const void *section, const char **ret_at, struct err *err)
{
    const struct vehicle_conf *vehicle = section;
    if (label_kind(vehicle->label) == KIND_VEHICLE)
        return true;
    *ret_at = "label";
    err_set(err, ERR_INVALID, "'%s' is no vehicle", vehicle->label);
    err_hint(err, "one of: car, truck, bus, motorcycle, bicycle");
    return false;
}

static const struct section vehicle_section = {
    .name = "vehicle",
    .help = "A vehicle of the household, or one that comes regularly.",
    .bytes = sizeof(struct vehicle_conf),
    .rows = vehicle_rows,
    .check = check_vehicle,
};

static const struct opt owner_rows[] = {
    {"owner", OPT_TEXT(struct owner_conf, owner), .flags = OPT_REQUIRED,
     .help = "Whose ground the zone is: a member's name, or anybody else's."},
    {0},
};

static const struct section owner_section = {
    .name = "owner",
    .help = "Whose ground a zone is, on whatever camera it is drawn. A zone that is not listed, or "
            "belongs to a member, is the household's own.",
    .bytes = sizeof(struct owner_conf),
    .rows = owner_rows,
};

static const struct opt household_rows[] = {
    {"members", OPT_MAP(struct household_conf, members, &member_section, HOUSEHOLD_MEMBERS_MAX),
     .help = "People, by name."},
    {"vehicles", OPT_MAP(struct household_conf, vehicles, &vehicle_section, HOUSEHOLD_VEHICLES_MAX),
     .help = "Vehicles, by name."},
    {"zones", OPT_MAP(struct household_conf, owners, &owner_section, HOUSEHOLD_OWNERS_MAX),
     .help = "Zones that are not the household's own, by the zone's name."},
    {0},
};

const struct section household_section = {
    .name = "household",
    .help = "Who lives here and when they come and go. Nobody is recognised: it says who is "
            "expected, which excuses or weighs what is seen.",
    .bytes = sizeof(struct household_conf),
    .rows = household_rows,
};

/* -- at a moment -- */

static bool list_has(const struct opt_list *list, const char *word)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i], word) == 0)
            return true;
    return false;
}

static bool on_day(const struct schedule_conf *schedule, int day)
{
    return schedule->days.count == 0 || list_has(&schedule->days, day_names[day]);
}

/* Local wall clock only, so the nights in which it changes have no special case: an hour that does
 * not exist is never, one that comes twice is twice. */
static bool schedule_holds(const struct schedule_conf *schedule, const struct tm *local)
{
    int minute = local->tm_hour * 60 + local->tm_min;
    int today = (local->tm_wday + 6) % 7, yesterday = (today + 6) % 7;
    const struct opt_times *times = &schedule->times;
    if (times->from_min <= times->to_min)
        return on_day(schedule, today) && minute >= times->from_min && minute < times->to_min;
    return (on_day(schedule, today) && minute >= times->from_min) ||
           (on_day(schedule, yesterday) && minute < times->to_min);
}

/* local is NULL where the time is not known. */
static bool expected_now(const struct opt_map *schedules, const struct tm *local)
{
    const struct schedule_conf *items = schedules->items;
    for (int i = 0; i < schedules->count && local; i++)
        if (schedule_holds(&items[i], local))
            return true;
    return schedules->count == 0;
}

static struct expected_person *add(struct household *household, const char *name, const char *label)
{
    struct expected_person *person = &household->items[household->count++];
    STR_COPY(person->name, name);
    STR_COPY(person->label, label);
    return person;
}

void household_at(const struct household_conf *conf, int64_t wall_us, struct household *ret)
{
    memset(ret, 0, sizeof *ret);
    struct tm tm;
    time_t seconds = (time_t)(wall_us / US_PER_S - (wall_us % US_PER_S < 0));
    const struct tm *local = wall_us != TIME_UNKNOWN ? localtime_r(&seconds, &tm) : NULL;
    const struct member_conf *members = conf->members.items;
    for (int i = 0; i < MIN(conf->members.count, HOUSEHOLD_MEMBERS_MAX); i++) {
        struct expected_person *person = add(ret, members[i].name, kind_names[KIND_PERSON]);
        person->trust = members[i].trust;
        person->zones = members[i].zones;
        person->now = expected_now(&members[i].expected, local);
    }
    const struct vehicle_conf *vehicles = conf->vehicles.items;
    for (int i = 0; i < MIN(conf->vehicles.count, HOUSEHOLD_VEHICLES_MAX); i++) {
        struct expected_person *vehicle = add(ret, vehicles[i].name, vehicles[i].label);
        vehicle->trust = vehicles[i].trust;
        vehicle->zones = vehicles[i].zones;
        vehicle->now = expected_now(&vehicles[i].expected, local);
    }
    ret->owner_count = MIN(conf->owners.count, HOUSEHOLD_OWNERS_MAX);
    for (int i = 0; i < ret->owner_count; i++)
        ret->owners[i] = ((const struct owner_conf *)conf->owners.items)[i];
}

bool household_is_configured(const struct household_conf *conf)
{
    return conf->members.count + conf->vehicles.count + conf->owners.count > 0;
}

/* -- questions -- */

bool expected_person_is(const struct expected_person *person, const char *label, const char *zone)
{
    return person->now && person->trust == TRUST_FULL && strcmp(person->label, label) == 0 &&
           (!zone || person->zones.count == 0 || list_has(&person->zones, zone));
}

int household_expects(const struct household *household, const char *label, const char *zone)
{
    int count = 0;
    for (int i = 0; i < household->count; i++)
        count += expected_person_is(&household->items[i], label, zone);
    return count;
}

bool household_expects_guest(const struct household *household, const char *label)
{
    for (int i = 0; i < household->count; i++)
        if (household->items[i].now && household->items[i].trust == TRUST_GUEST &&
            strcmp(household->items[i].label, label) == 0)
            return true;
    return false;
}

bool household_may_come(const struct household *household, const char *label)
{
    for (int i = 0; i < household->count; i++)
        if (household->items[i].now && strcmp(household->items[i].label, label) == 0)
            return true;
    return false;
}

bool household_knows(const struct household *household, const char *label)
{
    for (int i = 0; i < household->count; i++)
        if (household->items[i].trust == TRUST_FULL &&
            strcmp(household->items[i].label, label) == 0)
            return true;
    return false;
}

const char *household_owner(const struct household *household, const char *zone)
{
    for (int i = 0; i < household->owner_count; i++) {
        const struct owner_conf *owner = &household->owners[i];
        if (strcmp(owner->name, zone) != 0)
            continue;
        for (int p = 0; p < household->count; p++)
            if (strcmp(household->items[p].name, owner->owner) == 0)
                return NULL;
        return owner->owner;
    }
    return NULL;
}
