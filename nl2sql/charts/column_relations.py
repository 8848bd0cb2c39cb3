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

_MAX_FEW_ROWS: Final = 3

_MAX_SIZE_RATIO: Final = 12
_STEP_TEXT: Final = re.compile(r"\s*(?:[<>≤≥]|\d|under|over|up to|less|more|unter|über|bis)", re.I)


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a result's rows with what the query says of them. `is_cut` says that there are more rows."""

    fields: Sequence[Field]
    shape: QueryShape
    rows: int
    is_cut: bool = False

    def select_fields(self, *roles: Role) -> list[Field]:
        """The columns of these roles, in their order."""
        return [one for one in self.fields if one.role in roles]

    @property
    def measures(self) -> list[Field]:
        return self.select_fields(Role.MEASURE)

    @property
    def sort_column(self) -> tuple[Field, bool] | None:
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


def find_axis(sheet: Sheet) -> Field | None:
    """The column that the rows run along: a time, else a period, else steps."""
    ordered = [*sheet.select_fields(Role.TIME), *sheet.select_fields(Role.PERIOD), *sheet.select_fields(Role.BUCKET)]
    keys = [one for one in ordered if one.origin.is_key]
    return next(iter(keys or ordered), None)


def find_series(sheet: Sheet) -> Field | None:
    """The column that parts the rows into series."""
    return next(iter(sheet.select_fields(Role.CATEGORY, Role.KEY)), None)


def are_alike(measures: Sequence[Field]) -> bool:
    """Whether measures can share an axis: of the same unit, and of like size."""
    sizes = [max(map(abs, one.numbers), default=0.0) for one in measures]
    units = {_name_unit(one) for one in measures}
    if len(units - {"number"}) > 1 or (units & {"money", "percent"} and "number" in units):
        return False
    return bool(sizes) and min(sizes) > 0 and max(sizes) / min(sizes) <= _MAX_SIZE_RATIO


def _name_unit(one: Field) -> str:
    """What a measure counts, as far as it is known; a sum of whole numbers may be a count too."""
    if one.is_percent:
        return "percent"
    if one.format.kind is Kind.MONEY:
        return "money"
    if one.origin.aggregate.startswith("count"):
        return "count"
    return "level" if one.origin.aggregate in ("avg", "mean", "median", "stddev") else "number"


def has_lying_bars(label: Field) -> bool:
    """Whether bars lie on their side: many of them, or labels too long to stand under them."""
    longest = max((len(str(value)) for value in label.values), default=0)
    return not label.is_ordered and (label.distinct_count > 8 or longest > 12 or longest * label.distinct_count > 60)


def has_steps(label: Field) -> bool:
    """Whether labels are steps of a size, such as `18 to 25` and `> 60`, which have an order of their own."""
    return sum(bool(_STEP_TEXT.match(str(value))) for value in label.present_values) * 2 > len(label.present_values)


def is_addable(measure: Field) -> bool:
    """Whether values of the measure can be added up, as sums and counts can."""
    return measure.origin.is_additive and not measure.is_percent and not measure.origin.window


def is_share_of_whole(sheet: Sheet, along: Field, measure: Field) -> bool:
    """Whether the measure is the series' share of each point along the axis."""
    if not measure.is_percent or min(measure.numbers, default=-1) < 0:
        return False
    sums: dict[str, float] = {}
    for place, value in zip(along.values, measure.values, strict=True):
        sums[str(place)] = sums.get(str(place), 0.0) + float(value or 0)
    return all(min(abs(total - 1), abs(total - 100) / 100) < 0.02 for total in sums.values())


def find_sorting_measure(sheet: Sheet) -> Field | None:
    """The measure that the rows are sorted by, as the SQL or, where it does not say, their own order has it."""
    found = sheet.sort_column
    if found is not None and found[0].is_measure:
        return found[0]
    is_ranked = bool(sheet.select_fields(Role.RANK)) and (found is None or found[0].role is Role.RANK)
    if (found is None and sheet.shape.is_grouped is None and sheet.rows > _MAX_FEW_ROWS) or is_ranked:
        return next((one for one in sheet.measures if _is_descending(one)), None)
    return None


def _is_descending(one: Field) -> bool:
    numbers = one.numbers
    return len(numbers) == len(one.values) and one.distinct_count > 1 and all(a >= b for a, b in pairwise(numbers))
