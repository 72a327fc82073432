test it reserves each line
when  OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}]
then  sends ReserveStock sku=mug order_id=o1 quantity=2
and   sends ReserveStock sku=pen order_id=o1 quantity=1
when  StockReserved sku=pen order_id=o1 quantity=1
then  nothing
state fulfilment o1 waiting=1 reserved_skus=["pen"] lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}]

test it confirms when the last line is reserved, and gives up what is not paid in time
given OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}]
when  StockReserved sku=mug order_id=o1 quantity=2
then  sends ConfirmOrder order_id=o1
and   schedules payment 30min
after 30min
then  sends ExpireOrder order_id=o1
when  OrderCancelled order_id=o1 reason=unpaid
then  sends ReleaseStock sku=mug order_id=o1
and   finishes

test it gives back when one line can't be had, whichever is answered first
given OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}, {"sku": "cap", "quantity": 1}]
and   StockReserved sku=mug order_id=o1 quantity=2
when  rejected out-of-stock ReserveStock sku=pen order_id=o1 quantity=1
then  sends CancelOrder order_id=o1 reason=out-of-stock
and   sends ReleaseStock sku=mug order_id=o1
when  OrderCancelled order_id=o1 reason=out-of-stock
then  nothing
when  StockReserved sku=cap order_id=o1 quantity=1
then  sends ReleaseStock sku=cap order_id=o1
and   finishes

test two lines that can't be had cancel once
given OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}]
when  rejected out-of-stock ReserveStock sku=mug order_id=o1 quantity=2
then  sends CancelOrder order_id=o1 reason=out-of-stock
when  rejected out-of-stock ReserveStock sku=pen order_id=o1 quantity=1
then  finishes

test a customer who cancels first gets all of it given back, also what is reserved later
given OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}]
and   StockReserved sku=mug order_id=o1 quantity=2
when  OrderCancelled order_id=o1 reason=regret
then  sends ReleaseStock sku=mug order_id=o1
when  StockReserved sku=pen order_id=o1 quantity=1
then  sends ReleaseStock sku=pen order_id=o1
and   finishes

test what is paid is shipped, and its time is over
given OrderPlaced order_id=o1 lines=[{"sku": "mug", "quantity": 2}, {"sku": "pen", "quantity": 1}]
and   StockReserved sku=mug order_id=o1 quantity=2
and   StockReserved sku=pen order_id=o1 quantity=1
when  OrderPaid order_id=o1
then  sends ShipStock sku=mug order_id=o1
and   sends ShipStock sku=pen order_id=o1
and   finishes
after 31min
then  nothing

test all the way: out of stock
given StockReceived sku=mug quantity=10
run   PlaceOrder order_id=o1 customer=ada
      lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}, {"sku": "pen", "quantity": 1, "priceCents": 120}]
then  OrderPlaced
and   StockReserved sku=mug order_id=o1 quantity=2
and   OrderCancelled order_id=o1 reason=out-of-stock
and   StockReleased sku=mug order_id=o1 quantity=2
rows  orders.of_customer customer=ada
      | o1 | cancelled | 1120 |
rows  balance.balance
      | mug | 10 | 10 | 0 | 0 |

test all the way: paid, shipped, returned
given StockReceived sku=mug quantity=10
run   PlaceOrder order_id=o1 customer=ada lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
then  OrderPlaced
and   StockReserved
and   OrderConfirmed
rows  balance.balance
      | mug | 10 | 8 | 2 | 0 |
run   PayOrder order_id=o1 amount_cents=1000
then  OrderPaid
and   StockShipped sku=mug order_id=o1 quantity=2
after 1d
then  nothing
rows  balance.balance
      | mug | 10 | 8 | 0 | 2 |
run   ReturnOrder order_id=o1 reason=broken
then  OrderReturned
and   StockTakenBack sku=mug order_id=o1 quantity=2
rows  balance.balance
      | mug | 10 | 10 | 0 | 0 |
rows  stock.stock
      | mug | 10 |
rows  balance.wrong

test all the way: never paid
given StockReceived sku=mug quantity=10
run   PlaceOrder order_id=o1 customer=ada lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
after 29min
then  nothing
after 1min
then  OrderCancelled order_id=o1 reason=unpaid
and   StockReleased sku=mug order_id=o1 quantity=2
rows  stock.stock
      | mug | 10 |

test all the way: two orders want the last one
given StockReceived sku=mug quantity=1
run   PlaceOrder order_id=o1 customer=ada lines=[{"sku": "mug", "quantity": 1, "priceCents": 500}]
run   PlaceOrder order_id=o2 customer=bob lines=[{"sku": "mug", "quantity": 1, "priceCents": 500}]
then  OrderPlaced
and   OrderCancelled order_id=o2 reason=out-of-stock
run   CancelOrder order_id=o1 reason=regret
then  OrderCancelled
and   StockReleased
run   PlaceOrder order_id=o3 customer=bob lines=[{"sku": "mug", "quantity": 1, "priceCents": 500}]
then  OrderPlaced
and   StockReserved
and   OrderConfirmed
