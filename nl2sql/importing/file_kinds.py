"""Tell which kind of data file a file is, by the suffix of its name.

It opens no file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

KINDS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".xlsx": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
# A packed file is known by the name within: `sales.csv.gz`.
PACKED: Final = (".gz", ".zip")
KINDS_TEXT: Final = "CSV, TSV, Parquet, JSON, JSONL, Excel (.xlsx, .xls, .ods), and CSV or JSON as .gz or .zip"


def find_kind(file: Path) -> str:
    """Return the kind of data file, such as `csv` or `excel`.

    Raises:
        LookupError: where the name has no suffix of a data file.
    """
    return KINDS[_find_suffix(file)]


def is_data_file(file: Path) -> bool:
    """Return whether its name has the suffix of a data file."""
    return _find_suffix(file) in KINDS


def name_stem(file: Path) -> str:
    """Return its name without the suffixes that say its kind.

    >>> name_stem(Path("sales.csv.gz"))
    'sales'
    """
    return Path(file.stem).stem if file.suffix.lower() in PACKED and Path(file.stem).suffix else file.stem


def _find_suffix(file: Path) -> str:
    """Return the suffix that says the kind; that of a packed file stands before `.gz` or `.zip`."""
    if file.suffix.lower() in PACKED:
        return Path(file.stem).suffix.lower() or (".csv" if file.suffix.lower() == ".zip" else "")
    return file.suffix.lower()
