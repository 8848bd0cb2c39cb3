"""What is mended, what is left alone, and what must not be damaged: on real tables, judged by the rows."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def stored_as(**spellings: str) -> Callable[[str, str, str], str | None]:
    return lambda table, column, text: spellings.get(f"{table}_{column}_{text}".replace(" ", "_"))


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
        ("SELECT id FROM people WHERE full_name <> 'ada'", None),
        ("SELECT id FROM people WHERE id = 3", None),
    ],
)
def test_texts_are_spelled_as_they_are_stored(festival: Any, sql: str, becomes: str | None) -> None:
    spelled = respell(sql, festival.schema, "duckdb", stored_as(people_full_name_ada="Ada Lien"))
    assert (spelled.sql if spelled else None) == becomes
