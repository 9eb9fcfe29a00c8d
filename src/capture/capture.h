/* Stage 1: camera -> packets. One thread per camera owns the connection, the reconnect timer and
 * the timeline. A kind of source is one capture_ops table. */
#pragma once

#include "base/log.h"
#include "base/opt.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "model/packet.h"

#define CAPTURE_URL_BYTES 512

enum rtsp_transport { TRANSPORT_TCP, TRANSPORT_UDP };

/* What becomes of a file in a folder once the store has it. Refused ones are never deleted. */
enum upload_after { AFTER_KEEP, AFTER_MOVE, AFTER_DELETE };
extern const char *const upload_after_names[]; /* "keep" "move" "delete" */

struct capture_conf {
    char url[CAPTURE_URL_BYTES]; /* rtsp(s):// http(s):// folder:PATH file path, "scene"
                                    "scene:SEED" */
    char username[64], password[128];
    int transport;       /* enum rtsp_transport */
    bool loop;           /* files: start over at the end, wait for one that is away */
    int64_t timeout_us;  /* longest wait for an answer, and then for the first picture */
    int64_t interval_us; /* stills over HTTP: how often one is fetched */
    int after;           /* enum upload_after */
    const char *formats; /* files: only these, as libavformat lists them; NULL: all */
};

/* Rows for struct capture_conf, to be placed inside the camera's section. Its check is also for who
 * fills the structure otherwise. */
extern const struct section capture_section;
extern const char *const camera_state_names[]; /* "connecting" "online" "retrying" "ended" */

/* How long a source may block, in its own thread; changes from call to call. */
struct capture_limits {
    int64_t open_us; /* all of open */
    int64_t read_us; /* one read, before the connection counts as lost */
};

struct capture_params;
struct capture_uploads;

struct capture_ops {
    const char *name;
    size_t priv_size; /* zeroed before open */
    /* Whether this source serves the URL. Probed in list order. */
    bool (*accepts)(const char *url);
    /* Whether the URL, once accepted, can be served at all; looks at nothing but its text. */
    bool (*check)(const char *url, struct err *err);
    /* Optional, before open: limits to obey, borrowed until close. Without it the source's own. */
    void (*limit)(void *priv, const struct capture_limits *limits);
    /* Connects and learns the stream. stop turns true when the thread should give up waiting. */
    bool (*open)(void *priv, const struct capture_conf *conf, const atomic_bool *stop,
                 struct err *err);
    /* The next picture's packet; blocks only for as long as the source does (pacing is not its
     * business). Stamps: pts_us from the source's own zero, TIME_UNKNOWN if it has none; wall_us if
     * the source knows it. A NULL packet with true: end of input. ERR_DATA_LOSS: the recording is
     * damaged or cut off here; what was read before counts. */
    bool (*read)(void *priv, struct packet **ret, struct err *err);
    void (*close)(void *priv); /* also after a failed open */
    /* After open or read has failed: by which name. NULL: the error's code has to do. */
    enum camera_cause (*cause)(const void *priv);
    /* Whether the source itself sets the pace: its loss is worth reconnecting. */
    bool (*live)(const char *url);
    /* Whether the URL is the path of a file. */
    bool (*is_file)(const char *url);
    /* Length of the recording; TIME_UNKNOWN if there is none to know. May be NULL. */
    int64_t (*duration_us)(const void *priv);
    /* The camera's clock minus ours, as it told while the pictures came; TIME_UNKNOWN. May be NULL.
     */
    int64_t (*clock_offset_us)(const void *priv);
    /* Files that come by themselves; NULL for all other sources. */
    const struct capture_recorded *recorded;
};

/* A source of recordings, which wait for us: its packets are not paced, and carry their wall time,
 * from which they are stamped (recorded.h). What it knows outlives a reconnection: priv is zeroed
 * only once. */
struct capture_recorded {
    void (*attach)(void *priv, const struct capture_params *params); /* before the first open */
    void (*report)(const void *priv, struct capture_uploads *ret);   /* after each packet */
    void (*detach)(void *priv);                                      /* after the last close */
};
extern const struct capture_ops capture_folder, capture_http, capture_lavf, capture_scene;

/* The table that serves the URL, by its scheme; lavf takes what nobody else does. */
const struct capture_ops *capture_find(const char *url);

