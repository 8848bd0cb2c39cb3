"""The third judge: rules over sqlglot's tree.

For DuckDB it is a second opinion on the canonical text: it must see the same tables and no function or column
that the engine's tree doesn't hold. It is a helper there, not a judge of its own: where sqlglot cannot parse what
the engine's judges accept (newer syntax), they decide. What that is worth: a bug in our reading of the engine's tree
that hides a table has to meet the same bug in another parser; it is worth nothing where sqlglot fails.

For other engines it judges alone, by the text's names. It cannot see through a view or a function of the
database's own, and its parser is not the one that runs: give such an engine a user of least rights. What runs
is the SQL that sqlglot writes from the judged tree, so that a reading of the text that differs from the
engine's is not run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nl2sql.guard.engine_tree import TreeReport
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.name_resolution import Names
from nl2sql.schema.identifiers import fold
from nl2sql.types import Finding, Verdict

_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_NOT_READING: Final = (
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Alter,
    exp.Analyze,
    exp.Attach,
    exp.Cache,
    exp.Copy,
    exp.Describe,
    exp.Detach,
    exp.Drop,
    exp.Export,
    exp.Install,
    exp.Into,
    exp.Kill,
    exp.LoadData,
    exp.Lock,
    exp.Merge,
    exp.Pragma,
    exp.Set,
    exp.Show,
    exp.Summarize,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.TruncateTable,
    exp.Use,
)
_PARAMETERS: Final = (exp.Parameter, exp.Placeholder, exp.SessionParameter)
_HOST: Final = (exp.ReadCSV, exp.CurrentUser, exp.CurrentSchema, exp.CurrentDatabase, exp.CurrentCatalog)


@dataclass(frozen=True, slots=True)
class ParsedSQL:
    """One text as sqlglot read it. `engine` is what DuckDB's tree holds, None on other engines."""

    statements: tuple[exp.Expr, ...]
    names: Names
    engine: TreeReport | None = None

    def find_all(self, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
        """Every node of those kinds, at any depth."""
        for statement in self.statements:
            yield from statement.find_all(*kinds)


def check_single_query(reading: ParsedSQL) -> Iterator[Finding]:
    """Exactly one statement, and it is a query."""
    if len(reading.statements) != 1:
        yield _make_finding("one-statement", f"the text holds {len(reading.statements)} statements", "Send one SELECT.")
    elif isinstance(reading.statements[0], _NOT_READING):
        yield _make_finding("read-only", "the statement is not a SELECT", "Write one SELECT: nothing else runs.")
    elif not isinstance(reading.statements[0], _QUERIES):
        yield _make_finding("syntax", "the text is not a statement", "Write one SELECT.")


def refuse_writes(reading: ParsedSQL) -> Iterator[Finding]:
    """Nothing that writes, sets, locks or describes, at any depth; `SELECT *` has a DDL base class of its own."""
    for node in reading.find_all(*_NOT_READING):
        if not isinstance(node, exp.Query):
            yield _make_finding("read-only", f"the query holds {node.key.upper()}", "Only SELECT may run.")


def refuse_parameters(reading: ParsedSQL) -> Iterator[Finding]:
    """Values stand in the text: a parameter can be bound to what nobody judged."""
    for node in reading.find_all(*_PARAMETERS):
        yield _make_finding("parameter", f"the SQL has the parameter {node.sql()[:40]}", "Write the value itself.")


def compare_tables(reading: ParsedSQL) -> Iterator[Finding]:
    """On DuckDB: exactly the tables of the engine's own tree."""
    if reading.engine is None:
        return
    seen = {_read_path(table) for table in _find_tables(reading)}
    if seen != set(reading.engine.tables):
        yield _make_finding("second-parser", "two parsers read different tables in this text", "Write it more simply.")


def check_tables(reading: ParsedSQL) -> Iterator[Finding]:
    """On other engines: tables that the schema knows and the policy allows, and nothing read from a function."""
    if reading.engine is not None:
        return
    for table in _find_tables(reading):
        if reading.names.find_table(_read_path(table)) is None:
            message = f"there is no table {'.'.join(_read_path(table))[:80]} that a query may read"
            yield _make_finding("table", message, reading.names.compose_table_hint(table.name))
    for node in reading.find_all(exp.Table, exp.Lateral):
        if isinstance(node.this, exp.Func | exp.Anonymous) and not isinstance(node.this, exp.Unnest | exp.Explode):
            name = node.this.name or node.this.key
            yield _make_finding(
                "table-function", f"a query may not read from {name[:80]}()", "Read the tables by name."
            )


def check_functions(reading: ParsedSQL) -> Iterator[Finding]:
    """No function that sqlglot does not know, unless the engine's tree has it or our list allows it."""
    allowed = load_catalogue().functions.allowed
    for node in reading.find_all(exp.Anonymous, exp.AnonymousAggFunc):
        name = node.name.lower()
        if reading.engine is not None and name not in reading.engine.words:
            yield _make_finding("second-parser", "two parsers read different functions", "Write it more simply.")
        elif reading.engine is None and name not in allowed:
            message = f"there is no function {name[:80]} that a query may call"
            yield _make_finding("function", message, load_catalogue().compose_hint(name))
    if reading.engine is None:
        for node in reading.find_all(*_HOST):
            yield _make_finding("function", f"{node.key} may not be called", "Leave it out.")


def compare_columns(reading: ParsedSQL) -> Iterator[Finding]:
    """On DuckDB: no column of the schema that the engine's own tree does not name."""
    if reading.engine is None:
        return
    for node in reading.find_all(exp.Column):
        if node.name.lower() not in reading.engine.words and reading.names.has_column(node.name):
            yield _make_finding("second-parser", "two parsers read different columns", "Write it more simply.")
            return


def check_denied_columns(reading: ParsedSQL) -> Iterator[Finding]:
    """On other engines: where a table has denied columns, nothing may name one, or take all columns at once.

    By names alone, so stars beside such a table, and whole rows, NATURAL and renamed column lists anywhere, are
    refused.
    """
    if reading.engine is not None:
        return
    tables = [node for node in _find_tables(reading) if _is_guarded(reading, node)]
    guarded = [table for table in map(reading.names.find_table, map(_read_path, tables)) if table]
    if not guarded:
        return
    denied = {c.name.lower() for t in guarded for c in t.columns if not reading.names.allows_column(t, c.name)}
    sources = {t.alias_or_name.lower() for t in reading.find_all(exp.Table)}
    for node in reading.find_all(exp.Identifier, exp.Star, exp.Column, exp.TableAlias, exp.Join):
        if (
            (isinstance(node, exp.Identifier) and node.name.lower() in denied)
            or (isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count) and _is_star_over(node, tables))
            or (isinstance(node, exp.Column) and not node.table and node.name.lower() in sources)
            or (isinstance(node, exp.TableAlias) and node.args.get("columns"))
            or (isinstance(node, exp.Join) and node.method == "NATURAL")
        ):
            columns = "; ".join(f"{t.name}: {', '.join(reading.names.list_columns(t))}" for t in guarded)
            message = "the query may read more of a table than it may"
            yield _make_finding("column", message, f"Name the columns, and only these: {columns}.")
            return


