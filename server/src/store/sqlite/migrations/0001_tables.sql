-- Times are milliseconds since 1970. Every key begins with the tenant.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE tenants (
    tenant_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE devices (
    tenant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    account TEXT NOT NULL,
    grants TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    token_expires_at INTEGER NOT NULL,
    old_token_hash BLOB,
    old_token_until INTEGER,
    revoked_at INTEGER,
    last_exchange INTEGER NOT NULL DEFAULT 0,
    last_seen INTEGER NOT NULL,
    acknowledged_seq INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
) WITHOUT ROWID;
CREATE INDEX devices_account ON devices (tenant_id, account);

CREATE TABLE api_keys (
    tenant_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    account TEXT NOT NULL,
    grants TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
) WITHOUT ROWID;

CREATE TABLE integrations (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    enabled INTEGER,
    paused TEXT NOT NULL,
    settings TEXT NOT NULL,
    credentials BLOB,
    PRIMARY KEY (tenant_id, adapter)
) WITHOUT ROWID;

CREATE TABLE auth_tokens (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, adapter)
) WITHOUT ROWID;

CREATE TABLE operations (
    tenant_id TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    account TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    key_held INTEGER NOT NULL DEFAULT 1,
    fingerprint BLOB NOT NULL,
    ordering_key TEXT,
    position INTEGER,
    holds_key INTEGER NOT NULL DEFAULT 0,
    on_failure TEXT NOT NULL,
    adapter TEXT NOT NULL,
    action TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    money INTEGER NOT NULL,
    money_reference TEXT,
    correlation TEXT,
    parent_id BLOB,
    parent_on TEXT,
    retry_of BLOB,
    state TEXT NOT NULL,
    outcome TEXT,
    problem TEXT,
    reference_id TEXT,
    reference_data TEXT,
    receipt TEXT,
    memo TEXT,
    effect_number INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    polls INTEGER NOT NULL DEFAULT 0,
    attempt_id BLOB,
    first_opened_at INTEGER,
    ambiguous_at INTEGER,
    reserved_day INTEGER,
    reserved_amount INTEGER NOT NULL DEFAULT 0,
    reserved_messages INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    next_at INTEGER,
    lease_until INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, operation_id)
);
-- The key names the effect: free again only if no attempt of its holder was ever opened.
CREATE UNIQUE INDEX operations_key ON operations (tenant_id, account, idempotency_key) WHERE key_held = 1;
CREATE INDEX operations_due ON operations (tenant_id, adapter, next_at) WHERE ended_at IS NULL;
CREATE INDEX operations_next ON operations (next_at) WHERE ended_at IS NULL;
CREATE INDEX operations_expiry ON operations (expires_at) WHERE state IN ('held', 'ready');
CREATE INDEX operations_stream ON operations (tenant_id, ordering_key, position) WHERE holds_key = 1;
CREATE INDEX operations_parent ON operations (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX operations_receipt ON operations (tenant_id, adapter, receipt) WHERE receipt IS NOT NULL;
-- At most one payment for a reference is under way.
CREATE UNIQUE INDEX operations_money ON operations (tenant_id, adapter, money_reference)
    WHERE money_reference IS NOT NULL AND ended_at IS NULL;
CREATE INDEX operations_ambiguous ON operations (tenant_id, adapter, correlation)
    WHERE ambiguous_at IS NOT NULL AND state = 'waiting';
CREATE INDEX operations_ended ON operations (ended_at) WHERE ended_at IS NOT NULL AND money = 0;
CREATE INDEX operations_figures ON operations (adapter, state);
CREATE INDEX operations_open_calls ON operations (tenant_id, adapter) WHERE state = 'calling';

-- Ids that never became an operation: what was answered about them.
CREATE TABLE verdicts (
    tenant_id TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    account TEXT NOT NULL,
    verdict TEXT NOT NULL,
    problem TEXT,
    duplicate_of BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, operation_id)
) WITHOUT ROWID;
CREATE INDEX verdicts_at ON verdicts (at);

CREATE TABLE streams (
    tenant_id TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    tail INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, ordering_key)
) WITHOUT ROWID;

-- What webhooks may call an operation.
CREATE TABLE provider_references (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    reference TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, adapter, reference)
) WITHOUT ROWID;

CREATE TABLE attempts (
    tenant_id TEXT NOT NULL,
    attempt_id BLOB NOT NULL,
    operation_id BLOB NOT NULL,
    adapter TEXT NOT NULL,
    action TEXT NOT NULL,
    account TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    money INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    send_before INTEGER,
    answer_by INTEGER,
    closed_at INTEGER,
    result TEXT,
    code TEXT,
    message TEXT,
    count INTEGER NOT NULL DEFAULT 1,
    state_after TEXT,
    PRIMARY KEY (tenant_id, attempt_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_id ON attempts (attempt_id);
CREATE INDEX attempts_operation ON attempts (tenant_id, operation_id, opened_at);
CREATE INDEX attempts_result ON attempts (adapter, result);
CREATE INDEX attempts_closed ON attempts (closed_at) WHERE money = 0;

CREATE TABLE lanes (
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    not_before INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    last_served INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, adapter)
) WITHOUT ROWID;

CREATE TABLE feeds (
    tenant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
) WITHOUT ROWID;

-- One row a device and operation, renumbered at each change: it compacts itself. 0 = no news yet.
CREATE TABLE feed (
    tenant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    local_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id, operation_id)
) WITHOUT ROWID;
CREATE INDEX feed_seq ON feed (tenant_id, device_id, seq);
CREATE INDEX feed_operation ON feed (tenant_id, operation_id);

CREATE TABLE usage (
    tenant_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor_kind, actor_id, day)
) WITHOUT ROWID;

CREATE TABLE notification_receipts (
    tenant_id TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    event TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, notification_id, device_id, event)
) WITHOUT ROWID;

CREATE TABLE webhook_tokens (
    token_hash BLOB PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE webhooks (
    webhook_id INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    path TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE INDEX webhooks_at ON webhooks (received_at);

CREATE TABLE webhook_events (
    event_row INTEGER PRIMARY KEY,
    webhook_id INTEGER NOT NULL,
    tenant_id TEXT NOT NULL,
    adapter TEXT NOT NULL,
    attempt_id BLOB,
    reference TEXT,
    event_id TEXT,
    correlation TEXT,
    news TEXT NOT NULL,
    state TEXT NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX webhook_events_id ON webhook_events (tenant_id, adapter, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX webhook_events_open ON webhook_events (tenant_id, adapter, event_row) WHERE state = 'open';
CREATE INDEX webhook_events_at ON webhook_events (received_at);
