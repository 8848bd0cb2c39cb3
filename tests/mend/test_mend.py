"""What is mended, what is left alone, and what must not be damaged: on real tables, judged by the rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.mend import mend, respell
from nl2sql.sample import sample_folder
from nl2sql.types import Schema

HERE = Path(__file__).parent


def blocks(path: Path) -> list[str]:
    """The cases of a file: they begin with `-- ` after a blank line; the file's own heading is left out."""
    return path.read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]


def runs(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        connection.cursor().execute(sql).fetchall()
    except duckdb.Error:
        return False
    return True


def told(case: str) -> str:
    return case.split("\n", 1)[0]


@pytest.mark.parametrize("case", blocks(HERE / "mended.sql"), ids=told)
def test_it_is_mended_to_what_it_means(festival: Any, case: str) -> None:
    question, rest = case.split("\n", 1)
    broken, means = rest.split("\n-- means\n")
    assert not runs(festival.connection, broken), "this is no case: it runs as it is"
    mended = festival.mend(broken, question)
    assert mended is not None
    assert mended.mends
    assert festival.rows(mended.sql) == festival.rows(means), mended


@pytest.mark.parametrize("case", blocks(HERE / "left_alone.sql"), ids=told)
def test_it_is_left_for_the_model(festival: Any, case: str) -> None:
    question, broken = case.split("\n", 1)
    assert not runs(festival.connection, broken), "this is no case: it runs as it is"
    mended = festival.mend(broken, question)
    assert mended is None or not runs(festival.connection, mended.sql), mended


def honest() -> list[str]:
    allowed = (HERE.parent / "guard" / "allowed.sql").read_text(encoding="utf-8").strip().split("\n\n")[1:]
    return [sql for sql in allowed if "archive" not in sql]


@pytest.mark.parametrize("sql", honest())
def test_a_query_that_runs_gives_the_same_rows_when_mended(library: Any, sql: str) -> None:
    mended = library.mend(sql, "")
    assert mended is None or library.rows(mended.sql) == library.rows(sql), mended


def test_the_sample_questions_give_the_same_rows_when_mended(sample: Any) -> None:
    for line in (sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        mended = sample.mend(case["gold_sql"], case["question"])
        assert mended is None or sample.rows(mended.sql) == sample.rows(case["gold_sql"]), mended


@pytest.mark.parametrize(
    "sql",
    ["", ";", "not SQL at all", "SELECT", "SELECT " + "(" * 3000 + "x" + ")" * 3000, "SELECT " + "-" * 5000 + "x"],
    ids=lambda sql: str(sql[:20]),
)
def test_what_cannot_be_read_is_left(festival: Any, sql: str) -> None:
    assert festival.mend(sql) is None


def test_without_tables_nothing_is_invented() -> None:
    assert mend("SELECT a FROM t WHERE b = 1", "", Schema(()), "duckdb") is None


class StoredTexts:
    """Implements `mend.Stored` over the festival's people, films and genres; `ada` means Ada Lien."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def spellings(self, table: str, column: str, text: str) -> Sequence[str]:
        found = self._connection.execute(
            f'SELECT DISTINCT "{column}" FROM "{table}" WHERE lower("{column}") = lower(?)', [text]
        ).fetchall()
        return ["Ada Lien"] if (column, text) == ("full_name", "ada") else [value for (value,) in found]

    def places(self, text: str) -> Sequence[tuple[str, str, str]]:
        columns = [("people", "full_name"), ("countries", "name"), ("films", "title"), ("genres", "genre_name")]
        columns.append(("people", "home_country"))
        columns.append(("people", "birth_country"))
        return [(*at, spelling) for at in columns for spelling in self.spellings(*at, text)]


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        ("SELECT id FROM people WHERE full_name = 'ada'", "SELECT id FROM people WHERE full_name = 'Ada Lien'"),
        ("SELECT 1 FROM people p WHERE 'ada' = full_name", "SELECT 1 FROM people AS p WHERE 'Ada Lien' = full_name"),
        (
            "SELECT id FROM people WHERE full_name IN ('ada', 'Bo Rossi')",
            "SELECT id FROM people WHERE full_name IN ('Ada Lien', 'Bo Rossi')",
        ),
        ("SELECT id FROM people WHERE full_name LIKE 'ada%'", "SELECT id FROM people WHERE full_name ILIKE 'ada%'"),
        ("SELECT id FROM people WHERE full_name = 'Bo'", None),
        ("SELECT id FROM films WHERE runtime = 'FJORD'", "SELECT id FROM films WHERE films.title = 'Fjord'"),
        (
            "SELECT f.title FROM films f JOIN people p ON f.director_id = p.id "
            "WHERE f.title IN ('Ada Lien', 'bo rossi')",
            "SELECT f.title FROM films AS f JOIN people AS p ON f.director_id = p.id "
            "WHERE p.full_name IN ('Ada Lien', 'Bo Rossi')",
        ),
        ("SELECT title FROM films WHERE title = 'Ada Lien'", None),
        ("SELECT title FROM films WHERE title IN ('Fjord', 'Ada Lien')", None),
        ("SELECT id FROM people WHERE full_name = 'KE'", "SELECT id FROM people WHERE people.birth_country = 'KE'"),
        ("SELECT id FROM people WHERE full_name = 'NO'", None),
        ("SELECT id FROM people WHERE full_name <> 'ada'", None),
        ("SELECT id FROM people WHERE id = 3", None),
    ],
)
def test_texts_are_spelled_as_they_are_stored(festival: Any, sql: str, becomes: str | None) -> None:
    spelled = respell(sql, festival.schema, "duckdb", StoredTexts(festival.connection))
    assert (spelled.sql if spelled else None) == becomes
