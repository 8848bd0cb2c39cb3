"""What is doubtful of a query's columns is told, however the query takes them."""

from __future__ import annotations

import pytest

from nl2sql.schema.allowed_schema import AllowedSchema, ColumnDoubt
from nl2sql.schema.value_index import ValueIndex
from nl2sql.types import Policy, Schema

SCHEMA = Schema((), "duckdb", "1")
ALLOWED = AllowedSchema(
    SCHEMA,
    Policy(),
    ValueIndex(SCHEMA),
    (ColumnDoubt("sales", "Order Date", "stays text"), ColumnDoubt("uploads.other", "day", "stays text")),
)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ('SELECT max("Order Date") FROM sales', 1),
        ("SELECT max(\"Order Date\") FROM sales WHERE unit = '5\"' OR note = 'a'", 1),
        ("SELECT count(*) FROM sales WHERE unit = '5\"' AND \"Order Date\" > '1' AND x <> '\"'", 1),
        ("SELECT * FROM sales", 1),
        ("SELECT s.* FROM sales AS s", 1),
        ("FROM sales", 1),
        ("SELECT DAY FROM uploads.OTHER", 1),
        ("SELECT count(*) FROM sales", 0),
        ("SELECT 2 * amount FROM sales", 0),
        ('SELECT "Order Dates" FROM sales', 0),
        ('SELECT "Order Date" FROM wholesales', 0),
    ],
)
def test_a_doubtful_column_is_found(sql: str, told: int) -> None:
    assert len(list(ALLOWED.find_doubts(sql))) == told
