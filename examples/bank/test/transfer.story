test a transfer is requested once, of an amount, between two accounts
when  RequestTransfer transfer_id=t from_account=a to_account=b cents=0
then  rejected bad-amount
when  RequestTransfer transfer_id=t from_account=a cents=1
then  rejected no-account
when  RequestTransfer transfer_id=t from_account=a to_account=a cents=1
then  rejected same-account
when  RequestTransfer transfer_id=t from_account=a to_account=b cents=400 text=rent
then  TransferRequested transfer_id=t from_account=a to_account=b cents=400 text=rent
when  RequestTransfer transfer_id=t from_account=a to_account=b cents=400 text=rent
then  rejected exists
when  FailTransfer transfer_id=t reason=strike
then  TransferFailed transfer_id=t reason=strike
when  CompleteTransfer transfer_id=t
then  rejected not-open
state transfer t status=FAILED reason=strike

test it takes first, then gives
when  TransferRequested transfer_id=t from_account=a to_account=b cents=400 text=rent
then  sends Withdraw account_id=a cents=400 text=rent transfer_id=t
when  Withdrawn account_id=a cents=400 transfer_id=t
then  sends Deposit account_id=b cents=400 text=rent transfer_id=t
when  Deposited account_id=b cents=400 transfer_id=t
then  sends CompleteTransfer transfer_id=t
and   finishes

test what can't be taken fails the transfer
given TransferRequested transfer_id=t from_account=a to_account=b cents=400
when  rejected insufficient-funds Withdraw account_id=a cents=400 transfer_id=t
then  sends FailTransfer transfer_id=t reason=insufficient-funds
and   finishes

test a refund that is refused is tried again, hour by hour
given TransferRequested transfer_id=t from_account=a to_account=b cents=400
and   Withdrawn account_id=a cents=400 transfer_id=t
when  rejected no-account Deposit account_id=b cents=400 transfer_id=t
then  sends Deposit account_id=a cents=400 text=refund transfer_id=t
when  rejected too-much Deposit account_id=a cents=400 text=refund transfer_id=t
then  schedules refund 1h
after 1h
then  sends Deposit account_id=a cents=400 text=refund transfer_id=t
when  Deposited account_id=a cents=400 text=refund transfer_id=t
then  sends FailTransfer transfer_id=t reason=no-account
and   finishes

test a movement without a transfer is nothing to the process
given TransferRequested transfer_id=t from_account=a to_account=b cents=400
when  Deposited account_id=b cents=400
then  nothing
when  Deposited account_id=b cents=400 transfer_id=t
then  nothing
state transferring t from_account=a to_account=b cents=400

test all the way: a transfer moves money
given AccountOpened account_id=a
and   AccountOpened account_id=b
and   Deposited account_id=a cents=1000
run   RequestTransfer transfer_id=t from_account=a to_account=b cents=400 text=rent
then  TransferRequested
and   Withdrawn account_id=a cents=400 text=rent booked_on_ms=1767225600000 transfer_id=t
and   Deposited account_id=b cents=400 text=rent booked_on_ms=1767225600000 transfer_id=t
and   TransferCompleted
state account a open=true balance_cents=600
state account b open=true balance_cents=400
state transfer t status=COMPLETED
rows  statement.movement order=account_id,version
      | a | 2 | 1970-01-01 | 1000 | | null | null | 1000 |
      | a | 3 | 2026-01-01 | -400 | rent | null | t | 600 |
      | b | 2 | 2026-01-01 | 400 | rent | null | t | 400 |

test all the way: more than there is
given AccountOpened account_id=a overdraft_cents=100
and   AccountOpened account_id=b
run   RequestTransfer transfer_id=t from_account=a to_account=b cents=101
then  TransferRequested
and   TransferFailed transfer_id=t reason=insufficient-funds
run   RequestTransfer transfer_id=u from_account=a to_account=b cents=100
then  TransferRequested
and   Withdrawn
and   Deposited
and   TransferCompleted
state account a open=true balance_cents=-100 overdraft_cents=100

test all the way: a transfer to nowhere is refunded
given AccountOpened account_id=a
and   Deposited account_id=a cents=1000
run   RequestTransfer transfer_id=t from_account=a to_account=x cents=400
then  TransferRequested
and   Withdrawn
and   Deposited account_id=a cents=400 text=refund booked_on_ms=1767225600000 transfer_id=t
and   TransferFailed transfer_id=t reason=no-account
rows  statement.account
      | a | | 1000 | 0 |
rows  transfers.failures
      | no-account | 1 | 400 |
rows  transfers.under_way
