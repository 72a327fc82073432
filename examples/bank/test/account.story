test an account is opened once, and an overdraft limit is not below zero
when  OpenAccount account_id=a owner=ada overdraft_cents=-1
then  rejected bad-overdraft
when  OpenAccount account_id=a owner=ada overdraft_cents=500
then  AccountOpened account_id=a owner=ada overdraft_cents=500
when  OpenAccount account_id=a owner=bob
then  rejected exists
state account a open=true owner=ada overdraft_cents=500

test no account, no movement
when  Deposit account_id=a cents=1000
then  rejected no-account
when  Withdraw account_id=a cents=1000
then  rejected no-account
when  ChangeOverdraft account_id=a overdraft_cents=1
then  rejected no-account

test an amount is above zero, and no balance grows without end
given AccountOpened account_id=a
when  Deposit account_id=a cents=0
then  rejected bad-amount
when  Withdraw account_id=a cents=-1
then  rejected bad-amount
when  Deposit account_id=a cents=1000000000000001
then  rejected bad-amount
when  Deposit account_id=a cents=1000000000000000
then  Deposited
when  Deposit account_id=a cents=1
then  rejected too-much
state account a open=true balance_cents=1000000000000000

test an account may be overdrawn up to its limit
given AccountOpened account_id=a owner=ada overdraft_cents=500
and   Deposited account_id=a cents=1000
when  Withdraw account_id=a cents=1501
then  rejected insufficient-funds
when  Withdraw account_id=a cents=1500 text=rent
then  Withdrawn account_id=a cents=1500 text=rent booked_on_ms=1767225600000
when  Withdraw account_id=a cents=1
then  rejected insufficient-funds
state account a open=true owner=ada balance_cents=-500 overdraft_cents=500

test a limit that is lowered under the debt takes deposits alone
given AccountOpened account_id=a overdraft_cents=500
and   Withdrawn account_id=a cents=400
when  ChangeOverdraft account_id=a overdraft_cents=100
then  OverdraftChanged account_id=a overdraft_cents=100
when  ChangeOverdraft account_id=a overdraft_cents=100
then  nothing
when  Withdraw account_id=a cents=1
then  rejected insufficient-funds
when  Deposit account_id=a cents=301
then  Deposited
when  Withdraw account_id=a cents=1
then  Withdrawn

test a movement counts for the day that it says, or for today, never for tomorrow
given AccountOpened account_id=a
when  Deposit account_id=a cents=1000 booked_on_ms=725846400000
then  Deposited account_id=a cents=1000 booked_on_ms=725846400000
after 1d
when  Deposit account_id=a cents=1000
then  Deposited account_id=a cents=1000 booked_on_ms=1767312000000
when  Withdraw account_id=a cents=1 booked_on_ms=1767312000001
then  rejected bad-day
