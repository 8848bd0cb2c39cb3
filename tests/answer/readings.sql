-- Each block: a query over the sample data, and below it what is said of it where today is 31 December 2025.

SELECT * FROM stores
-- Reads stores (our own shops for beans and equipment).
-- Shows all columns.

SELECT count(*) FROM orders
-- Reads orders (one row per order, cancelled ones included).
-- One row over all of them.
-- Shows the number of orders.

SELECT DISTINCT city FROM customers
-- Reads customers (registered customers).
-- Shows city.
-- Each different row once.

SELECT customer_name AS name FROM customers WHERE city = 'Berlin'
-- Reads customers (registered customers).
-- Only rows where city (city the customer lives in or has its business in) is 'Berlin'.
-- Shows customer_name as name.

SELECT customer_name FROM customers WHERE city <> 'Berlin' AND NOT marketing_opt_in
-- Reads customers (registered customers).
-- Only rows where city (city the customer lives in or has its business in) is not 'Berlin'.
-- And only where marketing_opt_in (true if we may send the newsletter) is false.
-- Shows customer_name.

SELECT customer_name FROM customers WHERE city IN ('Berlin', 'Paris')
-- Reads customers (registered customers).
-- Only rows where city (city the customer lives in or has its business in) is 'Berlin' or 'Paris'.
-- Shows customer_name.

SELECT customer_name FROM customers WHERE city NOT IN ('Berlin', 'Paris', 'Rome', 'Oslo')
-- Reads customers (registered customers).
-- Only rows where city (city the customer lives in or has its business in) is none of 'Berlin', 'Paris', 'Rome', 'Oslo'.
-- Shows customer_name.

SELECT customer_name FROM customers WHERE customer_name LIKE 'A%' OR customer_name ILIKE '%smith%'
-- Reads customers (registered customers).
-- Only rows where customer_name (name of the person or of the business) starts with 'A' or customer_name contains 'smith', in any case.
-- Shows customer_name.

SELECT customer_name FROM customers WHERE customer_name NOT LIKE '%e' AND city LIKE 'B_rlin'
-- Reads customers (registered customers).
-- Only rows where customer_name (name of the person or of the business) does not end with 'e'.
-- And only where city (city the customer lives in or has its business in) is like 'B_rlin'.
-- Shows customer_name.

SELECT product_name FROM products WHERE list_price > 20 AND list_price <= 50
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where list_price (current list price per piece in EUR) is more than 20, at most 50.
-- Shows product_name.

SELECT product_name FROM products WHERE list_price BETWEEN 20 AND 50 AND weight_g IS NOT NULL
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where list_price (current list price per piece in EUR) is from 20 to 50.
-- And only where weight_g (net weight in grams) is not empty.
-- Shows product_name.

SELECT product_name FROM products WHERE NOT (list_price < 20 OR is_organic)
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where not (list_price (current list price per piece in EUR) is less than 20 or is_organic (true for certified organic products) is true).
-- Shows product_name.

SELECT count(*) FROM orders WHERE ordered_at >= '2025-03-01' AND ordered_at < '2025-04-01'
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where ordered_at (local date and time of the order) is from 1 March 2025, before 1 April 2025.
-- One row over all of them.
-- Shows the number of orders.

SELECT count(*) FROM orders WHERE ordered_at <= '2025-03-31'
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where ordered_at (local date and time of the order) is up to 31 March 2025 00:00.
-- One row over all of them.
-- Shows the number of orders.

SELECT count(*) FROM orders WHERE promised_on <= DATE '2025-03-31' AND shipped_on > promised_on
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where promised_on (delivery day promised to the customer) is up to 31 March 2025.
-- And only where shipped_on (day the goods left) is after promised_on.
-- One row over all of them.
-- Shows the number of orders.

SELECT count(*) FROM orders WHERE ordered_at BETWEEN TIMESTAMP '2025-03-01 08:30:00' AND TIMESTAMP '2025-03-31'
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where ordered_at (local date and time of the order) is from 1 March 2025 08:30 to 31 March 2025 00:00.
-- One row over all of them.
-- Shows the number of orders.

