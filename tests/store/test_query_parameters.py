"""A parameter's value as a person writes it: on the command line, and in the page's form."""

from __future__ import annotations

import pytest

from nl2sql import CallError
from nl2sql.store.query_parameters import parse_parameter


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("a: text", " Oslo ", " Oslo "),
        ("a: text", "", ""),
        ('a: text = "x"', "", ""),
        ("a: text = null", "", None),
        ("a: integer", " -7 ", -7),
        ("a: integer = 3", "", 3),
        ("a: integer", "9007199254740993", 9007199254740993),
        ("a: number", "2.50", 2.5),
        ("a: number", "12", 12),
        ("a: date", "2025-01-31", "2025-01-31"),
        ("a: date = null", " ", None),
        ("a: boolean", "True", True),
        ("a: boolean = true", "", True),
    ],
)
def test_what_a_person_writes_is_read_by_its_type(line: str, text: str, value: object) -> None:
    read = parse_parameter(line).parse_value(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a: integer", ""),
        ("a: integer", "1.5"),
        ("a: integer", "1_000"),
        ("a: integer", "\u0661"),
        ("a: integer", "9" * 30),
        ("a: integer", "9" * 5000),
        ("a: number", "nan"),
        ("a: number", "1e5000"),
        ("a: number", "1; DROP TABLE x"),
        ("a: date", ""),
        ("a: date", "2025-02-30"),
        ("a: date", "today"),
        ("a: boolean", "yes"),
    ],
)
def test_what_is_not_of_its_type_is_refused(line: str, text: str) -> None:
    with pytest.raises(CallError, match="the parameter a must be"):
        parse_parameter(line).parse_value(text)
