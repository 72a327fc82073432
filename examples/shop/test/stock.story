test what is received can be sold
when  ReceiveStock sku=mug quantity=10
then  StockReceived sku=mug quantity=10
when  RecordSale sku=mug invoice_no=1 description="a mug" quantity=3 unit_price_cents=250 sold_at_ms=1000 customer_id=17850.0 country=France
then  StockSold sku=mug invoice_no=1 description="a mug" quantity=3 unit_price_cents=250 sold_at_ms=1000 customer_id=17850.0 country=France
state stock mug on_hand=7 sold=3

test nothing is received that is not there
when  ReceiveStock sku=mug quantity=0
then  rejected bad-quantity
when  ReceiveStock sku=mug quantity=-1
then  rejected bad-quantity

test more than there is
given StockReceived sku=mug quantity=2
when  RecordSale sku=mug invoice_no=1 quantity=3 unit_price_cents=250
then  rejected out-of-stock

test a quantity fits its invoice, and is looked at before the price
given StockReceived sku=mug quantity=2
when  RecordSale sku=mug invoice_no=1 quantity=0
then  rejected bad-quantity
when  RecordSale sku=mug invoice_no=1 quantity=-1 unit_price_cents=250
then  rejected bad-quantity
when  RecordSale sku=mug invoice_no=C1 quantity=1 unit_price_cents=250
then  rejected bad-quantity

test a sale has a price, and the price is looked at before the stock
when  RecordSale sku=mug invoice_no=1 quantity=3
then  rejected no-price
when  RecordSale sku=mug invoice_no=C1 quantity=-3
then  rejected no-price

test what was sold may come back, once
given StockReceived sku=mug quantity=5
and   StockSold sku=mug invoice_no=1 quantity=3 unit_price_cents=250
when  RecordSale sku=mug invoice_no=C2 quantity=-4 unit_price_cents=250
then  rejected never-sold
when  RecordSale sku=mug invoice_no=C2 quantity=-3 unit_price_cents=250
then  StockReturned sku=mug invoice_no=C2 quantity=3 unit_price_cents=250
when  RecordSale sku=mug invoice_no=C3 quantity=-1 unit_price_cents=250
then  rejected never-sold
state stock mug on_hand=5 sold=0

test customer 0.0 is no customer
given StockReceived sku=mug quantity=5
when  RecordSale sku=mug invoice_no=1 quantity=1 unit_price_cents=250 customer_id=0.0
then  StockSold sku=mug invoice_no=1 quantity=1 unit_price_cents=250

test the case of a code counts
given StockReceived sku=15056bl quantity=5
when  RecordSale sku=15056BL invoice_no=1 quantity=1 unit_price_cents=250
then  rejected out-of-stock