SELECT count(*) FROM orders WHERE ordered_at >= date_trunc('month', current_date) - INTERVAL 1 MONTH AND ordered_at < date_trunc('month', current_date)
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where ordered_at (local date and time of the order) is from 1 November 2025, before 1 December 2025.
-- One row over all of them.
-- Shows the number of orders.
-- Today is 31 December 2025.

SELECT count(*) FROM orders WHERE ordered_at >= current_date - INTERVAL '30 days'
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where ordered_at (local date and time of the order) is from 1 December 2025 on.
-- One row over all of them.
-- Shows the number of orders.
-- Today is 31 December 2025.

SELECT count(*) FROM orders WHERE year(ordered_at) = 2025 AND month(ordered_at) IN (1, 2)
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where the year of ordered_at (local date and time of the order) is 2025.
-- And only where the month of ordered_at is 1 or 2.
-- One row over all of them.
-- Shows the number of orders.

SELECT count(*) FROM orders WHERE strftime(ordered_at, '%Y-%m') = '2025-03'
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where the month of ordered_at (local date and time of the order) is '2025-03'.
-- One row over all of them.
-- Shows the number of orders.

SELECT date_trunc('month', ordered_at) AS month, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1
-- Reads orders (one row per order, cancelled ones included).
-- One row a month, by ordered_at.
-- Shows month = the month of ordered_at (local date and time of the order), n = the number of orders.
-- Sorted by the month of ordered_at.

SELECT year(ordered_at) AS y, channel_code, count(*) FROM orders GROUP BY ALL ORDER BY y, channel_code
-- Reads orders (one row per order, cancelled ones included).
-- One row for each year of ordered_at and channel_code.
-- Shows y = the year of ordered_at (local date and time of the order), channel_code, the number of orders.
-- Sorted by the year of ordered_at, then channel_code.

SELECT strftime(ordered_at, '%Y-%m') AS m, count(DISTINCT customer_id) AS customers FROM orders GROUP BY m
-- Reads orders (one row per order, cancelled ones included).
-- One row a month, by ordered_at.
-- Shows m = the month of ordered_at (local date and time of the order).
-- Shows customers = the number of different customer_id (empty for store sales without a loyalty card).

SELECT city, count(*) AS n FROM customers GROUP BY city HAVING count(*) > 100 ORDER BY n DESC
-- Reads customers (registered customers).
-- One row for each city.
-- Only groups where the number of customers is more than 100.
-- Shows city, n = the number of customers.
-- Sorted by the number of customers, largest first.

SELECT city, count(*) AS n FROM customers GROUP BY city ORDER BY n DESC LIMIT 1
-- Reads customers (registered customers).
-- One row for each city.
-- Shows city, n = the number of customers.
-- The one with the largest number of customers.

SELECT product_name FROM products ORDER BY list_price LIMIT 3
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- The 3 with the smallest list_price.

SELECT product_name FROM products ORDER BY launched_on DESC LIMIT 3
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- The 3 with the latest launched_on.

SELECT product_name FROM products ORDER BY product_name DESC LIMIT 3
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- Sorted by product_name, Z first.
-- Only the first 3 rows.

SELECT product_name FROM products ORDER BY list_price DESC, product_name LIMIT 3 OFFSET 2
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- Sorted by list_price, largest first, then product_name.
-- Only the first 3 rows after the first 2.

SELECT product_name FROM products ORDER BY weight_g DESC NULLS FIRST LIMIT 3
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- The 3 with the largest weight_g (empty ones first).

SELECT product_name FROM products LIMIT 3
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Shows product_name.
-- Only 3 rows, in no order.

SELECT min(list_price), max(list_price), avg(list_price), sum(unit_cost), median(weight_g) FROM products
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- One row over all of them.
-- Shows the smallest list_price (current list price per piece in EUR).
-- Shows the largest list_price.
-- Shows the average of list_price.
-- Shows the sum of unit_cost (what one piece costs us in EUR).
-- Shows the median of weight_g (net weight in grams).