/* What keeps the pictures away, by name. retry.h says how soon each is tried again. */
enum camera_cause {
    CAUSE_NONE,
    CAUSE_REFUSED,      /* nobody listens there, it is not reachable, or it cannot serve us now */
    CAUSE_NAME,         /* the name means nothing to the name server */
    CAUSE_DENIED,       /* wrong username or password */
    CAUSE_MISSING,      /* the camera knows no such stream, the file is not there */
    CAUSE_TIMEOUT,      /* no answer */
    CAUSE_SILENT,       /* answered, but no pictures come, or none any more */
    CAUSE_ENDED,        /* the camera ended the stream or reset the connection */
    CAUSE_GARBAGE,      /* what came is no video we know */
    CAUSE_NO_KEY_FRAME, /* packets come, but for 10 s since connecting none that decoding could
                         * start with. The camera counts as online: it is only the pictures that
                         * are missing, and connecting anew would not bring them sooner */
    CAUSE_FROZEN,       /* pictures come, see enum view_state */
    CAUSE_BLACK,
};
extern const char *const camera_cause_names[]; /* "none" "refused" "name" "denied" ... */

enum camera_state {
    CAMERA_CONNECTING,
    CAMERA_ONLINE,
    CAMERA_RETRYING, /* lost or refused; will be tried again */
    CAMERA_ENDED,    /* a file that was not to be looped */
};

/* Where packets go. Blocks when the camera must not drop (analyze); takes the packet. */
typedef void capture_sink_fn(void *ctx, struct packet *packet);

struct capture_params {
    int camera;                      /* index */
    const char *name;                /* of the camera; borrowed for the capture's life */
    const struct capture_conf *conf; /* borrowed for the capture's life */
    /* Wall time of a file's first picture; TIME_UNKNOWN: its creation tag, else unknown. Live
     * sources are stamped from the clock. */
    int64_t start_wall_us;
    bool realtime; /* false: as fast as possible, on a timeline from 0 (analyze) */
    const struct clock *clock;
    struct log log;
    struct bus *bus; /* camera state changes go here; NULL: nowhere */
    capture_sink_fn *sink;
    void *sink_ctx;
    /* Whether this camera has uploaded this content before, and if it was refused, why (else
     * empty). Called on the capture's thread. NULL: nothing is known. */
    bool (*upload_find)(void *ctx, const char *camera, const uint8_t sha256[UPLOAD_SHA256_BYTES],
                        char ret_refusal[UPLOAD_REFUSAL_BYTES]);
    void *upload_ctx;
};

struct capture;

NODISCARD bool capture_start(const struct capture_params *params, struct capture **ret,
                             struct err *err);
/* Asks the thread to stop; returns at once. Any thread. */
void capture_stop(struct capture *capture);
/* Waits for the thread, frees. */
void capture_join(struct capture **capture);
/* As capture_join, but gives up after timeout_us and returns false: a thread that waits for a name
 * server cannot be interrupted. It touches nothing but *capture and what its params borrow. */
NODISCARD bool capture_join_within(struct capture **capture, int64_t timeout_us);

#define CAPTURE_REASON_BYTES 192

/* Files that a folder was sent, since the start. */
struct capture_uploads {
    bool active;                        /* this camera is a folder */
    int64_t accepted;                   /* looked at, or on the way */
    int64_t duplicates;                 /* the same content was there before: not looked at again */
    int64_t refused;                    /* see last_refusal */
    int waiting;                        /* not looked at yet */
    char unmoved[UPLOAD_REFUSAL_BYTES]; /* why files cannot be moved or deleted; empty: they can */
    char last_refusal[UPLOAD_NAME_BYTES + UPLOAD_REFUSAL_BYTES]; /* "NAME: why" */
};

/* What the camera is doing. */
struct capture_status {
    enum camera_state state;
    enum camera_cause cause; /* why it is not online */
    char reason[CAPTURE_REASON_BYTES];
    int64_t since_us;            /* monotonic: in this state, whatever the cause */
    int64_t retry_us;            /* monotonic: when it is tried again; 0: it is not waiting */
    int64_t connections, losses; /* that were opened; that were lost after pictures had come */
    int64_t bytes;               /* of pictures */
    /* Camera's clock minus ours, by its sender reports; TIME_UNKNOWN. Only told, never used: what
     * happened when is told by one clock, ours, so that cameras can be compared. */
    int64_t clock_offset_us;
    int64_t jumps; /* stamps that could not be believed */
    struct capture_uploads uploads;
};
void capture_status(struct capture *capture, struct capture_status *ret); /* any thread */

/* Share of a file already read, 0..1, for progress; < 0 when unknown. Any thread. */
double capture_progress(const struct capture *capture);
/* Once the end packet has been delivered: false and err if the input broke instead of ending, with
 * ERR_DATA_LOSS after at least one picture. */
bool capture_result(const struct capture *capture, struct err *err);
