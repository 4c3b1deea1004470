-- What a tenant decided about each type of notification, and its texts.
CREATE TABLE notification_types (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    route TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;
CREATE TABLE notification_templates (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    texts TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

-- The address book, and what was learnt of it by trying: until then, and gone with the address.
CREATE TABLE recipients (
    tenant_id TEXT NOT NULL,
    account TEXT NOT NULL,
    data TEXT NOT NULL,
    phone TEXT,
    whatsapp TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, account)
) WITHOUT ROWID;
CREATE INDEX recipients_phone ON recipients (tenant_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX recipients_whatsapp ON recipients (tenant_id, whatsapp) WHERE whatsapp IS NOT NULL;
CREATE TABLE recipient_facts (
    tenant_id TEXT NOT NULL,
    account TEXT NOT NULL,
    channel TEXT NOT NULL,
    reason TEXT NOT NULL,
    fact_until INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, account, channel)
) WITHOUT ROWID;
CREATE TABLE lists (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    members TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

-- One `notify`: route, texts and people as they were when it began, and how far it has been spread over them.
CREATE TABLE broadcasts (
    tenant_id TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    route TEXT NOT NULL,
    texts TEXT NOT NULL,
    data TEXT NOT NULL,
    dedupe_key TEXT,
    is_list INTEGER NOT NULL,
    members TEXT NOT NULL,
    total INTEGER NOT NULL,
    spread INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, operation_id)
) WITHOUT ROWID;

-- One person's chain.
CREATE TABLE notifications (
    tenant_id TEXT NOT NULL,
    notification_id BLOB NOT NULL,
    operation_id BLOB NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT,
    reason TEXT,
    dedupe_key TEXT,
    spent INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    deferred_until INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, notification_id)
);
CREATE UNIQUE INDEX notifications_id ON notifications (notification_id);
CREATE UNIQUE INDEX notifications_person ON notifications (tenant_id, operation_id, account);
CREATE INDEX notifications_due ON notifications (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_open ON notifications (tenant_id, operation_id) WHERE ended_at IS NULL;
CREATE INDEX notifications_dedupe ON notifications (tenant_id, kind, account, dedupe_key, created_at) WHERE dedupe_key IS NOT NULL;
CREATE INDEX notifications_account ON notifications (tenant_id, account, created_at);
CREATE INDEX notifications_figures ON notifications (tenant_id, created_at, kind);

-- One channel of one chain: a step, which is the operation of that id, or a channel left out.
CREATE TABLE deliveries (
    tenant_id TEXT NOT NULL,
    notification_id BLOB NOT NULL,
    leg INTEGER NOT NULL,
    channel TEXT NOT NULL,
    operation_id BLOB,
    reason TEXT,
    lost INTEGER NOT NULL DEFAULT 0,
    reach TEXT,
    late INTEGER NOT NULL DEFAULT 0,
    begun_at INTEGER NOT NULL,
    accepted_at INTEGER,
    delivered_at INTEGER,
    read_at INTEGER,
    over_at INTEGER,
    currency TEXT,
    cost INTEGER NOT NULL DEFAULT 0,
    estimated INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, notification_id, leg)
) WITHOUT ROWID;
CREATE INDEX deliveries_operation ON deliveries (tenant_id, operation_id) WHERE operation_id IS NOT NULL;

-- What notifications are booked at, by the day on which a step began.
CREATE TABLE notification_costs (
    tenant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    currency TEXT NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, day, currency)
) WITHOUT ROWID;
-- What a tenant decided about all of its notifications.
CREATE TABLE notification_settings (
    tenant_id TEXT PRIMARY KEY,
    daily_cap TEXT
) WITHOUT ROWID;
