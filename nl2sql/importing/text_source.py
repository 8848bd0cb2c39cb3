"""A file of rows in text as the importer sees it: how its cells are written, and where its table is.

It looks at both ends of the file; `delimited` reads it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nl2sql.importing.delimiters import Record, find_delimiter, find_quote, split_lines
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.importing.layout import Layout, find_layout
from nl2sql.importing.plain_text import PlainText

if TYPE_CHECKING:
    pass

_MAX_HEAD_RECORDS: Final = 2000
_MAX_TAIL_RECORDS: Final = 20
MAX_LINE_CHARS: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are separated and quoted."""

    delimiter: str
    quote: str = '"'
    escape: str = '"'


@dataclass(frozen=True, slots=True)
class TextSource:
    """A file of text to make a table of: its label in messages, its dialect, where its table is, and its owner's rules.

    `numeric_columns` are the positions of columns that the file itself stores as numbers, `duration_columns` as lengths
    of time. `skip_records` records, which are `skip_lines` lines, lie above the first row; `last_record` is the last
    row. `unit` is what rows are counted in, in messages: a line of text or a row of a sheet.
    """

    label: str
    text: PlainText
    dialect: Dialect
    layout: Layout
    sample: tuple[Record, ...]
    rules: FileRules = FileRules()
    numeric_columns: frozenset[int] = frozenset()
    duration_columns: frozenset[int] = frozenset()
    unit: str = "line"
    skip_records: int = 0
    skip_lines: int = 0
    doubts: tuple[str, ...] = ()
    last_record: Record | None = None


def inspect_text(called: str, text: PlainText, rules: FileRules, *, tabs: bool = False) -> TextSource:
    """Find how the file is written and where its table is.

    Raises:
        UnreadableError: where it holds no values.
    """
    lines = _split_head(text)
    quote, escape = find_quote(lines)
    given = rules.delimiter or ("\t" if tabs else "")
    delimiter = given or find_delimiter(lines, quote, escape)
    records = split_lines(lines, delimiter, quote, escape)
    is_whole = text.size <= len(text.head)
    if not is_whole:
        records = records[:_MAX_HEAD_RECORDS]
    tail = () if is_whole else _split_tail(text, delimiter, quote, escape)
    layout = find_layout(records, tail, called=called, header=rules.header)
    if not layout.width:
        raise UnreadableError(f"{called} holds no values", "Remove it, or put data in it.")
    noted = {one.record.line for one in layout.left_out}
    body = [record for record in records[layout.body_start :] if record.value_count]
    sample = tuple(record for record in body if record.line not in noted)
    # DuckDB skips records, and counts one that runs over several lines once.
    skip = records.index(body[0]) if body else len(records)
    data = [record for record in (*sample, *tail) if record.value_count and record.line not in noted]
    dialect = Dialect(delimiter, quote, escape)
    return TextSource(
        called,
        text,
        dialect,
        layout,
        sample,
        rules,
        skip_records=skip,
        skip_lines=body[0].line - 1 if body else text.lines,
        last_record=data[-1] if data else None,
    )


def _split_head(text: PlainText) -> list[str]:
    """Return the first lines, without one that the end of the head cuts off."""
    # A csv reader ends lines at line feeds only.
    *whole, last = text.head.decode("utf-8", errors="replace").split("\n")
    lines = [f"{line}\n" for line in whole] + ([last] if last else [])
    if text.size > len(text.head) and len(lines) > 1:
        lines.pop()
    return [line[:MAX_LINE_CHARS] for line in lines]


def _split_tail(text: PlainText, delimiter: str, quote: str, escape: str) -> tuple[Record, ...]:
    lines = text.tail.decode("utf-8", errors="replace").split("\n")[1:]
    first = text.lines - len(lines) + 1
    records = split_lines([f"{line}\n" for line in lines if line], delimiter, quote, escape)
    return tuple(record._replace(line=record.line + first) for record in records[-_MAX_TAIL_RECORDS:])
