-- Rate limits in a row that named no time: each keeps the lane closed for longer.
ALTER TABLE lanes ADD COLUMN limits INTEGER NOT NULL DEFAULT 0;
