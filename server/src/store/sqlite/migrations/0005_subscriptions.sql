-- Where a tenant's backend is told of events.
CREATE TABLE subscriptions (
    tenant_id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    PRIMARY KEY (tenant_id, subscription_id)
) WITHOUT ROWID;

-- The breaker opened and nothing has succeeded since: told once, however many look.
ALTER TABLE lanes ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0;

-- Payments are never forgotten; the rest goes by age.
CREATE INDEX events_old ON events (at) WHERE kind <> 'payment.received';
