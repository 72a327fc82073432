-- The statement of an account: every movement, in the order in which it was booked, and the balance after it.
-- schema:
CREATE TABLE account (
    account_id TEXT PRIMARY KEY, owner TEXT NOT NULL, balance_cents INTEGER NOT NULL, overdraft_cents INTEGER NOT NULL);
CREATE TABLE movement (
    account_id TEXT NOT NULL, version INTEGER NOT NULL, booked_on TEXT NOT NULL, cents INTEGER NOT NULL, text TEXT NOT NULL,
    reference TEXT, transfer_id TEXT, balance_cents INTEGER NOT NULL, PRIMARY KEY (account_id, version));

-- on: bank.v1.AccountOpened
INSERT INTO account (account_id, owner, balance_cents, overdraft_cents) VALUES (:account_id, :owner, 0, :overdraft_cents);

-- on: bank.v1.OverdraftChanged
UPDATE account SET overdraft_cents = :overdraft_cents WHERE account_id = :account_id;

-- on: bank.v1.Deposited
UPDATE account SET balance_cents = balance_cents + :cents WHERE account_id = :account_id;
INSERT INTO movement (account_id, version, booked_on, cents, text, reference, transfer_id, balance_cents)
SELECT account_id, :_version, :booked_on_ms.date, :cents, :text, NULLIF(:reference, ''), NULLIF(:transfer_id, ''), balance_cents
FROM account WHERE account_id = :account_id;

-- on: bank.v1.Withdrawn
UPDATE account SET balance_cents = balance_cents - :cents WHERE account_id = :account_id;
INSERT INTO movement (account_id, version, booked_on, cents, text, reference, transfer_id, balance_cents)
SELECT account_id, :_version, :booked_on_ms.date, -:cents, :text, NULLIF(:reference, ''), NULLIF(:transfer_id, ''), balance_cents
FROM account WHERE account_id = :account_id;

-- query: of(account_id text, before integer = 9223372036854775807, count integer = 50)
SELECT version, booked_on, cents, text, balance_cents FROM movement
WHERE account_id = :account_id AND version < :before ORDER BY version DESC LIMIT :count;
-- query: overdrawn
SELECT account_id, owner, balance_cents, overdraft_cents FROM account WHERE balance_cents < 0 ORDER BY balance_cents, account_id;
