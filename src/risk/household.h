/* Who lives here, what they drive, when they come and go, and whose ground a zone is. Nothing here
 * recognises anybody: it says who is expected, which excuses or weighs what is seen, and is told to
 * the model as data. */
#pragma once

#include "base/opt.h"

#define HOUSEHOLD_MEMBERS_MAX  16
#define HOUSEHOLD_VEHICLES_MAX 8
#define HOUSEHOLD_OWNERS_MAX   16
#define HOUSEHOLD_EXPECTED_MAX (HOUSEHOLD_MEMBERS_MAX + HOUSEHOLD_VEHICLES_MAX)

enum trust { TRUST_FULL, TRUST_GUEST };
extern const char *const trust_names[];

/* When somebody may be expected: on these days, between these local times. */
struct schedule_conf {
    char name[OPT_NAME_BYTES];
    struct opt_list days; /* "mon".."sun"; empty: every day */
    struct opt_times times;
};

struct member_conf {
    char name[OPT_NAME_BYTES];
    int trust;               /* enum trust */
    struct opt_list zones;   /* where they are expected; empty: anywhere */
    struct opt_map expected; /* struct schedule_conf; empty: at all times */
};

struct vehicle_conf {
    char name[OPT_NAME_BYTES];
    char label[32]; /* as the detector calls it: "car", "truck", "bicycle" */
    int trust;
    struct opt_list zones;
    struct opt_map expected;
};

/* Whose ground a zone is. */
struct owner_conf {
    char name[OPT_NAME_BYTES]; /* of the zone, on any camera */
    char owner[OPT_NAME_BYTES];
};

struct household_conf {
    struct opt_map members;  /* struct member_conf */
    struct opt_map vehicles; /* struct vehicle_conf */
    struct opt_map owners;   /* struct owner_conf: `zones: {drive: {owner: neighbours}}` */
};
extern const struct section household_section;

/* Somebody the household knows, at one moment. */
struct expected_person {
    char name[OPT_NAME_BYTES];
    char label[32]; /* "person", or the vehicle's */
    int trust;
    bool now; /* expected at this moment, as the schedule says */
    struct opt_list zones;
};

/* The household at the moment of an event: plain data, part of what a score is made of. */
struct household {
    int count;
    struct expected_person items[HOUSEHOLD_EXPECTED_MAX];
    int owner_count;
    struct owner_conf owners[HOUSEHOLD_OWNERS_MAX];
};

/* wall_us TIME_UNKNOWN: nobody with a schedule is expected. Pure, but for the process's time zone.
 */
void household_at(const struct household_conf *conf, int64_t wall_us, struct household *ret);
bool household_is_configured(const struct household_conf *conf);

/* Whether it is trusted fully, expected now, of this label and in this zone (NULL: anywhere). */
bool expected_person_is(const struct expected_person *person, const char *label, const char *zone);

/* How many are. */
int household_expects(const struct household *household, const char *label, const char *zone);

/* Whether a guest of this label is expected now. */
bool household_expects_guest(const struct household *household, const char *label);

/* Whether anybody of this label is expected now, guests too. */
bool household_may_come(const struct household *household, const char *label);

/* Whether it has anybody of this label that is trusted fully, expected now or not. */
bool household_knows(const struct household *household, const char *label);

/* Who else the zone belongs to; NULL: it is the household's own. */
const char *household_owner(const struct household *household, const char *zone);
