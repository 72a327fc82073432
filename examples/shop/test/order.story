test an order with two lines
when  PlaceOrder order_id=o1 customer=ada
      lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}, {"sku": "pen", "quantity": 1, "priceCents": 120}]
then  OrderPlaced order_id=o1 customer=ada
      lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}, {"sku": "pen", "quantity": 1, "priceCents": 120}]
state order o1 status=PLACED total_cents=1120
      lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}, {"sku": "pen", "quantity": 1, "priceCents": 120}]
when  PlaceOrder order_id=o1 customer=bob lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
then  rejected exists
rows  orders.of_customer customer=ada
      | o1 | placed | 1120 |
rows  orders.lines order_id=o1
      | 0 | mug | 2 | 500 |
      | 1 | pen | 1 | 120 |

test what is no order
when  PlaceOrder order_id=o1
then  rejected bad-lines
when  PlaceOrder order_id=o1 lines=[{"quantity": 2, "priceCents": 1}]
then  rejected no-sku
when  PlaceOrder order_id=o1 lines=[{"sku": "mug", "quantity": 0, "priceCents": 1}]
then  rejected bad-quantity
when  PlaceOrder order_id=o1 lines=[{"sku": "mug", "quantity": 2}]
then  rejected bad-price
when  PlaceOrder order_id=o1 lines=[{"sku": "mug", "quantity": 2, "priceCents": 1}, {"sku": "mug", "quantity": 1, "priceCents": 1}]
then  rejected same-sku

test the exact amount is paid, once, and only when all is reserved
given OrderPlaced order_id=o1 customer=ada lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
when  PayOrder order_id=o1 amount_cents=1000
then  rejected not-payable
given OrderConfirmed order_id=o1
when  ConfirmOrder order_id=o1
then  rejected not-placed
when  PayOrder order_id=o1 amount_cents=999
then  rejected wrong-amount
when  PayOrder order_id=o1 amount_cents=1000
then  OrderPaid order_id=o1 amount_cents=1000
when  PayOrder order_id=o1 amount_cents=1000
then  rejected not-payable
when  CancelOrder order_id=o1
then  rejected not-cancellable
when  ExpireOrder order_id=o1
then  nothing
when  ReturnOrder order_id=o1 reason=broken
then  OrderReturned order_id=o1 reason=broken lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
when  ReturnOrder order_id=o1
then  rejected not-paid

test a cancelled order stays cancelled
given OrderPlaced order_id=o1 customer=ada lines=[{"sku": "mug", "quantity": 2, "priceCents": 500}]
when  CancelOrder order_id=o1 reason=regret
then  OrderCancelled order_id=o1 reason=regret
when  CancelOrder order_id=o1 reason=again
then  nothing
when  ConfirmOrder order_id=o1
then  nothing
when  ExpireOrder order_id=o1
then  nothing
when  PayOrder order_id=o1 amount_cents=1000
then  rejected not-payable
rows  orders.orders select=order_id,status,reason,total_cents
      | o1 | cancelled | regret | 1000 |

test an order that is not there
when  PayOrder order_id=o1 amount_cents=1
then  rejected not-payable
when  CancelOrder order_id=o1
then  rejected not-cancellable
when  ReturnOrder order_id=o1
then  rejected not-paid
