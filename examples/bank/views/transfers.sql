-- Transfers, and what became of them.
-- schema:
CREATE TABLE transfer (
    transfer_id TEXT PRIMARY KEY, from_account TEXT NOT NULL, to_account TEXT NOT NULL, cents INTEGER NOT NULL, status TEXT NOT NULL,
    reason TEXT);

-- on: bank.v1.TransferRequested
INSERT INTO transfer (transfer_id, from_account, to_account, cents, status)
VALUES (:transfer_id, :from_account, :to_account, :cents, 'requested');

-- on: bank.v1.TransferCompleted
UPDATE transfer SET status = 'completed' WHERE transfer_id = :transfer_id;

-- on: bank.v1.TransferFailed
UPDATE transfer SET status = 'failed', reason = :reason WHERE transfer_id = :transfer_id;

-- query: under_way
SELECT transfer_id, from_account, to_account, cents FROM transfer WHERE status = 'requested' ORDER BY transfer_id;
-- query: failures
SELECT reason, count(*) AS transfers, sum(cents) AS cents FROM transfer WHERE status = 'failed' GROUP BY reason ORDER BY reason;