SELECT min(ordered_at) AS first, max(ordered_at) AS latest, max(promo_code) FROM orders
-- Reads orders (one row per order, cancelled ones included).
-- One row over all of them.
-- Shows first = the earliest ordered_at (local date and time of the order).
-- Shows latest = the latest ordered_at.
-- Shows the last promo_code (promotion used) by alphabet.

SELECT count(email), count(customer_id) FROM customers
-- Reads customers (registered customers).
-- One row over all of them.
-- Shows the number of rows where email (e-mail address) is not empty, the number of customers.

SELECT sum(CASE WHEN is_gift THEN 1 ELSE 0 END) AS gifts, count(CASE WHEN is_gift THEN 1 END), sum(CASE WHEN is_gift THEN shipping_fee END) FROM orders
-- Reads orders (one row per order, cancelled ones included).
-- One row over all of them.
-- Shows gifts = the number of rows where is_gift (true if wrapped as a gift) is true.
-- Shows the number of rows where is_gift is true.
-- Shows the sum of shipping_fee (shipping charged to the customer in EUR) where is_gift is true.

SELECT count(*) FILTER (WHERE is_gift) AS gifts, round(100.0 * count(*) FILTER (WHERE is_gift) / count(*), 1) AS share FROM orders
-- Reads orders (one row per order, cancelled ones included).
-- One row over all of them.
-- Shows gifts = the number of orders, only where is_gift (true if wrapped as a gift) is true.
-- Shows share = 100.0 * count(*) FILTER (WHERE is_gift) / count(*), rounded to 1 decimal.

SELECT CASE WHEN list_price > 100 THEN 'dear' WHEN list_price > 20 THEN 'middle' ELSE 'cheap' END AS class, count(*) FROM products GROUP BY 1
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- One row for each class.
-- Shows class = 'dear' where list_price is more than 100, 'middle' where list_price is more than 20, else 'cheap'.
-- Shows the number of products.

SELECT coalesce(promo_code, 'none') AS code, count(*) FROM orders GROUP BY 1
-- Reads orders (one row per order, cancelled ones included).
-- One row for each code.
-- Shows code = promo_code ('none' where there is none), the number of orders.

SELECT o.order_id, c.customer_name FROM orders AS o JOIN customers AS c ON c.customer_id = o.customer_id
-- Reads orders (one row per order, cancelled ones included), joined to customers by customer_id.
-- Shows order_id, customer_name.

SELECT o.order_id, c.customer_name FROM orders AS o LEFT JOIN customers AS c USING (customer_id)
-- Reads orders (one row per order, cancelled ones included), joined to customers by customer_id, keeping rows without a match.
-- Shows order_id, customer_name.

SELECT o.order_id FROM orders AS o RIGHT JOIN customers AS c USING (customer_id)
-- Reads orders (one row per order, cancelled ones included), joined to customers by customer_id, keeping rows of customers without a match.
-- Shows order_id.

SELECT o.order_id FROM orders AS o FULL JOIN customers AS c USING (customer_id)
-- Reads orders (one row per order, cancelled ones included), joined to customers by customer_id, keeping rows without a match on either side.
-- Shows order_id.

SELECT count(*) FROM orders AS o SEMI JOIN returns AS r ON r.order_item_id = o.order_id
-- Reads orders (one row per order, cancelled ones included), only rows with a match in returns by order_item_id = order_id.
-- One row over all of them.
-- Shows the number of rows.

SELECT count(*) FROM customers AS c ANTI JOIN orders AS o ON o.customer_id = c.customer_id AND year(o.ordered_at) = 2025
-- Reads customers (registered customers), only rows without a match in orders by customer_id where the year of ordered_at (local date and time of the order) is 2025.
-- One row over all of them.
-- Shows the number of rows.

