"""Remembers which request parameters and protocols each endpoint and model accept, in one small JSON file.

It holds no key and no text of a conversation. If the file is damaged or cannot be written, endpoints are tried again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from nl2sql.atomic_write import write_private

_FILE: Final = "endpoints.json"
_MAX_AGE_SECONDS: Final = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class EndpointCapabilities:
    """What an endpoint accepts for one model. `protocol` is None until it is known.

    `dropped` are parameters that it refuses, `renamed` those that it knows by another name, as (old, new). `streams` is
    False if it only sends whole answers, `takes_system` is False if the model's chat template has no system message.
    """

    protocol: str | None = None
    dropped: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    streams: bool = True
    takes_system: bool = True


class CapabilityCache:
    """The known capabilities, kept in `state_dir`, or in no file if that is None.

    Entries older than 30 days are ignored, so that an endpoint which has learned to call tools is tried again.
    """

    def __init__(self, state_dir: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self._path = state_dir / _FILE if state_dir else None
        self._clock = clock

    def get(self, endpoint: str, model: str) -> EndpointCapabilities:
        """Return what is known of that model at that endpoint; the defaults if nothing is."""
        entry = self._read_entries().get(f"{endpoint} {model}")
        return _decode_capabilities(entry) if entry else EndpointCapabilities()

    def put(self, endpoint: str, model: str, capabilities: EndpointCapabilities) -> None:
        """Write what is known of that model; entries that other processes have written stay."""
        if self._path is None:
            return
        entries = self._read_entries()
        entries[f"{endpoint} {model}"] = {**asdict(capabilities), "at": int(self._clock())}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, json.dumps(entries, indent=1, sort_keys=True))
        except OSError:
            return

    def _read_entries(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        try:
            loaded = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(loaded, dict):
            return {}
        oldest = self._clock() - _MAX_AGE_SECONDS
        return {k: v for k, v in loaded.items() if isinstance(v, dict) and _read_number(v.get("at")) > oldest}


def _decode_capabilities(entry: dict[str, Any]) -> EndpointCapabilities:
    habits = EndpointCapabilities(
        streams=entry.get("streams") is not False, takes_system=entry.get("takes_system") is not False
    )
    if isinstance(protocol := entry.get("protocol"), str):
        habits = replace(habits, protocol=protocol)
    if isinstance(dropped := entry.get("dropped"), list):
        habits = replace(habits, dropped=tuple(d for d in dropped if isinstance(d, str)))
    if isinstance(renamed := entry.get("renamed"), list):
        pairs = [p for p in renamed if isinstance(p, list) and len(p) == 2 and all(isinstance(x, str) for x in p)]
        habits = replace(habits, renamed=tuple((old, new) for old, new in pairs))
    return habits


def _read_number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
