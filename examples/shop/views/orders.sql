-- Orders with their lines.
-- schema:
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, total_cents INTEGER NOT NULL,
    placed_at INTEGER NOT NULL, placed_on TEXT NOT NULL, version INTEGER NOT NULL);
CREATE TABLE order_line (
    order_id TEXT NOT NULL, line INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, line));
CREATE INDEX orders_customer ON orders (customer);

-- on: shop.v1.OrderPlaced
INSERT INTO orders (order_id, customer, status, total_cents, placed_at, placed_on, version)
VALUES (:order_id, :customer, 'placed', 0, :_time, :_time.date, :_version);
-- each: lines
INSERT INTO order_line (order_id, line, sku, quantity, price_cents)
VALUES (:order_id, :_index, :lines.sku, :lines.quantity, :lines.price_cents);
-- each: lines
UPDATE orders SET total_cents = total_cents + :lines.quantity * :lines.price_cents WHERE order_id = :order_id;

-- on: shop.v1.OrderConfirmed
UPDATE orders SET status = 'confirmed', version = :_version WHERE order_id = :order_id;
-- on: shop.v1.OrderPaid
UPDATE orders SET status = 'paid', version = :_version WHERE order_id = :order_id;
-- on: shop.v1.OrderCancelled
UPDATE orders SET status = 'cancelled', reason = NULLIF(:reason, ''), version = :_version WHERE order_id = :order_id;
-- on: shop.v1.OrderReturned
UPDATE orders SET status = 'returned', reason = NULLIF(:reason, ''), version = :_version WHERE order_id = :order_id;

-- query: of_customer(customer text, status text = null)
SELECT order_id, status, total_cents FROM orders
WHERE customer = :customer AND (:status IS NULL OR status = :status) ORDER BY placed_at DESC, order_id;
-- query: lines(order_id text)
SELECT line, sku, quantity, price_cents FROM order_line WHERE order_id = :order_id ORDER BY line;
