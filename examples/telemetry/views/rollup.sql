-- Readings rolled up by hour and by day (UTC), in ten-thousandths, and the alerts.
-- schema:
CREATE TABLE by_hour (device_id TEXT NOT NULL, sensor TEXT NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL,
    total INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, PRIMARY KEY (device_id, sensor, hour));
CREATE TABLE by_day (device_id TEXT NOT NULL, sensor TEXT NOT NULL, day TEXT NOT NULL, n INTEGER NOT NULL,
    total INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, PRIMARY KEY (device_id, sensor, day));
CREATE TABLE alert (device_id TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (device_id, since));

-- on: telemetry.v1.ReadingRecorded
-- each: values
INSERT INTO by_hour (device_id, sensor, hour, n, total, low, high)
VALUES (:device_id, :values.sensor, :measured_at_ms.hour, 1, :values.ten_thousandths, :values.ten_thousandths, :values.ten_thousandths)
ON CONFLICT (device_id, sensor, hour) DO UPDATE SET n = by_hour.n + 1, total = by_hour.total + excluded.total,
    low = CASE WHEN excluded.low < by_hour.low THEN excluded.low ELSE by_hour.low END,
    high = CASE WHEN excluded.high > by_hour.high THEN excluded.high ELSE by_hour.high END;
-- each: values
INSERT INTO by_day (device_id, sensor, day, n, total, low, high)
VALUES (:device_id, :values.sensor, :measured_at_ms.date, 1, :values.ten_thousandths, :values.ten_thousandths, :values.ten_thousandths)
ON CONFLICT (device_id, sensor, day) DO UPDATE SET n = by_day.n + 1, total = by_day.total + excluded.total,
    low = CASE WHEN excluded.low < by_day.low THEN excluded.low ELSE by_day.low END,
    high = CASE WHEN excluded.high > by_day.high THEN excluded.high ELSE by_day.high END;

-- on: telemetry.v1.AlertRaised
INSERT INTO alert (device_id, since) VALUES (:device_id, :measured_at_ms);

-- on: telemetry.v1.AlertCleared
UPDATE alert SET until = :measured_at_ms WHERE device_id = :device_id AND until IS NULL;

-- query: open_alerts
SELECT device_id, since FROM alert WHERE until IS NULL ORDER BY since, device_id;
