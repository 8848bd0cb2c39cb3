"""The account of an import: what was read of a file and how, what was left out, and what is doubtful.

It is stored beside the imported database. It holds plain values only, which JSON can carry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nl2sql.json_codec import decode_value, encode_value

_MAX_LISTED_DOUBTS: Final = 8


@dataclass(frozen=True, slots=True)
class Origin:
    """A column whose values another table has too, or had before tables were united.

    An empty column name means the whole table.
    """

    column: str
    of_table: str
    of_column: str


@dataclass(frozen=True, slots=True)
class ColumnAccount:
    """One column: its name here and in the file, its type and why, the texts read as NULL, and what is doubtful."""

    name: str
    header: str
    type: str
    why: str = ""
    nulls: Mapping[str, int] | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class TableAccount:
    """One table made of a file. `format` says how the file was read, `left_out` what of it is not in the table.

    `lines` is None where the file has none. `left_out` are reasons, each with the text that it is about. `doubts` are
    about the table; those about a column are in its account. `origins` name the places where its values also are, or
    were before tables were united: a policy that hides one of them hides the other.
    """

    table: str
    file: str
    rows: int
    format: str
    columns: tuple[ColumnAccount, ...]
    lines: int | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()

    def list_doubts(self) -> list[str]:
        """Return everything doubtful, a sentence each."""
        own = [f"{self.file}: {doubt}" for doubt in self.doubts]
        return own + [f"{self.file}, column {column.name}: {column.doubt}" for column in self.columns if column.doubt]

    def summarize(self) -> str:
        """Return one line: how many rows were read from what, and what was left out."""
        of = "" if self.lines is None else f" of {self.lines:,} {'line' if self.lines == 1 else 'lines'}"
        rows = f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}"
        parts = [f"{self.file}: {rows}{of} read as table {self.table}"]
        parts += [f"{reason}: {text!r}" if text else reason for reason, text in self.left_out]
        return "; ".join(parts)

    def hide_values(self, columns: Collection[str]) -> TableAccount:
        """Return the account without texts of the file, for a reader who may see these columns only, given by name."""
        # The text after the semicolon and the origins name columns.
        shown = [column for column in self.columns if column.name.lower() in columns]
        return replace(
            self,
            format=self.format.partition(";")[0],
            origins=(),
            columns=tuple(
                replace(column, why="", nulls=None, doubt="stays text" if column.doubt else "") for column in shown
            ),
            left_out=tuple((reason, "") for reason, _ in self.left_out),
            doubts=("not all of the file could be read without doubt",) if self.doubts else (),
        )

    def describe(self) -> Iterator[str]:
        """Yield the whole account, a line each."""
        yield self.summarize()
        yield f"format: {self.format}"
        for column in self.columns:
            parts = [f"{column.name}: {column.type}"]
            if column.header != column.name:
                parts.append(f"called {column.header!r} in the file" if column.header else "without a name in the file")
            if column.why:
                parts.append(column.why)
            if column.nulls:
                texts = ", ".join(f"{text!r} ({count:,})" for text, count in column.nulls.items())
                parts.append(f"read as NULL: {texts}")
            yield "; ".join(parts)
        yield from (f"doubtful: {doubt}" for doubt in self.list_doubts())


def list_notes(accounts: tuple[TableAccount, ...]) -> list[str]:
    """Return what a reader of answers needs to know about the tables: what is doubtful, a sentence each."""
    doubts = [doubt for account in accounts for doubt in account.list_doubts()]
    if len(doubts) > _MAX_LISTED_DOUBTS:
        rest = len(doubts) - _MAX_LISTED_DOUBTS
        doubts = [*doubts[:_MAX_LISTED_DOUBTS], f"{rest:,} more doubts: run `nl2sql schema TABLE` to see them"]
    # A doubt names the rule that settles it, in backticks.
    if any("`" in doubt for doubt in doubts):
        doubts.append('to set how a file is read, add a section to the project file, such as [files."sales.csv"]')
    return doubts


def write_account(account: TableAccount) -> dict[str, Any]:
    """Return the account as JSON has it."""
    encoded: dict[str, Any] = encode_value(account)
    return encoded


def read_account(data: Any) -> TableAccount:
    """Return the account that `write_account` wrote.

    Raises:
        ValueError: where `data` is something else.
    """
    return decode_value(data, TableAccount)
