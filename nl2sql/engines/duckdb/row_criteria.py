"""Tests of kept rows as SQL over numbered columns, and sums of those columns.

What a user wrote is a parameter, cast to a type that the column's own can be compared with: no text becomes SQL. A
comparison that a column's type does not have is a QueryError, never a row less.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Final

from nl2sql.errors import QueryError
from nl2sql.types import Comparison, Criteria, Criterion
from nl2sql.types.type_families import is_float, is_nested, is_numeric, is_temporal, is_text, is_time_of_day, is_whole

_DECIMAL: Final = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_MAX_DIGITS: Final = 38
# A sum of doubles is one of decimals where none of them has more decimals than these.
_MAX_SUMMED_DECIMALS: Final = 10
_MAX_DECIMALS: Final = 18
_NARROW_DIGITS: Final = 18
# Floats of more digits before the point are not shown with separators.
_FLOAT_DIGITS: Final = 15
_JUST_MORE: Final = "1.000000000000001"
_PRECISE: Final = Context(prec=800)
_TEXT: Final = "CAST({} AS VARCHAR)"
_RELATIONS: Final = {
    Comparison.EQUAL: "=",
    Comparison.BELOW: "<",
    Comparison.UP_TO: "<=",
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: ">=",
}
# The type that takes a whole number, its least number and the first beyond it.
_WIDEST_INTEGERS: Final = (
    ("HUGEINT", Decimal(-(2**127)), Decimal(2**127)),
    ("UHUGEINT", Decimal(0), Decimal(2**128)),
)
_TURNED_AROUND: Final = {"<": True, "<=": True, ">": False, ">=": False, "=": False}


def write_criteria(criteria: Criteria, types: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return a condition for each group of tests, and the parameters of all, in their order.

    Raises:
        QueryError: a test's column is unknown, or its value is of another type.
    """
    conditions, texts = [], []
    for group in criteria:
        tests = []
        for one in group:
            if not 0 <= one.column < len(types):
                raise QueryError(f"the result has no column {one.column}", "Name a column of the result.")
            test, used = _write_criterion(one, types[one.column])
            tests.append(f"NOT coalesce({test}, false)" if one.is_negated else test)
            texts += used
        conditions.append(f"({' OR '.join(tests)})" if tests else "false")
    return conditions, texts


def write_sum(column: str, kind: str) -> str:
    """Return SQL for the exact sum of a column of numbers as text.

    Of doubles with many decimals it is the nearest that adding gives.
    """
    if not is_float(kind):
        return _TEXT.format(f"system.main.sum({column})")
    entered = f"TRY_CAST({_TEXT.format(column)} AS DECIMAL({_MAX_DIGITS}, {_MAX_SUMMED_DECIMALS}))"
    holds = f"coalesce(CAST({entered} AS {kind}) = {column}, {column} IS NULL)"
    added = f"system.main.fsum(CAST({column} AS DOUBLE))"
    exact = _TEXT.format(f"system.main.sum({entered})")
    return f"CASE WHEN system.main.bool_and({holds}) THEN {exact} ELSE {_TEXT.format(added)} END"


def _write_criterion(one: Criterion, kind: str) -> tuple[str, list[str]]:
    column = f"c{one.column}"
    if one.comparison is Comparison.NULL:
        return f"{column} IS NULL", []
    if one.comparison in _RELATIONS:
        return _compare(column, kind, _RELATIONS[one.comparison], one.text)
    if one.comparison in (Comparison.SHOWS, Comparison.SHOWN_AS):
        return _compare_shown(column, kind, one)
    text, wanted = _write_text(column, kind), one.text
    if one.comparison is Comparison.SAME_TEXT:
        return f"{text} = ?", [wanted]
    if one.comparison is Comparison.SAME_TEXT_ANY_CASE:
        return f"system.main.lower({text}) = system.main.lower(?)", [wanted]
    if is_nested(kind):
        wanted = wanted.replace("'", "").replace("\\", "")
        text = text if wanted else _TEXT.format(column)
        wanted = wanted or one.text
    # Numbers and days are written in small letters already.
    text = text if is_numeric(kind) or is_temporal(kind) or is_time_of_day(kind) else f"system.main.lower({text})"
    return f"system.main.contains({text}, system.main.lower(?))", [wanted]


