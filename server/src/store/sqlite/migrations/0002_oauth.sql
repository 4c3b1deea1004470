-- Consent that was begun: good once, for a few minutes.
CREATE TABLE oauth_states (
    state_hash BLOB PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    browser_hash BLOB,
    sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);

-- Consent that was given: the tokens, sealed.
CREATE TABLE oauth_grants (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    status TEXT NOT NULL,
    sealed BLOB NOT NULL,
    refresh_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, adapter)
) WITHOUT ROWID;

-- What one worker alone does at a time.
CREATE TABLE leases (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    holder BLOB NOT NULL,
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

-- Names that mean one thing at a provider to all workers: whoever comes first says what.
CREATE TABLE provider_names (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (tenant_id, adapter, name)
) WITHOUT ROWID;
