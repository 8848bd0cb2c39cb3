-- One statement a line, each a write or a reach outside: {own} is the opened database, {other} a file beside it, {new} a file that is not there.
INSERT INTO sale VALUES (1000, 1, 1)
UPDATE sale SET amount = 0
DELETE FROM sale
TRUNCATE sale
DROP TABLE sale
ALTER TABLE sale ADD COLUMN x INTEGER
CREATE TABLE stolen AS SELECT * FROM sale
CREATE OR REPLACE VIEW by_city AS SELECT 1
WITH gone AS (DELETE FROM sale RETURNING id) SELECT * FROM gone
WITH more AS (INSERT INTO sale VALUES (1000, 1, 1) RETURNING id) SELECT * FROM more
COPY sale TO '{new}'
COPY sale TO '{new}' (FORMAT parquet)
COPY (SELECT 1) TO '{own}' (FORMAT csv, USE_TMP_FILE false)
COPY (SELECT 1) TO '{own}.wal' (FORMAT csv, USE_TMP_FILE false)
COPY (SELECT 1) TO '{other}' (FORMAT csv, USE_TMP_FILE false)
COPY (SELECT 1) TO '{other}' (FORMAT parquet, USE_TMP_FILE false)
WITH x AS (COPY (SELECT 1) TO '{own}' (FORMAT csv, USE_TMP_FILE false)) SELECT 1
WITH x AS (COPY (SELECT 1) TO '{other}' (FORMAT csv, USE_TMP_FILE false)) SELECT 1
EXPLAIN ANALYZE COPY (SELECT 1) TO '{other}' (FORMAT csv, USE_TMP_FILE false)
COPY sale FROM '{other}'
EXPORT DATABASE '{new}'
ATTACH '{new}' AS fresh
ATTACH '{other}' AS beside (READ_ONLY)
INSTALL httpfs
LOAD httpfs
SET memory_limit = '100GB'
SET enable_external_access = true
SET disabled_filesystems = ''
RESET temp_directory
CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')
CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')
SELECT * FROM '{secret}'
SELECT * FROM read_csv('{secret}')
SELECT * FROM read_text('{secret}')
SELECT * FROM read_blob('/proc/self/environ')
SELECT * FROM glob('/*')
SELECT * FROM read_json('https://example.org/x.json')
SELECT * FROM sys
SELECT * FROM enable_logging(storage = 'file', storage_path = '{new}')
