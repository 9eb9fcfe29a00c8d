-- Times are integers in microseconds: *_us on the camera's own timeline, wall_* Unix time in UTC, NULL
-- where the source has no wall time. Ids are UUID version 7 as 16 bytes, so keys grow with time and
-- new rows go to the end of their tables.

-- Every change of an event, in the order of its commit. Consumers resume by seq. The newest row of an
-- event is also where its JSON is kept: a change writes its JSON once, at the end of one table.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event BLOB NOT NULL CHECK (length(event) = 16), -- may be gone already
    revision INTEGER NOT NULL,
    json TEXT NOT NULL
) STRICT;

-- What events are looked for by; narrow, so that lists read few pages.
CREATE TABLE event (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    continues BLOB CHECK (length(continues) = 16), -- the event whose tracks go on here; may be gone
    camera TEXT NOT NULL,
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    close_reason TEXT, -- NULL: still open
    revision INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL, -- last sighting
    wall_start_us INTEGER,
    wall_end_us INTEGER,
    score INTEGER, -- 0 to 100, NULL: none
    level INTEGER NOT NULL, -- 0 unknown, 1 low, 2 medium, 3 high, 4 critical
    seq INTEGER NOT NULL -- its newest outbox row, which is kept as long as the event
) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_camera ON event (camera, id);

-- Zone visits and crossings are in the event's JSON only, until a query needs them as rows.
CREATE TABLE track (
    event BLOB NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (length(id) = 16), -- goes on in the event that continues this one
    label TEXT NOT NULL,
    confidence REAL NOT NULL, -- 0 to 1
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    stationary INTEGER NOT NULL CHECK (stationary IN (0, 1)),
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reason (
    event BLOB NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, -- from 0, as explained to people
    rule TEXT NOT NULL,
    points INTEGER NOT NULL,
    text TEXT NOT NULL,
    track BLOB CHECK (length(track) = 16), -- evidence; NULL: the event as a whole
    at_us INTEGER NOT NULL,
    PRIMARY KEY (event, position)
) STRICT, WITHOUT ROWID;

-- One row per object and analysed frame: by far the most rows. Box and score are integers in ten
-- thousandths (two bytes each); wall time follows from the event's.
CREATE TABLE detection (
    event BLOB NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    track BLOB NOT NULL CHECK (length(track) = 16),
    at_us INTEGER NOT NULL,
    x0 INTEGER NOT NULL,
    y0 INTEGER NOT NULL,
    x1 INTEGER NOT NULL,
    y1 INTEGER NOT NULL,
    score INTEGER NOT NULL,
    PRIMARY KEY (event, track, at_us)
) STRICT, WITHOUT ROWID;

-- Picture files: pictures/EVENT/TRACK.jpg and TRACK-boxes.jpg, there before the row is.
CREATE TABLE snapshot (
    event BLOB NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    track BLOB NOT NULL CHECK (length(track) = 16),
    at_us INTEGER NOT NULL, -- of the frame
    bytes INTEGER NOT NULL, -- both files
    PRIMARY KEY (event, track)
) STRICT, WITHOUT ROWID;
