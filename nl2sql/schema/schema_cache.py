"""Introspected schemas kept on disk, one file a fingerprint, so that a second start does not profile again.

It does not decide when data has changed: the engine's fingerprint does.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Final

from nl2sql.atomic_write import write_private
from nl2sql.schema import serialization
from nl2sql.types import Schema

FORMAT_VERSION: Final = 6
INCOMPLETE_SECONDS: Final = 3600.0
MAX_CACHED_SCHEMAS: Final = 64
_LOG: Final = logging.getLogger(__name__)


def load_schema(cache_dir: Path, fingerprint: str) -> Schema | None:
    """Return the schema saved under that fingerprint; None where there is none or it cannot be read.

    A schema whose profile ran out of time expires after an hour, as a less busy machine may then complete it.
    """
    path = _make_path(cache_dir, fingerprint)
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != FORMAT_VERSION:
            _LOG.info("schema cache: no use of an entry in an older format")
            return None
        if not data["complete"] and time.time() - path.stat().st_mtime > INCOMPLETE_SECONDS:
            _LOG.info("schema cache: no use of an incomplete profile that is over an hour old")
            return None
        schema = serialization.decode_schema(data["schema"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        _LOG.info("schema cache: miss (%s)", type(exc).__name__)
        return None
    _LOG.debug("schema cache: hit")
    return schema


def save_schema(cache_dir: Path, schema: Schema, *, complete: bool = True) -> None:
    """Save the schema under its fingerprint; do nothing where the cache folder cannot be written."""
    path = _make_path(cache_dir, schema.fingerprint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        entry = {"format": FORMAT_VERSION, "complete": complete, "schema": serialization.encode_schema(schema)}
        write_private(path, json.dumps(entry))
        _delete_oldest(path.parent)
    except OSError:
        return


def _make_path(cache_dir: Path, fingerprint: str) -> Path:
    return cache_dir / "schemas" / f"{fingerprint}.json"


def _delete_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[MAX_CACHED_SCHEMAS:]:
        path.unlink(missing_ok=True)
