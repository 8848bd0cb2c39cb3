"""The second judge, second half: rules over the plan that DuckDB's own binder makes of the canonical text.

Here every name is resolved: views, macros, stars, aliases and whole rows are gone, and what is left is what
would be read. The plan is the unoptimised one, since the optimiser drops columns that statistics decide.

Where DuckDB cannot put that plan into JSON, `is_limited_to_named_tables` is the last resort: both syntax trees, where
nothing can hide. It lets through less than a plan does. The physical plan is asked too, which DuckDB can always show;
but since that is optimised, it only adds objections and never answers them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.guard.engine_tree import TreeReport
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.named_types import UserTypes
from nl2sql.guard.parser_protocols import EngineParser
from nl2sql.schema.identifiers import quote_literal
from nl2sql.types import MAIN_SCHEMA, Finding, Table

OPERATORS: Final = frozenset(
    f"LOGICAL_{name}"
    for name in """
    AGGREGATE_AND_GROUP_BY ANY_JOIN ASOF_JOIN COMPARISON_JOIN CROSS_PRODUCT CTE_REF DELIM_GET DELIM_JOIN
    DEPENDENT_JOIN DISTINCT DUMMY_SCAN EMPTY_RESULT EXCEPT EXPRESSION_GET FILTER GET INTERSECT LIMIT
    MATERIALIZED_CTE ORDER_BY PIVOT POSITIONAL_JOIN PROJECTION RECURSIVE_CTE SAMPLE UNION UNNEST WINDOW
    """.split()
)
NAME_COLUMNS: Final = "Name the columns, and only these: "
# Columns from here on are virtual ones that the engine adds, such as rowid.
_FIRST_VIRTUAL_INDEX: Final = 2**63
# What no view or macro of the owner's may do for a query either; DuckDB itself puts `error` into plans.
_HAZARDS: Final = frozenset({"dynamic-sql", "settings", "side-effect"})
_BINDER_OWN: Final = "error"
_ENUM: Final = "ENUM("
_SOURCES: Final = frozenset(
    "COLUMN_DATA_SCAN CTE_SCAN DELIM_SCAN DUMMY_SCAN EMPTY_RESULT REC_CTE_SCAN REC_REC_CTE_SCAN UNNEST".split()
)


@dataclass(slots=True)
class PlanReport:
    """What the rules say of one plan. `columns` are written `table.column`, both as the schema spells them.

    `generated_tables` are the tables read that have denied generated columns, which a plan does not show.
    """

    findings: list[Finding] = field(default_factory=list)
    generated_tables: list[Table] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)

    @property
    def has_denied_columns(self) -> bool:
        """Whether the plan reads a column that the policy denies."""
        return any(finding.rule == "column" for finding in self.findings)


def judge_plan(document: Mapping[str, Any], names: Names, user_types: UserTypes, canonical: str) -> PlanReport:
    """Judge a whole `json_serialize_plan` document that is not an error, of that text."""
    report = PlanReport()
    hidden = [text for text in set(user_types.values()) if _ENUM in text and names.hides_type(text)]
    plans = document.get("plans", [])
    if len(plans) != 1:
        report.findings.append(_make_finding("one-statement", f"the text has {len(plans)} plans", "Send one SELECT."))
    for node in _walk_objects(plans):
        kind = node.get("type")
        if isinstance(kind, str) and kind.startswith("LOGICAL_"):
            _judge_operator(node, kind, names, report)
        elif "qname" in node:
            _judge_call(node, report)
    told = (
        text
        for text in _find_enums_and_constants(plans)
        if text not in canonical and quote_literal(text) not in canonical
    )
    if hidden and any(_is_revealing(text, hidden) for text in told):
        message = "the query would show values of a type that it may not name, through a view"
        report.findings.append(_make_finding("type", message, "Read the tables that the view is made of."))
    return report


def _judge_operator(node: Mapping[str, Any], kind: str, names: Names, report: PlanReport) -> None:
    if kind not in OPERATORS:
        operator = kind.removeprefix("LOGICAL_").replace("_", " ")
        report.findings.append(
            _make_finding("operator", f"the query would do {operator}, which is not a read", "Write a plain SELECT.")
        )
    elif kind == "LOGICAL_GET":
        _judge_scan(node, names, report)


def _judge_scan(node: Mapping[str, Any], names: Names, report: PlanReport) -> None:
    source = [part.lower() for part in node["qname"]["path"]]
    if source[:-1] == ["system", "main"] and source[-1] in load_catalogue().table_functions.allowed:
        return
    data = node.get("function_data") or {}
    path = (data.get("qualified_name") or {}).get("path", ())
    if source not in (["seq_scan"], ["system", "main", "seq_scan"]):
        hint = "Read the tables by name."
        report.findings.append(_make_finding("scan", "the query would read something that is not a table", hint))
        return
    table = names.find_scanned(path)
    if table is None:
        message = "the query would read a table that it may not read, through a view or a macro"
        report.findings.append(_make_finding("table", message, names.compose_table_hint("")))
        return
    report.tables.add(table.name)
    if any(column.generated and not names.allows_column(table, column.name) for column in table.columns):
        report.generated_tables.append(table)
    indexes = [entry["index"] for entry in node["column_indexes"]]
    columns = [node["names"][index] for index in indexes if index < _FIRST_VIRTUAL_INDEX]
    if not all(names.allows_column(table, column) for column in columns):
        report.findings.append(make_denied_columns_finding(table, names))
        return
    report.columns.update(f"{table.name}.{column}" for column in columns)


def make_denied_columns_finding(table: Table, names: Names) -> Finding:
    """Return the finding for a query that reads denied columns of that table."""
    message = f"the query reads more of {table.name} than it may"
    return _make_finding("column", message, f"{NAME_COLUMNS}{', '.join(names.list_columns(table))}.")


def _judge_call(node: Mapping[str, Any], report: PlanReport) -> None:
    name = str(node["qname"]["path"][-1]).lower()
    if name != _BINDER_OWN and load_catalogue().functions.denied.get(name) in _HAZARDS:
        message = f"the query would call {name} through a view or a macro"
        report.findings.append(_make_finding("function", message, "Read the tables that the view is made of."))


def _find_enums_and_constants(plans: Any) -> Iterator[str]:
    """Every ENUM that an expression has, as `typeof` tells it, and every text that stands in one."""
    for node in _walk_objects(plans, without="returned_types"):
        if node.get("type") == "ENUM_TYPE_INFO":
            yield f"{_ENUM}{', '.join(quote_literal(label) for label in node['values'])})"
        elif node.get("type") == "VALUE_CONSTANT" and isinstance((node.get("value") or {}).get("value"), str):
            yield node["value"]["value"]


def _is_revealing(text: str, hidden: Sequence[str]) -> bool:
    """Whether the text is of one of those types, or tells one."""
    return any(text in one if text.startswith(_ENUM) else one in text for one in hidden)


def _walk_objects(document: Any, without: str = "") -> Iterator[Mapping[str, Any]]:
    """Every JSON object of the document, at any depth; not those under a key of that name."""
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(part for key, part in value.items() if key != without)
        elif isinstance(value, list):
            stack.extend(value)


def _make_finding(rule: str, message: str, hint: str) -> Finding:
    return Finding(rule, message, hint, judge="engine-plan")


def is_limited_to_named_tables(canonical: str, spelled: TreeReport, names: Names, parser: EngineParser) -> bool:
    """Whether what the canonical text reads is what its tree names.

    That is where every table named is a table proper without denied columns, no WITH is called like a table, no
    function of the database's own is called like one of the engine's (syntax alone may call it), and the physical
    plan scans those tables only.
    """
    known = load_catalogue()
    if any(name in known.functions or name in known.table_functions for name in parser.list_user_functions()):
        return False
    if any(map(names.has_table, spelled.ctes)):
        return False
    if not all(map(names.is_plain_table, spelled.tables.values())):
        return False
    read = {_print_table(parser.catalog, table, names) for table in spelled.tables.values()}
    sources = _SOURCES | {name.upper() for name in known.table_functions.allowed}
    for leaf in _walk_leaves(json.loads(parser.read_physical_plan(canonical))):
        table = (leaf.get("extra_info") or {}).get("Table")
        if table.replace('"', "") not in read if table else leaf["name"].strip() not in sources:
            return False
    return True


def _print_table(catalog: str, table: Table, names: Names) -> str:
    """How a physical plan prints the table, quotes left out."""
    schema, name = table.path
    path = (schema, MAIN_SCHEMA, name) if names.is_attached(table) else (catalog, schema, name)
    return ".".join(path).replace('"', "")


def _walk_leaves(plan: Any) -> Iterator[Mapping[str, Any]]:
    for node in plan:
        if node["children"]:
            yield from _walk_leaves(node["children"])
        else:
            yield node
