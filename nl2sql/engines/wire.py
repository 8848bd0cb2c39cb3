"""Policies, verdicts and limits as JSON and back, and the bounds of what crosses, for the pipe to an engine's worker.

Schemas have their own codec, in `schema.codec`. Nothing here reads or writes a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from nl2sql.types import Finding, Limits, Mended, Policy, Verdict, Window

MAX_COLUMNS: Final = 1000
# The end of the error of a data file that has been exchanged for another.
MOVED: Final = "is no longer the file that was opened"
# Lengths and paddings of buffers come on top of the values.
_ARROW_SLACK: Final = 16_000_000


def payload_bytes(limits: Mapping[str, Any]) -> int:
    """The most bytes that one frame of a result may have under these limits, given as `limits_to_json` wrote them."""
    return int(min(limits["result_bytes"], MAX_COLUMNS * limits["cell_bytes"])) + _ARROW_SLACK


def text(value: Any) -> str:
    """The value where it is text, else TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text belongs")
    return value


def number(value: Any) -> int:
    """The value where it is a whole number, else TypeError."""
    if not isinstance(value, int):
        raise TypeError(f"a {type(value).__name__} where a number belongs")
    return value


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """The policy as plain lists of names, sorted."""
    return {
        "allow_tables": None if policy.allow_tables is None else sorted(policy.allow_tables),
        "deny_tables": sorted(policy.deny_tables),
        "deny_columns": sorted(policy.deny_columns),
    }


def policy_from_json(data: Mapping[str, Any]) -> Policy:
    """The policy that `policy_to_json` wrote."""
    allowed = data["allow_tables"]
    return Policy(
        allow_tables=None if allowed is None else frozenset(allowed),
        deny_tables=frozenset(data["deny_tables"]),
        deny_columns=frozenset(data["deny_columns"]),
    )


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain dicts and lists."""
    return asdict(verdict)


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_to_json` wrote. LookupError or TypeError where it is something else."""
    return Verdict(
        sql=text(data["sql"]),
        tables=tuple(map(text, data["tables"])),
        columns=tuple(map(text, data["columns"])),
        functions=tuple(map(text, data["functions"])),
        findings=tuple(_finding(finding) for finding in data["findings"]),
        judges=tuple(map(text, data["judges"])),
    )


def _finding(data: Mapping[str, Any]) -> Finding:
    for name in ("rule", "message", "hint", "judge"):
        text(data[name])
    return Finding(**data)


def mended_from_json(data: Mapping[str, Any]) -> Mended | None:
    """The mended query of a worker's reply, None where nothing was mended. LookupError, TypeError."""
    mends = tuple(map(text, data["mends"]))
    return Mended(text(data["sql"]), mends) if mends else None


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """The limits as plain numbers."""
    return asdict(limits)


def window_to_json(window: Window) -> dict[str, Any]:
    """The window as plain numbers and texts."""
    return {**asdict(window), "contains": list(window.contains.items())}


def window_from_json(data: Mapping[str, Any]) -> Window:
    """The window that `window_to_json` wrote."""
    return Window(**{**data, "contains": dict(data["contains"])})


def limits_from_json(data: Mapping[str, Any]) -> Limits:
    """The limits that `limits_to_json` wrote."""
    return Limits(**data)
