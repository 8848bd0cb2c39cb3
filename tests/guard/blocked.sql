-- Each block is one text that must not run, under the rule that stops it. The lock alone must keep it from writing.

-- rule: read-only
CREATE TABLE t (i INTEGER)

-- rule: read-only
CREATE OR REPLACE TEMP TABLE members AS SELECT 1 AS x

-- rule: read-only
DROP TABLE members

-- rule: read-only
ALTER TABLE books ADD COLUMN x INTEGER

-- rule: read-only
INSERT INTO books (book_id) VALUES (99)

-- rule: read-only
UPDATE books SET pages = 1

-- rule: read-only
DELETE FROM loans

-- rule: read-only
MERGE INTO books USING (SELECT 10 AS id) s ON book_id = s.id WHEN MATCHED THEN DELETE

-- rule: read-only
WITH gone AS (DELETE FROM loans RETURNING *) SELECT count(*) FROM gone

-- rule: read-only
WITH a AS (SELECT 1), b AS (INSERT INTO vault VALUES ('x') RETURNING code) SELECT * FROM a, b

-- rule: read-only
SELECT * FROM (WITH u AS (UPDATE books SET pages = 0 RETURNING pages) FROM u)

-- rule: read-only
COPY books TO 'stolen.csv'

-- rule: read-only
EXPORT DATABASE 'stolen'

-- rule: read-only
ATTACH 'other.duckdb' AS other

-- rule: read-only
SET memory_limit = '10GB'

-- rule: read-only
RESET memory_limit

-- rule: read-only
PRAGMA database_list

-- rule: read-only
CALL pragma_version()

-- rule: read-only
INSTALL httpfs

-- rule: read-only
LOAD json

-- rule: read-only
BEGIN TRANSACTION

-- rule: read-only
PREPARE p AS SELECT 1

-- rule: read-only
USE archive

-- rule: read-only
CHECKPOINT

-- rule: read-only
SELECT 1; DROP TABLE books

-- rule: one-statement
SELECT 1; SELECT 2

-- rule: one-statement
SELECT title FROM books; SELECT code FROM vault

-- rule: explain
EXPLAIN ANALYZE INSERT INTO books (book_id) VALUES (99)

-- rule: table
EXPLAIN ANALYZE SELECT * FROM vault

-- rule: column
EXPLAIN (ANALYZE) SELECT title FROM books, staff WHERE wage > 2000

-- rule: explain
EXPLAIN (ANALYZE false) SELECT title FROM books

-- rule: table
EXPLAIN (FORMAT json, ANALYZE) SELECT code FROM codes

-- rule: explain
EXPLAIN (FORMAT html) SELECT title FROM books

-- rule: explain
EXPLAIN (ANALYZE, ANALYZE false) SELECT title FROM books

-- rule: explain
EXPLAIN (ANALYZE,) SELECT title FROM books

-- rule: function
EXPLAIN /* SELECT */ ANALYZE /* SELECT */ SELECT top_code()

-- rule: read-only
EXPLAIN ANALYZE WITH gone AS (DELETE FROM loans RETURNING *) SELECT count(*) FROM gone

-- rule: explain
EXPLAIN INSERT INTO books (book_id) VALUES (99)

-- rule: explain
EXPLAIN COPY books TO 'stolen.csv'

-- rule: explain
EXPLAIN CREATE TABLE t AS SELECT 1

-- rule: explain
EXPLAIN SET memory_limit = '10GB'

-- rule: table
EXPLAIN SELECT code FROM vault

-- rule: table
EXPLAIN (FORMAT json) FROM codes

-- rule: column
EXPLAIN SELECT name FROM staff ORDER BY wage

-- rule: column
EXPLAIN (SELECT * FROM staff)

-- rule: table
EXPLAIN DESCRIBE vault

-- rule: table
EXPLAIN PIVOT vault ON code

-- rule: table-function
EXPLAIN SELECT * FROM read_csv('/etc/passwd')

-- rule: function
EXPLAIN SELECT top_code()

-- rule: read-only
EXPLAIN WITH gone AS (DELETE FROM loans RETURNING *) SELECT count(*) FROM gone

-- rule: read-only
EXPLAIN SELECT 1; DROP TABLE books

-- rule: one-statement
EXPLAIN SELECT 1; SELECT code FROM vault

-- rule: syntax
EXPLAIN EXPLAIN SELECT 1

-- rule: table
DESCRIBE vault

-- rule: table
DESC main.vault

-- rule: table
DESCRIBE archive.loans

-- rule: table
DESCRIBE SELECT * FROM vault

-- rule: table
SUMMARIZE vault

-- rule: table
SUMMARIZE codes

-- rule: column
SUMMARIZE staff