def _write_text(column: str, kind: str) -> str:
    """Return the value's text, as near to what a page shows of it as the engine writes it."""
    if kind == "BLOB":
        return f"system.main.hex({column})"
    text = _TEXT.format(column)
    # Within a list or struct the engine puts quotes around texts, and strokes before quotes; a page does not.
    return f"system.main.translate({text}, '''\\', '')" if is_nested(kind) else text


def _compare_shown(column: str, kind: str, one: Criterion) -> tuple[str, list[str]]:
    """Return the number's digits as they are shown, without separators."""
    if not is_numeric(kind):
        raise _make_comparison_error(kind, one.text)
    relation = "{} = ?" if one.comparison is Comparison.SHOWN_AS else "system.main.contains({}, ?)"
    tests = [relation.format(shown) for shown in _write_shown(column, kind, one)]
    return f"coalesce({' OR '.join(tests)}, false)", [one.text] * len(tests)


def _write_shown(column: str, kind: str, one: Criterion) -> list[str]:
    """Return the texts that the number may be shown as, rounded; two for a float, which has no exact half."""
    decimals = min(max(one.decimals, 0), _MAX_DECIMALS)
    number = f"system.main.multiply({column}, 100)" if one.is_percent else column
    if is_whole(kind) and not one.is_percent and not decimals:
        return [_TEXT.format(column)]
    found = _DECIMAL.fullmatch(kind)
    whole_digits = int(found[1]) - int(found[2]) + (2 if one.is_percent else 0) if found else _FLOAT_DIGITS
    # Casts to a narrow decimal take half the time.
    width = _NARROW_DIGITS if (found or is_float(kind)) and whole_digits + decimals <= _NARROW_DIGITS else _MAX_DIGITS
    numbers = [number]
    if is_float(kind):
        # What a person enters as a half, 2.675, is a little less as a binary number.
        numbers.append(f"system.main.multiply({number}, {_JUST_MORE})")
    return [_TEXT.format(f"TRY_CAST({each} AS DECIMAL({width}, {decimals}))") for each in numbers]


def _compare(column: str, kind: str, relation: str, text: str) -> tuple[str, list[str]]:
    """Return the value itself, as the column's type orders it."""
    if is_numeric(kind):
        return _compare_number(column, kind, relation, text)
    if is_temporal(kind):
        cast = "TIMESTAMP WITH TIME ZONE" if "ZONE" in kind else "TIMESTAMP"
        return f"{column} {relation} CAST(? AS {cast})", [text]
    if kind == "TIME":
        return f"{column} {relation} CAST(? AS TIME)", [text]
    if is_text(kind):
        return f"{_TEXT.format(column)} {relation} ?", [text]
    raise _make_comparison_error(kind, text)


def _compare_number(column: str, kind: str, relation: str, text: str) -> tuple[str, list[str]]:
    """Return the comparison with a number of any size and any decimals, without rounding it to the column's own."""
    try:
        wanted = Decimal(text)
    except InvalidOperation as exc:
        raise _make_comparison_error(kind, text) from exc
    if not wanted.is_finite():
        raise _make_comparison_error(kind, text)
    if is_float(kind):
        test = f"(CAST({column} AS DOUBLE) {relation} CAST(? AS DOUBLE) AND NOT system.main.isnan({column}))"
        return test, [text]
    found = _DECIMAL.fullmatch(kind)
    scale = int(found[2]) if found else 0
    step, most = Decimal(1).scaleb(-scale), Decimal(10) ** (_MAX_DIGITS - scale)
    cast, least, end = f"DECIMAL({_MAX_DIGITS}, {scale})", _PRECISE.subtract(step, most), most
    if not found:
        cast, least, end = _WIDEST_INTEGERS[kind == "UHUGEINT"]
    if not least <= wanted < end:
        # It is beyond all that the column can hold.
        is_true = relation != "=" and (wanted > 0) is _TURNED_AROUND[relation]
        return f"{column} IS NOT NULL AND {'true' if is_true else 'false'}", []
    below, above = (wanted.quantize(step, rounding, _PRECISE) for rounding in (ROUND_FLOOR, ROUND_CEILING))
    if relation == "=" and below != above:
        return "false", []
    bound = below if relation in (">", "<=") else above
    return f"{column} {relation} CAST(? AS {cast})", [format(bound, "f")]


def _make_comparison_error(kind: str, text: str) -> QueryError:
    return QueryError(f"values of the type {kind[:60]} cannot be compared with {text[:60]!r}", "Search for a text.")
