/* Texts that the JSON repeats are not compared: it may have put another character for a broken one.
 * Members of arrays are reached from the top of the JSON, which is known to be readable. */
#include "store/check_sql.h"

#include "store/db_model.h"

_Static_assert(STORE_BLOB_BYTES_MAX == 1048576 && FEEDBACK_TOO_LOW == 4 &&
                   sizeof((struct baseline_row *)0)->key == 96 &&
                   sizeof((struct baseline_row *)0)->data == 64,
               "as the statements have it");
_Static_assert(PARKED_LOOKS_BYTES == 48 && PARKED_MAX == 64 && LABEL_BYTES == 24 &&
                   OPT_NAME_BYTES == 48 && CAMERA_EVENT_KINDS == 6 && UPLOADS_KEPT_MAX == 100000,
               "as the statements have it");

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

/* Changes that come after one with a later revision. One with the same is the model's, or of
 * people: the event itself had not changed. */
#define ORDERED                                                                                    \
    "WITH ordered AS (SELECT *, max(revision) OVER (PARTITION BY event ORDER BY seq"               \
    "  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM outbox) "

/* Events with the JSON that stands for them, what it says of their reasons and tracks, and which of
 * them have rows that say something else. JSON has times in milliseconds. An open event's pictures
 * are named by its next change. */
#define SAID                                                                                       \
    "WITH newest AS (SELECT event.*, outbox.json,"                                                 \
    "  CASE json_extract(json, '$.state') WHEN 'open' THEN 0 ELSE 1 END AS said_closed,"           \
    "  CASE json_extract(json, '$.risk_level') WHEN 'unknown' THEN 0 WHEN 'low' THEN 1"            \
    "   WHEN 'medium' THEN 2 WHEN 'high' THEN 3 WHEN 'critical' THEN 4 END AS said_level,"         \
    "  CAST(round(1e6 * json_extract(json, '$.start_s')) AS INTEGER) AS said_start_us,"            \
    "  CAST(round(1e6 * json_extract(json, '$.end_s')) AS INTEGER) AS said_end_us,"                \
    "  CASE WHEN EXISTS (SELECT 1 FROM snapshot WHERE snapshot.event = event.id AND bytes > 0)"    \
    "   THEN picture_address(event.id, NULL) END AS picture"                                       \
    "  FROM event JOIN outbox ON outbox.seq = event.seq AND outbox.event = event.id"               \
    "  WHERE" READABLE "),"                                                                        \
    " said_reason AS (SELECT newest.id AS event, each.key AS position,"                            \
    "  json_extract(newest.json, each.fullkey || '.rule') AS rule,"                                \
    "  json_extract(newest.json, each.fullkey || '.points') AS points,"                            \
    "  json_extract(newest.json, each.fullkey || '.text') AS text,"                                \
    "  id_blob(json_extract(newest.json, each.fullkey || '.evidence.track_id')) AS track,"         \
    "  CAST(round(1e6 * coalesce(json_extract(newest.json, each.fullkey || '.evidence.at_s'), 0))" \
    "   AS INTEGER) AS at_us"                                                                      \
    "  FROM newest, json_each(newest.json, '$.reasons') AS each),"                                 \
    " said_track AS (SELECT newest.id AS event, newest.seq, newest.closed, each.key AS position,"  \
    "  each.type, each.value,"                                                                     \
    "  id_blob(json_extract(newest.json, each.fullkey || '.id')) AS id,"                           \
    "  json_extract(newest.json, each.fullkey || '.label') AS label,"                              \
    "  json_extract(newest.json, each.fullkey || '.confidence') AS confidence,"                    \
    "  CAST(round(1e6 * json_extract(newest.json, each.fullkey || '.start_s')) AS INTEGER)"        \
    "   AS start_us,"                                                                              \
    "  CAST(round(1e6 * json_extract(newest.json, each.fullkey || '.end_s')) AS INTEGER)"          \
    "   AS end_us,"                                                                                \
    "  json_extract(newest.json, each.fullkey || '.stationary') AS stationary,"                    \
    "  json_extract(newest.json, each.fullkey || '.snapshot') AS named,"                           \
    "  (SELECT picture_address(snapshot.event, snapshot.track) FROM snapshot"                      \
    "   WHERE snapshot.event = newest.id AND bytes > 0 AND"                                        \
    "    snapshot.track = id_blob(json_extract(newest.json, each.fullkey || '.id'))) AS picture"   \
    "  FROM newest, json_each(newest.json, '$.tracks') AS each),"                                  \
    " wrong_reason AS (SELECT id FROM newest WHERE json_array_length(json, '$.reasons') IS NOT"    \
    "   (SELECT count(*) FROM reason WHERE reason.event = newest.id)"                              \
    "  UNION SELECT said_reason.event FROM said_reason LEFT JOIN reason"                           \
    "   ON reason.event = said_reason.event AND reason.position = said_reason.position"            \
    "   WHERE (reason.rule, reason.points, reason.track) IS NOT"                                   \
    "    (said_reason.rule, said_reason.points, said_reason.track)),"                              \
    " wrong_track AS (SELECT DISTINCT event AS id FROM said_track WHERE NOT EXISTS"                \
    "  (SELECT 1 FROM track WHERE track.event = said_track.event AND track.id = said_track.id"     \
    "   AND track.label = said_track.label)),"                                                     \
    " wrong_name AS (SELECT id, seq FROM newest WHERE closed = 1"                                  \
    "   AND json_extract(json, '$.snapshot') IS NOT picture"                                       \
    "  UNION SELECT event, seq FROM said_track WHERE closed = 1 AND named IS NOT picture) "

