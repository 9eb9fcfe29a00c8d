DROP TABLE snapshot;
DROP TABLE detection;
DROP TABLE reason;
DROP TABLE track;
DROP TABLE event;
DROP TABLE outbox;
