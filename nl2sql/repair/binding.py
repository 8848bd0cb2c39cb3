"""Why a text does not bind: the engine's error as a kind of fault, a name and a position.

The one place that reads DuckDB's messages, each in linear time. It binds nothing itself: a `Binder` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol


class Fault(StrEnum):
    """What is wrong with a query.

    OTHER is an error that no rule looks at, REFUSED an objection of the guard. DENIED is a column that the owner's
    policy hides: it is reported as a column that does not exist.
    """

    SYNTAX = "syntax"
    TABLE = "table"
    COLUMN = "column"
    AMBIGUOUS = "ambiguous"
    FUNCTION = "function"
    TYPES = "types"
    VALUE = "value"
    GROUPING = "grouping"
    AGGREGATE = "aggregate"
    OTHER = "other"
    REFUSED = "refused"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class BindError:
    """The engine's objection to a text.

    `name` is the name in its message, "" where there is none. `position` counts characters of the text from 0, and is
    -1 where the message has none.
    """

    fault: Fault
    message: str = ""
    name: str = ""
    position: int = -1


class Binder(Protocol):
    """What can say whether a text would run."""

    def find_error(self, sql: str) -> BindError | None:
        """Return why the text does not bind, or None where it does and nothing objects to it."""
        ...


_SUBTYPES: Final = {
    "COLUMN_NOT_FOUND": Fault.COLUMN,
    "NO_MATCHING_FUNCTION": Fault.TYPES,
    "SYNTAX_ERROR": Fault.SYNTAX,
}
# Phrases in messages of errors whose subtype does not tell the fault; the first that fits decides.
_PHRASES: Final = (
    ("does not have a column named", Fault.COLUMN),
    ("does not exist on left side of join", Fault.COLUMN),
    ("does not exist on right side of join", Fault.COLUMN),
    ("Referenced table", Fault.COLUMN),
    ("Cannot extract field", Fault.COLUMN),
    ("Table with name", Fault.TABLE),
    ("Function with name", Fault.FUNCTION),
    ("Ambiguous reference", Fault.AMBIGUOUS),
    ("must appear in the GROUP BY clause", Fault.GROUPING),
    ("clause cannot contain aggregates", Fault.AGGREGATE),
    ("Cannot compare values of type", Fault.TYPES),
    ("Cannot mix values of type", Fault.TYPES),
    ("Could not choose a best candidate function", Fault.TYPES),
    ("Could not convert", Fault.VALUE),
    ("Unimplemented type for cast", Fault.VALUE),
    ("invalid date field format", Fault.VALUE),
    ("invalid timestamp field format", Fault.VALUE),
)


def read_bind_error(document: Mapping[str, Any], sql: str) -> BindError:
    """Read the error object of DuckDB's `json_serialize_plan`, for the text that was serialized.

    >>> text = 'Table "o" does not have a column named "city"'
    >>> error = read_bind_error({"error_message": text, "position": "7"}, "SELECT o.city FROM orders o")
    >>> error.fault, error.name, error.position
    (<Fault.COLUMN: 'column'>, 'city', 7)
    """
    message = str(document.get("error_message", ""))
    fault = _SUBTYPES.get(str(document.get("error_subtype"))) or _find_fault(message)
    name = str(document.get("name") or _find_last_quoted(message.partition("\n")[0]))
    return BindError(fault, message, name, _count_characters(sql, str(document.get("position"))))


def read_run_error(message: str) -> BindError:
    """Read the message of an error that was raised while a query that binds ran."""
    fault = _find_fault(message)
    return BindError(fault if fault is Fault.VALUE else Fault.OTHER, message)


def _find_fault(message: str) -> Fault:
    return next((fault for phrase, fault in _PHRASES if phrase in message), Fault.OTHER)


def _find_last_quoted(line: str) -> str:
    """Return what stands in the last double quotes of the line."""
    before, mark, _ = line.rpartition('"')
    return before.rpartition('"')[2] if mark else ""


def _count_characters(sql: str, offset: str) -> int:
    """Turn an offset in UTF-8 bytes into one in characters; -1 where it is no number."""
    return len(sql.encode()[: int(offset)].decode(errors="ignore")) if offset.isdecimal() else -1
