/* Options: one table row each. From the row come parsing, bounds, the default, the error with the
 * allowed values, "did you mean", the documentation and whether a change applies live. Tables stand
 * beside the code they configure; config.c only gathers them.
 *
 * A section is a table of rows for one struct. Rows may be groups (a nested struct) or maps (named
 * elements: cameras, zones). The struct's field type is checked at compile time. */
#pragma once

#include "base/err.h"

enum opt_type {
    OPT_TYPE_BOOL,     /* bool; true/false, also yes/no/on/off */
    OPT_TYPE_INT,      /* int */
    OPT_TYPE_DOUBLE,   /* double; NaN never passes */
    OPT_TYPE_TEXT,     /* char[n]; no control characters */
    OPT_TYPE_ENUM,     /* int: index into choices */
    OPT_TYPE_DURATION, /* int64_t microseconds; "500ms" "10s" "1h30m" "30d"; bare number: seconds */
    OPT_TYPE_SIZE,     /* int64_t bytes; "500MB" "10GB" "4GiB"; a bare number is bytes */
    OPT_TYPE_TIMES,    /* struct opt_times; "22:00-06:00", may span midnight; or "never" */
    OPT_TYPE_LIST,     /* struct opt_list of texts, each one of choices where choices is set */
    OPT_TYPE_POINTS,   /* struct opt_points; [[x, y], ...] normalised 0..1 */
    OPT_TYPE_GROUP,    /* nested struct; with the name "" its rows stand at the parent's level */
    OPT_TYPE_MAP, /* struct opt_map of named elements, at most max of them. Where an element has
                   * only one row, `name: value` stands for `name: {row: value}` */
};

enum opt_flags {
    OPT_LIVE = 1,     /* a reload applies it, and all below it; else the next start does */
    OPT_SECRET = 2,   /* blanked by `config show` and the API; may be `!secret NAME` */
    OPT_REQUIRED = 4, /* must be given; has no default */
};

struct opt {
    const char *name;
    enum opt_type type;
    size_t offset;    /* of the field in the section's struct */
    size_t bytes;     /* TEXT: capacity with the terminator */
    double min, max;  /* inclusive; DURATION in seconds, SIZE in bytes, LIST/POINTS/MAP: counts */
    const char *def;  /* default as a user would type it; NULL: empty, zero */
    const char *unit; /* for the documentation: "frames per second" */
    const char *const *choices;    /* ENUM, LIST */
    const struct section *section; /* GROUP, MAP */
    unsigned flags;
    const char *help; /* one sentence for a user */
};

struct section {
    const char *name; /* of the struct's kind: "camera", "zone" */
    const char *help; /* a sentence or two above its table in the documentation */
    size_t bytes;     /* sizeof the struct; MAP elements start with char name[OPT_NAME_BYTES] */
    const struct opt *rows; /* ends with {0} */
    /* Optional: rules between fields, after all rows parsed. hint may be set; at names the row the
     * error belongs to (for its position), NULL for the section as a whole. */
    bool (*check)(const void *section, const char **ret_at, struct err *err);
};

#define OPT_NAME_BYTES 48
#define OPT_LIST_MAX   32
#define OPT_LIST_TEXT  OPT_NAME_BYTES
#define OPT_POINTS_MAX 32

struct opt_list {
    int count;
    char items[OPT_LIST_MAX][OPT_LIST_TEXT];
};
struct opt_point {
    float x, y;
};
struct opt_points {
    int count;
    struct opt_point items[OPT_POINTS_MAX];
};
/* Minutes of the local day, [from, to), 0..1440. from > to spans midnight, from == to is never. */
struct opt_times {
    int from_min, to_min;
};
struct opt_map {
    int count;
    void *items; /* count elements of section->bytes, owned; opt_free frees */
};

/* Rows: {"fps", OPT_DOUBLE(struct detect_conf, fps, 0.1, 60), .def = "5", .help = "..."} */
#define OPT_FIELD(S, f, T) (offsetof(S, f) + 0 * sizeof(char[_Generic(((S *)0)->f, T : 1)]))
#define OPT_BOOL(S, f)     .type = OPT_TYPE_BOOL, .offset = OPT_FIELD(S, f, bool)
#define OPT_INT(S, f, lo, hi)                                                                      \
    .type = OPT_TYPE_INT, .offset = OPT_FIELD(S, f, int), .min = (lo), .max = (hi)
