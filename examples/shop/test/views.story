test the stock view
given StockReceived sku=mug quantity=10
and   StockReceived sku=pen quantity=2
and   StockSold sku=mug quantity=8 unit_price_cents=250
and   StockReturned sku=mug quantity=1 unit_price_cents=250
rows  stock.stock
      | mug | 3 |
      | pen | 2 |
rows  stock.running_low threshold=3
      | pen | 2 |

test sales by day and by article
given StockReceived sku=mug quantity=10
and   StockSold sku=mug description="a mug" quantity=3 unit_price_cents=250 sold_at_ms=1291191960000
and   StockSold sku=mug description="a mug" quantity=1 unit_price_cents=300 sold_at_ms=1291248000000
and   StockReturned sku=mug quantity=2 unit_price_cents=250 sold_at_ms=1291248000000
rows  sales.daily
      | 2010-12-01 | 1 | 3 | 0 | 750 |
      | 2010-12-02 | 2 | 1 | 2 | -200 |
rows  sales.between from=2010-12-02
      | 2010-12-02 | 2 | 1 | 2 | -200 |
rows  sales.best_sellers
      | mug | a mug | 2 | 550 |

test customers, and sales without one
given StockReceived sku=mug quantity=10
and   StockSold sku=mug quantity=3 unit_price_cents=250 sold_at_ms=2000 customer_id=17850.0 country=France
and   StockSold sku=mug quantity=1 unit_price_cents=250 sold_at_ms=1000 customer_id=17850.0 country=Spain
and   StockSold sku=mug quantity=1 unit_price_cents=250 sold_at_ms=3000 country=France
and   StockReturned sku=mug quantity=1 unit_price_cents=250 sold_at_ms=4000 customer_id=17850.0 country=France
rows  customers.top country=France
      | 17850.0 | France | 3 | 4 | 750 |
rows  customers.top country=Spain
