-- Who bought: customers with what they bought and gave back. Sales without a customer are in no row.
-- schema:
CREATE TABLE customer (
    customer_id TEXT PRIMARY KEY, country TEXT NOT NULL, lines INTEGER NOT NULL, bought INTEGER NOT NULL,
    returned INTEGER NOT NULL, spent_cents INTEGER NOT NULL, last_at INTEGER NOT NULL);
CREATE INDEX customer_spent ON customer (spent_cents);

-- on: shop.v1.StockSold
INSERT INTO customer (customer_id, country, lines, bought, returned, spent_cents, last_at)
SELECT :customer_id, :country, 1, :quantity, 0, :quantity * :unit_price_cents, :sold_at_ms WHERE :customer_id <> ''
ON CONFLICT (customer_id) DO UPDATE SET lines = customer.lines + 1, bought = customer.bought + excluded.bought,
    spent_cents = customer.spent_cents + excluded.spent_cents,
    country = CASE WHEN excluded.last_at >= customer.last_at THEN excluded.country ELSE customer.country END,
    last_at = max(customer.last_at, excluded.last_at);

-- on: shop.v1.StockReturned
INSERT INTO customer (customer_id, country, lines, bought, returned, spent_cents, last_at)
SELECT :customer_id, :country, 1, 0, :quantity, -:quantity * :unit_price_cents, :sold_at_ms WHERE :customer_id <> ''
ON CONFLICT (customer_id) DO UPDATE SET lines = customer.lines + 1, returned = customer.returned + excluded.returned,
    spent_cents = customer.spent_cents + excluded.spent_cents, last_at = max(customer.last_at, excluded.last_at);

-- query: top(count integer = 10, country text = null)
SELECT customer_id, country, lines, bought, spent_cents FROM customer
WHERE (:country IS NULL OR country = :country) ORDER BY spent_cents DESC, customer_id LIMIT :count;
