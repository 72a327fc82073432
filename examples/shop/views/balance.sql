-- Of each article: what was received, and where it is. Received is the sum of the rest.
-- schema:
CREATE TABLE balance (
    sku TEXT PRIMARY KEY, received INTEGER NOT NULL, on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL, sold INTEGER NOT NULL);

-- on: shop.v1.StockReceived
INSERT INTO balance (sku, received, on_hand, reserved, sold) VALUES (:sku, :quantity, :quantity, 0, 0)
ON CONFLICT (sku) DO UPDATE SET received = balance.received + excluded.received, on_hand = balance.on_hand + excluded.on_hand;

-- on: shop.v1.StockSold
UPDATE balance SET on_hand = on_hand - :quantity, sold = sold + :quantity WHERE sku = :sku;

-- on: shop.v1.StockReturned, shop.v1.StockTakenBack
UPDATE balance SET on_hand = on_hand + :quantity, sold = sold - :quantity WHERE sku = :sku;

-- on: shop.v1.StockReserved
UPDATE balance SET on_hand = on_hand - :quantity, reserved = reserved + :quantity WHERE sku = :sku;

-- on: shop.v1.StockReleased
UPDATE balance SET on_hand = on_hand + :quantity, reserved = reserved - :quantity WHERE sku = :sku;

-- on: shop.v1.StockShipped
UPDATE balance SET reserved = reserved - :quantity, sold = sold + :quantity WHERE sku = :sku;

-- query: wrong
SELECT sku, received, on_hand, reserved, sold FROM balance
WHERE received <> on_hand + reserved + sold OR on_hand < 0 OR reserved < 0 OR sold < 0 ORDER BY sku;
