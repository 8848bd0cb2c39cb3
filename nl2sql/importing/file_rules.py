"""The owner's rules for reading one data file, from `[files."sales.csv"]` in the project file.

It reads no file. What the rules leave out is found by the importer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from nl2sql.errors import ConfigError

ORDERS: Final = ("day first", "month first", "year first")
KINDS: Final = ("text", "number", "date", "time", "boolean")
_SIGNS: Final = (".", ",")
_NO_DELIMITER: Final = re.compile(r"""[^\W_]|["'\r\n\0]""")


@dataclass(frozen=True, slots=True)
class FileRules:
    """How to read one file, as far as its owner says.

    `header` is the line of the header, 0 for none; `decimal` the decimal sign; `dates` the order of day, month and
    year; `null` the texts to read as NULL; `types` the kind of each named column: text, number, date, time or boolean.
    """

    header: int | None = None
    delimiter: str = ""
    encoding: str = ""
    decimal: str = ""
    dates: str = ""
    null: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: where a value cannot be used.
        """
        _expect(self.header is None or self.header >= 0, "header", "the number of a line, 0 for no header")
        _expect(
            not self.delimiter or (len(self.delimiter) == 1 and not _NO_DELIMITER.match(self.delimiter)),
            "delimiter",
            "one sign that is no letter, digit, quote or end of a line",
        )
        _expect(not self.decimal or self.decimal in _SIGNS, "decimal", '"." or ","')
        _expect(not self.dates or self.dates in ORDERS, "dates", f"one of {', '.join(ORDERS)}")
        for kind in self.types.values():
            _expect(kind in KINDS, "types", f"each one of {', '.join(KINDS)}")

    def __str__(self) -> str:
        """Return the rules that are set, as the project file has them."""
        given = {name: value for name, value in asdict(self).items() if value not in (None, "", (), {})}
        return ", ".join(f"{name}: {value}" for name, value in given.items())


def write_rules(rules: FileRules) -> dict[str, Any]:
    """Return the rules as JSON."""
    return asdict(rules)


def _expect(is_right: bool, name: str, wanted: str) -> None:
    if not is_right:
        raise ConfigError(f"{name} must be {wanted}", f"Write {wanted}.")