/* Verdicts of the model that the newest change of their event does not have, or of which it has
 * rows that do not add up to its score. */
#define WRONG_VERDICT                                                                              \
    SAID ", wrong_verdict AS (SELECT newest.id FROM newest JOIN judgement ON judgement.event = id" \
         "  WHERE judgement_state(judgement.json) NOT NULL"                                        \
         "   AND json_extract(newest.json, '$.model') IS NOT json(judgement.json)"                 \
         "  UNION SELECT newest.id FROM newest JOIN judgement ON judgement.event = id"             \
         "   JOIN said_reason ON said_reason.event = id GROUP BY newest.id"                        \
         "  HAVING total(said_reason.rule IN ('model', 'model-rejected')) > 0"                     \
         "   AND sum(said_reason.points) IS NOT json_extract(newest.json, '$.risk_score')) "

/* What the newest change says of the model or of feedback while no row does. */
#define LOST                                                                                       \
    SAID ", lost_judgement AS (SELECT id, json_extract(json, '$.model.revision') AS revision,"     \
         "  json_extract(json, '$.model.state') = 'done' AS done,"                                 \
         "  json_extract(json, '$.model') AS model FROM newest"                                    \
         "  WHERE judgement_state(json_extract(json, '$.model')) IN ('done', 'failed')"            \
         "   AND id NOT IN (SELECT event FROM judgement)),"                                        \
         " lost_job AS (SELECT newest.id, newest.seq, newest.json, window.revision FROM newest"    \
         "  LEFT JOIN window ON window.event = id"                                                 \
         "  WHERE json_extract(json, '$.model.state') = 'waiting'"                                 \
         "   AND id NOT IN (SELECT event FROM job)),"                                              \
         " wrong_feedback AS (SELECT newest.id, newest.seq FROM newest"                            \
         "  LEFT JOIN feedback ON feedback.event = id"                                             \
         "  WHERE json_extract(newest.json, '$.feedback.kind') IS NOT" KIND_WORD ") "
#define KIND_WORD                                                                                  \
    " CASE feedback.kind WHEN 0 THEN 'accurate' WHEN 1 THEN 'false_positive' WHEN 2 THEN 'missed'" \
    " WHEN 3 THEN 'too_high' WHEN 4 THEN 'too_low' END "

#define WRONG_JUDGEMENT "done IS NOT (judgement_state(json) = 'done')"

#define WRONG_RUN                                                                                  \
    "length(id) <> 16 OR length(prompt_sha256) <> 32 OR length(request) > 1048576"                 \
    " OR length(reply) > 1048576"

#define WRONG_FEEDBACK                                                                             \
    "length(event) <> 16 OR length(CAST(camera AS BLOB)) >= 48 OR kind NOT BETWEEN 0 AND 4"

