-- Where a device's notifications go: one registration a device, and a registration belongs to one device alone.
CREATE TABLE push_tokens (
    tenant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    token_hash BLOB NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX push_tokens_token ON push_tokens (tenant_id, token_hash);
