-- Each block: a query, after `-- is laid out as` how a person sees it. The engine reads both as the same.

-- a short one
select count(*) from orders
-- is laid out as
SELECT count(*)
FROM orders

-- brackets that say nothing
SELECT (((total))) + 1 AS t FROM orders WHERE ((total > 1) AND ((status = 'open')))
-- is laid out as
SELECT total + 1 AS t
FROM orders
WHERE total > 1 AND status = 'open'

-- brackets that say something
SELECT (a + b) * c, a - (b - c), -(a + b), (a OR b) AND c, NOT (a AND b), (a = b) = c FROM t
-- is laid out as
SELECT (a + b) * c, a - (b - c), -(a + b), (a OR b) AND c, NOT (a AND b), (a = b) = c
FROM t

-- AND within OR keeps its brackets for the reader
SELECT 1 FROM t WHERE a = 1 OR b = 2 AND c = 3
-- is laid out as
SELECT 1
FROM t
WHERE a = 1 OR (b = 2 AND c = 3)

-- joins in a row
SELECT o.id FROM orders o INNER JOIN customers c ON o.customer_id = c.id LEFT OUTER JOIN stores s USING (store_id) CROSS JOIN days
-- is laid out as
SELECT o.id
FROM orders AS o
JOIN customers AS c ON o.customer_id = c.id
LEFT JOIN stores AS s USING (store_id)
CROSS JOIN days

-- a join within a join stays one
SELECT 1 FROM a JOIN (b JOIN c ON b.i = c.i) ON a.i = b.i
-- is laid out as
SELECT 1
FROM a
JOIN (b INNER JOIN c ON b.i = c.i) ON a.i = b.i

-- commas
SELECT 1 FROM a, b JOIN c ON b.i = c.i WHERE a.i = b.i
-- is laid out as
SELECT 1
FROM a, b
JOIN c ON b.i = c.i
WHERE a.i = b.i

-- patterns
SELECT 1 FROM t WHERE a LIKE 'x%' AND b NOT ILIKE '%y' AND NOT (c LIKE 'z')
-- is laid out as
SELECT 1
FROM t
WHERE a LIKE 'x%' AND b NOT ILIKE '%y' AND NOT (c LIKE 'z')

-- members
SELECT 1 FROM t WHERE a IN (SELECT x FROM u) AND b NOT IN (1, 2) AND c NOT IN (SELECT y FROM v)
-- is laid out as
SELECT 1
FROM t
WHERE a IN (SELECT x FROM u) AND b NOT IN (1, 2) AND c NOT IN (SELECT y FROM v)

-- dates, times and spans
SELECT d::DATE, ts::VARCHAR FROM t WHERE d >= DATE '2025-01-01' AND ts < TIMESTAMP '2025-02-01 10:00' AND d > current_date - INTERVAL 1 MONTH AND d < d2 + INTERVAL '3 days'
-- is laid out as
SELECT CAST(d AS DATE), CAST(ts AS VARCHAR)
FROM t
WHERE d >= DATE '2025-01-01'
    AND ts < TIMESTAMP '2025-02-01 10:00'
    AND d > current_date - INTERVAL 1 MONTH
    AND d < d2 + INTERVAL '3 days'

-- parts of dates
SELECT year(d), extract(month FROM d), date_part('year', d), date_trunc('month', d) FROM t GROUP BY ALL
-- is laid out as
SELECT year(d), extract(month FROM d), date_part('year', d), date_trunc('month', d)
FROM t
GROUP BY ALL

-- between, null, true
SELECT 1 FROM t WHERE a BETWEEN 1 AND 2 AND b NOT BETWEEN 3 AND 4 AND c IS NULL AND d IS NOT NULL AND e IS TRUE
-- is laid out as
SELECT 1
FROM t
WHERE a BETWEEN 1 AND 2
    AND b NOT BETWEEN 3 AND 4
    AND c IS NULL
    AND d IS NOT NULL
    AND e IS TRUE

-- where NULLs go is said only where the query says it
SELECT a FROM t ORDER BY a DESC, b NULLS FIRST, c DESC NULLS LAST, d ASC LIMIT 5 OFFSET 2
-- is laid out as
SELECT a
FROM t
ORDER BY a DESC, b NULLS FIRST, c DESC NULLS LAST, d ASC
LIMIT 5
OFFSET 2

-- names are quoted only where they must be
SELECT "name", "order", "Total amount" AS "month" FROM main."store targets"
-- is laid out as
SELECT name, "order", "Total amount" AS month
FROM main."store targets"

-- steps
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b
-- is laid out as
WITH a AS (
    SELECT 1 AS x
),
b AS (
    SELECT x + 1 AS y
    FROM a
)
SELECT y
FROM b

-- set operations
(SELECT a FROM t WHERE b = 1) UNION ALL (SELECT a FROM u) EXCEPT (SELECT a FROM v ORDER BY a LIMIT 1)
-- is laid out as
SELECT a
FROM t
WHERE b = 1
UNION ALL
SELECT a
FROM u
EXCEPT
(
    SELECT a
    FROM v
    ORDER BY a
    LIMIT 1
)

-- a query in a condition, short and long
SELECT name FROM products WHERE price > (SELECT avg(price) FROM products) AND EXISTS (SELECT 1 FROM order_items AS i WHERE i.product_id = products.id AND i.quantity > 100)
-- is laid out as
SELECT name
FROM products
WHERE price > (SELECT avg(price) FROM products)
    AND EXISTS (
        SELECT 1
        FROM order_items AS i
        WHERE i.product_id = products.id AND i.quantity > 100
    )

-- a long list of columns and a long CASE
SELECT customer_name, CASE WHEN total_amount > 10000 THEN 'large' WHEN total_amount > 1000 THEN 'medium' ELSE 'small' END AS size, count(DISTINCT order_id) FILTER (WHERE status = 'open') AS open_orders FROM orders GROUP BY 1, 2 HAVING count(*) > 1
-- is laid out as
SELECT
    customer_name,
    CASE
        WHEN total_amount > 10000 THEN 'large'
        WHEN total_amount > 1000 THEN 'medium'
        ELSE 'small'
    END AS size,
    count(DISTINCT order_id) FILTER (WHERE status = 'open') AS open_orders
FROM orders
GROUP BY 1, 2
HAVING count(*) > 1

-- windows
SELECT a, rank() OVER (PARTITION BY b ORDER BY c DESC) AS r, sum(a) OVER (ORDER BY c ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM t QUALIFY r = 1
-- is laid out as
SELECT
    a,
    rank() OVER (PARTITION BY b ORDER BY c DESC) AS r,
    sum(a) OVER (ORDER BY c ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s
FROM t
QUALIFY r = 1

-- lists, lambdas, JSON
SELECT [1, 2], list_filter(l, lambda x: x > 1), j->>'k' FROM t
-- is laid out as
SELECT [1, 2], list_filter(l, lambda x: x > 1), j ->> 'k'
FROM t

-- a derived table, and one of values
SELECT * FROM (SELECT a FROM t) AS s, (VALUES (1, 'a'), (2, 'b')) AS v(i, letter)
-- is laid out as
SELECT *
FROM (SELECT a FROM t) AS s, (VALUES (1, 'a'), (2, 'b')) AS v(i, letter)
