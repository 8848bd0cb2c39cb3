"""The account of an import: what was read of a file, how, what was left out, and what is doubtful.

It is kept beside the imported database. It holds plain values only, and goes through JSON and back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nl2sql.json_codec import decode_value, encode_value

_MAX_LISTED_DOUBTS: Final = 8


@dataclass(frozen=True, slots=True)
class Origin:
    """Values of a table that are also, or were, another table's: a column here and there, each empty for the whole."""

    column: str
    of_table: str
    of_column: str


@dataclass(frozen=True, slots=True)
class ColumnAccount:
    """One column: its name here and in the file, its type and why, what was taken for NULL, what is doubtful."""

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
    about the table; those about a column stand with it. `origins` say what of it stands elsewhere too, or under another
    name before it was put together: what hides the one hides the other.
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
        """Everything doubtful, a sentence each."""
        told = [f"{self.file}: {doubt}" for doubt in self.doubts]
        return told + [f"{self.file}, column {column.name}: {column.doubt}" for column in self.columns if column.doubt]

    def summarize(self) -> str:
        """One line: how many rows, of what, and what was left out."""
        of = "" if self.lines is None else f" of {self.lines:,} {'line' if self.lines == 1 else 'lines'}"
        rows = f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}"
        parts = [f"{self.file}: {rows}{of} read as table {self.table}"]
        parts += [f"{reason}: {text!r}" if text else reason for reason, text in self.left_out]
        return "; ".join(parts)

    def hide_values(self, columns: Collection[str]) -> TableAccount:
        """The same without texts of the file, for somebody who may see these columns only, by name."""
        # What is said behind the semicolon, and where values come from, names columns.
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
        """The whole account, a line each."""
        yield self.summarize()
        yield f"format: {self.format}"
        for column in self.columns:
            parts = [f"{column.name}: {column.type}"]
            if column.header != column.name:
                parts.append(f"called {column.header!r} in the file" if column.header else "without a name in the file")
            if column.why:
                parts.append(column.why)
            if column.nulls:
                told = ", ".join(f"{text!r} ({count:,})" for text, count in column.nulls.items())
                parts.append(f"no value: {told}")
            yield "; ".join(parts)
        yield from (f"doubtful: {doubt}" for doubt in self.list_doubts())


def list_notes(accounts: tuple[TableAccount, ...]) -> list[str]:
    """What a person has to know whenever the tables are asked: what is doubtful of them, a sentence each."""
    doubts = [doubt for account in accounts for doubt in account.list_doubts()]
    if len(doubts) > _MAX_LISTED_DOUBTS:
        rest = len(doubts) - _MAX_LISTED_DOUBTS
        doubts = [*doubts[:_MAX_LISTED_DOUBTS], f"{rest:,} more doubts: `nl2sql schema` with a table's name tells them"]
    # Which of the owner's rules settles a doubt stands in it, in backticks.
    if any("`" in doubt for doubt in doubts):
        doubts.append('to say how a file is read, write a section for it in the project file, like [files."sales.csv"]')
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