-- rule: column
DESCRIBE staff

-- rule: column
SUMMARIZE SELECT wage FROM staff

-- rule: column
DESCRIBE (SELECT wage AS w FROM staff)

-- rule: column
SUMMARIZE SELECT name FROM staff WHERE wage > 2000

-- rule: column
DESCRIBE staff_all

-- rule: column
SELECT * FROM (DESCRIBE staff)

-- rule: table
SELECT * FROM (SUMMARIZE vault)

-- rule: column
WITH s AS (FROM (SUMMARIZE members)) SELECT * FROM s

-- rule: table
WITH vault AS (SUMMARIZE vault) SELECT * FROM vault

-- rule: table
SELECT * FROM (WITH vault AS (SELECT 1 AS x) SELECT * FROM vault) a, (DESCRIBE vault) b

-- rule: table
WITH a AS (DESCRIBE b), b AS (SELECT 1 AS x) SELECT * FROM a

-- rule: table
SELECT title FROM books WHERE title IN (SELECT max FROM (SUMMARIZE (SELECT code FROM vault)))

-- rule: table
DESCRIBE (DESCRIBE (SUMMARIZE vault))

-- rule: table
DESCRIBE 'main.vault.csv.gz'

-- rule: table
SUMMARIZE 'books.csv'

-- rule: table-function
DESCRIBE FROM read_csv('/etc/passwd')

-- rule: table-function
SUMMARIZE FROM query('FROM vault')

-- rule: function
DESCRIBE SELECT top_code()

-- rule: read-only
DESCRIBE WITH gone AS (DELETE FROM loans RETURNING *) SELECT * FROM gone

-- rule: describe
SHOW vault

-- rule: describe
FROM (SHOW vault)

-- rule: column
SHOW staff

-- rule: column
SHOW members

-- rule: table
DESCRIBE 'archive.loans'

-- rule: describe
SHOW ALL TABLES

-- rule: describe
SELECT * FROM (SHOW TABLES)

-- rule: describe
DESCRIBE

-- rule: describe
SHOW TABLES FROM archive

-- rule: describe
SHOW DATABASES

-- rule: describe
SHOW memory_limit

-- rule: describe
SHOW VARIABLES

-- rule: describe
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n, (DESCRIBE n) d WHERE i < 2) SELECT * FROM n

-- rule: describe
FROM (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE (DESCRIBE books)))))))))

-- rule: one-statement
DESCRIBE books; DESCRIBE vault

-- rule: one-statement
DESCRIBE books; SELECT code FROM vault

-- rule: table
PIVOT vault ON code USING count(*)

-- rule: table
SELECT * FROM (PIVOT vault ON code USING count(*))

-- rule: column
PIVOT staff ON wage USING count(*) GROUP BY role

-- rule: column
PIVOT staff ON role USING max(wage)

-- rule: bind
PIVOT (SELECT name, role FROM staff) ON role USING count(*) GROUP BY wage

-- rule: column
PIVOT staff ON role USING count(*)

-- rule: column
PIVOT members ON branch USING max(pin) GROUP BY joined

-- rule: table
PIVOT books ON title USING count(*) GROUP BY book_id UNION ALL SELECT code, 1, 1, 1 FROM vault

-- rule: table
PIVOT (SELECT m.name, v.code FROM members m, vault v) ON code

-- rule: table
WITH v AS (FROM vault) PIVOT v ON code

-- rule: table
SELECT * FROM (PIVOT members ON branch USING count(*) GROUP BY joined) p, vault

-- rule: table
PIVOT codes ON code

-- rule: table-function
PIVOT read_csv('books.csv') ON s

-- rule: function
PIVOT loans ON top_code() || loan_id

-- rule: dynamic-pivot
PIVOT members ON branch IN (SELECT code FROM vault) USING count(*)

-- rule: dynamic-pivot
PIVOT members ON branch IN (SELECT branch FROM members) USING count(*)

-- rule: dynamic-pivot
PIVOT (SELECT i FROM range(1001) r(i)) ON i

-- rule: dynamic-pivot
PIVOT (FROM books WHERE false) ON title USING count(*) GROUP BY pages

-- rule: dynamic-pivot
SELECT 1; PIVOT books ON title

-- rule: too-long
PIVOT (SELECT repeat('x', 1000) || i AS k FROM range(100) r(i)) ON k

-- rule: parameter
SELECT $1

-- rule: parameter
SELECT name FROM members WHERE branch = ?

-- rule: table
SELECT * FROM vault

-- rule: table
SELECT * FROM main.vault

-- rule: table
SELECT * FROM library.main.vault

-- rule: table
SELECT * FROM archive.loans

-- rule: table
SELECT name FROM members WHERE EXISTS (SELECT 1 FROM vault WHERE code LIKE 'o%')