#define WRONG_BASELINE                                                                             \
    "length(CAST(camera AS BLOB)) >= 48 OR length(CAST(key AS BLOB)) >= 96 OR length(data) > 64"

#define WRONG_PARKED                                                                               \
    "length(id) <> 16 OR length(looks) <> 48 OR length(hours) <> 96"                               \
    " OR length(CAST(label AS BLOB)) >= 24 OR position NOT BETWEEN 0 AND 63"                       \
    " OR NOT (0 <= x0 AND x0 <= x1 AND x1 <= 1 AND 0 <= y0 AND y0 <= y1 AND y1 <= 1)"

#define WRONG_CAMERA_EVENT                                                                         \
    "length(id) <> 16 OR length(CAST(camera AS BLOB)) >= 48"                                       \
    " OR kind NOT IN ('lost', 'frozen', 'black', 'covered', 'defocused', 'moved')"

const struct check_sql check_sqls[] = {
    {
        .what = "rows without event",
        .select = "SELECT 'table ' || \"table\", count(*) || ' rows belong to events that are not"
                  " there' FROM pragma_foreign_key_check GROUP BY \"table\"",
        .mends = "deletes them",
        .mend_sql = "DELETE FROM track WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM reason WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM detection WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM snapshot WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM window WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM job WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM judgement WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM run WHERE event NOT IN (SELECT id FROM event);"
                    "DELETE FROM feedback_place WHERE event NOT IN (SELECT event FROM feedback)",
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
        " FROM ordered WHERE revision < before AND seq NOT IN (SELECT seq FROM event)",
        .mends = "deletes it: a newer one stands for the event",
        .mend_sql = ORDERED
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM ordered WHERE revision < before)"
        " AND seq NOT IN (SELECT seq FROM event)",
    },
    {
        .what = "order of the newest",
        .select = ORDERED
        "SELECT 'change ' || seq, printf('revision %d of event %s comes after revision %d',"
        "  revision, id_text(event), before)"
        " FROM ordered WHERE revision < before AND seq IN (SELECT seq FROM event)",
    },
    {
        .what = "row and JSON",
        .select = SAID
        "SELECT 'event ' || id_text(id), 'its row and its newest change differ in' || differ"
        " FROM (SELECT id, CASE WHEN said_closed IS closed THEN '' ELSE ' state' END"
        "  || CASE WHEN json_extract(json, '$.close_reason') IS close_reason THEN ''"
        "   ELSE ' close_reason' END"
        "  || CASE WHEN json_extract(json, '$.revision') IS revision THEN ''"
        "   ELSE ' revision' END"
        "  || CASE WHEN json_extract(json, '$.camera') IS camera THEN '' ELSE ' camera' END"
        "  || CASE WHEN json_extract(json, '$.risk_score') IS score THEN '' ELSE ' score' END"
        "  || CASE WHEN said_level IS level THEN '' ELSE ' level' END"
        "  || CASE WHEN json_extract(json, '$.continues') IS id_text(continues) THEN ''"
        "   ELSE ' continues' END"
        "  || CASE WHEN abs(said_start_us - start_us) <= 1000 THEN '' ELSE ' start' END"
        "  || CASE WHEN abs(said_end_us - end_us) <= 1000 THEN '' ELSE ' end' END"
        "  AS differ FROM newest) WHERE differ <> ''",
        .mends = "writes the row as the newest change has it",
        .mend_sql = SAID
        "UPDATE event SET closed = said_closed,"
        " close_reason = json_extract(json, '$.close_reason'),"
        " revision = json_extract(json, '$.revision'),"
        " camera = coalesce(json_extract(json, '$.camera'), event.camera),"
        " score = json_extract(json, '$.risk_score'),"
        " level = coalesce(said_level, event.level),"
        " continues = id_blob(json_extract(json, '$.continues')),"
        " start_us = CASE WHEN abs(said_start_us - event.start_us) <= 1000 THEN event.start_us"
        "  ELSE coalesce(said_start_us, event.start_us) END,"
        " end_us = CASE WHEN abs(said_end_us - event.end_us) <= 1000 THEN event.end_us"
        "  ELSE coalesce(said_end_us, event.end_us) END"
        " FROM newest WHERE newest.id = event.id",
    },
    {
        .what = "reasons",
        .select = SAID
        "SELECT 'event ' || id_text(id), 'the rows of its reasons are not those of its newest"
        " change' FROM wrong_reason",
        .mends = "writes them as the newest change has them",
        .mend_sql = SAID
        "DELETE FROM reason WHERE event IN (SELECT id FROM wrong_reason);" SAID
        "INSERT INTO reason (event, position, rule, points, text, track, at_us)"
        " SELECT event, position, rule, points, text, track, at_us FROM said_reason"
        " WHERE event IN (SELECT id FROM wrong_reason)",
    },
    {
        .what = "tracks",
        .select = SAID
        "SELECT 'event ' || id_text(id), 'the rows of its tracks are not those of its newest"
        " change' FROM wrong_track",
        .mends = "writes them as the newest change has them",
        .mend_sql = SAID
        "INSERT OR REPLACE INTO track (event, id, label, confidence, start_us, end_us, stationary)"
        " SELECT event, id, label, confidence, start_us, end_us, stationary FROM said_track"
        " WHERE event IN (SELECT id FROM wrong_track)",
    },
    {
        .what = "detections",
        .select = "SELECT 'event ' || id_text(event), count(*) || ' detections belong to none of"
                  " its tracks' FROM detection WHERE (event, track) NOT IN"
                  " (SELECT event, id FROM track) GROUP BY event",
        .mends = "deletes them",
        .mend_sql = "DELETE FROM detection WHERE (event, track) NOT IN"
                    " (SELECT event, id FROM track)",
    },
    {
        .what = "picture rows",
        .select = "SELECT 'event ' || id_text(event), count(*) || ' pictures belong to none of"
                  " its tracks' FROM snapshot WHERE (event, track) NOT IN"
                  " (SELECT event, id FROM track) GROUP BY event",
        .mends = "deletes them",
        .mend_sql = "DELETE FROM snapshot WHERE (event, track) NOT IN"
                    " (SELECT event, id FROM track)",
    },
    {
        .what = "window",
        .select = "SELECT 'event ' || id_text(event), 'its window has ' || length(data) ||"
                  " ' bytes' FROM window WHERE length(data) > 1048576",
        .mends = "deletes it: nothing reads one that large",
        .mend_sql = "DELETE FROM window WHERE length(data) > 1048576",
    },
    {
        .what = "job",
        .select = "SELECT 'event ' || id_text(event), 'the model is to be asked about it, but there"
                  " is no window' FROM job WHERE event NOT IN (SELECT event FROM window)",
        .mends = "takes it out of the queue",
        .mend_sql = "DELETE FROM job WHERE event NOT IN (SELECT event FROM window)",
    },
    {
        .what = "judgement",
        .select = "SELECT 'event ' || id_text(event), 'what the model said of it cannot be read'"
                  " FROM judgement WHERE " WRONG_JUDGEMENT,
        .mends = "deletes it: the newest change may have it too",
        .mend_sql = "DELETE FROM judgement WHERE " WRONG_JUDGEMENT,
    },
    {
        .what = "lost judgement",
        .select = LOST
        "SELECT 'event ' || id_text(id), 'its newest change says what the model said, but no row"
        " does' FROM lost_judgement",
        .mends = "writes it as the newest change has it",
        .mend_sql = LOST
        "INSERT INTO judgement (event, revision, done, json) SELECT id, revision, done, model"
        " FROM lost_judgement",
    },
    {
        .what = "lost job",
        .select = LOST
        "SELECT 'event ' || id_text(id), 'its newest change says that it waits for the model, but"
        " it is not in the queue' FROM lost_job",
        .mends = "puts it there, or says that nobody is asked if its window is gone",
        .mend_sql = LOST
        "UPDATE outbox SET json = json_set(json, '$.model', NULL) WHERE seq IN"
        " (SELECT seq FROM lost_job WHERE revision IS NULL);" LOST
        "INSERT INTO job (event, revision, urgent, score, tries, dead, reason, queued_wall_us,"
        "  not_before_wall_us)"
        " SELECT id, revision, 0, json_extract(json, '$.rules_score'), 0, 0, '', id_wall_us(id), 0"
        " FROM lost_job WHERE revision IS NOT NULL",
    },
    {
        .what = "verdict",
        .select = WRONG_VERDICT
        "SELECT 'event ' || id_text(id), 'its newest change is not what the model''s verdict makes"
        " of it' FROM wrong_verdict",
        .mends = "works it out again", /* in C */
    },
    {
        .what = "run",
        .select = "SELECT 'event ' || id_text(event), count(*) || ' questions to the model are not"
                  " what this program writes' FROM run WHERE " WRONG_RUN " GROUP BY event",
        .mends = "deletes them: nothing can read them",
        .mend_sql = "DELETE FROM run WHERE " WRONG_RUN,
    },
    {
        .what = "feedback row",
        .select = "SELECT 'event ' || hex(substr(event, 1, 16)), 'what somebody said of it is not"
                  " what this program writes' FROM feedback WHERE " WRONG_FEEDBACK,
        .mends = "deletes it: nothing can read it",
        .mend_sql = "DELETE FROM feedback WHERE " WRONG_FEEDBACK,
    },
    {
        .what = "feedback",
        .select = LOST
        "SELECT 'event ' || id_text(id), 'its newest change does not say what somebody said of it'"
        " FROM wrong_feedback",
        .mends = "makes them say the same: what the row says, where there is one",
        .mend_sql = LOST
        "INSERT OR IGNORE INTO feedback (event, camera, kind, note, wall_us)"
        " SELECT id, camera, CASE json_extract(json, '$.feedback.kind') WHEN 'accurate' THEN 0"
        "  WHEN 'false_positive' THEN 1 WHEN 'missed' THEN 2 WHEN 'too_high' THEN 3"
        "  WHEN 'too_low' THEN 4 END, coalesce(json_extract(json, '$.feedback.note'), ''),"
        "  coalesce(1000000 * strftime('%s', json_extract(json, '$.feedback.at')), 0)"
        " FROM newest WHERE id IN (SELECT id FROM wrong_feedback)"
        "  AND id NOT IN (SELECT event FROM feedback);" LOST
        "UPDATE outbox SET json = json_set(json, '$.feedback', (SELECT"
        "  json_object('kind'," KIND_WORD ", 'note', note, 'at',"
        "   strftime('%Y-%m-%dT%H:%M:%fZ', wall_us / 1e6, 'unixepoch'))"
        "  FROM feedback WHERE feedback.event = outbox.event))"
        " WHERE seq IN (SELECT seq FROM wrong_feedback)",
    },
    {
        .what = "baseline",
        .select = "SELECT 'camera ' || substr(camera, 1, 64), count(*) || ' rows of what is usual"
                  " are not what this program writes' FROM baseline WHERE " WRONG_BASELINE
                  " GROUP BY camera",
        .mends = "deletes them: the camera learns them anew",
        .mend_sql = "DELETE FROM baseline WHERE " WRONG_BASELINE,
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
        .select = "SELECT 'camera ' || camera, count(*) || ' are remembered, at most 100000 may be'"
                  " FROM upload GROUP BY camera HAVING count(*) > 100000",
        .mends = "forgets the oldest",
        .mend_sql = "DELETE FROM upload WHERE (camera, sha256) IN (SELECT camera, sha256 FROM"
                    " (SELECT camera, sha256, row_number() OVER (PARTITION BY camera"
                    "  ORDER BY position DESC) AS n FROM upload) WHERE n > 100000)",
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
        .select = SAID
        "SELECT 'event ' || id_text(id), 'its newest change does not name the pictures that are"
        " there' FROM wrong_name",
        .mends = "names those that are there",
        .mend_sql = SAID
        "UPDATE outbox SET json = (SELECT json_set(newest.json, '$.snapshot', newest.picture,"
        "  '$.tracks', json((SELECT json_group_array(json(one)) FROM (SELECT"
        "   CASE type WHEN 'object' THEN json_set(value, '$.snapshot', picture)"
        "    ELSE json_quote(value) END AS one"
        "   FROM said_track WHERE said_track.seq = outbox.seq ORDER BY position))))"
        "  FROM newest WHERE newest.seq = outbox.seq)"
        " WHERE seq IN (SELECT seq FROM wrong_name)",
    },
    {0},
};

const char *const check_wrong_verdicts = WRONG_VERDICT
    "SELECT id FROM wrong_verdict WHERE id > ?1 ORDER BY id LIMIT ?2";
