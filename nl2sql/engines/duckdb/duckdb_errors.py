"""DuckDB's and Arrow's exceptions as one short reply: what kind of failure, and a text fit to be shown.

It does not raise; the parent turns the reply into an error of the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from nl2sql.schema.identifiers import quote_literal

FAILURES: Final = (duckdb.Error, pa.ArrowException, OSError, MemoryError)

_KIND: Final = re.compile(r"^(?:INTERRUPT|TransactionContext|[A-Z][A-Za-z]*(?: [A-Za-z]+){0,3}) Error: ")
_TAIL: Final = re.compile(r"\n\s*\n|\n(?:LINE \d+:|Candidate bindings:|Candidate functions:|Did you mean)", re.S)
_SIDE: Final = re.compile(r"(?<!\s)\s*+Did you mean .*", re.S)
_PATH: Final = re.compile(r"""(["'])(?:[A-Za-z]:)?[/\\][^"'\n]*\1""")
# A time that does not parse is told twice: in quotes, and on a line of its own over a caret.
_FIRST_TIME: Final = 'Could not parse string "'
_SECOND_TIME: Final = re.compile(r"\n *+\^\nError: ")
_OPENING: Final = re.compile(r"""(?<!\w)["']""")
_CLOSING: Final = re.compile(r"""["'](?!\w)""")
_MASK: Final = "…"
_MESSAGE_CHARS: Final = 500

_NAMES_ONLY: Final = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.IOException,
    duckdb.PermissionException,
    OSError,
)

_ENGINE_FAILED: Final = ("IO Error", "FATAL Error", "INTERNAL Error")


def make_failure_reply(error: BaseException, is_stopped: bool, sql: str = "") -> Mapping[str, str]:
    """Return the error reply: `error` is stopped, seconds, memory, spill, database or query."""
    return {"kind": "error", "error": _classify(error, str(error), is_stopped), "message": clean_error_text(error, sql)}


def clean_error_text(error: BaseException, sql: str = "") -> str:
    """Return DuckDB's text without its category, source excerpt, suggestions, folders, and values not from the SQL."""
    text = _KIND.sub("", str(error).strip())
    if not isinstance(error, _NAMES_ONLY):
        text = _mask_values(_drop_repeated_time(text), sql)
    text = _SIDE.sub("", _TAIL.split(text, maxsplit=1)[0])
    text = _PATH.sub(lambda found: f'"{Path(found.group()[1:-1]).name}"', text).strip()
    return text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + _MASK


def _drop_repeated_time(text: str) -> str:
    start = text.find(_FIRST_TIME) + len(_FIRST_TIME)
    ends = [found.end() for found in _SECOND_TIME.finditer(text, start)] if _FIRST_TIME in text else []
    return f'{text[:start]}{_MASK}": {text[ends[-1] :]}' if ends else text


def _mask_values(text: str, sql: str) -> str:
    """Mask what stands between the first quotation mark and the last; a last quotation that the SQL holds stays.

    A value may hold quotation marks itself, so that where it ends cannot be told by the next one.
    """

    def mask_quoted(mark: str, inner: str) -> str:
        if _has_quoted(sql, inner):
            return f"{mark}{inner}{mark}"
        before, _, last = inner.rpartition(mark)
        between = before.rpartition(mark)[2]
        kept = f"{between}{mark}{last}{mark}" if mark in before and _has_quoted(sql, last) else ""
        return f"{mark}{_MASK}{mark}{kept}"

    head, excerpt, tail = text.partition("\n\nLINE ")
    last = {found.group(): found.start() for found in _CLOSING.finditer(head)}
    shown, at = "", 0
    for found in _OPENING.finditer(head):
        mark, start = found.group(), found.end()
        if found.start() >= at and last.get(mark, 0) > start:
            shown += head[at : found.start()] + mask_quoted(mark, head[start : last[mark]])
            at = last[mark] + 1
    return shown + head[at:] + excerpt + tail


def _has_quoted(sql: str, text: str) -> bool:
    """Whether the SQL holds the text in quotation marks."""
    return f'"{text}"' in sql or quote_literal(text) in sql


def _classify(error: BaseException, text: str, stopped: bool) -> str:
    if "maximum execution time" in text:
        return "seconds"
    if stopped or isinstance(error, duckdb.InterruptException):
        return "stopped"
    if "failed to offload" in text:
        return "spill"
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or text.startswith("Out of Memory Error"):
        return "memory"
    if "bad_alloc" in text or "cannot allocate" in text.lower() or "failed to allocate" in text.lower():
        return "memory"
    if text.startswith(_ENGINE_FAILED):
        return "database"
    return "query"
