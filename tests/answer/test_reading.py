"""What the SQL does, in words: pairs over the sample data, and that nothing of a query goes unsaid."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

import nl2sql
from nl2sql import Assistant
from nl2sql.answer.lineage import find_stored, list_blocks
from nl2sql.answer.plain_tree import parse_plain
from nl2sql.answer.reading import explain_sql
from nl2sql.answer.reading.moments import find_moment, say_moment
from nl2sql.answer.sql_format import format_sql
from nl2sql.model.scripted import ScriptedModel
from nl2sql.sample_database import find_sample_folder
from nl2sql.types import Schema

HERE = Path(__file__).parent
TODAY = dt.date(2025, 12, 31)
PAIRS = (HERE / "readings.sql").read_text(encoding="utf-8").strip().split("\n\n")[1:]
TRAPPED = [
    re.split(r"\n-- (?:says .*|but not)\n", case.split("\n", 1)[1])
    for case in (HERE / "traps.sql").read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]
    if case.split("\n", 1)[0].endswith(" sample")
]
GOLD = [
    json.loads(line)["gold_sql"]
    for line in (find_sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
QUERIES = [*(pair.split("\n", 1)[0] for pair in PAIRS), *GOLD]
QUERIES += [sql for case in TRAPPED for sql in case if sql.strip()]


@pytest.fixture(scope="module")
def sample() -> Iterator[Assistant]:
    with nl2sql.connect(model=ScriptedModel(), config=nl2sql.load_config()) as assistant:
        yield assistant


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.split("\n", 1)[0][:80])
def test_pairs(sample: Assistant, pair: str) -> None:
    sql, *expected = pair.split("\n-- ")
    canonical = sample.database.check_or_raise(sql).sql
    assert list(explain_sql(canonical, "duckdb", sample.schema, TODAY)) == expected


def test_there_are_enough_shapes() -> None:
    assert len(PAIRS) >= 80


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: sql[:80])
def test_every_table_condition_and_value_is_said(sample: Assistant, sql: str) -> None:
    """However deep it stands: in a step, a derived table, a condition, an ON, a FILTER."""
    canonical = sample.database.check_or_raise(sql).sql
    said = " ".join(explain_sql(canonical, "duckdb", sample.schema, TODAY))
    tree = parse_plain(canonical)
    assert tree is not None
    for block in list_blocks(tree, sample.schema):
        for relation in block.relations:
            name = relation.table.name if relation.table is not None else relation.alias
            assert name in said or relation.node.find(exp.Subquery, exp.Values, exp.Anonymous), f"{name} is read"
        for condition in block.list_conditions():
            for column in condition.find_all(exp.Column):
                assert find_stored(column, block) is None or column.name in said, f"{column.name} is asked for"
            for literal in condition.find_all(exp.Literal):
                # What EXISTS selects says nothing.
                assert isinstance(literal.parent, exp.Select) or _is_said(literal, said), (
                    f"{literal.name} is a value of {condition.sql()}"
                )
        for key in ("limit", "offset"):
            if (cut := block.select.args.get(key)) is not None:
                assert cut.expression.name in said or cut.expression.name == "1"


def _is_said(literal: exp.Literal, said: str) -> bool:
    text = literal.name
    moment = find_moment(literal, TODAY, is_temporal=True)
    if moment is not None and say_moment(moment).split(" 0")[0] in said:
        return True
    if literal.find_ancestor(exp.Interval, exp.Cast) is not None:
        return True
    inner = text.strip("%")
    return inner.replace("'", "''") in said or text in ("month", "year", "%Y-%m", "day") or f"'{text}'" in said


def test_a_laid_out_text_reads_the_same(sample: Assistant) -> None:
    for sql in GOLD:
        canonical = sample.database.check_or_raise(sql).sql
        assert explain_sql(format_sql(canonical, "duckdb"), "duckdb") == explain_sql(canonical, "duckdb")


def test_days_that_are_counted_from_today_need_today(sample: Assistant) -> None:
    sql = "SELECT count(*) FROM orders WHERE shipped_on > current_date - INTERVAL 7 DAY"
    canonical = sample.database.check_or_raise(sql).sql
    told = explain_sql(canonical, "duckdb", sample.schema, dt.date(2026, 3, 2))
    assert "after 23 February 2026" in told[1] and told[-1] == "Today is 2 March 2026."
    assert "current_date - INTERVAL 7 DAY" in explain_sql(canonical, "duckdb", sample.schema)[1]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("date_trunc('month', current_date)", "1 December 2025"),
        ("date_trunc('quarter', current_date) - INTERVAL 3 MONTH", "1 July 2025"),
        ("date_trunc('week', today())", "29 December 2025"),
        ("current_date - INTERVAL 1 YEAR", "31 December 2024"),
        ("last_day(DATE '2024-02-03')", "29 February 2024"),
        ("make_date(2024, 2, 30)", None),
        ("current_date + INTERVAL 2 MONTH", "28 February 2026"),
        ("TIMESTAMP '2025-01-01 08:30:00'", "1 January 2025 08:30"),
        ("random()", None),
    ],
)
def test_moments(sql: str, expected: str | None) -> None:
    with duckdb.connect() as connection:
        tree = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT {sql}"]).fetchall()[0][0]
        canonical = connection.execute("SELECT json_deserialize_sql(?::JSON)", [tree]).fetchall()[0][0]
    query = parse_plain(canonical)
    assert query is not None
    moment = find_moment(query.expressions[0], TODAY)
    assert (say_moment(moment) if moment is not None else None) == expected


@pytest.mark.parametrize("sql", ["not sql at all (", "DESCRIBE (SELECT * FROM t)", ""])
def test_what_is_no_query_has_no_reading(sql: str) -> None:
    assert explain_sql(sql, "duckdb") == ()


def test_without_a_schema_it_reads_by_names_alone() -> None:
    sql = "SELECT c.name, sum(o.total) AS s FROM orders AS o LEFT JOIN c ON o.c = c.id WHERE o.y = 2025 GROUP BY 1"
    assert explain_sql(sql, "duckdb", Schema(())) == (
        "Reads orders, joined to c by c = id, keeping rows without a match.",
        "Only rows where y is 2025.",
        "One row for each name.",
        "Shows name, s = the sum of total.",
    )
