-- schema:
-- Nothing here can be done twice, or left out, without being seen.
CREATE TABLE total (a TEXT, k TEXT, n INTEGER NOT NULL, times INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (a, k));

-- on: testing.v1.Added
INSERT INTO total VALUES ('counter', :_key, :amount, 1, :_version)
ON CONFLICT (a, k) DO UPDATE SET n = total.n + excluded.n, times = total.times + 1, version = excluded.version;

-- on: testing.v1.WasReset
UPDATE total SET n = n - :was, times = times + 1, version = :_version WHERE a = 'counter' AND k = :_key;

-- on: testing.v1.Ticked
INSERT INTO total VALUES ('tally', :_key, :times, 1, :_version)
ON CONFLICT (a, k) DO UPDATE SET n = total.n + excluded.n, times = total.times + 1, version = excluded.version;

-- query: everything
SELECT a, k, n, times, version FROM total ORDER BY a, k;
