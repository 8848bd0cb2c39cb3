"""Filters as people write them, over real rows: what they keep is what a person who reads the page would keep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from nl2sql import (
    Assistant,
    ColumnFormat,
    FilterColumn,
    QueryError,
    connect,
    find_notation,
    list_filter_columns,
    match_value,
    read_filter,
)
from nl2sql.answer.display import Kind

SCRIPT = """
CREATE TABLE sale AS SELECT * FROM (VALUES
  (1, 'Köln', 1234.50::DECIMAL(12,3), 81.83186937773883::DOUBLE, TIMESTAMP '2025-01-01 00:00:00', DATE '2025-01-31',
   true, {'a': 1, 'b': 'x'}, [1, 2], 'AB'::BLOB, 5::UTINYINT, TIME '10:00', 0.0678541462108365::DOUBLE),
  (2, 'köln', -20, 'nan', '2025-12-01', '2025-02-01', false, {'a': 2, 'b': 'y'}, [3], '', 200, TIME '23:59', 0.5),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'a|b > 100', 0.005, 100, '2025-12-31 23:59:59.5', '9999-12-31', true,
   {'a': 3, 'b': 'it''s'}, [], 'Z', 0, TIME '00:00', 1),
  (5, '😀 München', 99999999.999, 1e300, '2026-01-01', '2024-02-29', NULL, NULL, [NULL], NULL, 7, NULL, -0.25)
) AS t(id, city, revenue, weight, bought_at, day, ok, s, l, b, tiny, clock, part)
"""
SQL = "SELECT *, part / 1 AS open_share FROM sale ORDER BY id"


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Assistant, list[FilterColumn]]]:
    path = tmp_path_factory.mktemp("filter") / "sales.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    with connect(str(path)) as assistant:
        result = assistant.run(SQL)
        names = [column.name for column in result.columns]
        yield (
            assistant,
            list_filter_columns(result.columns, names, assistant.database.choose_column_formats(result, SQL)),
        )


def test_the_largest_numbers_are_compared_by_all_their_digits(tmp_path: Path) -> None:
    most, sql = 2**127 - 1, "SELECT * FROM large"
    with duckdb.connect(str(tmp_path / "large.duckdb")) as connection:
        connection.execute("CREATE TABLE large (h HUGEINT, u UHUGEINT)")
        connection.execute(f"INSERT INTO large VALUES ('{most}', '{2**128 - 1}'), (-1, 0), ('{most - 1}', 7)")
    with connect(str(tmp_path / "large.duckdb")) as assistant:
        result = assistant.run(sql)
        columns = list_filter_columns(result.columns, ["h", "u"], assistant.database.choose_column_formats(result, sql))
        counts = {
            text: assistant.database.count_pageable_rows(sql, criteria=read_filter(text, columns).criteria).rows
            for text in (
                f"h = {most}",
                "h > 1e38",
                f"h < {most}",
                "h < 1e39",
                "h = -1",
                f"u = {2**128 - 1}",
                "u > -0.5",
            )
        }
        assert [*counts.values()] == [1, 2, 2, 3, 1, 1, 3], counts
        found = match_value(most, columns[0])
        assert found is not None and assistant.database.count_pageable_rows(sql, criteria=found.criteria).rows == 1


def test_nanoseconds_are_not_told_apart(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    moment = FilterColumn(0, "at", "TIMESTAMP_NS", sales[1][4].format)
    assert match_value(dt.datetime(2024, 1, 1), moment) is None


def keep(sales: tuple[Assistant, list[FilterColumn]], text: str, column: str | None = None) -> list[int]:
    assistant, columns = sales
    chosen = next((one.position for one in columns if one.name == column), None)
    found = read_filter(text, columns, chosen)
    page = assistant.database.fetch_page(SQL, criteria=found.criteria)
    assert assistant.database.count_pageable_rows(SQL, criteria=found.criteria).rows == page.row_count
    return [row[0] for row in page.rows]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("KÖLN", [1, 2]),
        ("1,234.50", [1]),
        ("1234.5", [1]),
        ("81.83", [1]),
        ("6.8%", [1]),
        ("2025-12", [2, 4]),
        ("😀", [5]),
        ('"> 100"', [4]),
        ("‘a|b’", [4]),
        ("Köln | München", [1, 2, 5]),
        ("it's", [4]),
        ("{a: 1", [1]),
        ("[1, 2]", [1]),
        ("NULL", [3, 5]),
        ("not NULL", [1, 2, 4]),
        ("= köln", [1, 2]),
        ("= 200", [2]),
        ("city = Köln", [1, 2]),
        ("city != köln", [3, 4, 5]),
        ("city >= k", [2, 5]),
        ("city not null", [1, 2, 4, 5]),
        ("revenue > 1,000", [1, 5]),
        ("revenue >= 1234.5001", [5]),
        ("revenue < 0", [2]),
        ("revenue -20..0.005", [2, 4]),
        ("revenue ..0", [2]),
        ("revenue = 0.005", [4]),
        ("revenue != 0.005", [1, 2, 3, 5]),
        ("revenue = 1234.50 | -20", [1, 2]),
        ("revenue < 1e60", [1, 2, 4, 5]),
        ("revenue > -1e60", [1, 2, 4, 5]),
        ("weight > 100", [5]),
        ("weight = 81.83", [1]),
        ("tiny > 5.5", [2, 5]),
        ("tiny = 5.5", []),
        ("tiny < 1000", [1, 2, 4, 5]),
        ("bought_at = 2025", [1, 2, 4]),
        ("bought_at = 2025-12", [2, 4]),
        ("bought_at > 2025-12", [5]),
        ("bought_at <= 2025-12-31", [1, 2, 4]),
        ("bought_at != 2025-12", [1, 3, 5]),
        ("bought_at 2025-12..2025-12", [2, 4]),
        ("bought_at = 2025 Q4", [2, 4]),
        ("bought_at > 2025-12-31 23:59", [5]),
        ("bought_at = 2025-12-31 23", [4]),
        ("bought_at < 2025-12-31 23", [1, 2]),
        ("bought_at <= 2025-12-31T22", [1, 2]),
        ("day = 31.1.2025", [1]),
        ("day >= 2025-02", [2, 4]),
        ("day = 2024-02-29", [5]),
        ("ok = yes", [1, 4]),
        ("ok = false", [2]),
        ("clock >= 10:00", [1, 2]),
        ("clock = 10:00", [1]),
        ("open_share > 50", [4]),
        ("open_share = 6.8%", [1]),
        ("open_share < 0", [5]),
    ],
)
def test_a_filter_keeps_the_rows_that_it_says(
    sales: tuple[Assistant, list[FilterColumn]], text: str, kept: list[int]
) -> None:
    assert keep(sales, text) == kept


@pytest.mark.parametrize("text", ["%", "_", "' OR true --", "$1", "?", "c0", "\\"])
def test_a_filter_is_text_and_nothing_else(sales: tuple[Assistant, list[FilterColumn]], text: str) -> None:
    assert keep(sales, text, "city") == []


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("> 100", None, "not said"),
        ("10..20", None, "not said"),
        ("> 100", "city", "city holds texts"),
        ("> abc", "revenue", "revenue holds numbers"),
        ("= abc", "revenue", "revenue holds numbers"),
        ("= 2025-13", "bought_at", "bought_at holds days"),
        ("> 1", "s", "cannot be compared"),
        ("> 1", "ok", "cannot be compared"),
        ("= 2025-01 | 2025-03", "bought_at", "several spans"),
        ("= 2025-W05", "bought_at", "holds days"),
        ("> noon", "clock", "clock holds times"),
        ("> 1,5,0", "revenue", "revenue holds numbers"),
    ],
)
def test_what_cannot_be_compared_is_said(
    sales: tuple[Assistant, list[FilterColumn]], text: str, column: str | None, said: str
) -> None:
    with pytest.raises(QueryError, match=said) as raised:
        keep(sales, text, column)
    assert raised.value.hint


def test_the_chosen_column_is_the_one_that_is_tested(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    assert keep(sales, "5", "id") == [5]
    assert keep(sales, "> 1", "id") == [2, 3, 4, 5]


def test_the_label_says_what_is_compared(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    columns = sales[1]
    said = {text: read_filter(text, columns).label for text in ("köln", "weight = 81.83", "open_share > 50", "s null")}
    assert said == {
        "köln": "Any column contains ‘köln’",
        "weight = 81.83": "weight = 81.83, as shown",
        "open_share > 50": "open_share > 50%",
        "s null": "s is NULL",
    }


def test_only_this_value_keeps_it_and_the_rest_is_the_rest(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    assistant, columns = sales
    for row in assistant.run(SQL).rows:
        for value, column in zip(row, columns, strict=True):
            matched = match_value(value, column)
            if matched is None:
                assert column.name in ("s", "l", "b") or value != value, column
                continue
            same = [one[0] for one in assistant.run(SQL).rows if one[column.position] == value]
            assert [one[0] for one in assistant.database.fetch_page(SQL, criteria=matched.criteria).rows] == same
            others = assistant.database.fetch_page(SQL, criteria=matched.negate().criteria).row_count
            assert others == 5 - len(same), (column, value)


def test_sums_are_exact(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    assistant, columns = sales
    big = "SELECT * FROM (VALUES (0.1::DOUBLE, 99999999999999999999::HUGEINT), (0.2, 1), (NULL, NULL)) t(a, b)"
    assert assistant.database.add_up(big, [0, 1]) == (Decimal("0.3"), Decimal(10**20))
    found = read_filter("revenue > 0", columns)
    assert assistant.database.add_up(SQL, [2], criteria=found.criteria) == (Decimal("100001234.504"),)
    with pytest.raises(QueryError, match="holds no numbers"):
        assistant.database.add_up(SQL, [1])


def test_any_number_is_found_by_what_the_page_shows_of_it(
    sales: tuple[Assistant, list[FilterColumn]],
) -> None:
    assistant, _ = sales
    measured = "(range * 7919 % 100003) / 7.0 AS measured"
    prices = "(range * 0.37)::DECIMAL(12,4) AS price, (range * 0.5)::DECIMAL(9,1) AS cost"
    sql = f"SELECT range AS n, {measured}, {prices} FROM range(60)"
    result = assistant.run(sql)
    formats = assistant.database.choose_column_formats(result, sql)
    columns = list_filter_columns(result.columns, [column.name for column in result.columns], formats)
    for row in result.rows:
        for at in (1, 2, 3):
            shown = formats[at].show(row[at])
            for text in (shown, f"= {shown}"):
                found = assistant.database.fetch_page(
                    sql, criteria=read_filter(text, columns, at).criteria, limit=100
                ).rows
                assert row in found, (text, row)


@pytest.mark.parametrize(
    ("locale", "text", "number"),
    [
        ("", "1,234.50", "1234.50"),
        ("", "1234.50", "1234.50"),
        ("", "-.5", "-0.5"),
        ("de_DE", "1.234,50", "1234.50"),
        ("de_DE", "1.50", "1.50"),
        ("de_DE", "1.500", "1500"),
        ("de_DE", "-0,25", "-0.25"),
        ("fr_FR", "1\u202f234,5", "1234.5"),
        ("fr_FR", "1 234,5", "1234.5"),
        ("en_IN", "1,00,000", "100000"),
        ("de_CH", "1’234.50", "1234.50"),
        ("", "\u22125", "-5"),
        ("", "1e3", "1000"),
    ],
)
def test_numbers_are_read_in_the_notation_of_the_page(locale: str, text: str, number: str) -> None:
    how = ColumnFormat(Kind.MONEY, 2, notation=find_notation(locale))
    column = FilterColumn(0, "umsatz", "DECIMAL(12,2)", how)
    test = read_filter(f"> {text}", [column]).criteria[0][0]
    assert Decimal(test.text) == Decimal(number)
    shown = how.show(Decimal(number))
    held = read_filter(shown, [column], 0).criteria[0]
    assert any(one.text == format(Decimal(number), ".2f") for one in held), shown


def test_a_moment_in_a_time_zone_is_its_own(sales: tuple[Assistant, list[FilterColumn]]) -> None:
    assistant, _ = sales
    sql = "SELECT TIMESTAMPTZ '2025-01-01 12:00:00+02' AS at_, 1 AS n"
    result = assistant.run(sql)
    columns = list_filter_columns(result.columns, ["at_", "n"], assistant.database.choose_column_formats(result, sql))
    matched = match_value(result.rows[0][0], columns[0])
    assert matched is not None and isinstance(result.rows[0][0], dt.datetime)
    assert assistant.database.fetch_page(sql, criteria=matched.criteria).row_count == 1
