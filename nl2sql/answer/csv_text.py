"""Rows as CSV, for programs or for a spreadsheet, with a delimiter and a decimal sign of the reader's choice.

NULL is nothing between two delimiters, an empty text is two quotes. Lists, structs and maps are JSON. For a
spreadsheet no text can become a formula; a number and a date never was one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.spreadsheet import harmless
from nl2sql.answer.values import json_text, text_of
from nl2sql.errors import ConfigError
from nl2sql.types import ResultColumn, column_values, unique_names

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS: Final = (",", ";", "\t", "|")
DECIMALS: Final = (".", ",")
_WORDS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How CSV is written. `delimiter` is one of `,`, `;`, tab and `|`; `decimal` is `.` or `,`, and another sign.

    `is_safe` is for a spreadsheet: UTF-8 with its mark, every text in quotes, none of them a formula.
    """

    delimiter: str = ","
    decimal: str = "."
    is_safe: bool = False


PLAIN_CSV: Final = CsvStyle()


def choose_style(delimiter: str | None, decimal: str | None) -> CsvStyle:
    """The style of these two as a person gives them; without a delimiter `;` where the comma is the decimal sign.

    ConfigError where one is not known, or both are the same.
    """
    point = "." if decimal is None else decimal
    if point not in DECIMALS:
        raise ConfigError(f"{point!r} is no decimal sign of CSV", "Give . or ,")
    sign = (";" if point == "," else ",") if delimiter is None else _WORDS.get(delimiter.lower(), delimiter)
    if sign not in DELIMITERS:
        raise ConfigError(f"{delimiter!r} is no delimiter of CSV", "Give one of , ; | or the word tab.")
    if sign == point:
        raise ConfigError("the comma cannot be both delimiter and decimal sign", "Take the delimiter ; or tab.")
    return CsvStyle(sign, point)


def write_csv(
    columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO, style: CsvStyle = PLAIN_CSV
) -> int:
    """Write the rows as CSV in UTF-8, and return how many. Each batch is written as it comes."""
    count = 0
    text = io.TextIOWrapper(out, "utf-8-sig" if style.is_safe else "utf-8", newline="", write_through=True)
    end = "\r\n" if style.is_safe else "\n"
    # A line without any sign would be no row to most readers.
    lone = len(columns) == 1
    try:
        names = unique_names([column.name for column in columns])
        text.write(style.delimiter.join(_write_text(name, style) for name in names) + end)
        for batch in batches:
            cells = [[_write_value(value, style) for value in column_values(column)] for column in batch.columns]
            for row in zip(*cells, strict=True):
                text.write((style.delimiter.join(row) or ('""' if lone else "")) + end)
                count += 1
            text.flush()
    finally:
        text.detach()
    return count


def _write_value(value: Any, style: CsvStyle) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _write_text(value, style)
    if isinstance(value, float | Decimal):
        return text_of(value).replace(".", style.decimal)
    if isinstance(value, int):
        return text_of(value)
    # A word like true, and a date, are no text that a formula could be in.
    return _write_text(json_text(value), style) if isinstance(value, list | dict) else _quote(text_of(value), style)


def _write_text(text: str, style: CsvStyle) -> str:
    return _quote(harmless(text) if style.is_safe else text, style)


def _quote(text: str, style: CsvStyle) -> str:
    must = style.is_safe or not text or text != text.strip() or any(sign in text for sign in ('"', "\n", "\r"))
    if must or style.delimiter in text:
        return '"' + text.replace('"', '""') + '"'
    return text