Rule = Callable[[ParsedSQL], Iterator[Finding]]
RULES: Final[tuple[Rule, ...]] = (
    check_single_query,
    refuse_writes,
    refuse_parameters,
    compare_tables,
    check_tables,
    check_functions,
    compare_columns,
    check_denied_columns,
)


def cross_check(canonical: str, engine: TreeReport, names: Names) -> tuple[Finding, ...] | None:
    """Objections to DuckDB's canonical text; None where sqlglot cannot parse it."""
    statements = _parse(canonical, "duckdb")
    return _apply_rules(ParsedSQL(statements, names, engine)) if statements is not None else None


def judge_alone(sql: str, names: Names, dialect: str) -> Verdict:
    """Return the verdict on a text for an engine other than DuckDB, whose bounds are judged already."""
    judges = ("lexical", "sqlglot")
    statements = _parse(sql, dialect)
    if statements is None:
        message = "the SQL cannot be parsed"
        finding = _make_finding("syntax", message, f"Mend the SQL; it must be the {dialect} dialect.")
        return Verdict(findings=(finding,), judges=judges)
    reading = ParsedSQL(statements, names)
    if findings := _apply_rules(reading):
        return Verdict(findings=findings, judges=judges)
    tables = {t.name for t in map(names.find_table, map(_read_path, _find_tables(reading))) if t}
    functions = {node.key for node in reading.find_all(exp.Func)}
    written = statements[0].sql(dialect=dialect, comments=False)
    return Verdict(written, tuple(sorted(tables)), functions=tuple(sorted(functions)), judges=judges)


