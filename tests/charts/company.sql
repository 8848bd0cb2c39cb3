-- A shop with four years of orders that end on 1 December 2025, for the gallery of charts.
CREATE TABLE customers AS
SELECT i AS customer_id, 'Customer ' || chr((65 + i % 26)::INTEGER) || i AS "name", ['Köln', 'Lyon', 'Porto', 'Gent', 'Graz', 'Turin',
  'Malmö', 'Cork', 'Riga', 'Brno', 'Bern', 'Oslo'][1 + i % 12] AS city, ['DE', 'FR', 'PT', 'BE', 'AT', 'IT', 'SE', 'IE',
  'LV', 'CZ', 'CH', 'NO'][1 + i % 12] AS country, [NULL, 'Consumer', 'Consumer', 'Consumer', 'Small business', 'Small business', 'Enterprise'][1 + i % 7] AS segment,
  i % 3 > 0 AS is_active, 40 + i % 20 + 0.1234 AS latitude, i % 30 + 0.4321 AS longitude, 10000 + (i * i * i) % 97 AS zip,
  'Called on a Monday about parcel ' || i || '. The box was open, two cups were broken, and nobody had signed for it.' AS note
FROM range(200) AS r(i);
CREATE TABLE products AS
SELECT i AS product_id, 'Product ' || lpad(i::VARCHAR, 3, '0') AS product, 'Category ' || chr((65 + i % 12)::INTEGER) AS category,
  (60 + (i * 7919) % 977 / 4.0)::DECIMAL(10, 2) AS price, 20 + (i * 131) % 400 AS stock, (i * 37) % 900 / 7.0 AS weight
FROM range(800) AS r(i);
CREATE TABLE orders AS
SELECT i AS order_id, (i * 7) % 200 AS customer_id, (i * 31) % 800 AS product_id,
  TIMESTAMP '2022-01-01 00:00:00' + to_minutes(i * 103) + to_hours((i * i) % 5) AS ordered_at,
  ['web', 'shop', 'phone'][1 + (i * 17) % 3] AS channel, ['paid', 'open', 'sent', 'cancelled', 'returned'][1 + (i * 13) % 5]
  AS status, (10 + (i * 7919) % 1009 / 3.0)::DECIMAL(10, 2) AS amount, 1 + i % 9 AS quantity
FROM range(19995) AS r(i);
CREATE TABLE employees AS
SELECT i AS employee_id, ['IT', 'Sales', 'Support', 'Store'][1 + i % 4] AS department, 2 + i % 3 AS depth,
  (30000 + (i * 7919) % 41000)::DECIMAL(10, 2) AS salary FROM range(140) AS r(i);
CREATE TABLE projects AS
SELECT 'Project ' || i AS project, DATE '2025-01-01' + CAST(i * 9 AS INTEGER) AS start_date,
  DATE '2025-02-01' + CAST(i * 11 AS INTEGER) AS end_date FROM range(20) AS r(i);
