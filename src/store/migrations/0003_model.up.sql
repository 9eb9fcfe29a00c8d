-- What a language model is asked and answers, what people say of events, and what is usual.

-- What a score was made of: with it an event can be judged, or scored again.
CREATE TABLE window (
    event BLOB NOT NULL PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL, -- of the event then
    data BLOB NOT NULL -- zstd of its JSON
) STRICT, WITHOUT ROWID;

-- Windows to be asked about, in the order of the index.
CREATE TABLE job (
    event BLOB NOT NULL PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL, -- of the window that was put to be asked about
    urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    score INTEGER, -- of the rules; NULL: none
    tries INTEGER NOT NULL, -- that were put off
    dead INTEGER NOT NULL CHECK (dead IN (0, 1)), -- given up, until it is queued again
    reason TEXT NOT NULL, -- why it was put off or given up
    queued_wall_us INTEGER NOT NULL,
    not_before_wall_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The last column only spares a look at the rows of those that are not due.
CREATE INDEX job_by_turn ON job (dead, urgent DESC, score DESC, event DESC, not_before_wall_us);

-- What the model makes of an event, or why it does not; what the event's JSON says too.
CREATE TABLE judgement (
    event BLOB NOT NULL PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL, -- that was judged
    done INTEGER NOT NULL CHECK (done IN (0, 1)), -- 0: it waits, or was given up
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every question with its answer: what is needed to ask again. A token count of -1 was not told.
CREATE TABLE run (
    event BLOB NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (length(id) = 16),
    revision INTEGER NOT NULL, -- of the window
    attempt INTEGER NOT NULL, -- from 1
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    model TEXT NOT NULL,
    build TEXT NOT NULL, -- of the server
    seed INTEGER NOT NULL,
    temperature REAL NOT NULL,
    prompt_version INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    prompt_sha256 BLOB NOT NULL CHECK (length(prompt_sha256) = 32),
    request BLOB, -- zstd
    reply BLOB, -- zstd; NULL: there was none
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    reply_tokens INTEGER NOT NULL,
    spent_us INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    PRIMARY KEY (event, id)
) STRICT, WITHOUT ROWID;

-- What somebody said about an event. It outlives the event, without its note: what was learned from
-- it stays.
CREATE TABLE feedback (
    event BLOB NOT NULL PRIMARY KEY CHECK (length(event) = 16), -- may be gone already
    camera TEXT NOT NULL,
    -- accurate, false positive, missed, too high, too low
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),
    note TEXT NOT NULL,
    wall_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_by_camera ON feedback (camera, event);

-- Which labels it is about, and in which zones they were.
CREATE TABLE feedback_place (
    event BLOB NOT NULL REFERENCES feedback (event) ON DELETE CASCADE,
    zone TEXT NOT NULL, -- empty: in none
    label TEXT NOT NULL,
    PRIMARY KEY (event, zone, label)
) STRICT, WITHOUT ROWID;

-- What is usual in front of a camera: bytes of the program's own.
CREATE TABLE baseline (
    camera TEXT NOT NULL,
    key TEXT NOT NULL,
    data BLOB NOT NULL CHECK (length(data) <= 64),
    wall_us INTEGER NOT NULL, -- last written
    PRIMARY KEY (camera, key)
) STRICT, WITHOUT ROWID;
