"""The header of a verified query's file: comments on top, `-- field: value`, up to the first line that is none.

It reads text into values; what a query needs of them is the query's to say.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest
from nl2sql.store.query_parameters import parse_parameter

FIELDS: Final = (
    "name",
    "question",
    "description",
    "verified_by",
    "verified_at",
    "use_as_onboarding_question",
    "parameters",
)
_FIELD: Final = re.compile(r"--[ \t]?(\w+)[ \t]*:(.*)\Z")
_MORE: Final = re.compile(r"--(?:[ \t]{2,}|\t)(.*)\Z")
_TRUE: Final = ("true", "yes")
_FALSE: Final = ("false", "no", "")


def split_header(text: str) -> tuple[tuple[str, ...], str]:
    """The lines of the header, and the SQL below it."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    count = next((place for place, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return tuple(line.rstrip() for line in lines[:count]), "\n".join(lines[count:])


def parse_header(lines: Sequence[str]) -> dict[str, Any]:
    """The header's values by field. ConfigError names the line that cannot be read."""
    texts: dict[str, list[str]] = {}
    field = ""
    for line in lines:
        more, found = _MORE.match(line), _FIELD.match(line)
        if more and field:
            texts[field].append(more[1].strip())
        elif found:
            field = found[1].lower()
            if field not in FIELDS or field in texts:
                raise _make_field_error(field, field in texts)
            texts[field] = [found[2].strip()]
        elif line.strip("- \t"):
            raise ConfigError(f"the header has a line that is no field: {line}", "Write it like `-- question: …`.")
    return {name: _parse_value(name, [text for text in given if text]) for name, given in texts.items()}


def _make_field_error(field: str, is_there: bool) -> ConfigError:
    if is_there:
        return ConfigError(f"the header has {field} twice", "Keep one of them.")
    near = find_closest(field, FIELDS)
    return ConfigError(
        f"the header has no field {field!r}", f"Did you mean {near}?" if near else f"Fields are {', '.join(FIELDS)}."
    )


def _parse_value(field: str, texts: Sequence[str]) -> Any:
    if field == "parameters":
        return tuple(parse_parameter(text) for text in texts if text.lower() != "none")
    text = " ".join(texts)
    if field == "use_as_onboarding_question":
        if text.lower() not in (*_TRUE, *_FALSE):
            raise ConfigError(f"{field} is neither true nor false: {text}", "Write true or false.")
        return text.lower() in _TRUE
    return _parse_date(field, text) if field == "verified_at" else text


def _parse_date(field: str, text: str) -> dt.date | None:
    try:
        return dt.datetime.fromisoformat(text).date() if text else None
    except ValueError as exc:
        raise ConfigError(f"{field} is no date: {text}", "Write it like 2025-01-31.") from exc
