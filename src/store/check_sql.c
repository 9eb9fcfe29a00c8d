/* Texts that the JSON repeats are not compared: it may have put another character for a broken one.
 */
#include "store/check_sql.h"

#include "store/db.h"

#define AS_TEXT(x) #x
#define NUMBER(x)  AS_TEXT(x)

/* Whether a change's JSON says of itself what its row says, and has the members of an event. */
#define READABLE                                                                                   \
    " coalesce(CASE WHEN json_valid(outbox.json) THEN"                                             \
    "  json_type(outbox.json, '$.id') = 'text'"                                                    \
    "  AND json_extract(outbox.json, '$.id') = id_text(outbox.event)"                              \
    "  AND json_extract(outbox.json, '$.revision') IS outbox.revision"                             \
    "  AND json_extract(outbox.json, '$.state') IN ('open', 'closed')"                             \
    "  AND json_type(outbox.json, '$.risk_score') IN ('integer', 'null')"                          \
    "  AND json_type(outbox.json, '$.reasons') = 'array'"                                          \
    "  AND json_type(outbox.json, '$.tracks') = 'array' END, 0) "

/* Each event's newest change that can be read. */
#define LAST                                                                                       \
    "WITH last AS (SELECT event, max(seq) AS seq FROM outbox WHERE" READABLE "GROUP BY event) "

/* Events with the JSON that stands for them. */
#define NEWEST                                                                                     \
    "WITH newest AS (SELECT event.*, outbox.json FROM event JOIN outbox"                           \
    "  ON outbox.seq = event.seq AND outbox.event = event.id WHERE" READABLE ") "

/* Changes that come after one with the same or a later revision. */
#define ORDERED                                                                                    \
    "WITH ordered AS (SELECT *, max(revision) OVER (PARTITION BY event ORDER BY seq"               \
    "  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outbox) "

#define CLOSED_IN_JSON                                                                             \
    "(CASE json_extract(json, '$.state') WHEN 'open' THEN 0 WHEN 'closed' THEN 1 END)"
#define LEVEL_IN_JSON                                                                              \
    "(CASE json_extract(json, '$.risk_level') WHEN 'unknown' THEN 0 WHEN 'low' THEN 1"             \
    "  WHEN 'medium' THEN 2 WHEN 'high' THEN 3 WHEN 'critical' THEN 4 END)"

/* JSON has milliseconds. */
#define OFF_BY_MORE(member, column)                                                                \
    "coalesce(abs(1e6 * json_extract(json, '$." member "') - " column "), 1e9) > 1000"

/* The rows of an array in the JSON; none if it is something else. */
#define EACH_OF(json, member)                                                                      \
    " json_each(CASE WHEN json_type(" json ", '$." member "') = 'array' THEN " json                \
    "  ELSE '{\"" member "\":[]}' END, '$." member "') AS each "
#define EACH(path)                                                                                 \
    "(CASE WHEN each.type = 'object' THEN json_extract(each.value, '$." path "') END)"
#define EACH_US(path) "CAST(round(1e6 * " EACH(path) ") AS INTEGER)"

#define PICTURE_OF_EACH(event)                                                                     \
    "(CASE WHEN EXISTS (SELECT 1 FROM snapshot WHERE snapshot.event = " event                      \
    "  AND snapshot.track = id_blob(" EACH("id") ") AND snapshot.bytes > 0)"                       \
                                                 "  THEN picture_address(" event                   \
                                                 ", id_blob(" EACH("id") ")) END)"
#define PICTURE_OF(event)                                                                          \
    "(CASE WHEN EXISTS (SELECT 1 FROM snapshot WHERE snapshot.event = " event                      \
    "  AND snapshot.bytes > 0) THEN picture_address(" event ", NULL) END)"

#define WRONG_REASONS                                                                              \
    "SELECT id FROM newest WHERE json_array_length(json, '$.reasons') IS NOT"                      \
    "  (SELECT count(*) FROM reason WHERE reason.event = newest.id)"                               \
    " OR EXISTS (SELECT 1 FROM" EACH_OF(                                                           \
        "newest.json",                                                                             \
        "reasons") "  LEFT JOIN reason ON reason.event = newest.id AND reason.position = each.key" \
                   "  WHERE (reason.rule, reason.points, id_text(reason.track)) IS NOT"            \
                   "   (" EACH("rule") ", " EACH("points") ", " EACH("evidence.track_id") "))"

#define WRONG_TRACKS                                                                               \
    "SELECT id FROM newest WHERE EXISTS (SELECT 1 FROM" EACH_OF(                                   \
        "newest.json",                                                                             \
        "tracks") "  WHERE NOT EXISTS (SELECT 1 FROM track WHERE track.event = newest.id"          \
                  "   AND track.id = id_blob(" EACH("id") ") AND track.label = " EACH(             \
                      "label") "))"

