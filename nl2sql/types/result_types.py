"""The types of what runs and its result: limits, uploads, criteria of rows, and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa


MAX_CELL_VALUES: Final = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use. `rows` None means every row, within the other limits.

    `seconds` is wall time; `memory`, `cell_bytes`, `result_bytes` and `spill` (disk for big sorts, 0 for none)
    are bytes; `steps` is how many tool calls one question may make. `upload_bytes` bounds the files of one upload
    together, `upload_rows` each table made of them.

    In a result a value counts for 8 bytes at least. A column with a list, struct or map of more than 500 values (each
    list or struct in it counts as one), or of more than `cell_bytes`, comes as text; where all rows are wanted, such
    a cell may have as many values as `cell_bytes` allow, and ends the result with a LimitError beyond that.
    """

    rows: int | None = 1000
    seconds: float = 10.0
    memory: int = 1_000_000_000
    cell_bytes: int = 100_000
    result_bytes: int = 64_000_000
    spill: int = 0
    steps: int = 8
    upload_bytes: int = 200_000_000
    upload_rows: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A table made of an uploaded file: `file` is the file's name, `table` what SQL calls it, like `uploads.leads`."""

    file: str
    table: str


# Texts by the column that holds them: its name, or its position.
TextByColumn: TypeAlias = Mapping[str, str] | Mapping[int, str] | Mapping[str | int, str]


class Comparison(StrEnum):
    """How a value is compared: its text, the number as it is shown, or itself, as its column's type says."""

    HOLDS = "holds"
    SAME_TEXT = "same text"
    SAME_TEXT_ANY_CASE = "same text, any case"
    SHOWS = "shows"
    SHOWN_AS = "shown as"
    EQUAL = "="
    BELOW = "<"
    UP_TO = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One test of a row: the value of the column at that position, compared with `text`. Only NULL holds for NULL.

    For numbers the text is one without separators, for days and moments ISO. `decimals` and `is_percent` say how the
    number is shown, for SHOWS and SHOWN_AS. `is_negated` keeps the rows that the test does not hold for.
    """

    column: int
    comparison: Comparison
    text: str = ""
    decimals: int = 0
    is_percent: bool = False
    is_negated: bool = False


# Of each inner group of tests at least one must hold.
Criteria: TypeAlias = tuple[tuple[Criterion, ...], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which of a query's rows: `limit` of them from `offset` on, sorted by a result column, or as the query has them.

    `contains` keeps the rows in which that column's text holds that text, in any case. A column is its name, or its
    position from 0 on: of columns of one name, the name means the first. `criteria` keep the rows that pass them too.
    """

    offset: int = 0
    limit: int = 100
    order_by: str | int | None = None
    descending: bool = False
    contains: TextByColumn = field(default_factory=dict)
    criteria: Criteria = ()


class Count(NamedTuple):
    """A number of rows; not `is_complete` where the query has more than were looked at."""

    rows: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its name and the engine's type name."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Result:
    """Rows that a query gave, as one Arrow table.

    `truncated` says that the query had more rows than the limit allows; `cut_cells` how many cells were
    shortened, or came as text for their many values. `seconds` is the engine's time. `hash` is that of the rows,
    where it was asked for.
    """

    columns: tuple[ResultColumn, ...]
    table: pa.Table
    truncated: bool = False
    cut_cells: int = 0
    seconds: float = 0.0
    hash: str | None = None

    @property
    def row_count(self) -> int:
        """How many rows there are, after any limit."""
        return int(self.table.num_rows)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as Python values (int, float, Decimal, str, bool, date, datetime, list, dict, None).

        Dates beyond the year 9999, which Python cannot hold, are text.
        """
        arrays = [list_column_values(column) for column in self.table.columns]
        return list(zip(*arrays, strict=True)) if arrays else []


def make_unique_names(names: Sequence[str]) -> list[str]:
    """Return the names in their order, each once: a second `a` is `a_2`, or the next number that is free.

    >>> make_unique_names(["a", "b", "a", "a_2"])
    ['a', 'b', 'a_3', 'a_2']
    """
    taken, unique = set(names), list[str]()
    seen: dict[str, int] = {}
    for name in names:
        own = name
        if name in seen:
            while own in taken:
                seen[name] += 1
                own = f"{name}_{seen[name]}"
        else:
            seen[name] = 1
        taken.add(own)
        unique.append(own)
    return unique


def list_column_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return an Arrow column as Python values; as text where Python's dates cannot hold one of them."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        import pyarrow as pa

        if pa.types.is_nested(column.type):
            return [_convert_nested_value(cell) for cell in column]
        return list(column.cast(pa.string()).to_pylist())


def _convert_nested_value(cell: pa.Scalar) -> Any:
    """Return a list, struct or map as a Python value, with its dates as text where Python cannot hold one of them."""
    import pyarrow as pa

    if not cell.is_valid:
        return None
    if pa.types.is_struct(cell.type):
        return {name: list_column_values(pa.array([value], value.type))[0] for name, value in cell.items()}
    values = list_column_values(cell.values)
    return [tuple(entry.values()) for entry in values] if pa.types.is_map(cell.type) else values


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why there is no answer: a stable `code`, the guard's `rule` if one objected, what happened, what to do."""

    code: str
    message: str
    hint: str = ""
    rule: str | None = None
