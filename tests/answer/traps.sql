-- Each block: a rule and the database, a query that falls into the trap, what is said of it, and after `-- but not` one that looks alike and does not.

-- fan-out sample
SELECT sum(o.shipping_fee) FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id
-- says the join to order_items repeats each row of orders 2.0 times on average, so sum(o.shipping_fee) counts its value more than once
-- but not
SELECT sum(i.quantity) FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id

-- fan-out sample
SELECT o.channel_code, avg(o.shipping_fee) FROM orders AS o, shipments AS s WHERE s.order_id = o.order_id GROUP BY 1
-- says the join to shipments repeats each row of orders 1.1 times on average, so avg(o.shipping_fee)
-- but not
SELECT o.channel_code, max(o.shipping_fee), count(*), count(DISTINCT o.order_id) FROM orders AS o, shipments AS s WHERE s.order_id = o.order_id GROUP BY 1

-- fan-out sample
SELECT o.order_id, sum(t.net_amount) FROM order_totals AS t JOIN order_items AS i USING (order_id) JOIN orders AS o USING (order_id) GROUP BY o.order_id
-- says repeats each row of order_totals 2.0 times
-- but not
SELECT o.order_id, count(o.order_id), sum(i.quantity) FROM orders AS o JOIN order_items AS i USING (order_id) GROUP BY o.order_id

-- fan-out sample
WITH fees AS (SELECT order_id, shipping_fee FROM orders) SELECT sum(f.shipping_fee) FROM fees AS f JOIN order_items AS i USING (order_id)
-- says repeats each row of f 2.0 times
-- but not
WITH lines AS (SELECT order_id, sum(quantity) AS pieces FROM order_items GROUP BY order_id) SELECT sum(o.shipping_fee), sum(l.pieces) FROM orders AS o JOIN lines AS l USING (order_id)

-- fan-out sample
SELECT count(c.customer_id) FROM customers AS c JOIN orders AS o ON o.customer_id = c.customer_id
-- says so count(c.customer_id) counts it more than once
-- but not
SELECT sum(CASE WHEN c.customer_type = 'business' THEN 1 ELSE 0 END) FROM customers AS c JOIN orders AS o ON o.customer_id = c.customer_id

-- fan-out sample
SELECT sum(o.shipping_fee) FROM orders AS o JOIN shipments AS s ON s.order_id = o.order_id WHERE s.parcel_no > 0
-- says repeats each row of orders
-- but not
SELECT sum(o.shipping_fee) FROM orders AS o JOIN shipments AS s ON s.order_id = o.order_id WHERE s.parcel_no = 1

-- fan-out sample
SELECT sum(o.shipping_fee) FROM orders AS o LEFT JOIN shipments AS s ON s.order_id = o.order_id
-- says repeats each row of orders
-- but not
SELECT sum(o.shipping_fee) FROM orders AS o SEMI JOIN shipments AS s ON s.order_id = o.order_id

-- fan-out läden
SELECT sum(b."Gebühr") FROM "Bestellungen" b JOIN "Artikel je Bestellung" a ON a."Bestellnummer" = b."Nummer"
-- says the join to Artikel je Bestellung repeats each row of Bestellungen 2.0 times on average, so sum(b."Gebühr") counts its value more than once
-- but not
SELECT sum(a."Stück") FROM "Bestellungen" b JOIN "Artikel je Bestellung" a ON a."Bestellnummer" = b."Nummer"

-- dropped-rows sample
SELECT sum(o.shipping_fee) FROM orders AS o JOIN customers AS c ON c.customer_id = o.customer_id
-- says 8,884 of 56,015 rows of orders have no match in customers and are dropped by the join
-- but not
SELECT sum(o.shipping_fee) FROM orders AS o JOIN countries AS c ON c.country_code = o.country_code

-- dropped-rows sample
SELECT o.order_id, c.customer_name FROM orders AS o JOIN customers AS c USING (customer_id)
-- says 8,884 of 56,015 rows of orders
-- but not
SELECT c.city, count(*) FROM orders AS o JOIN customers AS c USING (customer_id) GROUP BY c.city

