-- What is on hand of each article.
-- schema:
CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL);

-- on: shop.v1.StockReceived
INSERT INTO stock (sku, on_hand) VALUES (:sku, :quantity)
ON CONFLICT (sku) DO UPDATE SET on_hand = stock.on_hand + excluded.on_hand;

-- on: shop.v1.StockSold
UPDATE stock SET on_hand = on_hand - :quantity WHERE sku = :sku;

-- on: shop.v1.StockReturned
UPDATE stock SET on_hand = on_hand + :quantity WHERE sku = :sku;

-- on: shop.v1.StockReserved
UPDATE stock SET on_hand = on_hand - :quantity WHERE sku = :sku;

-- on: shop.v1.StockReleased, shop.v1.StockTakenBack
UPDATE stock SET on_hand = on_hand + :quantity WHERE sku = :sku;

-- query: running_low(threshold integer = 5)
SELECT sku, on_hand FROM stock WHERE on_hand < :threshold ORDER BY on_hand, sku;
