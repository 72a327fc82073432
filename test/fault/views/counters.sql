-- What the events add up to, for the fault tests.
-- schema:
CREATE TABLE counters (key TEXT PRIMARY KEY, total INTEGER NOT NULL, adds INTEGER NOT NULL);

-- on: testing.v1.Added
INSERT INTO counters (key, total, adds) VALUES (:_key, :amount, 1)
ON CONFLICT (key) DO UPDATE SET total = counters.total + excluded.total, adds = counters.adds + 1;

-- query: all()
SELECT key, total, adds FROM counters ORDER BY key;
