-- What is kept of cameras besides events.

-- Files a camera has uploaded, so that none is analysed twice: a file may stay where it is for ever,
-- and its content is all that tells it from a new one. So rows go by number, never by age.
CREATE TABLE upload (
    camera TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of its content
    position INTEGER NOT NULL, -- counts the camera's uploads, in the order they were stored
    name TEXT NOT NULL, -- path below the camera's folder
    bytes INTEGER NOT NULL,
    wall_us INTEGER, -- last written; NULL: not known
    refusal TEXT NOT NULL, -- why it was not taken; empty: it was
    PRIMARY KEY (camera, sha256)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX upload_by_position ON upload (camera, position);

-- A camera's memory of what stands still, replaced as a whole. looks and hours are bytes of the
-- program's own: 48 of a small picture, and 24 counts of 4 bytes each, least significant first.
CREATE TABLE parked (
    camera TEXT NOT NULL,
    position INTEGER NOT NULL, -- from 0, as given
    id BLOB NOT NULL CHECK (length(id) = 16), -- of the track that came to rest
    label TEXT NOT NULL,
    x0 REAL NOT NULL, -- shares of the picture
    y0 REAL NOT NULL,
    x1 REAL NOT NULL,
    y1 REAL NOT NULL,
    looks BLOB NOT NULL CHECK (length(looks) = 48),
    hours BLOB NOT NULL CHECK (length(hours) = 96), -- sightings by hour of the day, UTC
    since_wall_us INTEGER, -- came to rest
    seen_wall_us INTEGER, -- last seen
    PRIMARY KEY (camera, position)
) STRICT, WITHOUT ROWID;

-- What happened to cameras rather than in front of them.
CREATE TABLE camera_event (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    ended INTEGER NOT NULL CHECK (ended IN (0, 1)), -- 0: it has begun
    wall_us INTEGER,
    text TEXT NOT NULL,
    after_seq INTEGER NOT NULL -- newest outbox row then: tells new from old whatever the clock said
) STRICT, WITHOUT ROWID;
CREATE INDEX camera_event_by_camera ON camera_event (camera, id);
