"""What a column is to its reader, and how its values are written; doubtful ones stay as they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from nl2sql.answer.display import RULES, Kind, choose_formats
from nl2sql.answer.notation import NEUTRAL, find_notation
from nl2sql.errors import ConfigError
from nl2sql.types import Result, ResultColumn

TYPES = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", dt.date: "DATE", dt.datetime: "TIMESTAMP", bool: "BOOLEAN"}
JAN, FEB = dt.datetime(2025, 1, 1), dt.datetime(2025, 2, 1)


def show(
    name: str, *values: Any, sql: str = "", kind: str = "", keys: tuple[str, ...] = (), locale: str = ""
) -> list[str]:
    """The values of one column as they are shown."""
    type_name = kind or TYPES.get(type(values[0]), "DECIMAL(38,2)")
    result = Result((ResultColumn(name, type_name),), pa.table({name: list(values)}))
    (how,) = choose_formats(result, sql=sql, keys=keys, notation=find_notation(locale))
    return [how.show(value) for value in values]


@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        # months and days
        ("month", [JAN, FEB], ["2025-01", "2025-02"]),
        ("month", [JAN.date()], ["2025-01"]),
        ("Bestellmonat", [JAN], ["2025-01"]),
        ("date_trunc('month', ordered_at)", [JAN], ["2025-01"]),
        ("m", [JAN, FEB], ["2025-01", "2025-02"]),
        ("start_date", [JAN, FEB], ["2025-01-01", "2025-02-01"]),
        ("m", [JAN, JAN], ["2025-01-01", "2025-01-01"]),
        ("month", [JAN, dt.datetime(2025, 1, 2)], ["2025-01-01", "2025-01-02"]),
        ("ordered_at", [dt.datetime(2025, 1, 31)], ["2025-01-31"]),
        ("ordered_at", [dt.datetime(2025, 1, 31), dt.datetime(2025, 1, 31, 0, 0, 1)],
         ["2025-01-31 00:00:00", "2025-01-31 00:00:01"]),
        ("day", [dt.date(2025, 1, 31)], ["2025-01-31"]),
        # ids, codes and years
        ("customer_id", [10243], ["10243"]),
        ("customerId", [10243.0], ["10243"]),
        ("orderid", [10243], ["10243"]),
        ("Kundennummer", [10243], ["10243"]),
        ("order_number", [10243], ["10243"]),
        ("zip", [12345], ["12345"]),
        ("year", [2025, 1999], ["2025", "1999"]),
        ("y", [2025], ["2025"]),
        ("fiscal_year", [2025.0], ["2025"]),
        ("yyyymm", [202501], ["202501"]),
        ("date_key", [20250131], ["20250131"]),
        ("code", ["0010"], ["0010"]),
        # what only looks like one
        ("number of orders", [10243], ["10,243"]),
        ("count(DISTINCT customer_id)", [10243], ["10,243"]),
        ("customer_id_count", [10243], ["10,243"]),
        ("paid", [10243], ["10,243"]),
        ("orders", [2025], ["2,025"]),
        ("orders_per_year", [12025], ["12,025"]),
        # money
        ("revenue", [389716.971, 5.0], ["389,716.97", "5.00"]),
        ("total", [Decimal("1234.50"), Decimal("3.00")], ["1,234.50", "3.00"]),
        ("Umsatz (€)", [12000.0], ["12,000.00"]),
        ("Gesamtumsatz", [-1234.5], ["-1,234.50"]),
        ("fee", [0.004, 12.5], ["0.004", "12.500"]),
        ("price", [0.1234, 0.05], ["0.1234", "0.0500"]),
        ("price", [1250], ["1,250"]),
        ("sum(o.amount)", [Decimal("1234567.89")], ["1,234,567.89"]),
        # percent in units
        ("discount_pct", [12.5, 7.0], ["12.5%", "7.0%"]),
        ("Rabattprozent", [15], ["15%"]),
        ("discount_pct", [0.5, 0.25], ["0.50", "0.25"]),
        # other numbers
        ("weight", [1.25, 1000.0], ["1.25", "1,000.00"]),
        ("avg(weight)", [81.83186937773883, 80.5], ["81.83", "80.50"]),
        ("rate", [6.442393690543946e-05, 0.5], ["0.00006442", "0.50000000"]),
        ("x", [12.5, 1.1102230246251565e-16], ["12.5000", "1.1102230246251565e-16"]),
        ("x", [1e20, float("nan"), float("inf")], ["1e+20", "nan", "inf"]),
        ("latitude", [52.520008123, 8.5], ["52.520008123", "8.5"]),
        ("n", [10**17, -1], ["100,000,000,000,000,000", "-1"]),
        ("n", [Decimal("1234567890123456789012345678")], ["1,234,567,890,123,456,789,012,345,678"]),
        ("flag", [True], ["true"]),
    ],
)  # fmt: skip
def test_values_for_reading(name: str, values: list[Any], shown: list[str]) -> None:
    kind = "HUGEINT" if name == "n" and isinstance(values[0], Decimal) else ""
    assert show(name, *values, kind=kind) == shown


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT a / b AS open_share FROM t", ["5.12%", "50.00%"]),
        ("SELECT avg(CASE WHEN open THEN 1 ELSE 0 END) AS open_share FROM t", ["5.12%", "50.00%"]),
        ("SELECT avg(CAST(status = 'open' AS INT)) AS open_share FROM t", ["5.12%", "50.00%"]),
        ("WITH s AS (SELECT a / b AS open_share FROM t) SELECT open_share FROM s", ["5.12%", "50.00%"]),
        ("SELECT 100.0 * a / b AS open_share FROM t", ["0.0512", "0.5000"]),
        ("SELECT open_share FROM t", ["0.0512", "0.5000"]),
        ("", ["0.0512", "0.5000"]),
    ],
)
def test_a_share_is_percent_where_the_sql_divides(sql: str, shown: list[str]) -> None:
    assert show("open_share", 0.0512, 0.5, sql=sql) == shown


def test_what_the_sql_counts_in_hundreds_is_percent_already() -> None:
    assert show("open_pct", 0.5, sql="SELECT 100 * a / b AS open_pct") == ["0.5%"]
    assert show("open_pct", 0.5, sql="SELECT round(a / b * 100.0, 2) AS open_pct") == ["0.5%"]
    assert show("open_pct", 0.5, sql="SELECT rate / 100 AS open_pct") == ["0.5"]
    assert show("exchange_rate", 0.92, sql="SELECT a / b AS exchange_rate") == ["0.92"]
    assert show("share", 0.00001, 0.5, sql="SELECT a / b AS share") == ["0.001%", "50.000%"]
    assert show("share", 1 / 3, 0.5, sql="SELECT a / b AS share") == ["33.3%", "50.0%"]
    assert show("share", 1e-9, 0.5, sql="SELECT a / b AS share") == ["0.0000001%", "50.0000%"]
    assert show("pct_of_orders", 6.78, 12.5) == ["6.78%", "12.50%"]


def test_a_key_and_a_computed_year_have_no_separators() -> None:
    assert show("customer", 10243, keys=("Customer",)) == ["10243"]
    assert show("opened", 2024, sql="SELECT year(opened_at) AS opened") == ["2024"]
    assert show("opened", 2024, sql="SELECT count(*) AS opened") == ["2,024"]


def test_a_sum_of_integers_is_an_integer() -> None:
    assert show("revenue", Decimal(1234567), kind="HUGEINT") == ["1,234,567"]
    assert show("revenue", Decimal(1234567), kind="DECIMAL(38,2)") == ["1,234,567.00"]


def test_a_value_that_was_not_looked_at_loses_nothing() -> None:
    (how,) = choose_formats(Result((ResultColumn("weight", "DOUBLE"),), pa.table({"weight": [1.5]})))
    assert [how.show(value) for value in (2.0, 1.2345, 0.004, None)] == ["2.0", "1.2345", "0.004", ""]
    (how,) = choose_formats(Result((ResultColumn("month", "TIMESTAMP"),), pa.table({"month": [JAN]})))
    assert how.show(dt.datetime(2025, 1, 2, 3)) == "2025-01-02 03:00:00"
    assert how.show(dt.datetime(2025, 1, 2)) == "2025-01-02"


@pytest.mark.parametrize(
    ("locale", "money", "percent"),
    [
        ("", "-1,234,567.50", "5.12%"),
        ("en_US", "-1,234,567.50", "5.12%"),
        ("de_DE", "-1.234.567,50", "5,12 %"),
        ("de-DE", "-1.234.567,50", "5,12 %"),
        ("de_CH", "-1'234'567.50", "5.12%"),
        ("fr_FR", "-1 234 567,50", "5,12 %"),
        ("en_IN", "-12,34,567.50", "5.12%"),
        ("tr_TR", "-1.234.567,50", "%5,12"),
    ],
)
def test_numbers_of_a_locale(locale: str, money: str, percent: str) -> None:
    # Which blank and which apostrophe it is has changed between versions of CLDR.
    marks = str.maketrans("\u00a0\u202f\u2019", "  '")
    assert show("revenue", -1234567.5, locale=locale)[0].translate(marks) == money
    assert show("share", 0.0512, sql="SELECT a / b AS share", locale=locale)[0].translate(marks) == percent
    assert show("customer_id", 10243, locale=locale) == ["10243"]


def test_an_unknown_locale_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'de_XX' is no locale"):
        find_notation("de_XX")
    assert find_notation("") is NEUTRAL


@pytest.mark.parametrize(("kind", "example"), [(kind, example) for kind, _, example in RULES])
def test_the_example_of_a_rule_is_decided_by_it(kind: Kind, example: tuple[str, Any, str]) -> None:
    name, value, shown = example
    assert show(name, value, sql=f'SELECT a / b AS "{name}"') == [shown]
    result = Result((ResultColumn(name, TYPES.get(type(value), "DECIMAL(38,5)")),), pa.table({name: [value]}))
    assert choose_formats(result, sql=f'SELECT a / b AS "{name}"')[0].kind is kind
