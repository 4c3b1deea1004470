-- What a webhook that is read again from here came with.
ALTER TABLE webhooks ADD COLUMN attempt_id BLOB;
ALTER TABLE webhooks ADD COLUMN query TEXT NOT NULL DEFAULT '';
CREATE INDEX webhook_events_webhook ON webhook_events (webhook_id);
