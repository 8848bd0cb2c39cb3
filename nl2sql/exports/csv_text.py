"""Write rows as CSV, for programs or for a spreadsheet, with a delimiter and a decimal sign of the user's choice.

NULL is nothing between two delimiters; an empty text is two quotes. Lists, structs and maps are JSON. In a CSV file for
spreadsheets no text can become a formula; numbers and dates stay as they are.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.cell_text import spell_json, text_of
from nl2sql.errors import ConfigError
from nl2sql.types import ResultColumn, list_column_values, make_unique_names

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS: Final = (",", ";", "\t", "|")
DECIMALS: Final = (".", ",")
_ESCAPE: Final = "'"
_QUOTES: Final = frozenset("\"'`´‘’“”„«»")
# NFKC does not turn U+2212, the minus sign, into a hyphen.
_STARTS: Final = frozenset("=+-@\u2212")
_PLAIN: Final = re.compile(r"[0-9A-Za-z][^;\t\r\n]*")
_NEGATIVE: Final = re.compile(r"-[0-9]+(?:[.,][0-9]+)*", re.A)
# A spreadsheet set to another separator than the comma cuts cells there even within quotes.
_SEPARATORS: Final = re.compile(r"([;\t\r\n])")
_SEPARATORS_AND_COMMA: Final = re.compile(r"([,;\t\r\n])")
_WORDS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How CSV is written. `delimiter` is `,`, `;`, tab or `|`; `decimal` is `.` or `,`, and differs from the delimiter.

    `is_safe` is for a spreadsheet: UTF-8 with a byte order mark, every text in quotes, none of them a formula.
    """

    delimiter: str = ","
    decimal: str = "."
    is_safe: bool = False


PLAIN_CSV: Final = CsvStyle()


def choose_style(delimiter: str | None, decimal: str | None) -> CsvStyle:
    """Return the style for a delimiter and a decimal sign as a person gives them; None takes the default.

    The default delimiter is `;` where the decimal sign is a comma, else a comma.

    Raises:
        ConfigError: where one of them is unknown, or both are the same.
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
    """Write the rows as CSV in UTF-8, a batch at a time, and return how many there are."""
    count = 0
    text = io.TextIOWrapper(out, "utf-8-sig" if style.is_safe else "utf-8", newline="", write_through=True)
    end = "\r\n" if style.is_safe else "\n"
    # Most readers skip an empty line, so a single NULL is written as two quotes.
    is_single = len(columns) == 1
    try:
        names = make_unique_names([column.name for column in columns])
        text.write(style.delimiter.join(_write_text(name, style) for name in names) + end)
        for batch in batches:
            cells = [[_write_value(value, style) for value in list_column_values(column)] for column in batch.columns]
            for row in zip(*cells, strict=True):
                text.write((style.delimiter.join(row) or ('""' if is_single else "")) + end)
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
    # Booleans and dates cannot hold a formula.
    return _write_text(spell_json(value), style) if isinstance(value, list | dict) else _quote(text_of(value), style)


def _write_text(text: str, style: CsvStyle) -> str:
    return _quote(neutralize_formulas(text, at_commas=style.delimiter != ",") if style.is_safe else text, style)


def _quote(text: str, style: CsvStyle) -> str:
    must = style.is_safe or not text or text != text.strip() or any(sign in text for sign in ('"', "\n", "\r"))
    if must or style.delimiter in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def neutralize_formulas(text: str, *, at_commas: bool = False) -> str:
    """Return the text so that a spreadsheet takes no part of it for a formula, wherever it may cut it into cells.

    `at_commas` is for a file with another delimiter, which a spreadsheet set to commas would cut at commas.

    >>> neutralize_formulas("=1+1")
    "'=1+1"
    """
    if _PLAIN.fullmatch(text) and not (at_commas and "," in text):
        return text
    if text[:1] in ("\t", "\r", "\n"):
        text = _ESCAPE + text
    parts = (_SEPARATORS_AND_COMMA if at_commas else _SEPARATORS).split(text)
    return "".join(_ESCAPE + part if _starts_formula(part) and not _is_negative(part) else part for part in parts)


def _is_negative(text: str) -> bool:
    return bool(_NEGATIVE.fullmatch(text))


def _starts_formula(text: str) -> bool:
    """Return whether the first visible character, after blanks and quotes, begins a formula, in any width."""
    for sign in text:
        if unicodedata.normalize("NFKC", sign)[:1] in _STARTS:
            return True
        if not (sign.isspace() or sign in _QUOTES or unicodedata.category(sign) in ("Cc", "Cf")):
            return False
    return False