/* An open event's pictures are named by its next change. */
#define WRONG_NAMES                                                                                \
    "SELECT seq, id FROM newest WHERE closed = 1 AND"                                              \
    " (json_extract(json, '$.snapshot') IS NOT " PICTURE_OF(                                       \
        "newest.id") "  OR EXISTS (SELECT 1 FROM" EACH_OF("newest.json",                           \
                                                          "tracks") "   WHERE " EACH("snapshot") " IS NOT " PICTURE_OF_EACH("newest.id") "))"

#define WRONG_PARKED                                                                               \
    "length(id) <> 16 OR length(looks) <> 48 OR length(hours) <> 96"                               \
    " OR length(CAST(label AS BLOB)) >= " NUMBER(                                                  \
        LABEL_BYTES) " OR position NOT BETWEEN 0 AND " NUMBER(PARKED_MAX) " - 1"                   \
                                                                          " OR NOT (0 <= x0 AND "  \
                                                                          "x0 <= x1 AND x1 <= 1 "  \
                                                                          "AND 0 <= y0 AND y0 <= " \
                                                                          "y1 AND y1 <= 1)"

#define WRONG_CAMERA_EVENT                                                                         \
    "length(id) <> 16 OR length(CAST(camera AS BLOB)) >= " NUMBER(                                 \
        OPT_NAME_BYTES) " OR kind NOT IN ('lost', 'frozen', 'black', 'covered', 'defocused', "     \
                        "'moved')"

_Static_assert(PARKED_LOOKS_BYTES == 48 && CAMERA_EVENT_KINDS == 6, "as the statements have it");

#define ORPHAN(table) "DELETE FROM " table " WHERE event NOT IN (SELECT id FROM event);"
#define NO_TRACK(table)                                                                            \
    " FROM " table " WHERE NOT EXISTS (SELECT 1 FROM track"                                        \
    "  WHERE track.event = " table ".event AND track.id = " table ".track)"

