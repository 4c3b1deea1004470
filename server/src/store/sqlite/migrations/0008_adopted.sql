-- Messages whose lost answer a delivery report made up for: their other reports are looked up here.
CREATE INDEX operations_adopted ON operations (tenant_id, adapter)
    WHERE state = 'succeeded' AND reference_data ->> '$.adopted' = 1;
