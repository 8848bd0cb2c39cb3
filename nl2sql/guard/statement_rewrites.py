"""Before judging: DESCRIBE, SHOW t, SUMMARIZE and PIVOT without values become plain SELECTs.

They are rewritten in DuckDB's own syntax tree. Each query that they are about is judged before anything is asked of
the engine for it, and what comes out is judged from scratch: nothing here is trusted for safety, only for being right.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nl2sql.errors import GuardError
from nl2sql.guard.bound_plan import NAME_COLUMNS
from nl2sql.guard.describe_summarize import write_describe, write_show_all_tables, write_show_tables, write_summarize
from nl2sql.guard.engine_errors import DYNAMIC_PIVOT, SHOW, make_refusal
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.parser_protocols import EngineParser
from nl2sql.schema.identifiers import quote
from nl2sql.types import MAIN_SCHEMA, Finding, Verdict

SHOWN: Final = '"SHOW_REF"'
MAX_REWRITTEN_QUERIES: Final = 8
_SHOW_FROM: Final = "SHOW_FROM"
_SHOW_TABLES: Final = '"tables"'
_SHOW_ALL_TABLES: Final = "__show_tables_expanded"
MAX_PIVOT_COLUMNS: Final = 1000

# The definitions that a place in the tree can see, outermost WITH first; None where they cannot be told.
_Scopes = tuple[list[Any], ...] | None
_PROBE: Final = (
    f"SELECT DISTINCT CAST(x AS VARCHAR) FROM t WHERE x IS NOT NULL ORDER BY 1 LIMIT {MAX_PIVOT_COLUMNS + 1}"
)


class StatementRewriter:
    """One text. `judge` judges a text that holds none of these statements; `marker` stands where PIVOT wants values."""

    def __init__(self, parser: EngineParser, names: Names, judge: Callable[[str], Verdict], marker: str = "") -> None:
        self._parser, self._names, self._judge, self._marker = parser, names, judge, marker
        self._rewritten = 0
        self._whole: Any = None

    def rewrite(self, tree: Mapping[str, Any]) -> str:
        """Return the engine's spelling of a tree of one statement, rewritten; empty where there was nothing to rewrite.

        Raises:
            GuardError: a query that a part is about is refused, or it is not clear what is meant.
        """
        statement: dict[str, Any] = tree["statements"][0]["node"]
        self._whole = statement.get("from_table") if statement.get("type") == "SELECT_NODE" else None
        document = self._walk(dict(tree), ())
        return self._parser.write_sql(json.dumps(document)) if self._rewritten else ""

    def _walk(self, value: Any, scopes: _Scopes) -> Any:
        """Return the value with its parts rewritten, inner ones first."""
        if isinstance(value, list):
            return [self._walk(item, scopes) for item in value]
        if not isinstance(value, dict):
            return value
        definitions = (value.get("cte_map") or {}).get("map", [])
        for place, entry in enumerate(definitions):
            entry["value"] = self._walk(entry["value"], _extend_scopes(scopes, definitions[:place]))
        # What a recursive query sees of itself is not a WITH that could be written around a part of it.
        inner = None if value.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE") else _extend_scopes(scopes, definitions)
        for key in value:
            if key != "cte_map":
                value[key] = self._walk(value[key], inner)
        if value.get("type") == "SHOW_REF":
            return self._rewrite_show(value, inner)
        if value.get("type") == "PIVOT" and any(map(self._is_marked, value.get("pivots", ()))):
            self._rewrite_pivot(value, inner)
        return value

    def _rewrite_show(self, reference: dict[str, Any], scopes: _Scopes) -> dict[str, Any]:
        """Return the table reference that gives what DESCRIBE, SHOW or SUMMARIZE would give."""
        if reference["show_type"] not in ("DESCRIBE", "SHOW", "SUMMARY"):
            return self._rewrite_show_tables(reference)
        query = reference["query"]
        if query is None:
            query, scopes = self._select_table(reference["table_name"]), ()
        columns = [
            (*row[:4], *(cell and self._names.mask_denied(cell) for cell in row[4:]))
            for row in self._parser.describe_query(self._judge_shown(reference["show_type"], query, scopes))
        ]
        if reference["show_type"] == "SUMMARY":
            shown: dict[str, Any] = self._parse(write_summarize(columns))["from_table"]
            _find_innermost(shown)["subquery"]["node"] = query
        else:
            shown = self._parse(write_describe(columns))["from_table"]
        if reference.get("alias"):
            shown["alias"] = reference["alias"]
        return shown

    def _judge_shown(self, kind: str, query: dict[str, Any], scopes: _Scopes) -> str:
        """Return the judged text of what is described or summarized; of a part of a table, columns can be named."""
        try:
            return self._judge_query(query, scopes, SHOW)
        except GuardError as refusal:
            source = query.get("from_table") or {}
            path = [part for part in (source.get("schema_name"), source.get("table_name")) if part]
            word = "SUMMARIZE" if kind == "SUMMARY" else "DESCRIBE"
            place = ".".join(map(quote, path)).removeprefix(f"{MAIN_SCHEMA}.") or "…"
            raise GuardError(tuple(_advise_query(one, word, place) for one in refusal.findings)) from refusal

    def _rewrite_show_tables(self, reference: dict[str, Any]) -> dict[str, Any]:
        """Return the table reference that gives what SHOW TABLES would, if there were nothing but what may be seen."""
        kind, name = reference["show_type"], reference["table_name"]
        path = [part for part in reference["qualified_name"]["path"] if part] if kind == _SHOW_FROM else []
        # In a query or of everything, it would be asked for what is hidden more than for what is there.
        is_plain = reference is self._whole and (kind == _SHOW_FROM or name == _SHOW_TABLES)
        if self._names.hides_anything and not is_plain:
            raise GuardError((make_refusal(SHOW),))
        tables = self._names.list_tables(path)
        if tables is None:
            raise GuardError(
                (make_refusal(SHOW, f"there is no schema {'.'.join(path)[:80]} with tables that may be read"),)
            )
        if kind == _SHOW_FROM or name == _SHOW_TABLES:
            sql = write_show_tables(sorted(table.path[1] for table in tables))
        elif name == _SHOW_ALL_TABLES:
            sql = write_show_all_tables(self._names.view.tables, self._parser.catalog, self._names.is_attached)
        else:
            raise GuardError((make_refusal(SHOW),))
        self._rewritten += 1
        shown: dict[str, Any] = self._parse(sql)["from_table"]
        if reference.get("alias"):
            shown["alias"] = reference["alias"]
        return shown

    def _select_table(self, name: str) -> dict[str, Any]:
        """`SELECT *` of the table that SHOW t or DESCRIBE 't' names: no WITH, and no setting."""
        if "." in name or self._names.find_table([name]) is None:
            raise GuardError((make_refusal(SHOW),))
        return self._parse(f"SELECT * FROM {MAIN_SCHEMA}.{quote(name)}")

    def _rewrite_pivot(self, reference: dict[str, Any], scopes: _Scopes) -> None:
        """Put the values in that the columns have, in the engine's order."""
        for pivot in reference["pivots"]:
            if not self._is_marked(pivot):
                continue
            (column,) = pivot["pivot_expressions"]
            probe = self._parse(_PROBE)
            probe["select_list"][0]["child"] = column
            probe["where_clause"]["children"] = [column]
            probe["from_table"] = reference["source"]
            values = self._parser.read_values(self._judge_query(probe, scopes, DYNAMIC_PIVOT))
            marked = pivot["entries"].pop()
            for value in values:
                entry = copy.deepcopy(marked)
                entry["star_expr"]["literal"]["text"] = value
                pivot["entries"].append(entry)
        made = math.prod(len(pivot["entries"]) for pivot in reference["pivots"]) * len(reference["aggregates"])
        if not 0 < made <= MAX_PIVOT_COLUMNS:
            told = (
                f"PIVOT would make more than {MAX_PIVOT_COLUMNS:,} columns"
                if made
                else "PIVOT finds no value to make a column of"
            )
            raise GuardError((make_refusal(DYNAMIC_PIVOT, told),))

    def _is_marked(self, pivot: Mapping[str, Any]) -> bool:
        entries: Sequence[Mapping[str, Any]] = pivot["entries"]
        literal = (entries[0].get("star_expr") or {}).get("literal") if len(entries) == 1 else None
        return bool(self._marker and literal and literal["text"] == self._marker)

    def _judge_query(self, query: dict[str, Any], scopes: _Scopes, kind: str) -> str:
        """Return the judged text of a query that stands in those scopes."""
        self._rewritten += 1
        if scopes is None or self._rewritten > MAX_REWRITTEN_QUERIES:
            raise GuardError((make_refusal(kind),))
        for definitions in reversed(scopes):
            if definitions:
                around = self._parse("SELECT * FROM (SELECT 1)")
                around["from_table"]["subquery"]["node"] = query
                around["cte_map"]["map"] = definitions
                query = around
        statement = {"node": query, "named_param_map": []}
        verdict = self._judge(self._parser.write_sql(json.dumps({"error": False, "statements": [statement]})))
        if verdict.findings:
            raise GuardError(verdict.findings)
        return verdict.sql

    def _parse(self, sql: str) -> dict[str, Any]:
        node: dict[str, Any] = json.loads(self._parser.read_syntax_tree(sql))["statements"][0]["node"]
        return node


def strip_positions(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings without their places, which are those of a text that nobody wrote."""
    return tuple(Finding(f.rule, f.message, f.hint, judge=f.judge) for f in findings)


def _advise_query(finding: Finding, word: str, place: str) -> Finding:
    """Return the finding with a hint that fits what has no columns to be named in: a query that names them."""
    if finding.judge != "engine-plan" or not finding.hint.startswith(NAME_COLUMNS):
        return finding
    columns = finding.hint.removeprefix(NAME_COLUMNS).removesuffix(".")
    return replace(finding, hint=f"Write {word} SELECT {columns} FROM {place}.")


def _extend_scopes(scopes: _Scopes, definitions: list[Any]) -> _Scopes:
    return None if scopes is None else (*scopes, definitions)


def _find_innermost(reference: dict[str, Any]) -> dict[str, Any]:
    """Return the subquery at the bottom of nested ones."""
    below = reference["subquery"]["node"]["from_table"]
    return _find_innermost(below) if below["type"] == "SUBQUERY" else reference
