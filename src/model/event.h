/* Tracks and events: what the product is about. An event is sent down the line as a fresh immutable
 * snapshot at every change; whoever holds one may read it without a lock, for ever. */
#pragma once

#include "base/blob.h"
#include "base/uuid7.h"
#include "model/detection.h"
#include "model/zone.h"

#define EVENT_TRACKS_MAX    64
#define EVENT_SIGHTINGS_MAX 512 /* new ones in one change; more force a change out */
#define REASONS_MAX         30 /* rows of an explained score: a scorer's own, and what adjusts them */
#define CROSSINGS_MAX       8 /* remembered per track, the latest; earlier ones only count */

/* One object in one analysed frame. */
struct sighting {
    int64_t pts_us, wall_us;
    struct box box;
    float score;
};

/* A track's time in one zone, within one event. */
struct zone_visit {
    char name[OPT_NAME_BYTES]; /* of the zone, when seen: an event outlives the configuration */
    bool seen;                 /* was in it at all */
    bool inside;               /* is in it now */
    int64_t dwell_us;          /* total */
    struct sighting entered;   /* first sighting inside: the evidence */
};

struct crossing {
    char name[OPT_NAME_BYTES]; /* of the line */
    int line;                  /* index into the camera's lines */
    int direction;             /* +1 in, -1 out */
    struct sighting at;
};

/* One object followed over time, as far as one event is concerned. */
struct track {
    struct uuid id;
    char label[LABEL_BYTES];     /* the best-supported label so far */
    float confidence;            /* best score so far */
    struct sighting first, last; /* within this event's window */
    struct sighting best;        /* of its best picture */
    float growth;                /* area now / area when first seen: > 1 came nearer */
    bool stationary;             /* has come to rest */
    struct zone_visit zones[ZONES_MAX];
    int crossing_count; /* all; the latest CROSSINGS_MAX are in crossings, in order */
    struct crossing crossings[CROSSINGS_MAX];
    struct frame *picture; /* shared, private copy of its best frame; NULL until there is one */
};

/* Adds one to the track's crossings; the oldest gives way. */
void track_remember_crossing(struct track *track, const struct crossing *crossing);

enum event_state { EVENT_OPEN, EVENT_CLOSED };
extern const char *const event_state_names[];

enum close_reason {
    CLOSE_NONE,     /* still open */
    CLOSE_WINDOW,   /* 90 s are over */
    CLOSE_QUIET,    /* nothing moving for a while */
    CLOSE_TRACKS,   /* as many tracks as an event may have */
    CLOSE_END,      /* end of input */
    CLOSE_SHUTDOWN, /* the daemon is stopping */
    CLOSE_CRASH,    /* found open at the next start: the daemon was killed or lost power */
};
extern const char *const close_reason_names[];

enum risk_level { RISK_UNKNOWN, RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_CRITICAL };
extern const char *const risk_level_names[]; /* "unknown" = needs review, "low" ... */

/* The level is always derived: 0-29 low, 30-59 medium, 60-84 high, 85-100 critical, none unknown.
 */
enum risk_level risk_level_of(int score);
#define SCORE_NONE (-1)

/* One row of an explained score: what gave these points, and where to look. */
struct reason {
    char rule[OPT_NAME_BYTES];
    int points;
    char text[192];
    struct uuid track;  /* evidence: the track, zero for the event as a whole */
    struct sighting at; /* evidence: when and where */
};

struct verdict {
    int score;       /* 0..100 or SCORE_NONE */
    char scorer[64]; /* "rules 1" */
    char summary[256];
    int reason_count;
    struct reason reasons[REASONS_MAX];
};

enum ask {
    ASK_NO,
    ASK_QUEUED, /* when its turn comes: severe ones first */
    ASK_NOW,    /* before all that are queued, while the event is still open */
};

struct judgement;

struct event {
    atomic_int refs;
    struct uuid id;
    struct uuid continues; /* the event whose tracks go on here; zero if none */
    int camera;
    char camera_name[OPT_NAME_BYTES];
    enum event_state state;
    enum close_reason close_reason;
    int revision;             /* 0 when it opens, then +1 with every change */
    int64_t start_us, end_us; /* camera timeline; end is the last sighting, not the close */
    int64_t wall_start_us, wall_end_us; /* TIME_UNKNOWN if the source has no wall time */
    int64_t trigger_arrived_us; /* monotonic: arrival of the frame that caused this change */
    int track_count;
    struct track tracks[EVENT_TRACKS_MAX];
    /* Sightings since the previous revision, for storage: track index and where. */
    int sighting_count;
    struct event_sighting {
        int track;
        struct sighting at;
    } sightings[EVENT_SIGHTINGS_MAX];
    struct verdict verdict; /* filled by risk before anybody else sees the event */
    struct blob *window;    /* what the verdict was made of (risk/window.h), zstd; NULL: not kept */
    int ask;                /* enum ask: whether a model is to judge the window */
    struct judgement *judgement; /* owned (model/judgement.h); NULL: no model was asked */
};

NODISCARD struct event *event_new(void);
struct event *event_ref(struct event *event);
void event_unref(struct event **event);
/* Writable copy with one reference: pictures shared, sightings carried over. */
NODISCARD struct event *event_copy(const struct event *event);
