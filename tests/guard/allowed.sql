-- Each block is one query that an honest analyst could send: allowed, and run with the rows of the text as written.

SELECT * FROM books

SELECT name, joined FROM members WHERE branch = 'north' ORDER BY joined DESC LIMIT 5;

select count(*) from members

SELECT m.name, count(*) AS n FROM members AS m JOIN loans l ON l.member_id = m.member_id GROUP BY m.name ORDER BY n, m.name

FROM loans SELECT date_trunc('month', lent) AS month, count(*) GROUP BY ALL ORDER BY month

WITH late AS (SELECT * FROM loans WHERE returned IS NULL), per AS (SELECT member_id, count(*) n FROM late GROUP BY 1)
SELECT * FROM per ORDER BY ALL

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n

WITH loans AS (SELECT 1 AS x) SELECT x FROM loans

SELECT title, pages, rank() OVER (ORDER BY pages DESC NULLS LAST) AS r FROM books QUALIFY r <= 2 ORDER BY r

SELECT name FROM members WHERE member_id IN (SELECT member_id FROM loans WHERE lent > '2024-05-01') ORDER BY name

SELECT name, (SELECT max(lent) FROM loans l WHERE l.member_id = m.member_id) AS last FROM members m ORDER BY name

SELECT branch, lent FROM lent_by_branch ORDER BY ALL

SELECT name, role FROM staff_roles ORDER BY name

SELECT name FROM staff ORDER BY name

SELECT "order", "loan_id" FROM main.loans ORDER BY "order" LIMIT 3

SELECT seat, "select" FROM "reading room" ORDER BY seat

SELECT `title` FROM `books` ORDER BY `title`

SELECT 'DROP TABLE members; -- not a comment' AS text, 'insert /* into */ x' AS "delete"

SELECT title FROM books -- ; DROP TABLE books
WHERE pages > 100 /* DELETE FROM books */ ORDER BY title

SELECT title FROM books WHERE title LIKE 'Drop%' OR title ILIKE '%map%' ORDER BY title

SELECT unnest(subjects) AS subject, title FROM books ORDER BY ALL

SELECT title, shelf.room, shelf['place'] FROM books ORDER BY title

SELECT facts->>'isbn' AS isbn, json_array_length(facts->'sizes') AS n FROM books ORDER BY ALL

SELECT list_transform([1, 2, 3], lambda x: x * 2) AS doubled

SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1] AS kept

SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(id, letter) ORDER BY id

SELECT branch, count(*) FILTER (WHERE joined >= DATE '2024-01-01') AS fresh FROM members GROUP BY ROLLUP (branch) ORDER BY ALL

PIVOT (SELECT branch, year(joined) AS y FROM members) ON y IN (2023, 2024) USING count(*) GROUP BY branch ORDER BY branch

UNPIVOT (SELECT book_id, pages::DOUBLE AS pages, price::DOUBLE AS price FROM books) ON pages, price INTO NAME what VALUE v ORDER BY ALL

SELECT name FROM members UNION ALL SELECT name FROM staff ORDER BY name

SELECT member_id FROM members EXCEPT SELECT member_id FROM loans WHERE loan_id < 3 ORDER BY 1

SELECT m.name, x.lent FROM members m, LATERAL (SELECT max(lent) AS lent FROM loans l WHERE l.member_id = m.member_id) x ORDER BY ALL

SELECT l.loan_id, p.price FROM loans l ASOF JOIN (SELECT book_id, price, TIMESTAMP '2024-01-01' AS since FROM books) p ON l.book_id = p.book_id AND l.lent >= p.since ORDER BY 1

SELECT d::DATE AS day FROM generate_series(DATE '2024-01-01', DATE '2024-01-04', INTERVAL 1 DAY) t(d)

SELECT value FROM json_each('[1, 2]')

SELECT quantile_cont(price, 0.5), stddev_samp(price), arg_max(title, price) FROM books

SELECT coalesce(branch, '?') AS b, CASE WHEN count(*) > 1 THEN 'many' ELSE 'one' END AS how FROM members GROUP BY 1 ORDER BY 1

