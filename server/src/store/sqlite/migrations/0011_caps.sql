-- What notifications are booked at, by the day on which a step began: `all`, `channel:sms`, `person:amina`.
CREATE TABLE notification_spent (
    tenant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    scope TEXT NOT NULL,
    currency TEXT NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, day, scope, currency)
) WITHOUT ROWID;
INSERT INTO notification_spent SELECT tenant_id, day, 'all', currency, micros FROM notification_costs;
DROP TABLE notification_costs;

-- All caps of a day in one.
ALTER TABLE notification_settings ADD COLUMN caps TEXT;
UPDATE notification_settings SET caps = json_object('daily_cap', json(daily_cap)) WHERE daily_cap IS NOT NULL;
ALTER TABLE notification_settings DROP COLUMN daily_cap;

-- The operation that takes a push back, since another channel was first.
ALTER TABLE notifications ADD COLUMN retraction BLOB;
CREATE INDEX notifications_retraction ON notifications (tenant_id, retraction) WHERE retraction IS NOT NULL;
