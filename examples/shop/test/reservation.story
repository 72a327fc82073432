test what is reserved is not on hand any more, neither for orders nor for sales
given StockReceived sku=mug quantity=10
when  ReserveStock sku=mug order_id=o1 quantity=8
then  StockReserved sku=mug order_id=o1 quantity=8
when  ReserveStock sku=mug order_id=o2 quantity=3
then  rejected out-of-stock
when  RecordSale sku=mug invoice_no=1 quantity=3 unit_price_cents=250
then  rejected out-of-stock
when  ReserveStock sku=mug order_id=o1 quantity=1
then  rejected reserved-before
when  ReserveStock sku=mug order_id=o2 quantity=0
then  rejected bad-quantity
state stock mug on_hand=2 reserved=8 reservations=[{"orderId": "o1", "quantity": 8}]

test a release gives back, once
given StockReceived sku=mug quantity=10
and   StockReserved sku=mug order_id=o1 quantity=8
and   StockReserved sku=mug order_id=o2 quantity=1
when  ReleaseStock sku=mug order_id=o1
then  StockReleased sku=mug order_id=o1 quantity=8
when  ReleaseStock sku=mug order_id=o1
then  nothing
state stock mug on_hand=9 reserved=1 reservations=[{"orderId": "o2", "quantity": 1}]

test only what is reserved is shipped, and what was shipped is sold
given StockReceived sku=mug quantity=10
when  ShipStock sku=mug order_id=o1
then  rejected not-reserved
given StockReserved sku=mug order_id=o1 quantity=8
when  ShipStock sku=mug order_id=o1
then  StockShipped sku=mug order_id=o1 quantity=8
when  TakeBackStock sku=mug order_id=o1 quantity=9
then  rejected never-sold
when  TakeBackStock sku=mug order_id=o1 quantity=3
then  StockTakenBack sku=mug order_id=o1 quantity=3
state stock mug on_hand=5 sold=5

test the views
given StockReceived sku=mug quantity=10
and   StockReceived sku=pen quantity=2
and   StockReserved sku=mug order_id=o1 quantity=8
and   StockReleased sku=mug order_id=o1 quantity=8
and   StockReserved sku=mug order_id=o2 quantity=4
and   StockShipped sku=mug order_id=o2 quantity=4
and   StockTakenBack sku=mug order_id=o2 quantity=1
and   StockReserved sku=mug order_id=o3 quantity=2
and   StockSold sku=mug invoice_no=1 quantity=3 unit_price_cents=250
and   StockReturned sku=mug invoice_no=C2 quantity=1 unit_price_cents=250
rows  stock.stock order=sku
      | mug | 3 |
      | pen | 2 |
rows  balance.balance order=sku
      | mug | 10 | 3 | 2 | 5 |
      | pen | 2 | 2 | 0 | 0 |
rows  balance.wrong
