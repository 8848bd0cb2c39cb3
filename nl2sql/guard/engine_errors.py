"""What DuckDB answers instead of a tree or a plan, as a finding that says how to correct the text.

Errors of spelling and of names become `syntax` and `bind`: no rule objects, the engine cannot run it. Nothing
here decides that a text may run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nl2sql.guard.lexical import find_byte_position
from nl2sql.guard.name_resolution import Names
from nl2sql.types import Finding, Table

UNSERIALIZABLE: Final = "cannot-be-judged"
_ONLY_SELECT: Final = "only select statements"
_LEADING: Final = re.compile(r"\A(?:\s+|--[^\n]*+|/\*.*?\*/|\()*+([A-Za-z_]++)", re.DOTALL)
_TAIL: Final = re.compile(
    r"(?<!\s)\s*+(?:Candidate bindings|Candidate Entries|Candidates?:|Did you mean|LINE \d+:|Possible).*", re.DOTALL
)
# Where the message was cut, a value may have no end.
_VALUE: Final = re.compile(r"""(\b(?:string|value|blob)\s++)(['"])(.*?)(?:\2|\Z)""", re.IGNORECASE | re.DOTALL)
_MAX_MESSAGE_CHARS: Final = 400
_MAX_READ_CHARS: Final = 4_000

EXPLAIN: Final = "explain"
SHOW: Final = "describe"
DYNAMIC_PIVOT: Final = "dynamic-pivot"
_STATEMENTS: Final = {
    EXPLAIN: (
        "only EXPLAIN or EXPLAIN ANALYZE of a SELECT is run, as text or as JSON",
        "Write EXPLAIN SELECT … or EXPLAIN ANALYZE SELECT …",
    ),
    SHOW: (
        "DESCRIBE, SHOW and SUMMARIZE show only tables and columns that may be read",
        "Write SHOW TABLES, DESCRIBE t or SUMMARIZE t.",
    ),
    DYNAMIC_PIVOT: (
        "it is not clear which values this PIVOT has",
        "List the values: PIVOT t ON c IN ('a', 'b') USING sum(x); SELECT DISTINCT c FROM t finds them.",
    ),
}
_KINDS: Final = {
    "explain": EXPLAIN,
    "desc": SHOW,
    "describe": SHOW,
    "show": SHOW,
    "summarize": SHOW,
    "pivot": DYNAMIC_PIVOT,
    "pivot_wider": DYNAMIC_PIVOT,
}
_QUERY_WORDS: Final = frozenset({"select", "with", "from", "values", "table"})


def read_tree_error(document: Mapping[str, Any], sql: str, names: Names) -> Finding:
    """Return the finding for an error object of `json_serialize_sql`."""
    if is_no_select(document):
        return _make_select_finding(sql)
    return _read_finding(document, sql, names, "syntax", "engine-tree", "Mend the SQL; it must be DuckDB's dialect.")


def is_no_select(document: Mapping[str, Any]) -> bool:
    """Whether DuckDB can read the text but has no tree of it: a statement of another kind, or several in one."""
    return bool(document.get("error")) and _ONLY_SELECT in str(document.get("error_message", "")).lower()


def make_refusal(kind: str, message: str = "") -> Finding:
    """Return the finding for a statement of that kind which cannot be written as a plain SELECT."""
    told, hint = _STATEMENTS[kind]
    return Finding(kind, message or told, hint, judge="engine-tree")


def read_plan_error(document: Mapping[str, Any], sql: str, names: Names, tables: Iterable[Table]) -> Finding:
    """Return the finding for an error object of `json_serialize_plan`. `tables` are those that the text names."""
    message = str(document.get("error_message", ""))
    missing = str(document.get("name", "")) if document.get("error_subtype") == "COLUMN_NOT_FOUND" else ""
    if not missing and (found := re.search(r'column (?:named )?"([^"]+)"', message, re.IGNORECASE)):
        missing = found.group(1)
    hint = names.compose_column_hint(missing, tables) if missing else ""
    hint = hint or "Check the names and types against the schema, and cast where they differ."
    return _read_finding(document, sql, names, "bind", "engine-plan", hint)


def is_unserializable(document: Mapping[str, Any]) -> bool:
    """Whether DuckDB could bind the text but not put its plan into JSON."""
    told = str(document.get("error_message", "")).lower()
    return bool(document.get("error")) and (document.get("error_type") == "internal" or "serializ" in told)


def make_unserializable_finding() -> Finding:
    """Return the finding for a text that the engine can run but cannot show before it runs."""
    message = "the engine cannot show what this query would read before it runs"
    hint = "Write it another way: WITH ORDINALITY, USING KEY, BIT constants and infinite numbers cannot be shown."
    return Finding(UNSERIALIZABLE, message, hint, judge="engine-plan")


def clean_message(message: str, sql: str, names: Names) -> str:
    """DuckDB's message without the names it suggests, values that the text itself does not hold, and paths."""
    kept = _TAIL.sub("", message[:_MAX_READ_CHARS]).strip()
    kept = _VALUE.sub(lambda m: m.group() if m.group(3) in sql else f"{m.group(1)}{m.group(2)}…{m.group(2)}", kept)
    return names.mask_denied(kept, sql)[:_MAX_MESSAGE_CHARS] or "the engine cannot run the SQL"


def _make_select_finding(sql: str) -> Finding:
    leading = _LEADING.match(sql)
    word = leading.group(1).lower() if leading else ""
    kind = _KINDS.get(word)
    if (word in _QUERY_WORDS or kind == SHOW) and re.search(r"\bPIVOT", sql, re.IGNORECASE):
        kind = DYNAMIC_PIVOT
    if kind:
        return make_refusal(kind)
    kind = "something else" if word in _QUERY_WORDS or not word else word.upper()[:80]
    message = f"only SELECT may run, and this is {kind}"
    return Finding("read-only", message, "Write one SELECT: nothing else runs.", judge="engine-tree")


def _read_finding(document: Mapping[str, Any], sql: str, names: Names, rule: str, judge: str, hint: str) -> Finding:
    message = str(document.get("error_message", ""))
    lowered = message.lower()
    position = str(document.get("position"))
    line, column = find_byte_position(sql, int(position) if position.isdecimal() else None)
    if "expression depth" in lowered or "too deep" in lowered:
        return Finding("too-deep", "expressions are nested too deep", "Split the query with WITH.", judge=judge)
    if "out of memory" in lowered or document.get("error_type") in ("out of memory", "interrupt"):
        return Finding("too-costly", "judging the query ran out of memory or time", "Simplify it.", judge=judge)
    return Finding(rule, clean_message(message, sql, names), hint, line, column, judge=judge)