SELECT s.store_name, m.month FROM stores AS s CROSS JOIN monthly_revenue AS m
-- Reads stores (our own shops for beans and equipment), each row beside every row of monthly_revenue.
-- Shows store_name, month.

SELECT c.customer_name FROM customers AS c, orders AS o WHERE o.customer_id = c.customer_id AND o.is_gift
-- Reads customers (registered customers), joined to orders by customer_id.
-- Only rows where is_gift (true if wrapped as a gift) is true.
-- Shows customer_name.

SELECT e.last_name, m.last_name AS manager FROM employees AS e JOIN employees AS m ON e.manager_id = m.employee_id
-- Reads employees as e (everyone who works or has worked here), joined to employees as m by e.manager_id = m.employee_id.
-- Shows e.last_name, m.last_name as manager.

SELECT p.product_name FROM products AS p JOIN order_items AS i ON i.product_id = p.product_id AND i.quantity > 10
-- Reads products (coffee and equipment we sell, have sold or have announced), joined to order_items by product_id where quantity (pieces ordered) is more than 10.
-- Shows product_name.

SELECT customer_name FROM customers WHERE customer_id IN (SELECT customer_id FROM orders WHERE is_gift)
-- Reads customers (registered customers).
-- Only rows where customer_id is among the customer_id of orders (one row per order, cancelled ones included) where is_gift (true if wrapped as a gift) is true.
-- Shows customer_name.

SELECT customer_name FROM customers WHERE customer_id NOT IN (SELECT o.customer_id FROM orders AS o JOIN shipments AS s ON s.order_id = o.order_id WHERE s.carrier = 'DHL')
-- Reads customers (registered customers).
-- Only rows where customer_id is not among (the customer_id of orders (one row per order, cancelled ones included), joined to shipments by order_id, where carrier (name of the carrier) is 'DHL').
-- Shows customer_name.

SELECT customer_name FROM customers AS c WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.customer_id AND o.shipping_fee > 5)
-- Reads customers (registered customers).
-- Only rows where there is a row of orders (one row per order, cancelled ones included) where customer_id (empty for store sales without a loyalty card) is customers.customer_id and shipping_fee (shipping charged to the customer in EUR) is more than 5.
-- Shows customer_name.

SELECT customer_name FROM customers AS c WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.customer_id)
-- Reads customers (registered customers).
-- Only rows where there is no row of orders (one row per order, cancelled ones included) where customer_id (empty for store sales without a loyalty card) is customers.customer_id.
-- Shows customer_name.

SELECT product_name FROM products WHERE list_price > (SELECT avg(list_price) FROM products WHERE is_organic)
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where list_price is more than the average of list_price (current list price per piece in EUR) over products where is_organic (true for certified organic products) is true.
-- Shows product_name.

SELECT product_name FROM products WHERE list_price = (SELECT max(list_price) FROM products)
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where list_price is the largest list_price (current list price per piece in EUR) over products.
-- Shows product_name.

SELECT customer_name, (SELECT count(*) FROM orders AS o WHERE o.customer_id = c.customer_id) AS n FROM customers AS c
-- Reads customers (registered customers).
-- Shows customer_name.
-- Shows n = the number of orders (one row per order, cancelled ones included) where customer_id (empty for store sales without a loyalty card) is customers.customer_id.

SELECT customer_id FROM orders GROUP BY customer_id HAVING sum(shipping_fee) > (SELECT avg(shipping_fee) FROM orders)
-- Reads orders (one row per order, cancelled ones included).
-- One row for each customer_id.
-- Only groups where the sum of shipping_fee is more than the average of shipping_fee (shipping charged to the customer in EUR) over orders.
-- Shows customer_id.

WITH big AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id HAVING count(*) > 5) SELECT c.city, sum(b.n) FROM big AS b JOIN customers AS c USING (customer_id) GROUP BY c.city
-- big: Reads orders (one row per order, cancelled ones included).
-- big: One row for each customer_id.
-- big: Only groups where the number of orders is more than 5.
-- big: Shows customer_id, n = the number of orders.
-- Reads big, joined to customers by customer_id.
-- One row for each city.
-- Shows city, the sum of n.

