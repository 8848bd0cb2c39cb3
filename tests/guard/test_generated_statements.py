"""Texts made by hypothesis: honest ones pass whatever their names and strings say, hostile ones don't, none crashes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nl2sql import guard
from nl2sql.types import Policy
from tests.guard.fuzz_oracle import World
from tests.guard.fuzz_worlds import make_worlds
from tests.guard.grammar import Grammar

SETTINGS = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WORDS = ["DROP", "TABLE", "vault", ";", "--", "/*", "*/", "'", '"', "`", "$1", "?", "\\", "{#", "read_csv('x')", " "]
TEXTS = st.lists(st.sampled_from(WORDS) | st.characters(categories=["L", "N", "P"]), max_size=12).map("".join)
WRAPPERS = [
    "SELECT * FROM ({0}) AS w",
    "WITH vault AS ({0}) SELECT * FROM vault",
    "WITH w AS MATERIALIZED ({0}) SELECT count(*) FROM w",
    "SELECT title FROM books WHERE EXISTS ({0})",
    "SELECT title FROM books ORDER BY (SELECT max(q) FROM ({0}) AS t(q))",
    "SELECT NULL UNION ALL ({0})",
    "SELECT list(q) FROM books, LATERAL ({0}) AS t(q)",
    "SELECT (SELECT min(q) FROM ({0}) AS t(q)) AS x",
    "VALUES ((SELECT max(q) FROM ({0}) AS t(q)))",
    "/* {{ */ {0} -- }}",
]
HEARTS = ["SELECT code FROM vault", "FROM main.vault", "SELECT secret FROM archive.loans", "SELECT wage FROM staff"]
TOKENS = [
    *("SELECT FROM WHERE WITH AS ( ) [ ] { } , ; . * :: -> ->> # := = ' \" ` -- /* */ // $1 ? 1 0x 1e9 NULL").split(),
    *("books members staff vault title name wage count unnest lambda x CASE WHEN THEN END OVER PIVOT ON IN").split(),
    "\n",
    " ",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(make_worlds(tmp_path_factory.mktemp("world"))["marked"])
    yield world
    world.close()


@SETTINGS
@given(chance=st.randoms(use_true_random=False))
def test_honest_statements_run_and_give_their_own_rows(chance: Random, world: World) -> None:
    text = Grammar(chance).honest()
    written = world.run(text)
    assume(not written.failed)
    verdict = world.judge(text)
    assert verdict.is_allowed, (text, verdict.findings)
    assert world.run(verdict.sql) == written


@SETTINGS
@given(chance=st.randoms(use_true_random=False))
def test_hostile_statements_are_refused(chance: Random, world: World) -> None:
    text = Grammar(chance).hostile()
    assert not world.judge(text).is_allowed, text


@SETTINGS
@given(text=TEXTS)
def test_strings_are_only_strings(text: str, session_judge: guard.Judge, policy: Policy) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    verdict = guard.examine(f"SELECT title, {literal} AS said FROM books", policy, session_judge)
    assert verdict.is_allowed
    assert verdict.tables == ("books",)


@SETTINGS
@given(name=TEXTS.filter(lambda text: text.strip() != ""))
def test_quoted_names_are_only_names(name: str, session_judge: guard.Judge, policy: Policy) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    verdict = guard.examine(f"SELECT {quoted}.title AS {quoted} FROM books AS {quoted}", policy, session_judge)
    assert verdict.is_allowed
    assert verdict.columns == ("books.title",)


@SETTINGS
@given(heart=st.sampled_from(HEARTS), wrappers=st.lists(st.sampled_from(WRAPPERS), min_size=1, max_size=3))
def test_no_wrapping_hides_what_is_read(
    heart: str, wrappers: list[str], session_judge: guard.Judge, policy: Policy
) -> None:
    sql = heart
    for wrapper in wrappers:
        sql = wrapper.format(sql)
    verdict = guard.examine(sql, policy, session_judge)
    assert not verdict.is_allowed
    assert verdict.sql == ""


@SETTINGS
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=20))
def test_any_text_gets_a_verdict(tokens: list[str], session_judge: guard.Judge, policy: Policy) -> None:
    verdict = guard.examine(" ".join(tokens), policy, session_judge)
    assert verdict.is_allowed == bool(verdict.sql)
    assert "vault" not in verdict.tables
    assert "staff.wage" not in verdict.columns
