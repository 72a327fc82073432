test the statement has a running balance
given AccountOpened account_id=a owner=ada
and   AccountOpened account_id=b owner=bob
and   Deposited account_id=a cents=1000 text=wage booked_on_ms=725846400000
and   Deposited account_id=b cents=50 text=gift booked_on_ms=725846400000
and   Withdrawn account_id=a cents=300 text=rent booked_on_ms=725932800000
rows  statement.of account_id=a
      | 3 | 1993-01-02 | -300 | rent | 700 |
      | 2 | 1993-01-01 | 1000 | wage | 1000 |
rows  statement.of account_id=a before=3
      | 2 | 1993-01-01 | 1000 | wage | 1000 |
rows  statement.of account_id=a count=1
      | 3 | 1993-01-02 | -300 | rent | 700 |
rows  statement.account
      | a | ada | 700 | 0 |
      | b | bob | 50 | 0 |

test who is overdrawn, and how far they may be
given AccountOpened account_id=a owner=ada overdraft_cents=500
and   AccountOpened account_id=b owner=bob overdraft_cents=500
and   Withdrawn account_id=a cents=300
and   OverdraftChanged account_id=a overdraft_cents=400
rows  statement.overdrawn
      | a | ada | -300 | 400 |

test the reports add up days and months, whatever the order
given AccountOpened account_id=a
and   Deposited account_id=a cents=700 booked_on_ms=728524800000
and   Deposited account_id=a cents=1000 booked_on_ms=725846400000
and   Withdrawn account_id=a cents=300 booked_on_ms=725932799999
and   Withdrawn account_id=a cents=1200 booked_on_ms=725932800000
rows  report.daily order=day
      | 1993-01-01 | 1 | 1 | 1000 | 300 | 1000 |
      | 1993-01-02 | 0 | 1 | 0 | 1200 | 1200 |
      | 1993-02-01 | 1 | 0 | 700 | 0 | 700 |
rows  report.by_month
      | 1993-01 | 1 | 2 | 1000 | 1500 | -500 |
      | 1993-02 | 1 | 0 | 700 | 0 | 700 |
rows  report.by_day from=1993-01-02 until=1993-02-01
      | 1993-01-02 | 0 | 1 | 0 | 1200 | -1200 |