WITH a AS (SELECT order_id FROM orders WHERE is_gift), b AS (SELECT order_id FROM a JOIN order_items USING (order_id) WHERE quantity > 2) SELECT count(*) FROM b
-- a: Reads orders (one row per order, cancelled ones included).
-- a: Only rows where is_gift (true if wrapped as a gift) is true.
-- a: Shows order_id.
-- b: Reads a, joined to order_items by order_id.
-- b: Only rows where quantity (pieces ordered) is more than 2.
-- b: Shows order_id.
-- Reads b.
-- One row over all of them.
-- Shows the number of rows.

SELECT avg(n) FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) AS per_customer
-- per_customer: Reads orders (one row per order, cancelled ones included).
-- per_customer: One row for each customer_id.
-- per_customer: Shows customer_id, n = the number of orders.
-- Reads per_customer.
-- One row over all of them.
-- Shows the average of n.

SELECT avg(n) FROM (SELECT count(*) AS n FROM orders WHERE is_gift GROUP BY customer_id)
-- list 1: Reads orders (one row per order, cancelled ones included).
-- list 1: Only rows where is_gift (true if wrapped as a gift) is true.
-- list 1: One row for each customer_id.
-- list 1: Shows n = the number of orders.
-- Reads list 1.
-- One row over all of them.
-- Shows the average of n.

SELECT city FROM customers UNION SELECT city FROM stores
-- part 1: Reads customers (registered customers).
-- part 1: Shows city.
-- part 2: Reads stores (our own shops for beans and equipment).
-- part 2: Shows city.
-- Takes the rows of part 1 and of part 2, each different one once.

SELECT city FROM customers UNION ALL SELECT city FROM stores WHERE has_tasting_room ORDER BY city LIMIT 5
-- part 1: Reads customers (registered customers).
-- part 1: Shows city.
-- part 2: Reads stores (our own shops for beans and equipment).
-- part 2: Only rows where has_tasting_room (true if the store has a tasting room) is true.
-- part 2: Shows city.
-- Takes the rows of part 1 and of part 2.
-- Sorted by city.
-- Only the first 5 rows.

SELECT city FROM customers INTERSECT SELECT city FROM stores
-- part 1: Reads customers (registered customers).
-- part 1: Shows city.
-- part 2: Reads stores (our own shops for beans and equipment).
-- part 2: Shows city.
-- Takes the rows that part 1 and part 2 both have, each different one once.

SELECT city FROM customers WHERE customer_type = 'business' EXCEPT SELECT city FROM stores
-- part 1: Reads customers (registered customers).
-- part 1: Only rows where customer_type (private or business) is 'business'.
-- part 1: Shows city.
-- part 2: Reads stores (our own shops for beans and equipment).
-- part 2: Shows city.
-- Takes the rows of part 1 that part 2 does not have, each different one once.

SELECT city FROM customers UNION SELECT city FROM stores EXCEPT SELECT city FROM stores WHERE closed_on IS NULL
-- part 1: Reads customers (registered customers).
-- part 1: Shows city.
-- part 2: Reads stores (our own shops for beans and equipment).
-- part 2: Shows city.
-- part 3: Reads stores.
-- part 3: Only rows where closed_on (day the store closed) is empty.
-- part 3: Shows city.
-- Takes the rows of (the rows of part 1 and of part 2, each different one once) that part 3 does not have, each different one once.

SELECT store_name, rank() OVER (ORDER BY floor_area_sqm DESC) AS r FROM stores
-- Reads stores (our own shops for beans and equipment).
-- Shows store_name; r = the rank by floor_area_sqm, largest first.

SELECT country_code, store_name FROM stores QUALIFY row_number() OVER (PARTITION BY country_code ORDER BY opened_on) = 1
-- Reads stores (our own shops for beans and equipment).
-- Then only rows with position 1 by opened_on, of each country_code.
-- Shows country_code, store_name.

