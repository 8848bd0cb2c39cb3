"""Policies, verdicts, reports of repairs and limits as JSON and back, for the pipe between an engine and its worker.

Schemas have their own codec, in `schema.codec`. Nothing here reads or writes a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nl2sql.types import (
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
    """The verdict that `verdict_to_json` wrote."""
    return Verdict(
        sql=data["sql"],
        tables=tuple(data["tables"]),
        columns=tuple(data["columns"]),
        functions=tuple(data["functions"]),
        findings=tuple(Finding(**finding) for finding in data["findings"]),
        judges=tuple(data["judges"]),
    )


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """The limits as plain numbers."""
    return asdict(limits)


def window_to_json(window: Window) -> dict[str, Any]:
    """The window as plain numbers and texts."""
    return {**asdict(window), "contains": list(window.contains.items())}


def window_from_json(data: Mapping[str, Any]) -> Window:
    """The window that `window_to_json` wrote."""
    return Window(**{**data, "contains": dict(data["contains"])})


def report_to_json(report: RepairReport) -> dict[str, Any]:
    """The report as plain dicts and lists."""
    return asdict(report)


def report_from_json(data: Mapping[str, Any]) -> RepairReport:
    """The report that `report_to_json` wrote."""
    missing = data["missing"]
    lists = {name: tuple(value) for name, value in (missing or {}).items() if isinstance(value, list)}
    return RepairReport(
        sql=data["sql"],
        repairs=tuple(Repair(**{**repair, "kind": RepairKind(repair["kind"])}) for repair in data["repairs"]),
        proofs=tuple(Proof(**proof) for proof in data["proofs"]),
        missing=MissingName(**{**missing, **lists}) if missing else None,
        joins=tuple(data["joins"]),
        guesses=tuple(data["guesses"]),
    )


def limits_from_json(data: Mapping[str, Any]) -> Limits:
    """The limits that `limits_to_json` wrote."""
    return Limits(**data)
