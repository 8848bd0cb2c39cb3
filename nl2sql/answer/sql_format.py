"""Lay out SQL for reading: one clause a line, no redundant parentheses.

It runs nothing, and trusts no parser: `lay_out_sql` returns only a text that the engine reads as the query that ran.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.generators.duckdb import DuckDBGenerator

from nl2sql.answer.operator_precedence import add_parentheses
from nl2sql.answer.plain_tree import PlainDuckDB, is_after_comma, name_function, parse_plain
from nl2sql.errors import DatabaseError, LimitError, ToolError
from nl2sql.schema.identifiers import quote
from nl2sql.types import CheckedSQL

_LOGGER: Final = logging.getLogger(__name__)
MAX_LINE_CHARS: Final = 88
_INDENT: Final = "    "

_TYPES: Final = {
    exp.DType.INT: "INTEGER",
    exp.DType.TEXT: "VARCHAR",
    exp.DType.VARCHAR: "VARCHAR",
    exp.DType.TIMESTAMPNTZ: "TIMESTAMP",
    exp.DType.DOUBLE: "DOUBLE",
}
_TYPED_LITERALS: Final = {
    exp.DType.DATE: "DATE",
    exp.DType.TIMESTAMPNTZ: "TIMESTAMP",
    exp.DType.TIMESTAMPTZ: "TIMESTAMPTZ",
    exp.DType.TIME: "TIME",
    exp.DType.INTERVAL: "INTERVAL",
}


def lay_out_sql(sql: str, dialect: str, check: Callable[[str], CheckedSQL]) -> str:
    """Lay out canonical SQL over several lines; unchanged where the engine would read the new text differently.

    `check` is the guard's: the canonical SQL of the new text must be the text given. Where it cannot be asked, the text
    stays as it is, as does one that already has several lines.
    """
    text = sql if "\n" in sql else format_sql(sql, dialect)
    if text == sql:
        return sql
    try:
        return text if check(text).sql == sql else sql
    except (ToolError, LimitError, DatabaseError) as exc:
        _LOGGER.debug("a query stays on one line, as its layout was not checked: %s", type(exc).__name__)
        return sql


@lru_cache(maxsize=256)
def format_sql(sql: str, dialect: str) -> str:
    """Lay out the query over several lines without a check; unchanged where it cannot be read or laid out."""
    if dialect != "duckdb":
        return _indent_with_sqlglot(sql, dialect)
    tree = parse_plain(sql)
    # A line break inside a text or a name must stay where it is.
    if tree is None or any("\n" in node.name for node in tree.find_all(exp.Literal, exp.Identifier)):
        return sql
    add_parentheses(tree)
    _unquote(tree)
    try:
        return "\n".join(_Layout().lay_out_query(tree))
    except (SqlglotError, RecursionError, ValueError) as exc:
        _LOGGER.debug("a query stays on one line: %s", type(exc).__name__)
        return sql


def write_plain_sql(node: exp.Expr) -> str:
    """Write a plain tree, or a part of one, as one line of SQL."""
    holder = exp.Tuple(expressions=[node.copy()])
    add_parentheses(holder)
    _unquote(holder)
    return _Layout().write_inline(holder.expressions[0])


def _indent_with_sqlglot(sql: str, dialect: str) -> str:
    try:
        tree = parse_one(sql, read=dialect)
        text = tree.sql(dialect=dialect, pretty=True, max_text_width=MAX_LINE_CHARS)
        return text if parse_one(text, read=dialect) == tree else sql
    except SqlglotError:
        return sql


def _unquote(root: exp.Expr) -> None:
    for name in root.find_all(exp.Identifier):
        name.set("quoted", quote(name.name) != name.name)


class _Text(DuckDBGenerator):
    """Writes an expression as one line, with a mark in place of each query and CASE in it."""

    def __init__(self) -> None:
        super().__init__(dialect=PlainDuckDB, normalize_functions=False, comments=False)
        self.blocks: list[exp.Expr] = []

    def mark(self, node: exp.Expr) -> str:
        self.blocks.append(node)
        return f"\0{len(self.blocks) - 1}\0"

    def select_sql(self, expression: exp.Select) -> str:
        return self.mark(expression)

    def set_operations(self, expression: exp.SetOperation) -> str:
        return self.mark(expression)

    def case_sql(self, expression: exp.Case) -> str:
        return self.mark(expression)

    def exists_sql(self, expression: exp.Exists) -> str:
        return f"EXISTS ({self.sql(expression, 'this')})"

    def in_sql(self, expression: exp.In) -> str:
        negation = " NOT" if isinstance(expression.parent, exp.Not) else ""
        query = expression.args.get("query")
        members = self.sql(query) if query is not None else f"({self.expressions(expression, flat=True)})"
        if query is None and isinstance(field := expression.args.get("field"), exp.Expr):
            members = self.sql(field)
        return f"{self.sql(expression, 'this')}{negation} IN {members}"

    def between_sql(self, expression: exp.Between) -> str:
        negation = " NOT" if isinstance(expression.parent, exp.Not) else ""
        low, high = self.sql(expression, "low"), self.sql(expression, "high")
        return f"{self.sql(expression, 'this')}{negation} BETWEEN {low} AND {high}"

    def is_sql(self, expression: exp.Is) -> str:
        negation = " NOT" if isinstance(expression.parent, exp.Not) else ""
        return f"{self.sql(expression, 'this')} IS{negation} {self.sql(expression, 'expression')}"

    def not_sql(self, expression: exp.Not) -> str:
        text = self.sql(expression, "this")
        return text if isinstance(expression.this, exp.In | exp.Between | exp.Is) else f"NOT {text}"

    def like_sql(self, expression: exp.Like) -> str:
        return self._write_like(expression, "LIKE")

    def ilike_sql(self, expression: exp.ILike) -> str:
        return self._write_like(expression, "ILIKE")

    def _write_like(self, expression: exp.Binary, operator: str) -> str:
        negation = "NOT " if expression.args.get("negate") else ""
        return f"{self.sql(expression, 'this')} {negation}{operator} {self.sql(expression, 'expression')}"

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        name, arguments = name_function(expression), expression.expressions
        if name == "list_value":
            return f"[{', '.join(self.sql(argument) for argument in arguments)}]"
        if name == "date_part" and len(arguments) == 2 and _is_keyword(arguments[0]):
            return f"extract({arguments[0].name.lower()} FROM {self.sql(arguments[1])})"
        return f"{name}({', '.join(self.sql(argument) for argument in arguments)})"

    def distinct_sql(self, expression: exp.Distinct) -> str:
        return f"DISTINCT {self.expressions(expression, flat=True)}"

    def unnest_sql(self, expression: exp.Unnest) -> str:
        return super().unnest_sql(expression).replace("UNNEST(", "unnest(", 1)

    def filter_sql(self, expression: exp.Filter) -> str:
        return f"{self.sql(expression, 'this')} FILTER (WHERE {self.sql(expression.expression, 'this')})"

    def ordered_sql(self, expression: exp.Ordered) -> str:
        descending = expression.args.get("desc")
        direction = " DESC" if descending else " ASC" if descending is False else ""
        nulls = " NULLS FIRST" if expression.args.get("nulls_first") else ""
        nulls = " NULLS LAST" if expression.meta.get("nulls_last") else nulls
        return f"{self.sql(expression, 'this')}{direction}{nulls}"

    def lambda_sql(self, expression: exp.Lambda, arrow_sep: str = "->", wrap: bool = True) -> str:
        return f"lambda {self.expressions(expression, flat=True)}: {self.sql(expression, 'this')}"

    def currentdate_sql(self, expression: exp.CurrentDate) -> str:
        return "current_date"

    def currenttimestamp_sql(self, expression: exp.CurrentTimestamp) -> str:
        return "current_timestamp"

    def interval_sql(self, expression: exp.Interval) -> str:
        amount = self.sql(expression, "this")
        bare = isinstance(expression.this, exp.Literal)
        return f"INTERVAL {amount if bare else f'({amount})'} {expression.text('unit')}"

    def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
        kind = _TYPED_LITERALS.get(expression.to.this)
        literal = expression.this
        if kind and isinstance(literal, exp.Literal) and literal.is_string and not expression.to.expressions:
            return f"{kind} {self.sql(literal)}"
        return f"{safe_prefix or ''}CAST({self.sql(literal)} AS {self.sql(expression, 'to')})"

    def trycast_sql(self, expression: exp.TryCast) -> str:
        return f"TRY_CAST({self.sql(expression, 'this')} AS {self.sql(expression, 'to')})"

    def datatype_sql(self, expression: exp.DataType) -> str:
        plain = _TYPES.get(expression.this) if not expression.expressions else None
        return plain or super().datatype_sql(expression)


def _is_keyword(node: exp.Expr) -> bool:
    """Return whether the engine's parser read a bare word here: it turns these into capitals."""
    return isinstance(node, exp.Literal) and node.is_string and node.name.isalpha() and node.name.isupper()


