"""Encode columns as JSON, each with one type: a column that JSON's numbers cannot hold exactly is text in every row.

The measure is a double, since that is what most readers make of a JSON number. It writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer.cell_text import MAX_EXACT_FLOAT, encode_json_value, text_of
from nl2sql.types import list_column_values

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_EXACT_DIGITS: Final = 15


class JsonColumn:
    """How the values of a column, or of a field within one, become JSON: `observe` all of them, then `encode` each."""

    def __init__(self, kind: pa.DataType) -> None:
        import pyarrow.types as pt

        self._kind = kind
        self._is_text = False
        self._parts: list[JsonColumn] = []
        if pt.is_struct(kind) or pt.is_map(kind) or pt.is_list(kind) or pt.is_large_list(kind):
            self._parts = [JsonColumn(kind.field(i).type) for i in range(kind.num_fields)]
            if pt.is_map(kind):
                self._parts = [JsonColumn(kind.key_type), JsonColumn(kind.item_type)]
        elif pt.is_fixed_size_list(kind):
            self._parts = [JsonColumn(kind.value_type)]

    @property
    def is_doubtful(self) -> bool:
        """Whether its values, and not its type alone, decide if it is numbers or text."""
        import pyarrow.types as pt

        kind = self._kind
        if self._parts:
            return any(part.is_doubtful for part in self._parts)
        if pt.is_decimal(kind):
            return bool(kind.precision > _MAX_EXACT_DIGITS)
        return bool(pt.is_floating(kind) or (pt.is_integer(kind) and kind.bit_width == 64))

    def observe(self, column: pa.Array) -> None:
        """Note whether the values of the column are exact as doubles."""
        import pyarrow.types as pt

        if not self.is_doubtful or self._is_text:
            return
        if pt.is_struct(self._kind):
            for i, part in enumerate(self._parts):
                part.observe(column.field(i))
        elif pt.is_map(self._kind):
            self._parts[0].observe(column.keys)
            self._parts[1].observe(column.items)
        elif self._parts:
            self._parts[0].observe(column.flatten())
        else:
            self._is_text = not _are_numbers(column)

    def encode(self, value: Any) -> Any:
        """Return the value as JSON has it; None for NULL."""
        if value is None or not self._parts:
            return text_of(value) if self._is_text and value is not None else encode_json_value(value)
        if isinstance(value, dict):
            return {name: part.encode(value[name]) for name, part in zip(value, self._parts, strict=True)}
        if len(self._parts) == 2 and all(isinstance(entry, tuple) for entry in value):
            key, item = self._parts
            return [[key.encode(entry[0]), item.encode(entry[1])] for entry in value]
        return [self._parts[0].encode(item) for item in value]


def encode_rows(table: pa.Table) -> list[list[Any]]:
    """Return the rows of a table as JSON has them."""
    encoders = [JsonColumn(field.type) for field in table.schema]
    for encoder, column in zip(encoders, table.columns, strict=True):
        for chunk in column.chunks:
            encoder.observe(chunk)
    columns = [
        [encoder.encode(value) for value in list_column_values(column)]
        for encoder, column in zip(encoders, table.columns, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def encode_batch(encoders: Sequence[JsonColumn], batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    """Return the rows of a batch as JSON has them, once the encoders have observed all batches."""
    return zip(
        *(
            [encoder.encode(value) for value in list_column_values(column)]
            for encoder, column in zip(encoders, batch.columns, strict=True)
        ),
        strict=True,
    )


def _are_numbers(column: pa.Array) -> bool:
    """Return whether a double holds each of the numbers exactly."""
    return all(value is None or _is_exact(value) for value in column.to_pylist())


def _is_exact(value: int | float | Decimal) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return abs(value) <= MAX_EXACT_FLOAT if isinstance(value, int) else not isinstance(encode_json_value(value), str)