#define OPT_DOUBLE(S, f, lo, hi)                                                                   \
    .type = OPT_TYPE_DOUBLE, .offset = OPT_FIELD(S, f, double), .min = (lo), .max = (hi)
#define OPT_TEXT(S, f) .type = OPT_TYPE_TEXT, .offset = offsetof(S, f), .bytes = sizeof(((S *)0)->f)
#define OPT_ENUM(S, f, names_)                                                                     \
    .type = OPT_TYPE_ENUM, .offset = OPT_FIELD(S, f, int), .choices = (names_)
#define OPT_DURATION(S, f, lo_s, hi_s)                                                             \
    .type = OPT_TYPE_DURATION, .offset = OPT_FIELD(S, f, int64_t), .min = (lo_s), .max = (hi_s)
#define OPT_SIZE(S, f, lo, hi)                                                                     \
    .type = OPT_TYPE_SIZE, .offset = OPT_FIELD(S, f, int64_t), .min = (lo), .max = (hi)
#define OPT_TIMES(S, f) .type = OPT_TYPE_TIMES, .offset = OPT_FIELD(S, f, struct opt_times)
#define OPT_LIST(S, f, lo, hi)                                                                     \
    .type = OPT_TYPE_LIST, .offset = OPT_FIELD(S, f, struct opt_list), .min = (lo), .max = (hi)
#define OPT_POINTS(S, f, lo, hi)                                                                   \
    .type = OPT_TYPE_POINTS, .offset = OPT_FIELD(S, f, struct opt_points), .min = (lo), .max = (hi)
#define OPT_GROUP(S, f, section_)                                                                  \
    .type = OPT_TYPE_GROUP, .offset = offsetof(S, f), .section = (section_)
#define OPT_MAP(S, f, section_, hi)                                                                \
    .type = OPT_TYPE_MAP, .offset = OPT_FIELD(S, f, struct opt_map), .section = (section_),        \
    .max = (hi)

/* Sets every field of *dst to its default (groups too, maps empty). dst: section->bytes, any
 * content. A default that does not parse is a bug and asserts. */
void opt_defaults(const struct section *section, void *dst);

/* Frees what maps own, in dst and below, and zeroes *dst. */
void opt_free(const struct section *section, void *dst);

/* One scalar row from text, as typed in a file or after a flag, into the section's struct at dst.
 * Not for POINTS, GROUP, MAP; LIST takes commas. Fails with ERR_INVALID, dst untouched, naming the
 * value (not a secret one) and why; the hint says what is allowed or nearest. */
NODISCARD bool opt_parse(const struct opt *row, void *dst, const char *text, struct err *err);

/* Adds one text to a LIST row, as opt_parse would. */
NODISCARD bool opt_list_add(const struct opt *row, struct opt_list *list, const char *text,
                            struct err *err);

/* Whether a list or map of count elements (named by what, in the plural) is within the row's
 * bounds. */
NODISCARD bool opt_count_check(const struct opt *row, int count, const char *what, struct err *err);

/* The value in the section's struct at src as a user would type it, into a text of bytes; secrets
 * as
 * "***". Scalars and LIST only. Returns false if it had to cut. */
bool opt_format(const struct opt *row, const void *src, char *out, size_t bytes);

/* "0.1 to 60 frames per second", "one of: low, high", for errors and documentation. */
void opt_allowed(const struct opt *row, char *out, size_t bytes);

/* The row of that name, NULL if none. Rows of flattened groups are found too: *ret_base (may be
 * NULL) is the offset within section's struct of the struct that the row's offset counts from. */
const struct opt *opt_find(const struct section *section, const char *name, size_t *ret_base);

/* The nearest name, for "did you mean"; also finds camelCase and dashed spellings. */
const char *opt_suggest(const struct section *section, const char *name);
