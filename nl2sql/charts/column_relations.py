"""How the columns of a result relate: what they are sorted by, which share an axis, which add up, which is the axis.

It chooses no chart; `chart_rules` does.
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
class ChartData:
    """The columns of a result's rows, with what the query says about them; `is_cut` where there are more."""

    fields: Sequence[Field]
    shape: QueryShape
    rows: int
    is_cut: bool = False

    def select_fields(self, *roles: Role) -> list[Field]:
        """Return the columns of these roles, in their order."""
        return [column for column in self.fields if column.role in roles]

    @property
    def measures(self) -> list[Field]:
        """The columns of figures."""
        return self.select_fields(Role.MEASURE)

    @property
    def sort_column(self) -> tuple[Field, bool] | None:
        """The column that the rows are sorted by first, and whether it descends; None where the query does not sort."""
        if not self.shape.order:
            return None
        position, descends = self.shape.order[0]
        return self.fields[position], descends

    def has_one_row_each(self, *fields: Field | None) -> bool:
        """Return whether no two rows have the same values in these columns."""
        columns = [column.values for column in fields if column is not None]
        places = {tuple(map(str, place)) for place in zip(*columns, strict=True)}
        return len(places) == self.rows


def find_axis(data: ChartData) -> Field | None:
    """Return the column that the rows run along: a time, else a period, else steps of a number."""
    ordered = [*data.select_fields(Role.TIME), *data.select_fields(Role.PERIOD), *data.select_fields(Role.BUCKET)]
    keys = [column for column in ordered if column.origin.is_key]
    return next(iter(keys or ordered), None)


def find_series(data: ChartData) -> Field | None:
    """Return the column that divides the rows into series."""
    return next(iter(data.select_fields(Role.CATEGORY, Role.KEY)), None)


def are_alike(measures: Sequence[Field]) -> bool:
    """Return whether measures can share an axis: they have the same unit and are of similar size."""
    sizes = [max(map(abs, column.numbers), default=0.0) for column in measures]
    units = {_name_unit(column) for column in measures}
    if len(units - {"number"}) > 1 or (units & {"money", "percent"} and "number" in units):
        return False
    return bool(sizes) and min(sizes) > 0 and max(sizes) / min(sizes) <= _MAX_SIZE_RATIO


def _name_unit(column: Field) -> str:
    """Return what a measure counts, as far as it is known. A sum of whole numbers is a `number`: it may be a count."""
    if column.is_percent:
        return "percent"
    if column.format.kind is Kind.MONEY:
        return "money"
    if column.origin.aggregate.startswith("count"):
        return "count"
    return "level" if column.origin.aggregate in ("avg", "mean", "median", "stddev") else "number"


def has_lying_bars(label: Field) -> bool:
    """Return whether bars are horizontal: there are many of them, or their labels are too long to stand below them."""
    longest = max((len(str(value)) for value in label.values), default=0)
    return not label.is_ordered and (label.distinct_count > 8 or longest > 12 or longest * label.distinct_count > 60)


def has_steps(label: Field) -> bool:
    """Return whether most labels are steps of a size, such as `18 to 25` and `> 60`, which are in order already."""
    return sum(bool(_STEP_TEXT.match(str(value))) for value in label.present_values) * 2 > len(label.present_values)


def is_addable(measure: Field) -> bool:
    """Return whether values of the measure can be added up, as sums and counts can."""
    return measure.origin.is_additive and not measure.is_percent and not measure.origin.window


def is_share_of_whole(data: ChartData, along: Field, measure: Field) -> bool:
    """Return whether the measure is the share that each series has of every point along the axis."""
    if not measure.is_percent or min(measure.numbers, default=-1) < 0:
        return False
    sums: dict[str, float] = {}
    for place, value in zip(along.values, measure.values, strict=True):
        sums[str(place)] = sums.get(str(place), 0.0) + float(value or 0)
    return all(min(abs(total - 1), abs(total - 100) / 100) < 0.02 for total in sums.values())


def find_sorting_measure(data: ChartData) -> Field | None:
    """Return the measure that the rows are sorted by, according to the SQL or else to the order of the rows."""
    found = data.sort_column
    if found is not None and found[0].is_measure:
        return found[0]
    is_ranked = bool(data.select_fields(Role.RANK)) and (found is None or found[0].role is Role.RANK)
    if (found is None and data.shape.is_grouped is None and data.rows > _MAX_FEW_ROWS) or is_ranked:
        return next((column for column in data.measures if _is_descending(column)), None)
    return None


def _is_descending(column: Field) -> bool:
    numbers = column.numbers
    return (
        len(numbers) == len(column.values) and column.distinct_count > 1 and all(a >= b for a, b in pairwise(numbers))
    )
