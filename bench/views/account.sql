-- The view that is measured: one row an account.
-- schema:
CREATE TABLE account (account_id TEXT PRIMARY KEY, balance_cents INTEGER NOT NULL, bookings INTEGER NOT NULL);
-- on: bench.v1.Booked
INSERT INTO account (account_id, balance_cents, bookings) VALUES (:account_id, :cents, 1)
ON CONFLICT (account_id) DO UPDATE SET balance_cents = account.balance_cents + excluded.balance_cents, bookings = account.bookings + 1;
-- query: one(account_id text)
SELECT account_id, balance_cents, bookings FROM account WHERE account_id = :account_id;
