"""The chart of a result: chosen by the rules or by a person's wish, written as a spec, and checked.

Other rooms call `draw_chart`; the modules beside it are its steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nl2sql.answer.display import ColumnFormat, choose_formats, find_keys
from nl2sql.answer.notation import find_notation
from nl2sql.charts.channels import ChartStyle
from nl2sql.charts.chart_rules import MAX_SERIES, STACKS, ChartPlan, choose_plan
from nl2sql.charts.chart_wish import ChartWish
from nl2sql.charts.column_relations import (
    ChartData,
    find_sorting_measure,
)
from nl2sql.charts.column_roles import MAX_POINTS, Role, find_total, list_fields
from nl2sql.charts.labels import MAX_LABEL_CHARS, find_names
from nl2sql.charts.plan_changes import apply_wish, can_stack, has_series, list_fitting_kinds
from nl2sql.charts.points import collect_points
from nl2sql.charts.query_shape import QueryShape, read_query
from nl2sql.charts.spec_check import check_spec
from nl2sql.charts.vega_lite import write_spec
from nl2sql.text_safety import make_one_line
from nl2sql.types import Result, Schema


@dataclass(frozen=True)
class Chart:
    """The chart of a result. `spec` is None for `none` and for `metric`, which is shown as figures.

    `kinds` are those that fit the rows, the chosen one first; `stacks` the ways in which its series can be combined.
    `axes`, `measures` and `groups` are the positions of columns that can be the axis, the figures and the colours.
    `before` maps the position of a figure shown alone to that of the same figure in the previous period.
    """

    plan: ChartPlan
    spec: Mapping[str, Any] | None
    kinds: tuple[str, ...]
    stacks: tuple[str, ...] = ()
    axes: tuple[int, ...] = ()
    measures: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    before: Mapping[int, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of KINDS, or `none`."""
        return self.plan.kind


def draw_chart(  # noqa: PLR0913 - keywords are the public interface
    result: Result,
    *,
    sql: str = "",
    schema: Schema | None = None,
    formats: Sequence[ColumnFormat] | None = None,
    wish: ChartWish | None = None,
    total: int | None = None,
    locale: str = "",
) -> Chart:
    """Return the chart of these rows (at most MAX_POINTS of them), as the query and the wish say.

    `sql` is the query that returned them, in DuckDB's dialect, and `schema` says where the data ends. `formats` says
    how each column is written; None chooses it here. `total` is how many rows the query has, where the result lacks
    some. `locale` is one such as `de_DE`; empty for English.

    Raises:
        ConfigError: where the wish does not fit the rows (the hint says what does), or the locale is unknown.
    """
    wish = wish or ChartWish()
    notation = find_notation(locale)
    if formats is None:
        formats = choose_formats(result, sql=sql, keys=find_keys(schema) if schema else (), notation=notation)
    data, drawn = _read_data(result, read_query(sql, result.columns, schema), formats)
    chosen = choose_plan(data)
    kinds = list_fitting_kinds(data, chosen)
    plan = apply_wish(data, chosen, kinds, wish)
    chart = Chart(plan, None, kinds, *_list_choices(data, plan))
    if plan.kind == "metric":
        return replace(chart, before=_find_before(data))
    if plan.kind == "none":
        return chart
    names = find_names(locale, notation)
    notes = ["without the row of totals"] if drawn is not result else []
    notes += _note_missing(data, plan, max(total or 0, drawn.row_count), is_wished=bool(wish))
    style = ChartStyle(names, bool(wish.is_log), wish.title or "", wish.numbers, tuple(notes))
    spec = write_spec(plan, data, collect_points(plan, data, names, wish.numbers), style)
    return replace(chart, spec=check_spec(spec))


def _read_data(result: Result, shape: QueryShape, formats: Sequence[ColumnFormat]) -> tuple[ChartData, Result]:
    """Return the columns of the rows to be drawn, and the result without its row of totals."""
    rows = min(result.row_count, MAX_POINTS)
    is_cut = result.truncated or result.row_count > rows
    fields = list_fields(result, shape, formats)
    total_row = find_total(fields)
    if total_row is None:
        return ChartData(fields, shape, rows, is_cut), result
    result = _drop_row(result, total_row)
    fields = list_fields(result, shape, formats)
    labels = [column for column in fields if column.is_label]
    shape = replace(shape, has_totals=shape.has_totals and len(labels) > 1)
    return ChartData(fields, shape, rows - 1, is_cut), result


def _note_missing(data: ChartData, plan: ChartPlan, total: int, *, is_wished: bool) -> list[str]:
    """Return the notes on rows and measures that the chart does not show."""
    notes = []
    if data.is_cut:
        has_total = total > data.rows
        first = f"first {data.rows:,}"
        notes.append(f"{first} of {total:,} rows" if has_total else f"{first} rows only: there are more")
    if not is_wished and (names := _list_missing_measures(data, plan)):
        notes.append(f"not drawn: {', '.join(names)}")
    return notes


def _drop_row(result: Result, row: int) -> Result:
    import pyarrow as pa

    table = pa.concat_tables([result.table.slice(0, row), result.table.slice(row + 1)])
    return replace(result, table=table)


def _list_missing_measures(data: ChartData, plan: ChartPlan) -> list[str]:
    """Return the names of measures that the chart does not show, where the query does not say which one matters."""
    if plan.is_count or plan.kind not in ("bar", "line", "area", "multiples") or find_sorting_measure(data) is not None:
        return []
    shown = {plan.x, plan.colour, *plan.y}
    return [make_one_line(column.name, MAX_LABEL_CHARS) for column in data.measures if column.position not in shown]


def _find_before(data: ChartData) -> dict[int, int]:
    """Map each figure to that of the previous period: the other of two, or the one whose name has the same words."""
    earlier = [column for column in data.measures if column.is_previous_period]
    current = [column for column in data.measures if not column.is_previous_period]
    if len(earlier) == 1 and len(current) == 1:
        return {current[0].position: earlier[0].position}
    pairs = {}
    for column in current:
        named = [other for other in earlier if {*column.words} < {*other.words}]
        if len(named) == 1:
            pairs[column.position] = named[0].position
    return pairs


def _list_choices(
    data: ChartData, plan: ChartPlan
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return what can be changed by hand: ways to stack, then columns for the axis, the figures and the colours."""
    stacks: tuple[str, ...] = ()
    if has_series(plan) and plan.kind in ("bar", "area", "line"):
        stacks = STACKS if can_stack(data, plan) else STACKS[:1]
    usable = [column for column in data.fields if column.role is not Role.NOTHING]
    axes = tuple(
        column.position for column in usable if column.role is not Role.MEASURE or plan.kind in ("scatter", "histogram")
    )
    measures = tuple(column.position for column in usable if column.is_measure)
    groups = tuple(
        column.position
        for column in usable
        if not column.is_measure and 1 < column.distinct_count <= 3 * MAX_SERIES and not column.is_distinct
    )
    return stacks, axes, measures, groups