-- dropped-rows sample
SELECT year(o.ordered_at), count(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.customer_id WHERE NOT o.is_gift GROUP BY 1
-- says rows of orders have no match in customers
-- but not
SELECT count(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.customer_id WHERE c.customer_type = 'business'

-- dropped-rows läden
SELECT sum(b."Gebühr") FROM "Bestellungen" b JOIN 顧客 k ON k."番号" = b."番号"
-- says 1 of 4 rows of Bestellungen have no match in 顧客 and are dropped by the join
-- but not
SELECT sum(b."Gebühr") FROM "Bestellungen" b JOIN 顧客 k ON k."番号" = b."番号" WHERE b."番号" IS NOT NULL

-- not-in-null sample
SELECT first_name FROM employees WHERE employee_id NOT IN (SELECT manager_id FROM employees)
-- says employees.manager_id is empty in 1 row of the list that NOT IN compares with, so it is true of no row
-- but not
SELECT first_name FROM employees WHERE employee_id NOT IN (SELECT manager_id FROM employees WHERE manager_id IS NOT NULL)

-- not-in-null sample
SELECT count(*) FROM products WHERE weight_g NOT IN (250, NULL)
-- says the list of NOT IN holds NULL
-- but not
SELECT count(*) FROM products WHERE product_id NOT IN (SELECT product_id FROM order_items)

-- not-in-null sample
SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders WHERE year(ordered_at) = 2025)
-- says orders.customer_id is empty in
-- but not
SELECT count(*) FROM customers WHERE customer_id IN (SELECT customer_id FROM orders WHERE year(ordered_at) = 2025)

-- not-in-null sample
SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 3)
-- says orders.customer_id is empty in 1 row of the list
-- but not
SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL GROUP BY customer_id HAVING count(*) > 3)

-- not-in-null sample
SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT 0 UNION ALL SELECT customer_id FROM orders)
-- says orders.customer_id is empty in 8,884 rows of the list
-- but not
SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders EXCEPT SELECT NULL)

-- not-in-null sample
SELECT first_name FROM employees WHERE employee_id NOT IN (SELECT manager_id FROM employees ORDER BY manager_id DESC NULLS FIRST LIMIT 2)
-- says employees.manager_id is empty in 1 row
-- but not
SELECT first_name FROM employees WHERE employee_id NOT IN (SELECT manager_id FROM employees ORDER BY manager_id DESC NULLS LAST LIMIT 2)

-- count-of-nulls sample
SELECT count(store_id) FROM orders
-- says count(orders.store_id) counts 21,297 of 56,015 rows: it is empty in the other 34,718
-- but not
SELECT count(order_id) FROM orders

-- count-of-nulls sample
SELECT channel_code, count(customer_id) FROM orders WHERE NOT is_gift GROUP BY channel_code
-- says count(orders.customer_id) counts
-- but not
SELECT e.last_name, count(c.customer_id) FROM employees AS e LEFT JOIN customers AS c ON c.sales_rep_id = e.employee_id GROUP BY e.employee_id, e.last_name

-- average-of-averages sample
SELECT avg(a) FROM (SELECT category_id, avg(list_price) AS a FROM products GROUP BY category_id) AS per
-- says avg(a) averages averages of groups of 4 to 10 rows, each with the same weight; avg(list_price) over all rows is another figure
-- but not
SELECT avg(a) FROM (SELECT category_id, max(list_price) AS a FROM products GROUP BY category_id) AS per

-- average-of-averages sample
WITH per AS (SELECT category_id, round(avg(list_price), 2) AS a FROM products GROUP BY ALL) SELECT round(avg(a), 1) FROM per
-- says averages averages of groups
-- but not
WITH per AS (SELECT product_id, avg(list_price) AS a FROM products GROUP BY ALL) SELECT avg(a) FROM per

-- unfinished-period sample
SELECT date_trunc('month', shipped_at) AS m, count(*) FROM shipments GROUP BY 1 ORDER BY 1
-- says the last month, December 2025, is not over in the data: shipments.shipped_at ends on 15 December 2025, 15 of its 31 days
-- but not
SELECT date_trunc('month', ordered_at) AS m, count(*) FROM orders GROUP BY 1 ORDER BY 1