-- rule: table
SELECT name FROM members ORDER BY (SELECT max(code) FROM vault)

-- rule: table
WITH vault AS (SELECT * FROM vault) SELECT * FROM vault

-- rule: table
SELECT * FROM (WITH vault AS (SELECT 1) SELECT * FROM vault) a, vault

-- rule: table
WITH a AS (FROM b), b AS (SELECT 1 AS x) SELECT * FROM a

-- rule: table
WITH RECURSIVE vault(c) AS (SELECT code FROM vault UNION ALL SELECT c FROM vault WHERE false) SELECT * FROM vault

-- rule: table
SELECT * FROM codes

-- rule: table
SELECT loan_id FROM loans UNION ALL SELECT code FROM vault

-- rule: table
SELECT title FROM books /* /* */ */ UNION ALL SELECT code FROM vault -- */

-- rule: table
SELECT map {#1: (SELECT max(code) FROM vault)} FROM books -- #} {} FROM books

-- rule: table
SELECT 1 AS `, '`, (SELECT max(code) FROM vault) AS x, 2 AS `' AS `

-- rule: table
FROM 'books.csv'

-- rule: table
SELECT * FROM "data.parquet"

-- rule: table
SELECT * FROM information_schema.tables

-- rule: table
SELECT * FROM sqlite_master

-- rule: table
SELECT * FROM pg_catalog.pg_class

-- rule: table
SELECT * FROM no_such_table

-- rule: column
SELECT * FROM staff

-- rule: column
SELECT wage FROM staff

-- rule: column
SELECT name FROM staff WHERE wage > 2000

-- rule: column
SELECT name FROM staff ORDER BY wage

-- rule: column
SELECT role FROM staff GROUP BY role HAVING max(wage) > 1

-- rule: column
SELECT s FROM staff s

-- rule: column
SELECT * EXCLUDE (name) FROM staff

-- rule: column
SELECT COLUMNS('w.*') FROM staff

-- rule: column
SELECT d FROM staff AS t(a, b, c, d)

-- rule: column
SELECT #4 FROM staff

-- rule: column
SELECT s.name FROM staff s NATURAL JOIN staff t

-- rule: column
SELECT count(*) FROM staff a JOIN staff b USING (wage)

-- rule: column
WITH q AS (SELECT * FROM staff) SELECT name FROM q

-- rule: column
SELECT * FROM (UNPIVOT (SELECT name, wage FROM staff) ON wage INTO NAME k VALUE v)

-- rule: column
SELECT name FROM staff_all

-- rule: column
SELECT member_id, (SELECT max(m.pin) FROM members m WHERE m.member_id = l.member_id) FROM loans l

-- rule: column
SELECT to_json(m) FROM members m

-- rule: table-function
SELECT * FROM read_csv('/etc/passwd')

-- rule: table-function
SELECT * FROM read_text('library.duckdb')

-- rule: table-function
FROM glob('*')

-- rule: table-function
SELECT * FROM query('FROM vault')

-- rule: table-function
SELECT * FROM query_table('vault')

-- rule: table-function
SELECT * FROM duckdb_tables()

-- rule: table-function
SELECT * FROM pragma_table_info('vault')

-- rule: table-function
SELECT * FROM histogram(vault, code)

-- rule: table-function
SELECT * FROM roles('desk')

-- rule: table-function
SELECT * FROM books, LATERAL query_table('vault')

-- rule: function
SELECT top_code()

-- rule: type
SELECT NULL::vault

-- rule: type
SELECT CAST('x' AS library.main.mood)

-- rule: type
SELECT json_transform('"x"', '"mood"')

-- rule: type
SELECT from_json(facts, facts) FROM books

-- rule: collation
SELECT title COLLATE vault FROM books

-- rule: column
SELECT coalesce(*COLUMNS('name|wage')) FROM staff

-- rule: function
SELECT nextval('tickets')

-- rule: function
SELECT current_setting('memory_limit')

-- rule: function
SELECT getvariable('x')

-- rule: function
SELECT json_serialize_plan('FROM vault')

-- rule: function
SELECT write_log('x') FROM books

-- rule: function
SELECT error(title) FROM books

-- rule: function
SELECT pg_get_viewdef(1)

-- rule: function
SELECT current_query()

-- rule: function
SELECT dateadd('day', 1, joined) FROM members

-- rule: function
SELECT library.main.upper(title) FROM books

-- rule: syntax
SELECT FROM WHERE

-- rule: syntax
SELEC title FROM books

-- rule: bind
SELECT titel FROM books

-- rule: bind
SELECT sum(title) FROM books

-- rule: bind
SELECT title FROM books GROUP BY pages
