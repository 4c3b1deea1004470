-- What happened that a tenant's backend may want to know. Append-only, read by cursor; one row a fact.
CREATE TABLE events (
    event_seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL,
    fact TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE UNIQUE INDEX events_fact ON events (tenant_id, fact);
CREATE INDEX events_read ON events (tenant_id, event_seq);
CREATE INDEX events_kind ON events (tenant_id, kind, at);