-- unfinished-period sample
SELECT year(shipped_at), month(shipped_at), sum(carrier_cost) FROM shipments WHERE year(shipped_at) = 2025 GROUP BY ALL
-- says the last month, December 2025, is not over
-- but not
SELECT year(shipped_at), month(shipped_at), sum(carrier_cost) FROM shipments WHERE year(shipped_at) = 2024 GROUP BY ALL

-- unfinished-period sample
SELECT strftime(shipped_at, '%Y-%m') AS m, count(*) FROM shipments GROUP BY m
-- says the last month, December 2025
-- but not
SELECT "month", sum(target_amount) FROM "store targets" GROUP BY date_trunc('month', "month"), "month"

-- text-compared läden
SELECT count(*) FROM "Bestellungen" WHERE "Betrag" > '100'
-- says Bestellungen.Betrag holds numbers as text, so Betrag > '100' compares letter by letter: 2 rows come out otherwise than as numbers
-- but not
SELECT count(*) FROM "Bestellungen" WHERE "Gebühr" > '100'

-- text-compared läden
SELECT count(*) FROM "Bestellungen" WHERE "Datum" >= '01.02.2025'
-- says Bestellungen.Datum holds dates as text
-- but not
SELECT count(*) FROM "Bestellungen" WHERE "Tag" >= '2025-02-01'

-- text-compared sample
SELECT count(*) FROM order_items WHERE CAST(quantity AS VARCHAR) > '5'
-- says holds numbers as text
-- but not
SELECT count(*) FROM customers WHERE city > 'M'

-- text-ranked läden
SELECT max("Datum") FROM "Bestellungen"
-- says Bestellungen.Datum holds dates as text, which max() ranks letter by letter: '28.01.2025' comes after '05.03.2025'
-- but not
SELECT max("Tag") FROM "Bestellungen"

-- text-ranked läden
SELECT "Nummer", "Betrag" FROM "Bestellungen" ORDER BY "Betrag" DESC
-- says Bestellungen.Betrag holds numbers as text, which ORDER BY ranks letter by letter: '99' comes after '1200'
-- but not
SELECT name, code FROM filiais ORDER BY code

-- text-ranked sample
SELECT max(CAST(quantity AS VARCHAR)) FROM order_items
-- says which max() ranks letter by letter: '9' comes after '16'
-- but not
SELECT max(CAST(launched_on AS VARCHAR)) FROM products

-- unknown-value sample
SELECT count(*) FROM orders WHERE status_code = 'Cancelled'
-- says nothing in orders.status_code is 'Cancelled'; it has 'CAN', 'COL', 'DLV', 'NEW', 'PAK'; order_statuses.status_name has 'Cancelled'
-- but not
SELECT count(*) FROM orders WHERE status_code = 'CAN'

-- unknown-value sample
SELECT customer_id FROM customers WHERE customer_name LIKE '%Qwertz%'
-- says nothing in customers.customer_name is like '%Qwertz%'
-- but not
SELECT customer_id FROM customers WHERE customer_name = 'Zoë O''Brien'

-- unknown-value läden
SELECT count(*) FROM filiais WHERE name = 'Sao Paulo'
-- says nothing in filiais.name is 'Sao Paulo'; it has 'São Paulo'
-- but not
SELECT count(*) FROM filiais WHERE name = 'São Paulo'

-- idle-value sample
SELECT count(*) FROM orders WHERE status_code <> 'Cancelled'
-- says nothing in orders.status_code is 'Cancelled', so nothing is left out
-- but not
SELECT count(*) FROM orders WHERE status_code <> 'CAN'

-- idle-value sample
SELECT count(*) FILTER (WHERE country_code IN ('DE', 'UK')) FROM stores
-- says nothing in stores.country_code is 'UK'; it has
-- but not
SELECT count(*) FILTER (WHERE country_code IN ('DE', 'GB')) FROM stores

