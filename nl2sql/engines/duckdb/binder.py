"""Says why a text does not bind, for `repair`: by the guard's judges first, so that nothing is bound which they refuse.

It runs nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from nl2sql.errors import QueryError
from nl2sql.guard import EngineParser, judge
from nl2sql.repair import BindError, Fault, read_bind_error
from nl2sql.schema.access import resolve
from nl2sql.types import Policy, Schema

_BY_RULE: Final = {
    "syntax": Fault.SYNTAX,
    "table": Fault.TABLE,
    "function": Fault.FUNCTION,
    "type": Fault.FUNCTION,
    "bind": Fault.OTHER,
}
_DENIED: Final = "column"


class GuardedBinder:
    """Implements `repair.Binder` over one schema, policy and parser."""

    def __init__(self, schema: Schema, policy: Policy, parser: EngineParser) -> None:
        self._schema, self._policy, self._parser = schema, policy, parser
        self._access = resolve(schema, policy)

    def find_error(self, sql: str) -> BindError | None:
        """As `Binder.find_error`."""
        findings = judge(sql, self._schema, self._policy, self._parser).findings
        if not findings:
            return None
        first = findings[0]
        if any(finding.rule not in (*_BY_RULE, _DENIED) for finding in findings):
            return BindError(Fault.REFUSED, first.message)
        if any(finding.rule == _DENIED for finding in findings):
            return replace(self._read_plan(sql, first.message), fault=Fault.DENIED)
        if first.rule != "bind":
            return BindError(_BY_RULE[first.rule], first.message, position=_find_offset(sql, first.line, first.column))
        return self._read_plan(sql, first.message)

    def _read_plan(self, sql: str, message: str) -> BindError:
        """Return what a binder says that knows only what may be read."""
        try:
            if self._access.has_denials:
                plan = self._parser.bind_plan_over(self._access.readable_schema, sql)
            else:
                plan = self._parser.bind_plan(sql)
            document = json.loads(plan)
        except (QueryError, ValueError):
            return BindError(Fault.OTHER, message)
        return read_bind_error(document, sql) if document.get("error") else BindError(Fault.OTHER, message)


def _find_offset(sql: str, line: int | None, column: int | None) -> int:
    """Return the character at that line and column, which count from 1; -1 where there is no such place."""
    if line is None or column is None:
        return -1
    return sum(len(one) for one in sql.splitlines(keepends=True)[: line - 1]) + column - 1
