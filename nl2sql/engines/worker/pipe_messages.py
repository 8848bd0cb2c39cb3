"""Policies, verdicts, repairs and limits as JSON and back, and the bounds of what crosses the pipe to a worker.

Schemas have their own codec, in `schema.serialization`. Nothing here reads or writes a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from nl2sql.json_codec import decode_value, encode_value
from nl2sql.types import Criterion, Limits, Policy, RepairReport, Verdict, Window

MAX_COLUMNS: Final = 1000
# The end of the error of a data file that has been exchanged for another.
MOVED: Final = "is no longer the file that was opened"
# Lengths and paddings of buffers come on top of the values.
_ARROW_SLACK_BYTES: Final = 16_000_000


def compute_max_payload(limits: Mapping[str, Any]) -> int:
    """Return the most bytes that one frame of a result may have under these limits, as `encode_limits` wrote them."""
    return int(min(limits["result_bytes"], MAX_COLUMNS * limits["cell_bytes"])) + _ARROW_SLACK_BYTES


def expect_text(value: Any) -> str:
    """Return the value, which must be text.

    Raises:
        TypeError: where it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text belongs")
    return value


def expect_number(value: Any) -> int:
    """Return the value, which must be a whole number.

    Raises:
        TypeError: where it is none.
    """
    if not isinstance(value, int):
        raise TypeError(f"a {type(value).__name__} where a number belongs")
    return value


def encode_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy as plain lists of names, sorted."""
    return _encode(policy)


def decode_policy(data: Any) -> Policy:
    """Return the policy that `encode_policy` wrote."""
    return decode_value(data, Policy)


def encode_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as plain dicts and lists."""
    return _encode(verdict)


def decode_verdict(data: Any) -> Verdict:
    """Return the verdict that `encode_verdict` wrote.

    Raises:
        ValueError: where `data` is something else.
    """
    return decode_value(data, Verdict)


def encode_limits(limits: Limits) -> dict[str, Any]:
    """Return the limits as plain numbers."""
    return _encode(limits)


def decode_limits(data: Any) -> Limits:
    """Return the limits that `encode_limits` wrote."""
    return decode_value(data, Limits)


def encode_window(window: Window) -> dict[str, Any]:
    """Return the window as plain numbers and texts. `contains` is a list of pairs, since a key may be a number."""
    return {**asdict(window), "contains": list(window.contains.items())}


def decode_window(data: Mapping[str, Any]) -> Window:
    """Return the window that `encode_window` wrote."""
    criteria = tuple(tuple(decode_value(one, Criterion) for one in group) for group in data["criteria"])
    return Window(**{**data, "contains": dict(data["contains"]), "criteria": criteria})


def encode_report(report: RepairReport) -> dict[str, Any]:
    """Return the report as plain dicts and lists."""
    return _encode(report)


def decode_report(data: Any) -> RepairReport:
    """Return the report that `encode_report` wrote.

    Raises:
        ValueError: where `data` is something else.
    """
    return decode_value(data, RepairReport)


def _encode(value: Any) -> dict[str, Any]:
    encoded: dict[str, Any] = encode_value(value)
    return encoded
