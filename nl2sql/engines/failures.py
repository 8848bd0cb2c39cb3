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

FAILURES: Final = (duckdb.Error, pa.ArrowException, OSError, MemoryError)

_KIND: Final = re.compile(r"^(?:INTERRUPT|TransactionContext|[A-Z][A-Za-z]*(?: [A-Za-z]+){0,3}) Error: ")
_TAIL: Final = re.compile(r"\n\s*\n|\n(?:LINE \d+:|Candidate bindings:|Candidate functions:|Did you mean)", re.S)
_SIDE: Final = re.compile(r"\s*Did you mean .*", re.S)
_PATH: Final = re.compile(r"""(["'])(?:[A-Za-z]:)?[/\\][^"'\n]*\1""")

_ENGINE_FAILED: Final = ("IO Error", "FATAL Error", "INTERNAL Error")


def failure(error: BaseException, stopped: bool) -> Mapping[str, str]:
    """The error reply: `error` is stopped, seconds, memory, database or query; `message` is what the engine says."""
    text = str(error)
    return {"kind": "error", "error": _kind_of(error, text, stopped), "message": shown(text)}


def shown(text: str) -> str:
    """The engine's text without its category, source excerpt, suggestions and folder names."""
    text = _SIDE.sub("", _TAIL.split(_KIND.sub("", text.strip()), maxsplit=1)[0])
    return _PATH.sub(lambda found: f'"{Path(found.group()[1:-1]).name}"', text).strip()


def _kind_of(error: BaseException, text: str, stopped: bool) -> str:
    if "maximum execution time" in text:
        return "seconds"
    if stopped or isinstance(error, duckdb.InterruptException):
        return "stopped"
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or text.startswith("Out of Memory Error"):
        return "memory"
    if "bad_alloc" in text or "cannot allocate" in text.lower() or "failed to allocate" in text.lower():
        return "memory"
    if text.startswith(_ENGINE_FAILED):
        return "database"
    return "query"
