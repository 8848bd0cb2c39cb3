"""Small made-up files of rows in text, in every shape that people send, each with what it really holds.

A file is made of a seed alone. Sheets, JSON and Parquet are made by `made_books`.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from tests.importing.generated_columns import MadeColumn, Style, make_column, pick_notations, write_number

SHAPES: Final = (
    "plain",
    "one column",
    "ragged",
    "titles",
    "titles and a gap",
    "padded titles",
    "units",
    "two header rows",
    "years as names",
    "numbers as names",
    "no header",
    "duplicate names",
    "empty names",
    "odd names",
    "total row",
    "footnotes",
    "empty lines",
    "header again",
)
QUOTINGS: Final = ("needed", "needed", "all", "single", "backslash")
ENCODINGS: Final = (
    "utf-8",
    "utf-8",
    "utf-8",
    "one mark",
    "two marks",
    "utf-16-le",
    "utf-16-be",
    "cp1252",
    "cp1250",
    "mixed",
)
ENDS: Final = ("\n", "\n", "\r\n", "\r")
PACKINGS: Final = ("", "", "", "", ".gz", ".zip")
_NAMES: Final = (
    "region item amount status day remark price rate visits weight city owner level grade colour origin".split()
)
_ODD_NAMES: Final = (
    "Amount\n(net)",
    "\u200bprice",
    " item ",
    "net\u00a0sales",
    "größe",
    'the "rate"',
    "a.b",
    "Änderung, %",
)
_TITLES: Final = (
    "Sales report",
    "Überblick 2024",
    "Region: North",
    "Confidential",
    "Stand 31.12.2024",
    "All figures, in EUR",
)
_NOTES: Final = (
    "Source: Statistical office",
    "* provisional figures",
    "Note: some are estimates",
    "Quelle: eigene Erhebung",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are written."""

    delimiter: str
    quote: str = '"'
    escape: str = ""
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class MadeTable:
    """A table as it is meant: the names of its columns, None without a header, and what they hold.

    `beside` are texts of lines that are no rows. `first` is the position of the first row among the records, from 0.
    """

    header: tuple[str, ...] | None
    columns: tuple[MadeColumn, ...]
    beside: tuple[str, ...] = ()
    first: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0].texts)


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file, what it is called in a report, and its tables in the order of their accounts."""

    path: Path
    shape: str
    tables: tuple[MadeTable, ...]
    traits: tuple[str, ...] = ()
    dialect: Dialect = Dialect(",")
    encoding: str = "utf-8"
    apart: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Draft:
    """The records of a file to be: those above the rows, the rows, and those below."""

    above: list[list[str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    below: list[list[str]] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def make_file(folder: Path, seed: str, shape: str) -> MadeFile:
    """The file of that seed and shape."""
    chance = Random(f"{seed} {shape}")
    style = Style(chance.choice(".,"), chance.random() < 0.6)
    names, columns = _make_table(chance, shape, style)
    draft = _Draft(rows=[list(row) for row in zip(*(column.texts for column in columns), strict=True)])
    names = _change_names(chance, shape, names)
    header = _add_surroundings(chance, shape, style, draft, names, columns)
    dialect = _pick_dialect(chance, draft, one_column=len(columns) == 1)
    encoding = chance.choice(ENCODINGS)
    records = [*draft.above, *draft.rows, *draft.below]
    if shape == "ragged":
        records = [*draft.above, *(_cut(row) for row in draft.rows)]
    end = chance.choice(ENDS)
    if end == "\r" and any("\n" in cell for record in records for cell in record):
        end = "\r\n"
    lines = [_write_record(record, dialect) for record in records]
    empty = _place_empty_lines(chance, len(lines), len(draft.above)) if shape == "empty lines" else ()
    for position in sorted(empty, reverse=True):
        lines.insert(position, "")
    text = end.join(lines) + (end if chance.random() < 0.8 else "")
    encoding, data = _encode(chance, text, encoding, end)
    packing = chance.choice(PACKINGS)
    suffix = ".tsv" if dialect.delimiter == "\t" and chance.random() < 0.5 else ".csv"
    path = folder / f"{shape.replace(' ', '_')}{suffix}{packing}"
    _write(path, data, packing)
    table = MadeTable(header, tuple(columns), tuple(draft.beside), len(draft.above))
    sign = {"\t": "tab", "": "none"}.get(dialect.delimiter, dialect.delimiter)
    traits = (
        f"delimiter {sign}",
        f"quote {dialect.quote} {dialect.escape}",
        encoding,
        repr(end),
        packing or "unpacked",
    )
    return MadeFile(path, shape, (table,), traits, dialect, encoding)


def _make_table(chance: Random, shape: str, style: Style) -> tuple[list[str], list[MadeColumn]]:
    rows = chance.randint(6, 40)
    width = 1 if shape == "one column" else chance.randint(4 if shape == "two header rows" else 3, 7)
    notations = pick_notations(chance, width, style)
    if shape == "one column":
        notations = [name if name != "texts with signs" else "words" for name in notations]
    elif shape in ("total row", "years as names", "numbers as names", "two header rows"):
        numbers = chance.choice(("whole numbers", "decimals", "thousands"))
        labels = chance.choice(("cities", "ISO dates")) if shape == "total row" else "cities"
        notations = [labels, *[numbers] * (width - 1)]
    elif shape in ("titles", "titles and a gap", "padded titles", "units", "no header", "footnotes", "header again"):
        notations[chance.randrange(width)] = chance.choice(("whole numbers", "ISO dates", "decimals"))
        if shape in ("footnotes", "header again"):
            notations[0] = "keys"
    columns = [
        make_column(
            chance, name, rows, style, gaps=width > 1 and shape not in ("total row", "one column") and number > 0
        )
        for number, name in enumerate(notations)
    ]
    if shape == "ragged":
        gone = {number for number in range(1, rows) if chance.random() < 0.3} | {rows - 2}
        columns[-1] = _empty(columns[-1], gone)
    return chance.sample(_NAMES, width), columns


def _empty(column: MadeColumn, gone: set[int]) -> MadeColumn:
    pairs = zip(column.texts, column.values, strict=True)
    cells = [("", None) if number in gone else pair for number, pair in enumerate(pairs)]
    return replace(column, texts=tuple(text for text, _ in cells), values=tuple(value for _, value in cells))


def _change_names(chance: Random, shape: str, names: list[str]) -> list[str]:
    """The names as the shape wants them."""
    width = len(names)
    if shape == "years as names":
        first = chance.randint(1995, 2020)
        return [names[0], *(str(first + number) for number in range(width - 1))]
    if shape == "numbers as names":
        return [names[0], *(str(number + 1) for number in range(width - 1))]
    if shape == "duplicate names":
        return [*names[:-1], names[0]]
    if shape == "empty names":
        gone = chance.randrange(width)
        return [*names[:gone], "", *names[gone + 1 :]]
    return chance.sample(_ODD_NAMES, width) if shape == "odd names" else names


def _add_surroundings(
    chance: Random, shape: str, style: Style, draft: _Draft, names: list[str], columns: Sequence[MadeColumn]
) -> tuple[str, ...] | None:
    """What stands above and below the rows. Returns the names to be expected."""
    width = len(columns)
    expected: tuple[str, ...] | None = tuple(names)
    draft.above = [] if shape == "no header" else [list(names)]
    if shape == "no header":
        expected = None
    elif shape == "two header rows":
        groups = [
            "",
            *(["Plan", "Actual", "Budget"][number // 2] if number % 2 == 0 else "" for number in range(width - 1)),
        ]
        spread = ["", *(["Plan", "Actual", "Budget"][number // 2] for number in range(width - 1))]
        inner = [names[0], *(["first", "second"][number % 2] for number in range(width - 1))]
        draft.above = [groups, inner]
        expected = tuple(f"{group} {name}".strip() for group, name in zip(spread, inner, strict=True))
    elif "titles" in shape:
        titles = chance.sample(_TITLES, chance.randint(1, 3))
        padding = [""] * (width - 1) if shape == "padded titles" else []
        gap = [padding and [""] * width] if shape == "titles and a gap" or chance.random() < 0.3 else []
        draft.above = [*([title, *padding] for title in titles), *gap, list(names)]
        draft.beside += titles
    elif shape == "units":
        units = [_pick_unit(chance, column) for column in columns]
        draft.above.append(units)
        draft.beside.append(" ".join(unit for unit in units if unit))
    elif shape == "total row":
        sums = [
            sum((Decimal(one) for one in column.values if isinstance(one, int | Decimal)), Decimal(0))
            for column in columns[1:]
        ]
        group = style.group if columns[1].notation == "thousands" else ""
        draft.below.append(
            [
                chance.choice(("Total", "Summe", "TOTAL", "Gesamt", "Grand total")),
                *(write_number(one, style.decimal, group) for one in sums),
            ]
        )
        draft.beside.append(draft.below[0][0])
    elif shape == "footnotes":
        notes = chance.sample(_NOTES, chance.randint(1, 2))
        padding = [""] * (width - 1) if chance.random() < 0.5 else []
        draft.below = [*([[]] if chance.random() < 0.5 else []), *([note, *padding] for note in notes)]
        draft.beside += notes
    elif shape == "header again":
        at = chance.randint(2, len(draft.rows) - 1)
        draft.rows.insert(at, list(names))
        draft.beside.append(" ".join(names))
    return expected


def _pick_unit(chance: Random, column: MadeColumn) -> str:
    is_measure = any(not isinstance(one, str | bool | None) for one in column.values) and column.notation != "40 digits"
    return chance.choice(("EUR", "kg", "(m)", "h")) if is_measure else ""


def _pick_dialect(chance: Random, draft: _Draft, *, one_column: bool) -> Dialect:
    delimiter = chance.choice(",,;;\t|")
    quoting = chance.choice(QUOTINGS)
    cells = [cell for record in (*draft.above, *draft.rows, *draft.below) for cell in record]
    if quoting == "single" and not any("'" in cell for cell in cells) and not one_column:
        return Dialect(delimiter, "'", "", everywhere=True)
    if quoting == "backslash" and any('"' in cell for cell in cells):
        return Dialect(delimiter, '"', "\\", everywhere=True)
    return Dialect(delimiter, everywhere=quoting == "all")


def _write_record(record: Sequence[str], dialect: Dialect) -> str:
    """The record as a line without its end, written by hand so that readers have something to differ from."""
    return dialect.delimiter.join(_write_cell(cell, dialect) for cell in record)


def _write_cell(cell: str, dialect: Dialect) -> str:
    needed = any(sign in cell for sign in (dialect.delimiter, '"', dialect.quote, "\n", "\r"))
    if not (needed or (dialect.everywhere and cell)):
        return cell
    if dialect.escape:
        return f'"{cell.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
    return f"{dialect.quote}{cell.replace(dialect.quote, dialect.quote * 2)}{dialect.quote}"


def _cut(row: Sequence[str]) -> list[str]:
    return list(row[:-1]) if not row[-1] else list(row)


def _place_empty_lines(chance: Random, lines: int, above: int) -> set[int]:
    return {chance.randint(above + 1, lines) for _ in range(3)}


def _encode(chance: Random, text: str, encoding: str, end: str) -> tuple[str, bytes]:
    """The bytes, and the encoding that they have in the end: one that holds each character, and differs from UTF-8."""
    if encoding == "mixed" and end == "\n":
        lines = text.splitlines(keepends=True)
        odd = [number for number, line in enumerate(lines) if not line.isascii() and _is_encodable(line, "cp1252")]
        others = [number for number, line in enumerate(lines) if not line.isascii() and number not in odd[:1]]
        if odd and others:
            return "mixed", b"".join(
                line.encode("cp1252" if number == odd[0] else "utf-8") for number, line in enumerate(lines)
            )
    if encoding in ("one mark", "two marks"):
        return encoding, (b"\xef\xbb\xbf" * (1 if encoding == "one mark" else 2)) + text.encode()
    if encoding.startswith("utf-16"):
        return encoding, f"\ufeff{text}".encode(encoding)
    if encoding.startswith("cp") and not text.isascii() and _is_encodable(text, encoding):
        return encoding, text.encode(encoding)
    del chance
    return "utf-8", text.encode()


def _is_encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _write(path: Path, data: bytes, packing: str) -> None:
    if packing == ".gz":
        path.write_bytes(gzip.compress(data, mtime=0))
    elif packing == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner.csv", data)
    else:
        path.write_bytes(data)


# An independent reader


def read_text(made: MadeFile) -> str:
    """The text of the file by the standard library, without marks at its start."""
    data = made.path.read_bytes()
    if made.path.suffix == ".gz":
        data = gzip.decompress(data)
    elif made.path.suffix == ".zip":
        with zipfile.ZipFile(made.path) as archive:
            data = archive.read(archive.namelist()[0])
    if made.encoding == "mixed":
        return "".join(_decode_line(line) for line in data.splitlines(keepends=True))
    return data.decode({"one mark": "utf-8", "two marks": "utf-8"}.get(made.encoding, made.encoding)).lstrip("\ufeff")


def _decode_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252")


def read_cells(made: MadeFile) -> list[list[str]]:
    """The cells of the rows by the csv module, short rows filled up; the lines around them are left out by content."""
    dialect, [table] = made.dialect, made.tables
    text = read_text(made)
    if dialect.escape:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=dialect.delimiter, doublequote=False, escapechar="\\"
        )
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote)
    records = list(reader)[table.first :]
    width = len(table.columns)
    filled = [[*record, *[""] * (width - len(record))] for record in records if record]
    noted = set(table.beside)
    rows = [record for record in filled if record[0] not in noted and " ".join(record) not in noted]
    return [row for row in rows if any(row)] if width > 1 else rows


# Files whose last rows say other than the first ones

LATE: Final[dict[str, tuple[str, str, str]]] = {
    "a fraction after whole numbers": ("7", "2.5", "DOUBLE"),
    "a code after whole numbers": ("700", "0010", "VARCHAR"),
    "a moment after days": ("2024-03-15", "2024-03-16 08:30:00", "TIMESTAMP"),
    "a placeholder after days": ("2024-03-15", "n/a", "DATE"),
    "a word after decimals": ("1.25", "unknown size", "VARCHAR"),
    "a long number after short ones": ("12", "12345678901234567890123", "HUGEINT"),
    "a long fraction after short ones": ("1.5", "0.1234567890123456789", "DECIMAL"),
    "an impossible day": ("2024-03-15", "2024-02-30", "VARCHAR"),
    "another decimal sign": ("1.25", "3,5", "VARCHAR"),
    "a length after times of day": ("12:30", "31:00", "INTERVAL"),
    "a word after yes and no": ("true", "maybe", "VARCHAR"),
    "a plus sign after whole numbers": ("12", "+7", "BIGINT"),
    "a blank before a number": ("12", " 7", "BIGINT"),
}
_LATE_ROWS: Final = 12_000
_LATE_TEXT: Final = "of a long list of rows that are alike in every way but for their numbers"


def make_late_file(folder: Path, name: str) -> tuple[Path, list[str]]:
    """A file of more than a megabyte whose column `late` changes in one of its last rows, and that column's texts."""
    first, last, _ = LATE[name]
    texts = [first] * _LATE_ROWS
    texts[-3] = last
    path = folder / f"{name.replace(' ', '_')}.csv"
    lines = [f"row number {number:06} {_LATE_TEXT};{text}\n" for number, text in enumerate(texts)]
    path.write_text("".join(["name;late\n", *lines]), encoding="utf-8")
    return path, texts
