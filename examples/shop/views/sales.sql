-- What was sold: day by day (UTC, by the time of the sale), and article by article.
-- schema:
CREATE TABLE daily (
    day TEXT PRIMARY KEY, lines INTEGER NOT NULL, sold INTEGER NOT NULL, returned INTEGER NOT NULL, revenue_cents INTEGER NOT NULL);
CREATE TABLE article (
    sku TEXT PRIMARY KEY, description TEXT NOT NULL, sold INTEGER NOT NULL, revenue_cents INTEGER NOT NULL);

-- on: shop.v1.StockSold
INSERT INTO daily (day, lines, sold, returned, revenue_cents)
VALUES (:sold_at_ms.date, 1, :quantity, 0, :quantity * :unit_price_cents)
ON CONFLICT (day) DO UPDATE SET lines = daily.lines + 1, sold = daily.sold + excluded.sold,
    revenue_cents = daily.revenue_cents + excluded.revenue_cents;
INSERT INTO article (sku, description, sold, revenue_cents)
VALUES (:sku, :description, :quantity, :quantity * :unit_price_cents)
ON CONFLICT (sku) DO UPDATE SET description = excluded.description, sold = article.sold + excluded.sold,
    revenue_cents = article.revenue_cents + excluded.revenue_cents;

-- on: shop.v1.StockReturned
INSERT INTO daily (day, lines, sold, returned, revenue_cents)
VALUES (:sold_at_ms.date, 1, 0, :quantity, -:quantity * :unit_price_cents)
ON CONFLICT (day) DO UPDATE SET lines = daily.lines + 1, returned = daily.returned + excluded.returned,
    revenue_cents = daily.revenue_cents + excluded.revenue_cents;
UPDATE article SET sold = sold - :quantity, revenue_cents = revenue_cents - :quantity * :unit_price_cents WHERE sku = :sku;

-- query: best_sellers(count integer = 10)
SELECT sku, description, sold, revenue_cents FROM article ORDER BY sold DESC, revenue_cents DESC, sku LIMIT :count;
-- query: between(from text = '0000', until text = '9999')
SELECT day, lines, sold, returned, revenue_cents FROM daily WHERE day >= :from AND day < :until ORDER BY day;