class _Layout:
    """Writes a tree with its parentheses as lines of text."""

    def __init__(self) -> None:
        self._text = _Text()

    def lay_out_query(self, query: exp.Expr) -> list[str]:
        """Return the query, a clause a line.

        Raises:
            ValueError: for a kind of node that has no layout.
        """
        found = self._lay_out_with(query)
        if isinstance(query, exp.SetOperation):
            found += self._lay_out_set_operation(query)
        elif isinstance(query, exp.Subquery):
            found += ["(", *_indent_lines(self.lay_out_query(query.this)), ")"]
        elif isinstance(query, exp.Select):
            found += self._lay_out_select(query)
        else:
            raise ValueError(f"no layout for {query.key}")
        return found + self._lay_out_tail(query)

    def write_inline(self, node: exp.Expr) -> str:
        """Return the node on one line."""
        is_query = isinstance(node, exp.Query)
        text = " ".join(line.strip() for line in self.lay_out_query(node)) if is_query else self._text.sql(node)
        while (at := text.find("\0")) >= 0:
            end = text.index("\0", at + 1)
            block = self._text.blocks[int(text[at + 1 : end])]
            text = text[:at] + self._write_block_inline(block) + text[end + 1 :]
        return text

    def _write_block_inline(self, block: exp.Expr) -> str:
        if isinstance(block, exp.Case):
            return " ".join(_lay_out_case(block, self))
        return " ".join(line.strip() for line in self.lay_out_query(block))

    def _lay_out_with(self, query: exp.Expr) -> list[str]:
        with_ = query.args.get("with_")
        if with_ is None:
            return []
        found: list[str] = []
        for at, cte in enumerate(with_.expressions):
            keyword = "" if at else "WITH RECURSIVE " if with_.recursive else "WITH "
            if cte.args.get("key_expressions"):
                raise ValueError("USING KEY has no layout")
            alias = self._text.sql(cte, "alias")
            materialized = {True: " MATERIALIZED", False: " NOT MATERIALIZED"}.get(cte.args.get("materialized"), "")
            found.append(f"{keyword}{alias} AS{materialized} (")
            found += _indent_lines(self.lay_out_query(cte.this))
            found.append(")," if at < len(with_.expressions) - 1 else ")")
        return found

    def _lay_out_set_operation(self, query: exp.SetOperation) -> list[str]:
        return [*self.lay_out_query(query.left), self._text.set_operation(query), *self.lay_out_query(query.right)]

    def _lay_out_select(self, select: exp.Select) -> list[str]:
        distinct = select.args.get("distinct")
        head = "SELECT"
        if distinct is not None:
            on = distinct.args.get("on")
            head += f" DISTINCT ON ({self._lay_out_list(on.expressions)})" if on is not None else " DISTINCT"
        found = self._lay_out_items(head, [self.lay_out_item(item) for item in select.expressions])
        if source := select.args.get("from_"):
            found += self._lay_out_from(source, select.args.get("joins") or [])
        for key, keyword in (("where", "WHERE"), ("having", "HAVING"), ("qualify", "QUALIFY")):
            if key == "having" and (group := select.args.get("group")) is not None:
                found += self._lay_out_group(group)
            if (clause := select.args.get(key)) is not None:
                found += self._lay_out_condition(keyword, clause.this)
        if windows := select.args.get("windows"):
            found += self._lay_out_items("WINDOW", [self.lay_out_item(window) for window in windows])
        return found

    def _lay_out_group(self, group: exp.Group) -> list[str]:
        if group.args.get("all"):
            return ["GROUP BY ALL"]
        if any(group.args.get(key) for key in ("grouping_sets", "cube", "rollup", "totals")):
            return [self._text.sql(group).strip()]
        return self._lay_out_items("GROUP BY", [self.lay_out_item(key) for key in group.expressions])

    def _lay_out_from(self, source: exp.From, joins: Sequence[exp.Join]) -> list[str]:
        found = self._fill_marks(f"FROM {self._text.sql(source, 'this')}")
        for join in joins:
            if is_after_comma(join):
                first, *rest = self._fill_marks(self._text.sql(join, "this"))
                if len(found) == 1 and len(found[0]) + len(first) < MAX_LINE_CHARS:
                    found[-1] += f", {first}"
                    found += rest
                else:
                    found[-1] += ","
                    found += _indent_lines([first, *rest])
                continue
            text = self._text.join_sql(join).strip()
            text = text.replace("INNER JOIN", "JOIN", 1) if text.startswith("INNER JOIN") else text
            on = join.args.get("on")
            lines = self._fill_marks(text)
            if on is not None and (len(lines) == 1 and len(lines[0]) > MAX_LINE_CHARS):
                head = text[: text.rindex(" ON ", 0, len(text) - len(self._text.sql(on)))]
                lines = [*self._fill_marks(head), *_indent_lines(self._lay_out_condition("ON", on))]
            found += lines
        return found

    def _lay_out_condition(self, keyword: str, condition: exp.Expr) -> list[str]:
        """Return the condition on one line, or a line for each of its parts."""
        lines = self._fill_marks(f"{keyword} {self._text.sql(condition)}")
        if len(lines) == 1 and len(lines[0]) <= MAX_LINE_CHARS:
            return lines
        kind = exp.And if isinstance(condition, exp.And) else exp.Or if isinstance(condition, exp.Or) else None
        if kind is None:
            return lines
        first, *rest = _split_parts(condition, kind)
        word = "AND" if kind is exp.And else "OR"
        found = self._fill_marks(f"{keyword} {self._text.sql(first)}")
        for part in rest:
            found += _indent_lines(self._fill_marks(f"{word} {self._text.sql(part)}"))
        return found

    def _lay_out_tail(self, query: exp.Expr) -> list[str]:
        found: list[str] = []
        if (order := query.args.get("order")) is not None:
            found += self._lay_out_items("ORDER BY", [self.lay_out_item(key) for key in order.expressions])
        for key in ("limit", "offset", "sample"):
            if (clause := query.args.get(key)) is not None:
                found += self._fill_marks(self._text.sql(clause).strip())
        return found

    def lay_out_item(self, node: exp.Expr) -> str:
        """Return an item of a list, over several lines where it is long."""
        return "\n".join(self._fill_marks(self._text.sql(node)))

    def _lay_out_list(self, nodes: Sequence[exp.Expr]) -> str:
        return ", ".join(self._text.sql(node) for node in nodes)

    def _lay_out_items(self, keyword: str, items: Sequence[str]) -> list[str]:
        line = f"{keyword} {', '.join(items)}"
        if "\n" not in line and len(line) <= MAX_LINE_CHARS:
            return [line]
        if len(items) == 1:
            first, *rest = f"{keyword} {items[0]}".split("\n")
            return [first, *rest]
        found = [keyword]
        for at, one in enumerate(items):
            lines = one.split("\n")
            lines[-1] += "," if at < len(items) - 1 else ""
            found += _indent_lines(lines)
        return found

    def _fill_marks(self, text: str) -> list[str]:
        """Fill the marks of a text: on one line where that is short enough, else with blocks of lines."""
        if "\0" not in text:
            return [text]
        short = text
        while (at := short.find("\0")) >= 0:
            end = short.index("\0", at + 1)
            short = (
                short[:at] + self._write_block_inline(self._text.blocks[int(short[at + 1 : end])]) + short[end + 1 :]
            )
        if len(short) <= MAX_LINE_CHARS:
            return [short]
        pieces = text.split("\0")
        lines = [pieces[0]]
        for at in range(1, len(pieces), 2):
            block = self._text.blocks[int(pieces[at])]
            if isinstance(block, exp.Case):
                inside = _lay_out_case(block, self)
                lines[-1] += inside[0]
                lines += inside[1:]
            else:
                lines += _indent_lines(self.lay_out_query(block))
                lines.append("")
            lines[-1] += pieces[at + 1]
        return lines


def _lay_out_case(case: exp.Case, layout: _Layout) -> list[str]:
    """Return CASE with a line for each branch."""
    head = "CASE" if case.this is None else f"CASE {layout.lay_out_item(case.this)}"
    found = [head]
    for branch in case.args["ifs"]:
        found += _indent_lines(
            f"WHEN {layout.lay_out_item(branch.this)} THEN {layout.lay_out_item(branch.args['true'])}".split("\n")
        )
    if (default := case.args.get("default")) is not None:
        found += _indent_lines(f"ELSE {layout.lay_out_item(default)}".split("\n"))
    return [*found, "END"]


def _split_parts(condition: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    if isinstance(condition, kind):
        return [*_split_parts(condition.args["this"], kind), *_split_parts(condition.args["expression"], kind)]
    return [condition]


def _indent_lines(lines: Sequence[str]) -> list[str]:
    return [_INDENT + line for line in lines]