SELECT strftime(joined, '%Y-%m') AS month, extract('year' FROM joined) AS y, joined + INTERVAL '1 month' AS later FROM members ORDER BY ALL

SELECT TRY_CAST(title AS INTEGER), round(price / 3, 2), price // 2, pages % 7 FROM books ORDER BY ALL

SELECT COLUMNS('.*_id') FROM loans ORDER BY 1 LIMIT 2

SELECT * EXCLUDE (facts, shelf) REPLACE (upper(title) AS title) FROM books ORDER BY book_id

SELECT title.upper() AS shout FROM books ORDER BY 1

SELECT * FROM unnest(['a', 'b']) WITH ORDINALITY AS t(x, n)

SELECT '101'::BIT AS bits, count(*) AS n FROM loans

WITH RECURSIVE f(a, b) USING KEY (a) AS (SELECT 0, 1 UNION SELECT b, a + b FROM f WHERE b < 20) SELECT count(*) FROM f

SELECT 'می‌خواهم' AS word, '👩‍🚀' AS emoji, 'Ünïcode' AS "größe"

SELECT sum(sum(pages)) OVER () FROM books GROUP BY book_id LIMIT 1

SELECT EXISTS (FROM loans WHERE returned IS NULL) AS open, NOT 1 BETWEEN 2 AND 3 AS b, 'Tides' SIMILAR TO 'T.*' AS s

SELECT name FROM (SELECT * FROM (SELECT name, branch FROM members)) WHERE branch IS NOT NULL ORDER BY 1

TABLE books

DESCRIBE books

DESC main.loans

SHOW loans

DESCRIBE lent_by_branch

DESCRIBE staff_roles

DESCRIBE "reading room"

DESCRIBE 'loans'

DESCRIBE SELECT name, role AS job FROM staff

DESCRIBE VALUES (1, 'a'), (2, NULL)

DESCRIBE (DESCRIBE books)

SELECT column_name, column_type FROM (DESCRIBE loans) ORDER BY 1

SELECT a, b FROM (SHOW loans) AS t(a, b, c, d, e, f) WHERE b = 'TIMESTAMP' ORDER BY a

SUMMARIZE books

SUMMARIZE SELECT member_id, name, joined, branch FROM members

SUMMARIZE (SELECT * FROM loans WHERE false)

SUMMARIZE "reading room"

SUMMARIZE lent_by_branch

SUMMARIZE (SUMMARIZE loans)

SELECT column_name, null_percentage FROM (SUMMARIZE loans) WHERE null_percentage > 0

SELECT s.column_name, s.max, d.column_type FROM (SUMMARIZE loans) s JOIN (DESCRIBE loans) d USING (column_name) ORDER BY ALL

WITH late AS (SELECT loan_id, lent FROM loans WHERE returned IS NULL), told AS (SUMMARIZE late) SELECT column_name, count FROM told

WITH vault AS (SELECT 1 AS x) SELECT * FROM (DESCRIBE vault)

SELECT (SELECT count(*) FROM (DESCRIBE books)) AS columns

PIVOT loans ON member_id

PIVOT books ON title USING max(pages) AS most, count(*) AS n GROUP BY book_id ORDER BY book_id

PIVOT loans ON member_id, book_id USING count(*) GROUP BY "order" ORDER BY ALL

PIVOT loans JOIN members USING (member_id) ON book_id USING count(*) GROUP BY branch ORDER BY branch NULLS FIRST

PIVOT loans l JOIN books b ON l.book_id = b.book_id ON title, returned IS NULL USING count(*) GROUP BY member_id ORDER BY ALL

PIVOT staff_roles ON role USING count(*) GROUP BY name ORDER BY name

PIVOT members ON (branch, year(joined)) USING count(*) GROUP BY name ORDER BY name

PIVOT members ON branch NOT IN ('north') USING count(*) GROUP BY name ORDER BY name

PIVOT loans ON CASE WHEN book_id IN (10, 11) THEN 'old' ELSE 'new' END USING count(*) GROUP BY member_id ORDER BY 1

