"""What the library has to read, for a grammar: tables and their columns' types, and hostile hearts to put in.

It makes no statements. A hostile heart reads something denied or does something forbidden wherever it is run.
"""

from __future__ import annotations

from typing import Final

# Types: i integer, n number, t text, d date, s timestamp, b boolean, l list of texts, r struct, j JSON.
TABLES: Final = {
    "members": {"member_id": "i", "name": "t", "joined": "d", "branch": "t"},
    "books": {
        "book_id": "i",
        "title": "t",
        "pages": "i",
        "price": "n",
        "subjects": "l",
        "shelf": "r",
        "facts": "j",
    },
    "loans": {"loan_id": "i", "member_id": "i", "book_id": "i", "lent": "s", "returned": "s", '"order"': "i"},
    '"reading room"': {"seat": "i", '"select"': "t"},
    "staff": {"staff_id": "i", "name": "t", "role": "t"},
    "lent_by_branch": {"branch": "t", "lent": "i"},
    "staff_roles": {"name": "t", "role": "t"},
}
STARS: Final = frozenset({"books", "loans", '"reading room"', "lent_by_branch", "staff_roles"})
_VALUES: Final = """
    (SELECT max(code) FROM vault) | (SELECT list(v) FROM vault v)::VARCHAR | (FROM vault LIMIT 1) | (TABLE vault)
    (SELECT secret FROM archive.loans) | (SELECT max(wage)::VARCHAR FROM staff) | (SELECT first(code) FROM codes)
    (SELECT string_agg(pin, ',') FROM members) | (SELECT s FROM staff s LIMIT 1)::VARCHAR | top_code()
    (SELECT max(to_json(m)) FROM members m)::VARCHAR | (SELECT list(COLUMNS(*))::VARCHAR FROM main.vault)
    (SELECT count(*) FROM roles('desk'))::VARCHAR | current_setting('memory_limit') | nextval('tickets')::VARCHAR
    (SELECT sum(d)::VARCHAR FROM staff t(a, b, c, d)) | (SELECT count(*)::VARCHAR FROM (SELECT * FROM staff))
    (SELECT content FROM read_text('library.duckdb'))::VARCHAR | (SELECT sql FROM sqlite_master LIMIT 1)
    (SELECT max(code) FROM library.main.vault) | (SELECT count(*)::VARCHAR FROM query('FROM vault'))
    (SELECT count(*)::VARCHAR FROM query_table('vault')) | getvariable('x')::VARCHAR | (SELECT v.code FROM vault v)
    json_serialize_plan('FROM vault')::VARCHAR | (SELECT max(name) FROM staff_all)
    (VALUES ((SELECT max(code) FROM vault)))
    (SELECT count(*)::VARCHAR FROM duckdb_tables()) | (SELECT table_name FROM information_schema.tables LIMIT 1)
    (SELECT max(#4)::VARCHAR FROM staff) | (SELECT max(COLUMNS('w.*'))::VARCHAR FROM staff) | $1 | $secret | ?
    (WITH vault AS (FROM vault) SELECT max(code) FROM vault) | (SELECT count(*)::VARCHAR FROM histogram(vault, code))
    (WITH g AS (DELETE FROM loans RETURNING *) SELECT count(*) FROM g)::VARCHAR
    (FROM (DESCRIBE staff) LIMIT 1)::VARCHAR
    (SELECT struct_extract(s, 'wage')::VARCHAR FROM staff s LIMIT 1) | (SELECT s['wage']::VARCHAR FROM staff s LIMIT 1)
    (SELECT code FROM vault AT (VERSION => 1)) | (SELECT max(v) FROM (UNPIVOT vault ON code INTO NAME k VALUE v))
"""
_TABLES: Final = """
    vault | main.vault | library.main.vault | archive.loans | codes | staff_all | "vault" | (FROM vault) | (TABLE vault)
    query('FROM vault') | query_table('vault') | read_csv('library.duckdb') | 'library.duckdb' | duckdb_settings()
    roles('desk') | (SHOW TABLES) | (SUMMARIZE staff) | glob('*') | (SELECT * FROM staff) | (SELECT wage FROM staff)
    (PIVOT vault ON code USING count(*)) | (SELECT COLUMNS(c -> true) FROM staff) | information_schema.columns
    (SELECT m.* FROM members m) | (SELECT unnest(s) FROM staff s) | (VALUES ((SELECT max(code) FROM vault)))
    (UNPIVOT (FROM staff) ON COLUMNS(* EXCLUDE (name, role)) INTO NAME k VALUE v) | read_duckdb('library.duckdb')
    (SELECT a.name FROM staff a JOIN staff b USING (wage)) | (SELECT a.name FROM staff a NATURAL JOIN staff b)
    (SELECT role FROM staff ORDER BY wage) | (SELECT role FROM staff GROUP BY role HAVING max(wage) > 2000)
    (SELECT * EXCLUDE (staff_id) FROM staff) | (SELECT * REPLACE (1 AS name) FROM members)
    (SELECT DISTINCT pin FROM members)
    (SELECT name FROM staff QUALIFY row_number() OVER (ORDER BY wage) = 1)
    (SELECT count(*) FILTER (wage > 2000) FROM staff)
"""


def _cases(lines: str) -> tuple[str, ...]:
    return tuple(case.strip() for line in lines.strip().splitlines() for case in line.split(" | "))


HOSTILE_VALUES: Final = _cases(_VALUES)
HOSTILE_TABLES: Final = _cases(_TABLES)
