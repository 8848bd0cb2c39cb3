"""The fuzzer for some hundred texts of one seed, and that its oracle objects where a guard lets things through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nl2sql.types import Verdict
from tests.guard.fuzz import made
from tests.guard.fuzz_oracle import Oracle
from tests.guard.fuzz_worlds import make_worlds

SEED = 2026
TEXTS = 250


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    oracle = Oracle(make_worlds(tmp_path_factory.mktemp("worlds")))
    yield oracle
    oracle.close()


def test_no_text_gets_round_the_guard(oracle: Oracle) -> None:
    found = []
    for number in range(TEXTS):
        text, kind = made(SEED, number)
        # Where sqlglot misreads the text as written is why it is given DuckDB's spelling only.
        found += [(number, one) for one in oracle.disagreements(text, kind) if one.kind != "parsers"]
    assert found == []
    assert oracle.counts["allowed"] > TEXTS / 5
    assert sum(count for name, count in oracle.counts.items() if name.startswith("hostile refused")) > TEXTS / 20


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("SELECT code FROM vault", {"marker", "other", "absent"}),
        ("SELECT count(*) FROM vault", {"other", "absent"}),
        ("SELECT 1 FROM vault LIMIT 1", {"absent"}),
        ("SELECT name FROM staff ORDER BY wage", {"absent"}),
        ("SELECT name FROM staff WHERE wage > 100", {"other", "absent"}),
        ("SELECT s FROM staff AS s", {"marker", "other", "absent"}),
        ("SELECT top_code()", {"marker", "other", "absent"}),
        ("SELECT count(pin) FROM members", {"other", "absent"}),
        ("SELECT * FROM query('FROM vault')", {"marker", "other", "absent"}),
        ("SELECT wage::DATE FROM staff", {"absent"}),
        ("SELECT error(max(code)) FROM vault", {"marker", "absent"}),
        ("SELECT name FROM staff", set()),
    ],
)
def test_the_oracle_objects_to_what_a_lax_guard_would_run(sql: str, kinds: set[str], oracle: Oracle) -> None:
    assert {one.kind for one in oracle.objections(sql, Verdict(sql))} == kinds


def test_the_oracle_objects_where_not_the_text_runs(oracle: Oracle) -> None:
    verdict = Verdict("SELECT title FROM books WHERE pages > 200")
    assert [one.kind for one in oracle.objections("SELECT title FROM books", verdict)] == ["as-written"]


def test_the_worlds_differ_only_in_what_is_denied(tmp_path: Path) -> None:
    worlds = make_worlds(tmp_path)
    oracle = Oracle(worlds)
    allowed = ["SELECT * EXCLUDE (pin) FROM members", "SELECT * EXCLUDE (wage) FROM staff", "FROM loans", "FROM books"]
    for sql in allowed:
        assert {one.kind for one in oracle.objections(sql, Verdict(sql))} == set(), sql
    oracle.close()
    assert {path.name for path in worlds.values()} == {"library.duckdb"}
