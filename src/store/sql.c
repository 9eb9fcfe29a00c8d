#include "store/sql.h"

const char *const sql_text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    /* --- writing a change --- */

    [SQL_EVENT_REVISION] = "SELECT revision FROM event WHERE id = ?1",
    [SQL_PUT_OUTBOX] = "INSERT INTO outbox (event, revision, json) VALUES (?1, ?2, ?3)",
    [SQL_PUT_EVENT] =
        "INSERT INTO event (id, continues, camera, closed, close_reason, revision, start_us, "
        "end_us,"
        "                   wall_start_us, wall_end_us, score, level, seq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT (id) DO UPDATE SET continues = excluded.continues, closed = excluded.closed,"
        "  close_reason = excluded.close_reason, revision = excluded.revision,"
        "  start_us = excluded.start_us, end_us = excluded.end_us,"
        "  wall_start_us = excluded.wall_start_us, wall_end_us = excluded.wall_end_us,"
        "  score = excluded.score, level = excluded.level, seq = excluded.seq",
    /* Rows that did not change are not written again. */
    [SQL_PUT_TRACK] =
        "INSERT INTO track (event, id, label, confidence, start_us, end_us, stationary)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT (event, id) DO UPDATE SET label = excluded.label,"
        "  confidence = excluded.confidence, start_us = excluded.start_us,"
        "  end_us = excluded.end_us, stationary = excluded.stationary"
        " WHERE (label, confidence, start_us, end_us, stationary) IS NOT"
        "  (excluded.label, excluded.confidence, excluded.start_us, excluded.end_us,"
        "   excluded.stationary)",
    [SQL_PUT_REASON] =
        "INSERT INTO reason (event, position, rule, points, text, track, at_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT (event, position) DO UPDATE SET rule = excluded.rule,"
        "  points = excluded.points, text = excluded.text, track = excluded.track,"
        "  at_us = excluded.at_us"
        " WHERE (rule, points, text, track, at_us) IS NOT"
        "  (excluded.rule, excluded.points, excluded.text, excluded.track, excluded.at_us)",
    [SQL_CUT_REASONS] = "DELETE FROM reason WHERE event = ?1 AND position >= ?2",
    [SQL_PUT_DETECTION] = "INSERT INTO detection (event, track, at_us, x0, y0, x1, y1, score)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    [SQL_PUT_SNAPSHOT] =
        "INSERT INTO snapshot (event, track, at_us, bytes) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (event, track) DO UPDATE SET at_us = excluded.at_us, bytes = excluded.bytes",
    [SQL_EVENT_SNAPSHOTS] = "SELECT track, at_us, bytes FROM snapshot WHERE event = ?1",
    /* Also when the rows are gone: a number is never used twice. */
    [SQL_NEWEST_SEQ] = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'",
    [SQL_PICTURE_BYTES] = "SELECT coalesce(sum(bytes), 0) FROM snapshot",

    /* --- reading; CROSS JOIN keeps SQLite from starting with the outbox --- */

    [SQL_LIST_EVENTS] =
        "SELECT event.id, outbox.json FROM event CROSS JOIN outbox ON outbox.seq = event.seq"
        " WHERE event.id < ?1 AND event.level >= ?2 ORDER BY event.id DESC LIMIT ?3",
    [SQL_LIST_CAMERA_EVENTS] =
        "SELECT event.id, outbox.json"
        " FROM event INDEXED BY event_by_camera CROSS JOIN outbox ON outbox.seq = event.seq"
        " WHERE event.camera = ?4 AND event.id < ?1 AND event.level >= ?2"
        " ORDER BY event.id DESC LIMIT ?3",
    [SQL_GET_EVENT] = "SELECT outbox.json FROM event CROSS JOIN outbox ON outbox.seq = event.seq"
                      " WHERE event.id = ?1",
    [SQL_READ_OUTBOX] = "SELECT seq, json FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    /* No bytes: a crash has taken the files. */
    [SQL_BEST_SNAPSHOT] =
        "SELECT snapshot.track FROM snapshot"
        " LEFT JOIN track ON track.event = snapshot.event AND track.id = snapshot.track"
        " WHERE snapshot.event = ?1 AND snapshot.bytes > 0"
        " ORDER BY track.confidence DESC, snapshot.track LIMIT 1",
    [SQL_GET_SNAPSHOT] = "SELECT track FROM snapshot WHERE event = ?1 AND track = ?2 AND bytes > 0",

    /* --- what else is kept of cameras --- */

    [SQL_PUT_UPLOAD] =
        "INSERT OR REPLACE INTO upload (camera, sha256, position, name, bytes, wall_us, refusal)"
        " SELECT ?1, ?2, coalesce(max(position), 0) + 1, ?3, ?4, ?5, ?6"
        " FROM upload WHERE camera = ?1",
    [SQL_CUT_UPLOADS] = "DELETE FROM upload WHERE camera = ?1 AND position <="
                        " (SELECT max(position) FROM upload WHERE camera = ?1) - ?2",
    [SQL_FIND_UPLOAD] = "SELECT refusal FROM upload WHERE camera = ?1 AND sha256 = ?2",
    [SQL_CLEAR_PARKED] = "DELETE FROM parked WHERE camera = ?1",
    [SQL_PUT_PARKED] =
        "INSERT INTO parked (camera, position, id, label, x0, y0, x1, y1, looks, hours,"
        "                    since_wall_us, seen_wall_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQL_READ_PARKED] =
        "SELECT id, label, x0, y0, x1, y1, looks, hours, since_wall_us, seen_wall_us FROM parked"
        " WHERE camera = ?1 ORDER BY position LIMIT ?2",
    [SQL_PUT_CAMERA_EVENT] =
        "INSERT INTO camera_event (id, camera, kind, ended, wall_us, text, after_seq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
        "  coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0))"
        " ON CONFLICT (id) DO NOTHING",
    [SQL_CUT_CAMERA_EVENTS] =
        "DELETE FROM camera_event WHERE camera = ?1 AND id <="
        " (SELECT id FROM camera_event WHERE camera = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    [SQL_DELETE_CAMERA_EVENTS] =
        "DELETE FROM camera_event WHERE id IN"
        " (SELECT id FROM camera_event WHERE id < ?1 AND after_seq < ?2 ORDER BY id LIMIT ?3)",
    [SQL_CAMERA_EVENTS] = "SELECT id, camera, kind, ended, wall_us, text FROM camera_event"
                          " WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    [SQL_CAMERA_EVENTS_OF] = "SELECT id, camera, kind, ended, wall_us, text FROM camera_event"
                             " WHERE camera = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2",
    [SQL_OPEN_CAMERA_EVENTS] =
        "SELECT id, camera, kind, ended, wall_us, text FROM camera_event AS begun WHERE ended = 0"
        " AND NOT EXISTS (SELECT 1 FROM camera_event AS later WHERE later.camera = begun.camera"
        "                 AND later.id > begun.id AND later.kind = begun.kind)"
        " ORDER BY id LIMIT ?1",

    /* --- what is asked, and what came of it --- */

    [SQL_EVENT_MARKS] =
        "SELECT judgement.json, job.dead, job.revision, feedback.kind, feedback.note,"
        "  feedback.wall_us FROM (SELECT ?1 AS id) AS one"
        " LEFT JOIN judgement ON judgement.event = one.id LEFT JOIN job ON job.event = one.id"
        " LEFT JOIN feedback ON feedback.event = one.id",
    [SQL_PUT_WINDOW] = "INSERT OR REPLACE INTO window (event, revision, data) VALUES (?1, ?2, ?3)",
    /* What was urgent does not become less so because the event has ended. */
    [SQL_PUT_JOB] =
        "INSERT INTO job (event, revision, urgent, score, tries, dead, reason, queued_wall_us,"
        "                 not_before_wall_us) VALUES (?1, ?2, ?3, ?4, 0, 0, '', ?5, 0)"
        " ON CONFLICT (event) DO UPDATE SET revision = excluded.revision,"
        "  urgent = max(urgent, excluded.urgent), score = excluded.score, tries = 0, dead = 0,"
        "  reason = '', queued_wall_us = excluded.queued_wall_us, not_before_wall_us = 0",
    [SQL_END_JOB] = "DELETE FROM job WHERE event = ?1",
    [SQL_DELAY_JOB] = "UPDATE job SET tries = tries + 1, dead = 0, not_before_wall_us = ?2,"
                      " reason = ?3 WHERE event = ?1",
    [SQL_BURY_JOB] = "UPDATE job SET dead = 1, reason = ?2 WHERE event = ?1",
    [SQL_REVIVE_JOB] = "UPDATE job SET dead = 0, tries = 0, reason = '', queued_wall_us = ?2,"
                       " not_before_wall_us = 0 WHERE event = ?1 AND dead = 1",
    [SQL_JOBS_AFTER] = "SELECT event FROM job WHERE event > ?1 AND dead = ?2"
                       " AND length(event) = 16 ORDER BY event LIMIT ?3",
    [SQL_PUT_JUDGEMENT] =
        "INSERT OR REPLACE INTO judgement (event, revision, done, json) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DROP_UNDONE] = "DELETE FROM judgement WHERE event = ?1 AND done = 0",
    [SQL_PUT_RUN] =
        "INSERT INTO run (event, id, revision, attempt, outcome, detail, model, build, seed,"
        "  temperature, prompt_version, schema_version, prompt_sha256, request, reply,"
        "  prompt_tokens, cached_tokens, reply_tokens, spent_us, wall_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        "  ?18, ?19, ?20) ON CONFLICT DO NOTHING",
    [SQL_CUT_RUNS] = "DELETE FROM run WHERE event = ?1 AND id <> ?2 AND id <="
                     " (SELECT id FROM run WHERE event = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
    /* The revision stays: the scene's next change comes after it as if this had not been. */
    [SQL_JUDGED_OUTBOX] =
        "INSERT INTO outbox (event, revision, json)"
        " SELECT event.id, event.revision, json_set(outbox.json, '$.risk_score', ?2,"
        "  '$.risk_level', ?3, '$.rules_score', ?4, '$.scorer', ?5, '$.reasons', json(?6),"
        "  '$.model', json(?7))"
        " FROM event JOIN outbox ON outbox.seq = event.seq AND outbox.event = event.id"
        " WHERE event.id = ?1 AND json_valid(outbox.json) RETURNING json",
    [SQL_JUDGED_EVENT] = "UPDATE event SET seq = ?2, score = ?3, level = ?4 WHERE id = ?1",
    /* LEFT JOIN: jobs first, and windows only of those that are wanted; a job without one is told,
     * so that it can be buried. What is no id can be told to nobody. */
    [SQL_NEXT_JOBS] =
        "SELECT job.event, coalesce(window.revision, job.revision), job.urgent, job.score,"
        "  job.tries, job.queued_wall_us, window.data"
        " FROM job INDEXED BY job_by_turn LEFT JOIN window ON window.event = job.event"
        " WHERE job.dead = 0 AND length(job.event) = 16 AND NOT (job.not_before_wall_us > ?1 AND "
        "job.not_before_wall_us <= ?2)"
        " ORDER BY job.urgent DESC, job.score DESC, job.event DESC LIMIT ?3",
    [SQL_READ_JOB] = "SELECT coalesce(window.revision, job.revision), job.tries,"
                     "  job.queued_wall_us FROM job"
                     " LEFT JOIN window ON window.event = job.event"
                     " WHERE job.event = ?1 AND job.dead = 0",
    [SQL_COUNT_JOBS] = "SELECT count(*) FILTER (WHERE dead = 0), count(*) FILTER (WHERE dead = 1),"
                       " min(queued_wall_us) FILTER (WHERE dead = 0) FROM job",
    [SQL_LIST_JOBS] =
        "SELECT job.event, event.camera, job.dead, job.urgent, job.score, job.tries, job.reason,"
        "  job.queued_wall_us, job.not_before_wall_us"
        " FROM job CROSS JOIN event ON event.id = job.event"
        " WHERE job.event < ?1 AND job.dead >= ?2 ORDER BY job.event DESC LIMIT ?3",
    [SQL_READ_WINDOW] = "SELECT data FROM window WHERE event = ?1",
    [SQL_WINDOW_AFTER] = "SELECT event, data FROM window WHERE event > ?1 ORDER BY event LIMIT 1",
    [SQL_RUN_AFTER] =
        "SELECT id, revision, attempt, outcome, detail, model, build, seed, temperature,"
        "  prompt_version, schema_version, prompt_sha256, request, reply, prompt_tokens,"
        "  cached_tokens, reply_tokens, spent_us, wall_us"
        " FROM run WHERE event = ?1 AND id > ?2 ORDER BY id LIMIT 1",

    /* --- what people say --- */

    [SQL_PUT_FEEDBACK] =
        "INSERT INTO feedback (event, camera, kind, note, wall_us)"
        " SELECT id, camera, ?2, ?3, ?4 FROM event WHERE id = ?1"
        " ON CONFLICT (event) DO UPDATE SET kind = excluded.kind, note = excluded.note,"
        "  wall_us = excluded.wall_us"
        " WHERE (kind, note, wall_us) IS NOT (excluded.kind, excluded.note, excluded.wall_us)",
    /* Of events that are gone; those that are there show it. */
    [SQL_CUT_FEEDBACK] =
        "DELETE FROM feedback WHERE event IN (SELECT event FROM feedback AS said"
        "  INDEXED BY feedback_by_camera WHERE camera = (SELECT camera FROM feedback"
        "   WHERE event = ?1) AND NOT EXISTS (SELECT 1 FROM event WHERE id = said.event)"
        "  ORDER BY wall_us DESC, event DESC LIMIT -1 OFFSET ?2)",
    [SQL_DROP_FEEDBACK] = "DELETE FROM feedback WHERE event = ?1", /* and its places */
    [SQL_FORGET_NOTE] = "UPDATE feedback SET note = '' WHERE event = ?1",
    [SQL_CLEAR_PLACES] = "DELETE FROM feedback_place WHERE event = ?1",
    /* Members of arrays are reached from the top of the JSON, which is known to be readable. */
    [SQL_PUT_PLACES] =
        "INSERT OR IGNORE INTO feedback_place (event, zone, label) SELECT event.id,"
        "  coalesce(CAST(json_extract(outbox.json, zone.fullkey || '.name') AS TEXT), ''),"
        "  CAST(json_extract(outbox.json, track.fullkey || '.label') AS TEXT)"
        " FROM event CROSS JOIN outbox ON outbox.seq = event.seq AND outbox.event = event.id"
        " CROSS JOIN json_each(CASE WHEN json_valid(outbox.json) THEN outbox.json END, '$.tracks')"
        "  AS track"
        " LEFT JOIN json_each(outbox.json, track.fullkey || '.zones') AS zone"
        " WHERE event.id = ?1",
    [SQL_FEEDBACK_OUTBOX] =
        "INSERT INTO outbox (event, revision, json)"
        " SELECT event.id, event.revision, json_set(outbox.json, '$.feedback', json(?2))"
        " FROM event JOIN outbox ON outbox.seq = event.seq AND outbox.event = event.id"
        " WHERE event.id = ?1 AND json_valid(outbox.json) RETURNING json",
    [SQL_FEEDBACK_EVENT] = "UPDATE event SET seq = ?2 WHERE id = ?1",
    [SQL_READ_FEEDBACK] =
        "SELECT feedback.event, feedback.kind, place.zone, place.label"
        " FROM feedback INDEXED BY feedback_by_camera"
        " CROSS JOIN feedback_place AS place ON place.event = feedback.event"
        " WHERE feedback.camera = ?1 ORDER BY feedback.event DESC, place.zone, place.label"
        " LIMIT ?2",
    [SQL_LIST_FEEDBACK] = "SELECT event, camera, kind, note, wall_us FROM feedback"
                          " WHERE event < ?1 ORDER BY event DESC LIMIT ?2",

    /* --- what is usual --- */

    [SQL_PUT_BASELINE] =
        "INSERT OR REPLACE INTO baseline (camera, key, data, wall_us) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DROP_BASELINE] = "DELETE FROM baseline WHERE camera = ?1 AND key = ?2",
    [SQL_COUNT_BASELINE] = "SELECT count(*) FROM baseline WHERE camera = ?1",
    [SQL_CUT_BASELINE] = "DELETE FROM baseline WHERE camera = ?1 AND key IN"
                         " (SELECT key FROM baseline WHERE camera = ?1"
                         "  ORDER BY wall_us DESC, key LIMIT -1 OFFSET ?2)",
    [SQL_READ_BASELINE] = "SELECT key, data FROM baseline WHERE camera = ?1 ORDER BY key LIMIT ?2",

    /* --- keeping house --- */

    [SQL_OPEN_EVENTS] = "SELECT id FROM event WHERE closed = 0 LIMIT ?1",
    [SQL_CRASHED_OUTBOX] =
        "INSERT INTO outbox (event, revision, json)"
        " SELECT event.id, event.revision + 1, json_set(outbox.json, '$.state', 'closed',"
        "  '$.close_reason', ?2, '$.revision', event.revision + 1)"
        " FROM event JOIN outbox ON outbox.seq = event.seq AND outbox.event = event.id"
        " WHERE event.id = ?1 AND json_valid(outbox.json)",
    /* track_ids has the tracks in the same order. */
    [SQL_NAME_PICTURE] =
        "UPDATE outbox SET json = json_set(json, '$.snapshot', ?3, '$.tracks[' || named.key ||"
        "  '].snapshot', ?4)"
        " FROM (SELECT each.key FROM outbox, json_each(outbox.json, '$.track_ids') AS each"
        "  WHERE outbox.seq = ?1 AND each.value = ?2 LIMIT 1) AS named"
        " WHERE seq = ?1",
    [SQL_CRASHED_EVENT] = "UPDATE event SET closed = 1, close_reason = ?2, revision = revision + 1,"
                          " seq = coalesce(?3, seq) WHERE id = ?1",
    [SQL_NEWEST_EVENT] = "SELECT event FROM outbox ORDER BY seq DESC LIMIT 1",
    [SQL_OLDEST_CLOSED] = "SELECT id, seq FROM event WHERE closed = 1 AND id < ?1 AND seq <= ?2"
                          " ORDER BY id LIMIT ?3",
    [SQL_DELETE_DETECTIONS] =
        "DELETE FROM detection WHERE (event, track, at_us) IN"
        " (SELECT event, track, at_us FROM detection WHERE event = ?1 LIMIT ?2)",
    [SQL_DELETE_EVENT] = "DELETE FROM event WHERE id = ?1", /* and what refers to it */
    [SQL_DELETE_OUTBOX_ROW] = "DELETE FROM outbox WHERE seq = ?1 AND seq <= ?2",
    /* Rows ?1 < seq <= ?2 that are not the newest of an event. */
    [SQL_TRIM_OUTBOX] =
        "DELETE FROM outbox WHERE seq > ?1 AND seq <= ?2 AND NOT EXISTS"
        " (SELECT 1 FROM event WHERE event.id = outbox.event AND event.seq = outbox.seq)",
    [SQL_OUTBOX_RANGE_END] =
        "SELECT max(seq), count(*) FROM"
        " (SELECT seq FROM outbox WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)",
    [SQL_PAGE_COUNT] = "PRAGMA page_count",
    [SQL_FREE_PAGES] = "PRAGMA freelist_count",
    [SQL_PAGE_BYTES] = "PRAGMA page_size",
    [SQL_VACUUM_STEP] = "PRAGMA incremental_vacuum(128)",

    /* --- looking at pictures --- */

    [SQL_PICTURED_EVENTS] =
        "SELECT DISTINCT event FROM snapshot WHERE event > ?1 ORDER BY event LIMIT ?2",
    [SQL_EVENT_CLOSED] = "SELECT closed FROM event WHERE id = ?1",
    [SQL_DROP_SNAPSHOT] = "DELETE FROM snapshot WHERE event = ?1 AND track = ?2",
};
