"""Verified queries as files: what is written is read again, what does not fit is said, values stay values."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from nl2sql.agent.tools import DEFINITIONS
from nl2sql.config import load_config
from nl2sql.errors import CallError, ConfigError
from nl2sql.store import Parameter, VerifiedQueries, VerifiedQuery
from nl2sql.store.query_parameters import Value, list_placeholders, parse_parameter
from nl2sql.store.verified_queries import RESERVED, format_query_file, parse_query_file

SQL = """-- the big ones
SELECT city, $note AS note FROM orders
WHERE total > $least AND day >= $since AND '$least' <> "$least" -- not $this
LIMIT $top"""
BIG = VerifiedQuery(
    name="big_orders",
    question="Which orders: are big?",
    sql=SQL,
    description="Large ones # of all",
    verified_by="Ann Łuk",
    verified_at=dt.date(2025, 1, 31),
    use_as_onboarding_question=True,
    parameters=(
        Parameter("least", "number", 99.5, required=False, description="the least total"),
        Parameter("since", "date", "2025-01-01", required=False),
        Parameter("note", "text", 'a "b" # c', required=False, description="anything"),
        Parameter("top", "integer"),
    ),
)
PLAIN = VerifiedQuery("one", "How much is 1?", "SELECT 1;")


@pytest.fixture
def queries(tmp_path: Path) -> VerifiedQueries:
    (tmp_path / "nl2sql.toml").write_text("")
    return VerifiedQueries.open_for_project(load_config(start=tmp_path))


def rows(sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def test_a_query_is_a_file_that_holds_all_of_it(queries: VerifiedQueries, tmp_path: Path) -> None:
    assert queries.add(BIG) == tmp_path / "queries" / "big_orders.sql"
    queries.add(PLAIN)
    assert queries.list() == (BIG, PLAIN) and queries.list_problems() == ()
    assert queries.get("big_orders") == BIG
    queries.remove("big_orders")
    assert queries.list() == (PLAIN,) and [file.name for file in queries.folder.iterdir()] == ["one.sql"]


def test_the_file_is_valid_sql(queries: VerifiedQueries) -> None:
    text = queries.add(replace(PLAIN, description="'; DROP TABLE orders; --")).read_text("utf-8")
    assert rows(text) == [(1,)]


def test_nothing_is_overwritten(queries: VerifiedQueries) -> None:
    queries.add(PLAIN)
    for other in (replace(PLAIN, question="Other?"), replace(PLAIN, name="ONE"), replace(PLAIN, name="other")):
        with pytest.raises(ConfigError, match="already"):
            queries.add(other)
    (queries.folder / "broken.sql").write_text("-- nothing: at all\nSELECT 2")
    with pytest.raises(ConfigError, match="is there already"):
        queries.add(VerifiedQuery("broken", "Two?", "SELECT 2"))
    assert queries.list() == (PLAIN,)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("-- question: a\n-- verified_bye: b\nSELECT 1", "no field 'verified_bye'", "Did you mean verified_by?"),
        ("-- question: a\n-- question: b\nSELECT 1", "question twice", "Keep one"),
        ("-- name: x\nSELECT 1", "has no question", "Say what"),
        ("-- question: a\n", "has no SQL", "below its header"),
        ("-- question: a\n-- verified_at: monday\nSELECT 1", "no date: monday", "2025-01-31"),
        ("-- question: a\n-- use_as_onboarding_question: maybe\nSELECT 1", "neither true nor false", "true or false"),
        ("-- hello\nSELECT 1", "no field: -- hello", "-- question"),
        ("-- name: ../x\n-- question: a\nSELECT 1", "cannot be a verified query's name", "letters"),
        ("-- name: ask_user\n-- question: a\nSELECT 1", "cannot be a verified query's name", "letters"),
        ("-- question: a\nSELECT $n", "$n in the SQL is no parameter", "Describe it"),
        ("-- question: a\n-- parameters:\n--   n: integer\nSELECT 1", "n is not in the SQL", "$n"),
        ("-- question: a\n-- parameters:\n--   n: integr\nSELECT $n", "no type 'integr'", "Did you mean integer?"),
        ("-- question: a\n-- parameters:\n--   n: integer = x\nSELECT $n", "cannot be read: x", "Write it like"),
        ("-- question: a\n-- parameters:\n--   n: integer = 1.5\nSELECT $n", "must be a whole number", "like 10"),
        ("-- question: a\n-- parameters:\n--   n integer\nSELECT $n", "describes no parameter", "Write it like"),
        ("-- question: a\n-- parameters:\n--   n: text\nSELECT $n /* /* */ $n */", "no /* */", "comments with --"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(queries: VerifiedQueries, text: str, message: str, hint: str) -> None:
    queries.add(PLAIN)
    (queries.folder / "bad.sql").write_text(text)
    (problem,) = queries.list_problems()
    assert message in problem.message and problem.message.startswith("queries/bad.sql: ") and hint in problem.hint
    assert queries.list() == (PLAIN,)
    with pytest.raises(ConfigError, match=r"bad\.sql|no verified query"):
        queries.get("bad")


def test_hand_written_files_are_read_tolerantly(queries: VerifiedQueries) -> None:
    queries.folder.mkdir()
    text = "\ufeff-- question: How many\r\n--   of them?\r\n-- parameters: none\r\nSELECT 1;\r\n"
    (queries.folder / "of-hand.sql").write_text(text, "utf-8", newline="")
    (queries.folder / "notes.txt").write_text("no query")
    queries = VerifiedQueries(queries.folder)
    assert queries.list() == (VerifiedQuery("of-hand", "How many of them?", "SELECT 1"),)
    (queries.folder / "other.sql").write_text("-- name: of-hand\n-- question: b\nSELECT 1")
    (queries.folder / "latin.sql").write_bytes(b"-- question: \xff\nSELECT 1")
    (queries.folder / "long.sql").write_text("-- question: a\nSELECT 1" + " " * 300_000)
    (queries.folder / "folder.sql").mkdir()
    said = " ".join(problem.message for problem in queries.list_problems())
    assert "has the name of-hand too" in said and "not UTF-8" in said and "larger than" in said and len(said) > 100
    assert len(queries.list_problems()) == 4


def test_only_what_is_trusted_is_used(queries: VerifiedQueries) -> None:
    queries.add(PLAIN)
    (queries.folder / "another.sql").write_text("-- name: one\n-- question: How much is 1?\nSELECT 42")
    (queries.folder / "big.sql").write_text("-- question: Big?\nSELECT 42")
    assert queries.list() == (PLAIN,) and queries.find_answer("How much is 1?") == PLAIN
    assert [problem.message for problem in queries.list_problems()] == [
        "queries/another.sql: you have not trusted it",
        "queries/big.sql: you have not trusted it",
    ]
    with pytest.raises(ConfigError, match="you have not trusted it") as caught:
        queries.get("big")
    assert f"nl2sql trust {queries.folder.parent}" in caught.value.hint
    assert queries.find("big")[0].sql == "SELECT 42" and queries.find("one") == (PLAIN, None)
    with pytest.raises(ConfigError, match="has that question already"):
        queries.add(VerifiedQuery("bigger", "big?", "SELECT 1"))


def test_what_is_removed_is_not_trusted_when_it_comes_back(queries: VerifiedQueries) -> None:
    content = queries.add(PLAIN).read_bytes()
    queries.remove("one")
    (queries.folder / "one.sql").write_bytes(content)
    assert queries.list() == () and len(queries.list_problems()) == 1
    queries.remove("one")
    assert queries.list_problems() == ()


def test_nothing_is_written_or_removed_elsewhere(queries: VerifiedQueries, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.sql").write_text("-- question: Mine?\nSELECT 1")
    queries.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="link that leads out"):
        queries.add(PLAIN)
    with pytest.raises(ConfigError, match="link that leads out"):
        queries.remove("mine")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["mine.sql"]


def test_non_regular_file_is_reported_without_blocking(queries: VerifiedQueries, tmp_path: Path) -> None:
    queries.add(PLAIN)
    os.mkfifo(queries.folder / "pipe.sql")
    (queries.folder / "zero.sql").symlink_to("/dev/zero")
    (queries.folder / "loop.sql").symlink_to("loop.sql")
    assert queries.list() == (PLAIN,) and len(queries.list_problems()) == 3


def test_what_a_link_leads_to_is_not_quoted(queries: VerifiedQueries, tmp_path: Path) -> None:
    queries.add(PLAIN)
    (tmp_path / "secret").write_text("-- my-secret\nanother")
    (queries.folder / "link.sql").symlink_to(tmp_path / "secret")
    for one in (queries, VerifiedQueries(queries.folder)):
        (problem,) = one.list_problems()
        assert problem.message == "queries/link.sql: it is a link that leads out of its folder"


def test_what_is_not_there_names_the_nearest(queries: VerifiedQueries, tmp_path: Path) -> None:
    queries.add(BIG)
    with pytest.raises(ConfigError) as unknown:
        queries.get("big_order")
    assert "big_orders" in unknown.value.hint
    with pytest.raises(ConfigError) as nowhere:
        VerifiedQueries.open_for_project(replace(load_config(start=tmp_path), file=None))
    assert "nl2sql init" in nowhere.value.hint


def test_values_become_literals() -> None:
    sql = BIG.bind({"top": 3, "note": "it's $least -- x", "least": -5, "since": dt.date(2024, 2, 29)})
    assert sql == SQL.replace("$note", "'it''s $least -- x'").replace("> $least", "> (-5)").replace(
        "$since", "DATE '2024-02-29'"
    ).replace("$top", "3")
    assert BIG.has_all_defaults is False and "LIMIT 1" in BIG.bind_samples() and "> 99.5" in BIG.bind_samples()
    assert list_placeholders("SELECT $a, a$b, e'it\\'s $c', $$ $d $$, $x$ $e $x$, $a") == ("a",)


@pytest.mark.parametrize(
    "text", ["'", "''", "\\", "'; DROP TABLE t; --", "$1", "/*", "e'", "\\'", "Ł€\U0001f600", "\n"]
)
def test_a_text_arrives_as_it_is(text: str) -> None:
    query = VerifiedQuery("q", "q", "SELECT $t, 'x' || $t", parameters=(Parameter("t", "text"),))
    assert rows(query.bind({"t": text})) == [(text, "x" + text)]


@pytest.mark.parametrize(
    ("kind", "value", "literal"),
    [
        ("integer", 2**63 - 1, str(2**63 - 1)),
        ("integer", 2**63, None),
        ("integer", 3.0, "3"),
        ("integer", 3.5, None),
        ("integer", True, None),
        ("integer", "3", None),
        ("number", 2, "2"),
        ("number", -0.5, "(-0.5)"),
        ("number", float("nan"), None),
        ("number", float("inf"), None),
        ("number", "1", None),
        ("date", "2025-02-30", None),
        ("date", "2025-01-31", "DATE '2025-01-31'"),
        ("date", "2025-01-31'; --", None),
        ("date", 20250131, None),
        ("boolean", False, "FALSE"),
        ("boolean", 0, None),
        ("text", 1, None),
        ("text", None, None),
    ],
)
def test_a_value_fits_its_type_or_is_refused(kind: str, value: Value, literal: str | None) -> None:
    parameter = Parameter("p", kind)
    if literal is not None:
        assert parameter.format_literal(value) == literal
        return
    with pytest.raises(CallError, match="the parameter p must be") as refused:
        parameter.format_literal(value)
    assert refused.value.hint


def test_missing_and_further_values_are_said() -> None:
    with pytest.raises(CallError, match="the parameter top has no value"):
        BIG.bind()
    with pytest.raises(CallError, match="no parameter 'to'") as near:
        BIG.bind({"to": 1})
    assert near.value.hint == "Did you mean top?"


def test_a_parameter_that_may_be_left_out_is_null() -> None:
    city = parse_parameter("city: text = null  # all of them where left out")
    assert city == Parameter("city", "text", None, required=False, description="all of them where left out")
    assert VerifiedQuery("q", "q", "SELECT $city", parameters=(city,)).bind() == "SELECT NULL"
    assert parse_parameter(city.format_line()) == city


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("how much  is 1", "one"),
        ("HOW MUCH IS 1 ?!", "one"),
        ("How much is -1?", None),
        ("How much is 1%?", None),
        ("How much is 1.0?", None),
        ("How much, is 1", "one"),
        ("?", None),
        ("which orders are big", None),
    ],
)
def test_a_question_is_found_whatever_its_marks(queries: VerifiedQueries, question: str, found: str | None) -> None:
    queries.add(PLAIN)
    queries.add(BIG)
    answering = queries.find_answer(question)
    assert (answering.name if answering else None) == found


def test_what_is_written_is_what_is_read() -> None:
    assert parse_query_file(format_query_file(BIG), "other") == BIG


def test_no_query_takes_a_tools_name() -> None:
    assert {definition["function"]["name"] for definition in DEFINITIONS} == RESERVED
