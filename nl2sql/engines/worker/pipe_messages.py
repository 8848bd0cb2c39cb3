"""Policies, verdicts, repairs and limits as JSON and back, and the bounds of what crosses the pipe to a worker.

Schemas have their own codec, in `schema.serialization`. Nothing here reads or writes a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from nl2sql.types import (
    Comparison,
    Criterion,
    Finding,
    Limits,
    MissingName,
    Policy,
    Proof,
    Repair,
    RepairKind,
    RepairReport,
    Verdict,
    Window,
)

MAX_COLUMNS: Final = 1000
# The end of the error of a data file that has been exchanged for another.
MOVED: Final = "is no longer the file that was opened"
# Lengths and paddings of buffers come on top of the values.
_ARROW_SLACK_BYTES: Final = 16_000_000
_LISTS: Final = ("sources", "holders", "aliases", "nearest", "present")


def compute_max_payload(limits: Mapping[str, Any]) -> int:
    """Return the most bytes that one frame of a result may have under limits that `encode_limits` wrote."""
    return int(min(limits["result_bytes"], MAX_COLUMNS * limits["cell_bytes"])) + _ARROW_SLACK_BYTES


def expect_text(value: Any) -> str:
    """Return the value.

    Raises:
        TypeError: it is not text.
    """
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text belongs")
    return value


def expect_number(value: Any) -> int:
    """Return the value.

    Raises:
        TypeError: it is not a whole number.
    """
    if not isinstance(value, int):
        raise TypeError(f"a {type(value).__name__} where a number belongs")
    return value


def encode_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy as plain lists of names, sorted."""
    return {
        "allow_tables": None if policy.allow_tables is None else sorted(policy.allow_tables),
        "deny_tables": sorted(policy.deny_tables),
        "deny_columns": sorted(policy.deny_columns),
    }


def decode_policy(data: Mapping[str, Any]) -> Policy:
    """Return the policy that `encode_policy` wrote."""
    allowed = data["allow_tables"]
    return Policy(
        allow_tables=None if allowed is None else frozenset(allowed),
        deny_tables=frozenset(data["deny_tables"]),
        deny_columns=frozenset(data["deny_columns"]),
    )


def encode_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as plain dicts and lists."""
    return asdict(verdict)


def decode_verdict(data: Mapping[str, Any]) -> Verdict:
    """Return the verdict that `encode_verdict` wrote.

    Raises:
        LookupError, TypeError: it is something else.
    """
    return Verdict(
        sql=expect_text(data["sql"]),
        tables=tuple(map(expect_text, data["tables"])),
        columns=tuple(map(expect_text, data["columns"])),
        functions=tuple(map(expect_text, data["functions"])),
        findings=tuple(_decode_finding(finding) for finding in data["findings"]),
        judges=tuple(map(expect_text, data["judges"])),
    )


def _decode_finding(data: Mapping[str, Any]) -> Finding:
    for name in ("rule", "message", "hint", "judge"):
        expect_text(data[name])
    return Finding(**data)


def encode_limits(limits: Limits) -> dict[str, Any]:
    """Return the limits as plain numbers."""
    return asdict(limits)


def encode_window(window: Window) -> dict[str, Any]:
    """Return the window as plain numbers and texts."""
    return {**asdict(window), "contains": list(window.contains.items())}


def decode_window(data: Mapping[str, Any]) -> Window:
    """Return the window that `encode_window` wrote."""
    criteria = tuple(
        tuple(Criterion(**{**one, "comparison": Comparison(one["comparison"])}) for one in group)
        for group in data["criteria"]
    )
    return Window(**{**data, "contains": dict(data["contains"]), "criteria": criteria})


def encode_report(report: RepairReport) -> dict[str, Any]:
    """Return the report as plain dicts and lists."""
    return asdict(report)


def decode_report(data: Mapping[str, Any]) -> RepairReport:
    """Return the report that `encode_report` wrote.

    Raises:
        LookupError, TypeError, ValueError: it is something else.
    """
    missing = data["missing"]
    return RepairReport(
        sql=expect_text(data["sql"]),
        repairs=tuple(_decode_repair(repair) for repair in data["repairs"]),
        proofs=tuple(Proof(expect_text(proof["sql"]), proof["wants_row"] is True) for proof in data["proofs"]),
        missing=_decode_missing_name(missing) if missing is not None else None,
        joins=tuple(map(expect_text, data["joins"])),
        guesses=tuple(map(expect_text, data["guesses"])),
    )


def _decode_repair(data: Mapping[str, Any]) -> Repair:
    return Repair(expect_text(data["rule"]), RepairKind(data["kind"]), expect_text(data["text"]))


def _decode_missing_name(data: Mapping[str, Any]) -> MissingName:
    lists = {name: tuple(map(expect_text, data[name])) for name in _LISTS}
    return MissingName(expect_text(data["kind"]), expect_text(data["name"]), **lists)


def decode_limits(data: Mapping[str, Any]) -> Limits:
    """Return the limits that `encode_limits` wrote."""
    return Limits(**data)