PIVOT loans ON book_id > 10 AND member_id IN (1, 2) USING count(*) GROUP BY "order" ORDER BY ALL

PIVOT loans ON book_id::VARCHAR IN ('10', '11'), member_id USING count(*) GROUP BY "order" ORDER BY ALL

PIVOT loans ON book_id, member_id IN (1, 2) USING count(*) GROUP BY "order" ORDER BY ALL

PIVOT /* ON x */ books -- USING (y), GROUP BY z
ON title -- trailing, with a comma
USING count(*) GROUP BY book_id ORDER BY book_id

PIVOT (SELECT loan_id % 25 AS k, loan_id FROM loans) ON k USING sum(loan_id)

PIVOT (SELECT 'it''s' AS a, 1 AS b UNION ALL SELECT '"); DROP TABLE books; --', 2 UNION ALL SELECT NULL, 3) ON a USING sum(b)

SELECT * FROM (PIVOT loans ON book_id USING count(*) GROUP BY member_id) WHERE member_id > 1 ORDER BY member_id

WITH l AS (FROM loans WHERE loan_id < 9), p AS (SELECT 1 AS one) SELECT * FROM (PIVOT l ON book_id USING count(*) GROUP BY member_id), p ORDER BY 1

SELECT * FROM (PIVOT loans ON book_id USING count(*) GROUP BY member_id) JOIN (PIVOT loans ON returned IS NULL USING count(*) GROUP BY member_id) USING (member_id) ORDER BY 1

PIVOT (PIVOT loans ON book_id USING count(*) GROUP BY member_id) ON member_id USING sum("10")

SUMMARIZE (PIVOT loans ON book_id USING count(*) GROUP BY member_id)

PIVOT loans ON book_id USING count(*) GROUP BY member_id UNION ALL PIVOT loans ON book_id USING max(loan_id) GROUP BY member_id ORDER BY ALL

SELECT * FROM loans PIVOT (count(*) FOR book_id IN (10, 11) GROUP BY member_id) ORDER BY ALL

EXPLAIN SELECT title FROM books WHERE pages > 100

EXPLAIN FROM loans

explain (format JSON) SELECT branch, count(*) FROM members GROUP BY branch

EXPLAIN (FORMAT 'text') WITH late AS (FROM loans WHERE returned IS NULL) SELECT count(*) FROM late

/* how */ EXPLAIN -- is it
(SELECT title FROM books) UNION ALL (SELECT name FROM members)

EXPLAIN PIVOT books ON pages > 200 USING count(*) GROUP BY book_id

SELECT s.name.lower() FROM staff AS s ORDER BY ALL

WITH RECURSIVE members AS (SELECT branch FROM members), r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3)
SELECT count(*) FROM members, r

SELECT coalesce(*COLUMNS(['branch', 'name'])) AS one FROM members ORDER BY ALL

SELECT concat_ws('-', *COLUMNS(* EXCLUDE (pin, joined))) AS all FROM members ORDER BY ALL

SELECT [*COLUMNS('.*_id')] AS ids, greatest(*COLUMNS(lambda c: c LIKE '%_id')) AS most FROM loans ORDER BY ALL LIMIT 3

SELECT json_transform(facts, '{"isbn": "VARCHAR", "sizes": ["INTEGER"]}') AS f FROM books ORDER BY ALL

SELECT from_json('{"a": [1.5]}', '{"a": ["DECIMAL(4, 2)"]}'::JSON).a[1] AS a, facts.json_transform('{"isbn": "TEXT"}') FROM books ORDER BY ALL

SELECT NULL::STRUCT(a INTEGER, b VARCHAR[]), NULL::MAP(VARCHAR, DATE[3]), 'b'::ENUM('a', 'b'), NULL::UNION(a INT8, b TEXT), 1::VARIANT, [1]::BIGINT[], 'x'::CHARACTER VARYING(3), '1'::DOUBLE PRECISION

SELECT title FROM books ORDER BY title COLLATE de.nocase, title COLLATE noaccent
