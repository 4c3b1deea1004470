-- A claim is put on record once, and what it was is told when its operation has ended.
ALTER TABLE webhook_events ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;
