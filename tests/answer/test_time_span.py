"""The days that a query looks at, beside the question and today."""

from __future__ import annotations

import datetime as dt

import pytest

from nl2sql.answer.time_span import describe_end, describe_unnamed, find_bounds, find_clock_columns
from nl2sql.types import Column, Schema, Table

TODAY = dt.date(2031, 5, 20)
SCHEMA = Schema((Table("dives", (Column("on_day", "DATE", minimum="2024-01-03", maximum="2026-08-30"),)),))


@pytest.mark.parametrize(
    ("condition", "texts"),
    [
        ("on_day >= DATE '2026-06-01' AND on_day < DATE '2026-07-01'", ["2026-06-01", "2026-07-01"]),
        ("on_day BETWEEN '2026-06-01' AND '2026-06-30'", ["2026-06-01", "2026-06-30"]),
        ("year(on_day) = 2026", ["2026"]),
        ('"year"(on_day) IN (2025, 2026)', ["2025", "2026"]),
        ("date_part('year', on_day) = 2026", ["2026"]),
        ("extract(year FROM on_day) = 2026", ["2026"]),
        ("strftime(on_day, '%Y') = '2026'", ["2026"]),
        ("fiscal_year = 2026", ["2026"]),
        ("on_text LIKE '2026-06%'", ["2026-06"]),
        ("depth > 2000 AND name = '2026 expedition'", []),
        ("on_day >= date_trunc('month', current_date)", []),
    ],
)
def test_bounds_are_the_days_that_conditions_name(condition: str, texts: list[str]) -> None:
    assert [bound.text for bound in find_bounds(f"SELECT count(*) FROM dives WHERE {condition}", "duckdb")] == texts


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("on_day >= date_trunc('month', current_date) - INTERVAL 1 MONTH", ["on_day"]),
        ("on_day < now()", ["on_day"]),
        ("on_day = today()", ["on_day"]),
        ("on_day = '2026-06-01'", []),
    ],
)
def test_what_is_compared_with_the_engines_clock(condition: str, columns: list[str]) -> None:
    assert find_clock_columns(f"SELECT 1 FROM dives WHERE {condition}", "duckdb") == columns


def describe(sql: str, asked: str) -> str | None:
    return describe_unnamed(find_bounds(sql, "duckdb"), asked, TODAY, SCHEMA)


def test_a_time_that_the_question_does_not_name_is_told() -> None:
    june = "SELECT 1 FROM dives WHERE on_day >= DATE '2026-06-01' AND on_day < DATE '2026-07-01'"
    assert describe(june, "How many dives were there last month?") == (
        "the query looks at 2026-06-01 to 2026-07-01, which the question does not name; today is 2031-05-20; "
        "on_day ends 2026-08-30"
    )
    for asked in ("dives in June 2026?", "dives in June '26?", "Tauchgänge im Geschäftsjahr 25/26", "2026年6月"):
        assert describe(june, asked) is None, asked
    assert "the query looks at 2026," in (describe("SELECT 1 FROM dives WHERE year(on_day) = 2026", "this year?") or "")


def test_this_year_and_the_last_need_no_name() -> None:
    for days in ("on_day >= DATE '2031-04-01' AND on_day < DATE '2031-05-01'", "year(on_day) = 2030"):
        assert describe(f"SELECT 1 FROM dives WHERE {days}", "dives last month?") is None


def test_a_query_without_days_is_not_told_of() -> None:
    assert describe("SELECT count(*) FROM dives WHERE depth > 2000", "deep dives?") is None
    assert describe("this is no SQL (", "?") is None


def test_where_nothing_is_found_the_end_of_the_data_is_told() -> None:
    later = find_bounds("SELECT 1 FROM dives WHERE on_day >= DATE '2031-04-01'", "duckdb")
    assert describe_end(later, [], TODAY, SCHEMA) == "on_day ends 2026-08-30; nothing in the data is later"
    assert describe_end([], ["on_day"], TODAY, SCHEMA) == "on_day ends 2026-08-30; nothing in the data is later"
    within = find_bounds("SELECT 1 FROM dives WHERE on_day >= DATE '2025-04-01'", "duckdb")
    assert describe_end(within, [], TODAY, SCHEMA) is None
    assert describe_end([], ["other"], TODAY, SCHEMA) is None


def test_times_of_the_day_are_no_end_of_the_data() -> None:
    schema = Schema((Table("dives", (Column("at_time", "TIME", minimum="06:00:00", maximum="23:59:59"),)),))
    bounds = find_bounds("SELECT 1 FROM dives WHERE at_time >= '2026-06-01'", "duckdb")
    assert "23:59" not in (describe_unnamed(bounds, "dives?", TODAY, schema) or "")
