"""The columns of a result together: what they are sorted by, which share an axis, which add up, which run along.

It decides on no chart; `choosing` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nl2sql.answer.display import Kind
from nl2sql.charts.column_roles import Field, Role
from nl2sql.charts.query_shape import QueryShape

_FEW_ROWS: Final = 3

_LIKE: Final = 12
_STEP_TEXT: Final = re.compile(r"\s*(?:[<>≤≥]|\d|under|over|up to|less|more|unter|über|bis)", re.I)


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a result's rows with what the query says of them. `cut` says that there are more rows."""

    fields: Sequence[Field]
    shape: QueryShape
    rows: int
    cut: bool = False

    def of(self, *roles: Role) -> list[Field]:
        """The columns of these roles, in their order."""
        return [one for one in self.fields if one.role in roles]

    @property
    def measures(self) -> list[Field]:
        return self.of(Role.MEASURE)

    @property
    def sorted_by(self) -> tuple[Field, bool] | None:
        """The column that the rows are sorted by first, and whether it descends; a rank stands for what it ranks."""
        if not self.shape.order:
            return None
        position, descends = self.shape.order[0]
        return self.fields[position], descends

    def has_one_row_each(self, *fields: Field | None) -> bool:
        """Whether no two rows have the same values in these columns."""
        columns = [one.values for one in fields if one is not None]
        places = {tuple(map(str, place)) for place in zip(*columns, strict=True)}
        return len(places) == self.rows


def find_along(sheet: Sheet) -> Field | None:
    """The column that the rows run along: a time, else a period, else steps."""
    ordered = [*sheet.of(Role.TIME), *sheet.of(Role.PERIOD), *sheet.of(Role.BUCKET)]
    keys = [one for one in ordered if one.origin.is_key]
    return next(iter(keys or ordered), None)


def find_series(sheet: Sheet) -> Field | None:
    """The column that parts the rows into series."""
    return next(iter(sheet.of(Role.CATEGORY, Role.KEY)), None)


def are_alike(measures: Sequence[Field]) -> bool:
    """Whether measures can share an axis: of the same unit, and of like size."""
    sizes = [max(map(abs, one.numbers), default=0.0) for one in measures]
    units = {_name_unit(one) for one in measures}
    if len(units - {"number"}) > 1 or (units & {"money", "percent"} and "number" in units):
        return False
    return bool(sizes) and min(sizes) > 0 and max(sizes) / min(sizes) <= _LIKE


def _name_unit(one: Field) -> str:
    """What a measure counts, as far as it is known; a sum of whole numbers may be a count too."""
    if one.is_percent:
        return "percent"
    if one.format.kind is Kind.MONEY:
        return "money"
    if one.origin.aggregate.startswith("count"):
        return "count"
    return "level" if one.origin.aggregate in ("avg", "mean", "median", "stddev") else "number"


def lies(label: Field) -> bool:
    """Whether bars lie on their side: many of them, or labels too long to stand under them."""
    longest = max((len(str(value)) for value in label.values), default=0)
    return not label.is_ordered and (label.distinct > 8 or longest > 12 or longest * label.distinct > 60)


def has_steps(label: Field) -> bool:
    """Whether labels are steps of a size, such as `18 to 25` and `> 60`, which have an order of their own."""
    return sum(bool(_STEP_TEXT.match(str(value))) for value in label.present) * 2 > len(label.present)


def add_up(measure: Field) -> bool:
    """Whether values of the measure can be added up, as sums and counts can."""
    return measure.origin.is_additive and not measure.is_percent and not measure.origin.window


def sums_to_whole(sheet: Sheet, along: Field, measure: Field) -> bool:
    """Whether the measure is the series' share of each point along the axis."""
    if not measure.is_percent or min(measure.numbers, default=-1) < 0:
        return False
    sums: dict[str, float] = {}
    for place, value in zip(along.values, measure.values, strict=True):
        sums[str(place)] = sums.get(str(place), 0.0) + float(value or 0)
    return all(min(abs(total - 1), abs(total - 100) / 100) < 0.02 for total in sums.values())


def find_sorting_measure(sheet: Sheet) -> Field | None:
    """The measure that the rows are sorted by, as the SQL or, where it does not say, their own order has it."""
    found = sheet.sorted_by
    if found is not None and found[0].is_measure:
        return found[0]
    is_ranked = bool(sheet.of(Role.RANK)) and (found is None or found[0].role is Role.RANK)
    if (found is None and sheet.shape.is_grouped is None and sheet.rows > _FEW_ROWS) or is_ranked:
        return next((one for one in sheet.measures if _descends(one)), None)
    return None


def _descends(one: Field) -> bool:
    numbers = one.numbers
    return len(numbers) == len(one.values) and one.distinct > 1 and all(a >= b for a, b in pairwise(numbers))