-- limit-without-order sample
SELECT customer_name FROM customers LIMIT 5
-- says there are more than 5 rows and no order: any 5 of them are shown
-- but not
SELECT category_name FROM categories LIMIT 50

-- limit-without-order sample
SELECT store_name FROM stores WHERE has_tasting_room LIMIT 1
-- says any one of them is shown
-- but not
SELECT count(*) FROM stores LIMIT 1

-- cut-ties sample
SELECT country_code, count(*) AS n FROM stores GROUP BY country_code ORDER BY n DESC LIMIT 2
-- says 3 rows are equal by the order where LIMIT 2 cuts, and only some of them are shown
-- but not
SELECT product_name, list_price FROM products ORDER BY list_price DESC LIMIT 3

-- cut-ties sample
SELECT country_code, count(*) AS n FROM stores GROUP BY 1 ORDER BY 2 DESC LIMIT 2
-- says 3 rows are equal by the order where LIMIT 2 cuts, and only some of them are shown
-- but not
SELECT country_code, count(*) AS n FROM stores GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2

-- cut-ties sample
SELECT country_code AS land, count(*) AS n FROM stores GROUP BY ALL ORDER BY n DESC LIMIT 2
-- says 3 rows are equal by the order where LIMIT 2 cuts, and only some of them are shown
-- but not
SELECT country_code AS land, count(*) AS n FROM stores GROUP BY land ORDER BY n DESC LIMIT 100

-- cut-ties sample
SELECT product_name FROM products ORDER BY launched_on LIMIT 1
-- says share the first place by the order, and LIMIT 1 shows one of them
-- but not
SELECT product_name FROM products ORDER BY launched_on, product_id LIMIT 1

-- integer-division sample
SELECT sum(quantity) // count(*) FROM order_items
-- says sum(quantity) // count(*) drops the decimals: 2 instead of 2.385
-- but not
SELECT sum(quantity) / count(*) FROM order_items

-- integer-division sample
SELECT channel_code, CAST(sum(shipping_fee) / count(*) AS INTEGER) FROM orders GROUP BY channel_code
-- says drops the decimals
-- but not
SELECT year(opened_on) // 10 * 10 AS decade, count(*) FROM stores GROUP BY 1

-- division-by-zero sample
SELECT order_item_id, unit_price / discount_amount FROM order_items
-- says discount_amount is 0 in 94,732 rows, where dividing by it gives no number
-- but not
SELECT order_item_id, unit_price / nullif(discount_amount, 0) FROM order_items

-- division-by-zero sample
SELECT channel_code, count(*) / count(*) FILTER (WHERE channel_code = 'WEB') FROM orders GROUP BY channel_code
-- says is 0 in 3 rows
-- but not
SELECT channel_code, sum(shipping_fee) / count(*) FROM orders GROUP BY channel_code

-- constant-for-column sample
SELECT "month", 'revenue' FROM monthly_revenue
-- says 'revenue' is the same in each row: the column of monthly_revenue is written "revenue"
-- but not
SELECT "month", 'revenue' AS kind, revenue FROM monthly_revenue

-- constant-for-column läden
SELECT name, 2024 FROM filiais
-- says 2024 is the same in each row: the column of filiais is written "2024"
-- but not
SELECT name, "2024", 2024 AS ano FROM filiais

-- constant-for-column läden
SELECT sum(2025) FROM filiais
-- says sum(2025) is the same in each row
-- but not
SELECT sum("2025") FROM filiais WHERE "2024" > 2024

-- unrounded sample
SELECT avg(list_price) FROM products WHERE is_organic
-- asks the average list price, rounded to two decimals
-- says avg(list_price) is not rounded to 2 decimals
-- but not
SELECT round(avg(list_price), 2) AS price, count(*) FROM products

-- unrounded sample
SELECT category_id, avg(list_price) AS price FROM products GROUP BY category_id
-- asks average price by category, round the price to 1 decimal place
-- says price is not rounded to 1 decimal,
-- but not
SELECT category_id, round(avg(list_price), 1) AS price FROM products GROUP BY category_id
