"""The second judge, first half: rules over the syntax tree that DuckDB itself makes of the text.

Everything is an allow-list: statement, nodes, table references, expressions, functions, tables. What a name
resolves to is not known here; the bound plan tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.guard.engine_errors import SHOW, make_refusal
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.lexical import find_byte_position
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.named_types import (
    STRUCTURED,
    UserTypes,
    compose_type_hint,
    has_plain_structure,
    may_name_collation,
    may_name_type,
)
from nl2sql.schema.identifiers import fold
from nl2sql.types import Finding, Table

Node = Mapping[str, Any]

QUERIES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
TABLE_REFERENCES: Final = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"}
)
PARTS: Final = frozenset(
    {
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ORDER_DEFAULT",
        "ASCENDING",
        "DESCENDING",
    }
)
EXPRESSIONS: Final = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "OPERATOR",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    }
)
# DuckDB makes nodes of this ending of writes inside WITH; the statement's own type still says SELECT.
_WRITES: Final = "_QUERY_NODE"
MAX_FINDINGS: Final = 20
# Zero-width joiners belong to the text of some languages, not to names.
_JOINERS: Final = ("\u200c", "\u200d")


@dataclass(slots=True)
class TreeReport:
    """What the rules say of one tree. `tables` are the readable tables it names, by path as written.

    `ctes` are the names that WITH defines anywhere, as DuckDB compares them; `words` is every text in the tree but the
    literals, in lower case.
    """

    findings: list[Finding] = field(default_factory=list)
    tables: dict[tuple[str, ...], Table] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    ctes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


class TreeRules:
    """One walk over one tree. `sql` is the text it was made of, for places."""

    def __init__(self, sql: str, names: Names, user_functions: frozenset[str], user_types: UserTypes) -> None:
        self._sql = sql
        self._names = names
        self._user_functions, self._user_types = user_functions, user_types
        self.report = TreeReport()

    def walk(self, tree: Node) -> TreeReport:
        """Judge a whole `json_serialize_sql` document that is not an error."""
        statements = tree.get("statements", [])
        if len(statements) != 1:
            self._expect_object(
                "one-statement", f"the text holds {len(statements)} statements", "Send one SELECT at a time."
            )
        stack: list[tuple[Any, frozenset[str]]] = [(statement, frozenset()) for statement in statements[:1]]
        while stack and len(self.report.findings) < MAX_FINDINGS:
            value, ctes = stack.pop()
            if isinstance(value, dict):
                stack.extend(self._judge_node(value, ctes))
            elif isinstance(value, list):
                stack.extend((item, ctes) for item in value)
            elif isinstance(value, str):
                self._note_word(value)
        return self.report

    def _judge_node(self, node: Node, ctes: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
        """Judge one object of the tree; yields its parts, each with the CTE names that it can see."""
        if node.get("named_param_map"):
            self._expect_object("parameter", "the SQL has parameters", "Write the values themselves.", node)
        if "class" in node:
            self._judge_expression(node)
        elif isinstance(node.get("type"), str):
            self._judge_reference(node, ctes)
        if set(node) == {"kind", "text"}:
            return
        inside = ctes
        for entry in (node.get("cte_map") or {}).get("map", ()):
            name = fold(entry["key"])
            self._note_word(entry["key"])
            self.report.ctes.add(name)
            yield entry["value"], inside
            inside = inside | {name}
        # A recursive query sees itself in its second half only; the first half reads the table of that name.
        if node.get("type") == "RECURSIVE_CTE_NODE":
            yield node["right"], inside | {fold(node["cte_name"])}
            node = {key: value for key, value in node.items() if key != "right"}
        called = self._judge_table_function(node) if node.get("type") == "TABLE_FUNCTION" else {}
        for key, value in (*node.items(), *called.items()):
            if key not in ("cte_map", "class", "type") and value is not called:
                yield value, inside

    def _judge_expression(self, node: Node) -> None:
        kind = node["class"]
        if kind == "PARAMETER":
            self._expect_object("parameter", "the SQL has a parameter", "Write the value itself.", node)
        elif kind not in EXPRESSIONS:
            self._expect_object(
                "syntax-not-allowed", f"the SQL has an expression of class {kind}", "Leave it out.", node
            )
        elif kind in ("FUNCTION", "WINDOW"):
            self._judge_function(node)
        elif kind == "TYPE":
            self._judge_type(node)
        elif kind == "COLLATE" and not may_name_collation(node["collation"]):
            told = f"there is no collation {node['collation']} that a query may name"
            self._expect_object("collation", told, "Leave it out, or write nocase or noaccent.", node)
        elif node.get("type") == "OPERATOR_UNPACK":
            self.report.words.add("unpack")

    def _judge_reference(self, node: Node, ctes: frozenset[str]) -> None:
        kind = node["type"]
        if kind == "BASE_TABLE":
            self._judge_base_table(node, ctes)
        elif kind == "SHOW_REF":
            finding = make_refusal(SHOW)
            self._expect_object(finding.rule, finding.message, finding.hint, node)
        elif kind.endswith(_WRITES):
            verb = kind.removesuffix(_WRITES)
            self._expect_object("read-only", f"the query holds {verb} inside WITH", "Only SELECT may run.", node)
        elif kind not in QUERIES | TABLE_REFERENCES | PARTS:
            self._expect_object("syntax-not-allowed", f"the SQL has a part of type {kind}", "Leave it out.", node)

    def _judge_base_table(self, node: Node, ctes: frozenset[str]) -> None:
        path = _read_path(node)
        if node.get("at_clause"):
            self._expect_object("syntax-not-allowed", "AT reads another version of a table", "Leave AT (…) out.", node)
        if len(path) == 1 and fold(path[0]) in ctes:
            return
        table = self._names.find_table(path)
        if table is None:
            name = ".".join(path)
            hint = self._names.compose_table_hint(path[-1] if path else "")
            self._expect_object("table", f"there is no table {name} that a query may read", hint, node)
        else:
            self.report.tables[tuple(part.lower() for part in path)] = table

    def _judge_type(self, node: Node) -> None:
        path = _read_path(node)
        if not may_name_type(path, self._names, self._user_types):
            told = f"there is no type {'.'.join(path)} that a query may name"
            self._expect_object("type", told, compose_type_hint(path[-1] if path else ""), node)

    def _judge_function(self, node: Node) -> None:
        path = _read_path(node)
        name = path[-1].lower() if path else ""
        self.report.functions.add(name)
        known = load_catalogue()
        own = name in self._user_functions
        # `value.f()` and `table.value.f()` are written like a function of a schema; only the catalog's name tells.
        if (own and name in known.functions) or (len(path) > 2 and self._names.is_catalog(path[0])):
            message = f"{'.'.join(path)} is a function of the database's own"
            self._expect_object("function", message, "Only the engine's built-in functions may be called.", node)
        elif reason := known.functions.denied.get(name):
            message = f"{name} may not be called: it {known.reasons[reason]}"
            self._expect_object("function", message, known.compose_hint(name), node)
        elif own or name not in known.functions.allowed:
            self._expect_object(
                "function", f"there is no function {name} that a query may call", known.compose_hint(name), node
            )
        elif name in STRUCTURED and not has_plain_structure(node, self._names, self._user_types):
            told = f"{name} must be told its types in a text of JSON that names DuckDB's own"
            self._expect_object("type", told, f'Write it out, like {name}(x, \'{{"a": "VARCHAR"}}\').', node)

    def _judge_table_function(self, node: Node) -> Node:
        """Judge the call that a table reference makes; returns it, as its arguments are still to be judged."""
        function: Node = node.get("function") or {}
        path = _read_path(function)
        name = path[-1].lower() if path else ""
        allowed = ", ".join(sorted(load_catalogue().table_functions.allowed))
        known = name in load_catalogue().table_functions.allowed and name not in self._user_functions
        if not known or function.get("class") != "FUNCTION":
            hint = f"Read the tables by name; table functions that may be called: {allowed}."
            self._expect_object("table-function", f"a query may not read from {name}()", hint, function)
        return function

    def _note_word(self, text: str) -> None:
        self.report.words.add(text.lower())
        if any(joiner in text for joiner in _JOINERS) and text not in self._names.invisible_names:
            self._expect_object("invisible-character", "a name holds an invisible character", "Leave it out.")

    def _expect_object(self, rule: str, message: str, hint: str, node: Node | None = None) -> None:
        line, column = find_byte_position(self._sql, (node or {}).get("query_location"))
        self.report.findings.append(Finding(rule, message[:200], hint, line, column, judge="engine-tree"))


def _read_path(node: Node) -> Sequence[str]:
    """Return the dotted name of a table or function, outermost first."""
    path: Sequence[str] = (node.get("qualified_name") or {}).get("path", ())
    return path
