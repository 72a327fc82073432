-- Money in and out of the bank's accounts, by day and by month (UTC, by the day of booking).
-- schema:
CREATE TABLE daily (
    day TEXT PRIMARY KEY, deposits INTEGER NOT NULL, withdrawals INTEGER NOT NULL, in_cents INTEGER NOT NULL, out_cents INTEGER NOT NULL,
    largest_cents INTEGER NOT NULL);
CREATE TABLE monthly (
    month TEXT PRIMARY KEY, deposits INTEGER NOT NULL, withdrawals INTEGER NOT NULL, in_cents INTEGER NOT NULL, out_cents INTEGER NOT NULL,
    largest_cents INTEGER NOT NULL);

-- on: bank.v1.Deposited
INSERT INTO daily VALUES (:booked_on_ms.date, 1, 0, :cents, 0, :cents)
ON CONFLICT (day) DO UPDATE SET deposits = daily.deposits + 1, in_cents = daily.in_cents + excluded.in_cents,
    largest_cents = CASE WHEN excluded.largest_cents > daily.largest_cents THEN excluded.largest_cents ELSE daily.largest_cents END;
INSERT INTO monthly VALUES (substr(:booked_on_ms.date, 1, 7), 1, 0, :cents, 0, :cents)
ON CONFLICT (month) DO UPDATE SET deposits = monthly.deposits + 1, in_cents = monthly.in_cents + excluded.in_cents,
    largest_cents = CASE WHEN excluded.largest_cents > monthly.largest_cents THEN excluded.largest_cents ELSE monthly.largest_cents END;

-- on: bank.v1.Withdrawn
INSERT INTO daily VALUES (:booked_on_ms.date, 0, 1, 0, :cents, :cents)
ON CONFLICT (day) DO UPDATE SET withdrawals = daily.withdrawals + 1, out_cents = daily.out_cents + excluded.out_cents,
    largest_cents = CASE WHEN excluded.largest_cents > daily.largest_cents THEN excluded.largest_cents ELSE daily.largest_cents END;
INSERT INTO monthly VALUES (substr(:booked_on_ms.date, 1, 7), 0, 1, 0, :cents, :cents)
ON CONFLICT (month) DO UPDATE SET withdrawals = monthly.withdrawals + 1, out_cents = monthly.out_cents + excluded.out_cents,
    largest_cents = CASE WHEN excluded.largest_cents > monthly.largest_cents THEN excluded.largest_cents ELSE monthly.largest_cents END;

-- query: by_day(from text = '0000', until text = '9999')
SELECT day, deposits, withdrawals, in_cents, out_cents, in_cents - out_cents AS net_cents FROM daily
WHERE day >= :from AND day < :until ORDER BY day;
-- query: by_month(from text = '0000', until text = '9999')
SELECT month, deposits, withdrawals, in_cents, out_cents, in_cents - out_cents AS net_cents FROM monthly
WHERE month >= :from AND month < :until ORDER BY month;