def _parse(sql: str, dialect: str) -> tuple[exp.Expr, ...] | None:
    # sqlglot answers some texts with a bare IndexError, and deep ones with RecursionError.
    try:
        parsed = sqlglot.parse(sql, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except (SqlglotError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return tuple(statement for statement in parsed if statement is not None)


def _apply_rules(reading: ParsedSQL) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(finding for rule in RULES for finding in rule(reading)))


def _find_tables(reading: ParsedSQL) -> Iterator[exp.Table]:
    """Tables that are neither a CTE in sight nor a function called."""
    for node in reading.find_all(exp.Table):
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            continue
        if not _is_cte(node, exactly=reading.engine is None):
            yield node


def _is_cte(table: exp.Table, *, exactly: bool) -> bool:
    """Whether the name is that of a WITH above the table, defined before it or recursive.

    `exactly` asks for the same spelling and quotes, as only the engine knows which others are the same.
    """
    if table.db or table.catalog:
        return False
    below: exp.Expr = table
    above = table.parent
    while above is not None:
        for name, query, recursive in _find_definitions(above):
            inside = below is query or (isinstance(below, exp.With) and _is_within(table, query))
            if inside and not recursive:
                break
            if _read_spelling(table.this) == _read_spelling(name) if exactly else fold(table.name) == fold(name.name):
                return True
            if inside:
                break
        below, above = above, above.parent
    return False


def _find_definitions(query: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr, bool]]:
    with_ = query.args.get("with_")
    if with_ is not None:
        for cte in with_.expressions:
            # Without a UNION there is no recursion: its own name is then the table's.
            recursive = bool(with_.args.get("recursive")) and isinstance(cte.this, exp.SetOperation)
            yield cte.args["alias"].this, cte, recursive


def _read_spelling(name: exp.Expr) -> tuple[str, bool]:
    return name.name, bool(name.args.get("quoted"))


def _is_within(node: exp.Expr, ancestor: exp.Expr) -> bool:
    above: exp.Expr | None = node
    while above is not None and above is not ancestor:
        above = above.parent
    return above is ancestor


def _read_path(table: exp.Table) -> tuple[str, ...]:
    return tuple(part.name.lower() for part in table.parts)


def _is_guarded(reading: ParsedSQL, node: exp.Table) -> bool:
    table = reading.names.find_table(_read_path(node))
    return table is not None and reading.names.denies_columns_of(table)


def _is_star_over(star: exp.Expr, tables: list[exp.Table]) -> bool:
    """Whether the star's own SELECT, or one that it can refer out to, reads one of the tables directly."""
    selects = {id(table.find_ancestor(exp.Select)) for table in tables}
    above = star.find_ancestor(exp.Select, exp.CTE)
    while isinstance(above, exp.Select):
        if id(above) in selects:
            return True
        above = above.find_ancestor(exp.Select, exp.CTE)
    return False


def _make_finding(rule: str, message: str, hint: str) -> Finding:
    return Finding(rule, message, hint, judge="sqlglot")