const struct check_sql check_sqls[] = {
    {
        .what = "rows without event",
        .select = "SELECT 'table ' || \"table\", count(*) || ' rows belong to events that are not"
                  " there' FROM pragma_foreign_key_check GROUP BY \"table\"",
        .mends = "deletes them",
        .mend_sql = ORPHAN("track") ORPHAN("reason") ORPHAN("detection") ORPHAN("snapshot"),
    },
    {
        .what = "numbers",
        .select = "SELECT 'outbox', printf('number %d is taken, but %d would be next', newest,"
                  "  next) FROM (SELECT (SELECT max(seq) FROM outbox) AS newest, 1 + coalesce("
                  "  (SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) AS next)"
                  " WHERE newest >= next",
        .mends = "goes on after the newest",
        .mend_sql = "DELETE FROM sqlite_sequence WHERE name = 'outbox';"
                    "INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox', max(seq) FROM outbox",
    },
    {
        .what = "newest change",
        .select = LAST
        "SELECT 'event ' || id_text(id), printf('its newest readable change is number %d, but its"
        " row names number %d', last.seq, event.seq)"
        " FROM event JOIN last ON last.event = event.id WHERE last.seq <> event.seq",
        .mends = "names the newest readable one",
        .mend_sql = LAST "UPDATE event SET seq = last.seq FROM last WHERE last.event = event.id",
    },
    {
        .what = "event without changes",
        .select = LAST "SELECT 'event ' || id_text(id), 'none of its changes can be read'"
                       " FROM event WHERE id NOT IN (SELECT event FROM last)",
    },
    {
        .what = "old change",
        .select = "SELECT 'change ' || seq, 'its JSON is not the one of its event and revision'"
                  " FROM outbox WHERE NOT" READABLE "AND seq NOT IN (SELECT seq FROM event)",
        .mends = "deletes it: a newer one stands for the event",
        .mend_sql = "DELETE FROM outbox WHERE NOT" READABLE
                    "AND seq NOT IN (SELECT seq FROM event)",
    },
    {
        .what = "order",
        .select = ORDERED
        "SELECT 'change ' || seq, printf('revision %d of event %s comes after revision %d',"
        "  revision, id_text(event), before)"
        " FROM ordered WHERE revision <= before AND seq NOT IN (SELECT seq FROM event)",
        .mends = "deletes it: a newer one stands for the event",
        .mend_sql = ORDERED
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM ordered WHERE revision <= before)"
        " AND seq NOT IN (SELECT seq FROM event)",
    },
    {
        .what = "order of the newest",
        .select = ORDERED
        "SELECT 'change ' || seq, printf('revision %d of event %s comes after revision %d',"
        "  revision, id_text(event), before)"
        " FROM ordered WHERE revision <= before AND seq IN (SELECT seq FROM event)",
    },
    {
        .what = "row and JSON",
        .select = NEWEST
        "SELECT 'event ' || id_text(id), 'its row and its newest change differ in' || differ FROM"
        " (SELECT id, iif(" CLOSED_IN_JSON " IS closed, '', ' state')"
        "  || iif(json_extract(json, '$.close_reason') IS close_reason, '', ' close_reason')"
        "  || iif(json_extract(json, '$.revision') IS revision, '', ' revision')"
        "  || iif(json_extract(json, '$.camera') IS camera, '', ' camera')"
        "  || iif(json_extract(json, '$.risk_score') IS score, '', ' score')"
        "  || iif(" LEVEL_IN_JSON " IS level, '', ' level')"
        "  || iif(json_extract(json, '$.continues') IS id_text(continues), '', ' continues')"
        "  || iif(" OFF_BY_MORE(
            "start_s", "start_us") ", ' start', '')"
                                   "  || iif(" OFF_BY_MORE(
                                       "end_s", "end_us") ", ' end', '') AS differ FROM newest)"
                                                          " WHERE differ <> ''",
        .mends = "writes the row as the newest change has it",
        .mend_sql = NEWEST
        "UPDATE event SET closed = coalesce(" CLOSED_IN_JSON ", event.closed),"
        " close_reason = json_extract(json, '$.close_reason'),"
        " revision = json_extract(json, '$.revision'),"
        " camera = coalesce(json_extract(json, '$.camera'), event.camera),"
        " score = json_extract(json, '$.risk_score'),"
        " level = coalesce(" LEVEL_IN_JSON ", event.level),"
        " continues = id_blob(json_extract(json, '$.continues')),"
        " start_us = iif(" OFF_BY_MORE(
            "start_s",
            "event.start_us") ","
                              "  CAST(round(1e6 * json_extract(json, '$.start_s')) AS INTEGER), "
                              "event.start_us),"
                              " end_us = iif(" OFF_BY_MORE(
                                  "end_s",
                                  "event.end_us") ","
                                                  "  CAST(round(1e6 * json_extract(json, "
                                                  "'$.end_s')) AS INTEGER), event.end_us)"
                                                  " FROM newest WHERE newest.id = event.id",
    },
    {
        .what = "reasons",
        .select = NEWEST "SELECT 'event ' || id_text(id),"
                         " 'the rows of its reasons are not those of its newest change' FROM"
                         " (" WRONG_REASONS ")",
        .mends = "writes them as the newest change has them",
        .mend_sql = "CREATE TEMP TABLE wrong AS " NEWEST WRONG_REASONS ";"
                    "DELETE FROM reason WHERE event IN (SELECT id FROM temp.wrong);" NEWEST
                    "INSERT INTO reason (event, position, rule, points, text, track, at_us)"
                    " SELECT newest.id, each.key, " EACH("rule") ", " EACH("points") ", " EACH(
                        "text") ","
                                "  id_blob(" EACH("evidence.track_id") "), coalesce(" EACH_US(
                                    "evidence.at_s") ", 0)"
                                                     " FROM newest," EACH_OF(
                                                         "newest.json",
                                                         "reasons") " WHERE newest.id IN (SELECT "
                                                                    "id FROM temp.wrong);"
                                                                    "DROP TABLE temp.wrong",
    },
    {
        .what = "tracks",
        .select = NEWEST "SELECT 'event ' || id_text(id),"
                         " 'the rows of its tracks are not those of its newest change' FROM"
                         " (" WRONG_TRACKS ")",
        .mends = "writes them as the newest change has them",
        .mend_sql =
            "CREATE TEMP TABLE wrong AS " NEWEST WRONG_TRACKS ";" NEWEST
            "INSERT OR REPLACE INTO track"
            "  (event, id, label, confidence, start_us, end_us, stationary)"
            " SELECT newest.id, id_blob(" EACH("id") "), " EACH("label") ", " EACH(
                "confidence") ","
                              "  " EACH_US("start_s") ", " EACH_US("end_s") ", " EACH(
                                  "stationary") " FROM newest," EACH_OF("newest.json",
                                                                        "tracks") " WHERE "
                                                                                  "newest.id IN "
                                                                                  "(SELECT id FROM "
                                                                                  "temp.wrong);"
                                                                                  "DROP TABLE "
                                                                                  "temp.wrong",
    },
    {
        .what = "detections",
        .select = "SELECT 'event ' || id_text(event), count(*) || ' detections belong to none of"
                  " its tracks'" NO_TRACK("detection") " GROUP BY event",
        .mends = "deletes them",
        .mend_sql = "DELETE" NO_TRACK("detection"),
    },
    {
        .what = "picture rows",
        .select = "SELECT 'event ' || id_text(event), count(*) || ' pictures belong to none of"
                  " its tracks'" NO_TRACK("snapshot") " GROUP BY event",
        .mends = "deletes them",
        .mend_sql = "DELETE" NO_TRACK("snapshot"),
    },
    {
        .what = "continues",
        .select = "SELECT 'event ' || id_text(id), 'it goes on from event ' || id_text(continues)"
                  " || ', which is not older' FROM event WHERE continues >= id",
    },
    {
        .what = "id",
        .select = "SELECT 'event ' || id_text(id), 'its id is no UUID of version 7' FROM event"
                  " WHERE substr(hex(id), 13, 1) <> '7'",
    },
    {
        .what = "clock",
        .select = "SELECT 'event ' || id_text(id), 'it began days after its id was made: a clock"
                  " was wrong then' FROM event WHERE wall_start_us > id_wall_us(id) + 86400000000",
        .is_note = true,
    },
    {
        .when = CHECK_ENDED,
        .what = "open event",
        .select = "SELECT 'event ' || id_text(id), 'was open when the program ended'"
                  " FROM event WHERE closed = 0",
        .mends = "closes it with reason crash",
        .by_start = true,
    },
    {
        .what = "upload",
        .select = "SELECT 'camera ' || camera || ', ' || name, printf('its hash has %d bytes',"
                  "  length(sha256)) FROM upload WHERE length(sha256) <> 32",
        .mends = "deletes it: no file is known by it",
        .mend_sql = "DELETE FROM upload WHERE length(sha256) <> 32",
    },
    {
        .what = "upload",
        .select = "SELECT 'camera ' || camera || ', ' || name, 'its size is negative, or nothing"
                  " says where it was' FROM upload WHERE bytes < 0 OR name = '' OR camera = ''",
    },
    {
        .what = "uploads",
        .select = "SELECT 'camera ' || camera, count(*) || ' are remembered, at most"
                  " " NUMBER(UPLOADS_KEPT_MAX) " may be' FROM upload GROUP BY camera"
                                               " HAVING count(*) > " NUMBER(UPLOADS_KEPT_MAX),
        .mends = "forgets the oldest",
        .mend_sql = "DELETE FROM upload WHERE (camera, sha256) IN (SELECT camera, sha256 FROM"
                    " (SELECT camera, sha256, row_number() OVER (PARTITION BY camera"
                    "  ORDER BY position DESC) AS n FROM upload)"
                    " WHERE n > " NUMBER(UPLOADS_KEPT_MAX) ")",
    },
    {
        .what = "parked object",
        .select = "SELECT 'camera ' || camera || ', position ' || position,"
                  " 'it is not what this program writes' FROM parked WHERE " WRONG_PARKED,
        .mends = "forgets it: the camera learns it anew",
        .mend_sql = "DELETE FROM parked WHERE " WRONG_PARKED,
    },
    {
        .what = "camera event",
        .select = "SELECT 'camera ' || substr(camera, 1, 64), 'one of ' || hex(substr(id, 1, 16))"
                  " || ' is not what this program writes'"
                  " FROM camera_event WHERE " WRONG_CAMERA_EVENT,
        .mends = "deletes it: nothing can read it",
        .mend_sql = "DELETE FROM camera_event WHERE " WRONG_CAMERA_EVENT,
    },
    {
        .when = CHECK_NAMES,
        .what = "named pictures",
        .select = NEWEST "SELECT 'event ' || id_text(id), 'its newest change does not name the"
                         " pictures that are there' FROM (" WRONG_NAMES ")",
        .mends = "names those that are there",
        .mend_sql = NEWEST "UPDATE outbox SET json = json_set(json, '$.snapshot', " PICTURE_OF(
            "outbox.event") ","
                            " '$.tracks', json((SELECT json_group_array(json(one)) FROM (SELECT"
                            "  CASE WHEN each.type = 'object' THEN json_set(each.value, "
                            "'$.snapshot',"
                            "   " PICTURE_OF_EACH(
                                "outbox.event") ") ELSE json_quote(each.value) END AS one"
                                                "  FROM" EACH_OF("outbox.json",
                                                                 "tracks") "ORDER BY each.key))))"
                                                                           " WHERE seq IN (SELECT "
                                                                           "seq FROM (" WRONG_NAMES
                                                                           "))",
    },
    {0},
};
