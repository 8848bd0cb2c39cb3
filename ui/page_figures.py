"""Figures that the page adds to the rows of an answer: totals, shares and changes.

They are computed with decimals, totals by the engine over all rows of the view, and marked as computed by the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from nl2sql import Assistant, ColumnFormat, PeriodsBefore, Result, compute_change, compute_share, text_of
from ui.grid import Cell
from ui.table_view import TableView

MAX_CELL_CHARS: Final = 500
TOTAL: Final = "total"
SHARE: Final = "share"
CHANGE: Final = "change"
FIGURES: Final = (TOTAL, SHARE, CHANGE)
_MAX_COLUMNS: Final = 12
_SHARE_DECIMALS: Final = Decimal("0.1")
_SHARES: Final = ("percent", "percent units")
_MEASURES: Final = ("number", "money", *_SHARES)


@dataclass(frozen=True, slots=True)
class PageCells:
    """The cells of a page of rows. `added_columns` are computed by the page: a name, and how it is computed."""

    cells: list[list[Cell]]
    added_columns: tuple[tuple[str, str], ...] = ()
    total: list[Cell] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageFigures:
    """What is to be computed. `options` are the figures that can be switched on: an id and a label."""

    options: tuple[tuple[str, str], ...] = ()
    totals: dict[int, Decimal | None] | None = None
    shares: tuple[int, ...] = ()
    changes: tuple[int, ...] = ()
    has_total: bool = False
    rows: int = 0
    previous_periods: PeriodsBefore | None = None
    previous_row: tuple[Any, ...] | None = None


def compute_figures(
    assistant: Assistant,
    sql: str,
    result: Result,
    formats: Sequence[ColumnFormat],
    place: dict[str, Any],
    look: TableView,
) -> PageFigures:
    """Compute what this view asks for; the engine adds up all rows. Errors as `Database.fetch_page`.

    `place` is the state of the answer.
    """
    if "addable" not in place:
        place["addable"] = sorted(assistant.database.find_addable(sql, result))[:_MAX_COLUMNS]
        place["periods"] = PeriodsBefore(result, formats)
    addable: list[int] = place["addable"]
    periods: PeriodsBefore = place["periods"]
    # An integer that is no sum or count may be a number of a shop.
    numbers = [at for at, one in enumerate(formats) if at in addable or one.kind in _MEASURES][:_MAX_COLUMNS]
    options = _list_options(bool(addable), bool(numbers) and result.row_count > 1, periods)
    wanted = look.figures & {one for one, _ in options}
    totals, rows = _add_up_once(assistant, sql, addable, place, look) if wanted & {TOTAL, SHARE} else (None, 0)
    reads_above = CHANGE in wanted and not periods.period and look.page > 0
    return PageFigures(
        options,
        totals,
        tuple(addable) if SHARE in wanted else (),
        tuple(numbers) if CHANGE in wanted else (),
        TOTAL in wanted,
        rows,
        periods if periods.period else None,
        _read_row_above(assistant, sql, result, look) if reads_above else None,
    )


def _list_options(has_totals: bool, has_changes: bool, periods: PeriodsBefore) -> tuple[tuple[str, str], ...]:
    """Return the figures that can be switched on, each an id and a label."""
    options = [(TOTAL, "Total of the rows"), (SHARE, "Share of the total")] if has_totals else []
    if has_changes:
        before = f"Change from the {periods.period} before" if periods.period else "Change from the row above"
        options.append((CHANGE, before))
    return tuple(options)


def _add_up_once(
    assistant: Assistant, sql: str, columns: Sequence[int], place: dict[str, Any], look: TableView
) -> tuple[dict[int, Decimal | None], int]:
    """Return the totals of these columns and the number of rows, read from the engine once for each filter."""
    known: dict[Any, tuple[dict[int, Decimal | None], int]] = place.setdefault("totals", {})
    if look.filters not in known:
        sums = assistant.database.add_up(sql, columns, criteria=look.criteria)
        rows = assistant.database.count_pageable_rows(sql, criteria=look.criteria)
        known[look.filters] = (dict(zip(columns, sums, strict=True)), rows.rows)
    return known[look.filters]


def make_cells(
    figures: PageFigures | None, shown: pa.Table, names: Sequence[str], formats: Sequence[ColumnFormat]
) -> PageCells:
    """Return the cells of these rows, with the computed ones."""
    rows = Result((), shown).rows
    cells = [[_make_cell(value, one) for value, one in zip(row, formats, strict=True)] for row in rows]
    if figures is None:
        return PageCells(cells)
    added: list[tuple[str, str]] = []
    for at in figures.shares:
        total = (figures.totals or {}).get(at)
        added.append((f"{names[at]}, share", f"of the total of {figures.rows:,} rows, computed by the page"))
        for row, line in zip(rows, cells, strict=True):
            line.append(_write_share(compute_share(row[at], total), formats[at]))
    whence = f"the {figures.previous_periods.period} before" if figures.previous_periods else "the row above"
    for at in figures.changes:
        added.append((f"{names[at]}, change", f"from {whence}, computed by the page"))
        above = figures.previous_row
        for row, line in zip(rows, cells, strict=True):
            other = figures.previous_periods.find(row) if figures.previous_periods else above
            line.append(_write_change(row[at], other[at] if other else None, formats[at]))
            above = row
    last = _write_total(figures, names, formats, len(added)) if figures.has_total else None
    return PageCells(cells, tuple(added), last, _list_doubts(figures))


def _make_cell(value: Any, column_format: ColumnFormat) -> Cell:
    if value is None:
        return None
    exact, shown = _cut_to_cell(text_of(value)), _cut_to_cell(column_format.show(value))
    return exact if shown == exact else (shown, exact)


def _cut_to_cell(text: str) -> str:
    """Return the text, shortened to what a cell may hold."""
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"


def _write_share(share: Decimal | None, column_format: ColumnFormat) -> Cell:
    if share is None:
        return None
    percent = (share * 100).quantize(_SHARE_DECIMALS)
    return column_format.notation.write_percent(percent, 1), f"{share * 100:.6f}%"


def _write_change(value: Any, previous: Any, column_format: ColumnFormat) -> Cell:
    said = describe_change(value, previous, column_format)
    if said is None or column_format.kind in _SHARES:
        return said
    return said, text_of(compute_change(value, previous))


def describe_change(value: Any, previous: Any, column_format: ColumnFormat) -> str | None:
    """Return the difference and its percentage, or percentage points for shares; None where one is not a number."""
    change = compute_change(value, previous)
    if change is None:
        return None
    sign = "+" if change > 0 else ""
    if column_format.kind in _SHARES:
        points = (change * 100 if column_format.kind == "percent" else change).quantize(Decimal("0.01"))
        return f"{sign}{column_format.notation.write(points, 2)} points"
    share = compute_share(change, compute_change(previous, 0))
    relative = (
        ""
        if share is None
        else f" ({sign}{column_format.notation.write_percent((share * 100).quantize(_SHARE_DECIMALS), 1)})"
    )
    return f"{sign}{column_format.show(change)}{relative}"


def _write_total(figures: PageFigures, names: Sequence[str], formats: Sequence[ColumnFormat], added: int) -> list[Cell]:
    totals = figures.totals or {}
    cells: list[Cell] = [""] * (len(names) + added)
    for at, total in totals.items():
        cells[at] = _make_cell(total, formats[at]) if total is not None else ""
    label = f"Total of the {figures.rows:,} rows"
    free = next((at for at in range(len(names)) if at not in totals), None)
    if free is not None:
        cells[free] = (label, f"{label}, computed by the page")
    return cells


def _list_doubts(figures: PageFigures) -> tuple[str, ...]:
    """Return the notes about the figures: shares are missing where there is no positive total."""
    totals = figures.totals or {}
    without = [at for at in figures.shares if (total := totals.get(at)) is None or total <= 0]
    return ("No share is shown where the total is zero or negative.",) if without else ()


def _read_row_above(assistant: Assistant, sql: str, result: Result, look: TableView) -> tuple[Any, ...] | None:
    """Return the last row of the page before."""
    start = look.page * look.page_rows - 1
    if look.is_plain and not result.truncated:
        table = result.table.slice(start, 1)
    else:
        table = assistant.database.fetch_page(
            sql,
            offset=start,
            limit=1,
            order_by=look.order_column,
            descending=look.is_descending,
            criteria=look.criteria,
        ).table
    rows = Result((), table).rows
    return rows[0] if rows else None