SELECT * FROM (SELECT country_code, store_name, rank() OVER (PARTITION BY country_code ORDER BY floor_area_sqm DESC) AS r FROM stores) AS ranked WHERE r <= 2
-- ranked: Reads stores (our own shops for beans and equipment).
-- ranked: Shows country_code; store_name; r = the rank by floor_area_sqm, largest first, within each country_code.
-- Reads ranked.
-- Only rows where r is at most 2.
-- Shows all columns.

SELECT month, revenue, sum(revenue) OVER (ORDER BY month) AS total, lag(revenue) OVER (ORDER BY month) AS before FROM monthly_revenue
-- Reads monthly_revenue (revenue in EUR per month, country and channel).
-- Shows month, revenue.
-- Shows total = the running total of revenue by month.
-- Shows before = revenue of the row before by month.

SELECT store_name, floor_area_sqm / sum(floor_area_sqm) OVER () AS share, avg(floor_area_sqm) OVER (PARTITION BY country_code) AS usual FROM stores
-- Reads stores (our own shops for beans and equipment).
-- Shows store_name.
-- Shows share = floor_area_sqm / sum(floor_area_sqm) OVER ().
-- Shows usual = the average of floor_area_sqm (floor area in square metres), within each country_code.

SELECT month, avg(revenue) OVER (ORDER BY month ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS smooth FROM monthly_revenue
-- Reads monthly_revenue (revenue in EUR per month, country and channel).
-- Shows month, smooth = the average of revenue by month (ROWS BETWEEN 2 PRECEDING AND CURRENT ROW).

SELECT DISTINCT ON (country_code) country_code, store_name FROM stores ORDER BY country_code, opened_on
-- Reads stores (our own shops for beans and equipment).
-- Shows country_code, store_name.
-- Only the first row for each country_code.
-- Sorted by country_code, then opened_on.

WITH RECURSIVE chain AS (SELECT employee_id, manager_id FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.employee_id, e.manager_id FROM employees AS e JOIN chain AS c ON e.manager_id = c.employee_id) SELECT count(*) FROM chain
-- chain part 1: Reads employees (everyone who works or has worked here).
-- chain part 1: Only rows where manager_id (the employee this person reports to) is empty.
-- chain part 1: Shows employee_id, manager_id.
-- chain part 2: Reads employees, joined to chain by manager_id = chain.employee_id.
-- chain part 2: Shows employee_id, manager_id.
-- chain: Takes the rows of chain part 1 and of chain part 2, again and again while there are new ones.
-- Reads chain.
-- One row over all of them.
-- Shows the number of rows.

SELECT d FROM generate_series(DATE '2025-01-01', DATE '2025-01-31', INTERVAL 1 DAY) AS t(d)
-- Reads generate_series(DATE '2025-01-01', DATE '2025-01-31', INTERVAL 1 DAY) AS t(d).
-- Shows d.

SELECT country_code, channel_code, count(*) FROM orders GROUP BY ROLLUP (country_code, channel_code)
-- Reads orders (one row per order, cancelled ones included).
-- One row for each GROUPING SETS ((), country_code, (country_code, channel_code)).
-- Shows country_code, channel_code, the number of orders.

SELECT date_diff('day', ordered_at, shipped_on) AS days FROM orders WHERE shipped_on IS NOT NULL
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where shipped_on (day the goods left) is not empty.
-- Shows days = date_diff('day', ordered_at, shipped_on).

SELECT * EXCLUDE (email) FROM customers WHERE signed_up_on >= '2025-01-01' AND (customer_type = 'private' OR city = 'Berlin')
-- Reads customers (registered customers).
-- Only rows where signed_up_on (day of registration) is from 1 January 2025 on.
-- And only where customer_type (private or business) is 'private' or city (city the customer lives in or has its business in) is 'Berlin'.
-- Shows all columns but email.

SELECT promo_code FROM orders WHERE starts_with(promo_code, 'SPRING') AND is_gift IS NOT TRUE
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where promo_code (promotion used) starts with 'SPRING'.
-- And only where is_gift (true if wrapped as a gift) is not true.
-- Shows promo_code.

SELECT string_agg(store_name, ', ' ORDER BY store_name) AS names FROM stores
-- Reads stores (our own shops for beans and equipment).
-- One row over all of them.
-- Shows names = string_agg(store_name, ', ' ORDER BY store_name).

SELECT o.order_id FROM orders AS o JOIN shipments AS s ON s.order_id = o.order_id AND s.parcel_no = 1 JOIN customers AS c ON c.customer_id = o.customer_id WHERE c.city = 'Berlin' AND s.carrier_cost > o.shipping_fee
-- Reads orders (one row per order, cancelled ones included).
-- Joined to shipments by order_id where parcel_no (1 for the first parcel of an order, 2 for the second) is 1.
-- Joined to customers by customer_id.
-- Only rows where city (city the customer lives in or has its business in) is 'Berlin'.
-- And only where carrier_cost (what the carrier charges us in EUR) is more than shipping_fee.
-- Shows order_id.

SELECT category_id, list_price, list_price - avg(list_price) OVER (PARTITION BY category_id) AS above FROM products WHERE discontinued_on IS NULL
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where discontinued_on (day it was taken off sale) is empty.
-- Shows category_id, list_price, above = list_price - avg(list_price) OVER (PARTITION BY category_id).

WITH firsts AS (SELECT customer_id, min(ordered_at) AS first FROM orders GROUP BY customer_id) SELECT count(*) FROM firsts WHERE first >= DATE '2025-01-01'
-- firsts: Reads orders (one row per order, cancelled ones included).
-- firsts: One row for each customer_id.
-- firsts: Shows customer_id, first = the earliest ordered_at (local date and time of the order).
-- Reads firsts.
-- Only rows where first is from 1 January 2025 on.
-- One row over all of them.
-- Shows the number of rows.

SELECT product_name FROM products WHERE product_id IN (SELECT product_id FROM order_items GROUP BY product_id HAVING sum(quantity) > 1000 ORDER BY sum(quantity) DESC LIMIT 3)
-- Reads products (coffee and equipment we sell, have sold or have announced).
-- Only rows where product_id is among (the product_id of order_items (lines of the orders), for each product_id, only groups where the sum of quantity (pieces ordered) is more than 1000, the 3 with the largest sum of quantity).
-- Shows product_name.

SELECT count(*) FROM (SELECT DISTINCT customer_id FROM orders WHERE year(ordered_at) = 2024 INTERSECT SELECT customer_id FROM orders WHERE year(ordered_at) = 2025) AS both_years
-- both_years part 1: Reads orders (one row per order, cancelled ones included).
-- both_years part 1: Only rows where the year of ordered_at (local date and time of the order) is 2024.
-- both_years part 1: Shows customer_id.
-- both_years part 1: Each different row once.
-- both_years part 2: Reads orders.
-- both_years part 2: Only rows where the year of ordered_at is 2025.
-- both_years part 2: Shows customer_id.
-- both_years: Takes the rows that both_years part 1 and both_years part 2 both have, each different one once.
-- Reads both_years.
-- One row over all of them.
-- Shows the number of rows.

SELECT s.store_name, t.month, t.target_amount FROM stores AS s, "store targets" AS t WHERE t.store_id = s.store_id AND t.target_amount > (SELECT max(target_amount) / 2 FROM "store targets")
-- Reads stores (our own shops for beans and equipment), joined to store targets by store_id.
-- Only rows where target_amount is more than max(target_amount) / 2 over store targets (monthly sales target of each store).
-- Shows store_name, month, target_amount.

SELECT last_day(ordered_at) AS m, count(*) FROM orders WHERE dayname(ordered_at) = 'Sunday' GROUP BY 1
-- Reads orders (one row per order, cancelled ones included).
-- Only rows where the name of the day of ordered_at (local date and time of the order) is 'Sunday'.
-- One row for each m.
-- Shows m = last_day(ordered_at), the number of orders.
