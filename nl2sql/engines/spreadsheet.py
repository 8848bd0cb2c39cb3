"""Excel and OpenDocument sheets as tables: the first row that is not empty names the columns.

Formulas count as their last values. Nothing here evaluates or formats cells.
"""

from __future__ import annotations

import csv
import datetime
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.engines.imported import TableNames, UnreadableError, table_name
from nl2sql.engines.lock import quoted, quoted_name

if TYPE_CHECKING:
    import duckdb

_CODE: Final = re.compile(r"[+0]\d")


def import_sheets(connection: duckdb.DuckDBPyConnection, file: Path, names: TableNames) -> list[str]:
    """One table a sheet that holds rows; named like the sheet, or like the file where there is one sheet only.

    Returns the names.
    """
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(file))
        sheets = [(name, workbook.get_sheet_by_name(name).to_python()) for name in workbook.sheet_names]
    except (python_calamine.CalamineError, OSError) as exc:
        raise UnreadableError(f"{file.name} is not a spreadsheet that can be read", "Save it as .xlsx or CSV.") from exc
    filled = [(name, rows) for name, rows in ((n, _cleaned(r)) for n, r in sheets) if rows]
    if not filled:
        raise UnreadableError(f"{file.name} has no rows in any sheet", "Remove it, or put data in it.")
    tables = []
    for sheet, rows in filled:
        wanted = (file.stem, file.name) if len(filled) == 1 else (sheet, f"{file.stem} {sheet}")
        tables.append(names.take(*map(table_name, wanted)))
        _import_rows(connection, quoted_name(tables[-1]), _header(rows[0]), rows[1:])
    return tables


def _cleaned(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The rows and columns that hold anything."""
    filled = [list(row) for row in rows if any(cell not in ("", None) for cell in row)]
    width = len(filled[0]) if filled else 0
    used = [i for i in range(width) if any(row[i] not in ("", None) for row in filled)]
    return [[row[i] for i in used] for row in filled]


def _header(row: Sequence[Any]) -> list[str]:
    names = TableNames()
    return [names.take(_text(cell).strip() or f"column{i}") for i, cell in enumerate(row, start=1)]


def _import_rows(
    connection: duckdb.DuckDBPyConnection, table: str, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Import by way of a CSV file, so that DuckDB finds the types from the values."""
    texts = [name for i, name in enumerate(header) if any(isinstance(r[i], str) and _CODE.match(r[i]) for r in rows)]
    timed = {i for i in range(len(header)) if any(isinstance(row[i], datetime.datetime) for row in rows)}
    kept = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in texts)
    types = f", types={{{kept}}}" if texts else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([[_text(cell, i in timed) for i, cell in enumerate(row)] for row in rows])
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * FROM read_csv({quoted(str(path))}, header=true, delim=',', quote='\"', "
            f"escape='\"', sample_size=-1{types})"
        )


def _text(cell: Any, timed: bool = False) -> str:
    """The cell as CSV holds it; a day gets a time where others in its column have one."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.date) and timed and not isinstance(cell, datetime.datetime):
        cell = datetime.datetime.combine(cell, datetime.time())
    return "" if cell is None else str(cell)
