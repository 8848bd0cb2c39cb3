"""Parse SQL that ran into a plain tree: no redundant parentheses, every function by its own name, joins in a row.

It reads DuckDB's canonical text. It changes nothing that the query means, and judges nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

_LOGGER: Final = logging.getLogger(__name__)
# The errors of sqlglot's parser on unknown syntax and on deeply nested text.
_UNREADABLE: Final = (SqlglotError, RecursionError)

_QUERIES: Final = ("SELECT", "WITH", "VALUES", "FROM", "PIVOT", "UNPIVOT")
# Queries about tables, which sqlglot reads as names or warns about.
_OTHER_QUERY: Final = re.compile(r"\((SHOW|DESCRIBE|SUMMARIZE) ")
_UNITS: Final = {
    "to_years": "YEAR",
    "to_quarters": "QUARTER",
    "to_months": "MONTH",
    "to_weeks": "WEEK",
    "to_days": "DAY",
    "to_hours": "HOUR",
    "to_minutes": "MINUTE",
    "to_seconds": "SECOND",
}


class PlainDuckDB(DuckDB):
    """DuckDB's SQL, with each function call as an `exp.Anonymous` of that name."""

    class Parser(DuckDBParser):
        """Keeps the names of functions, and whether a key of ORDER BY places NULLs."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: DuckDBParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[TokenType, Any]] = {
            TokenType.CURRENT_DATE: exp.CurrentDate,
            TokenType.CURRENT_TIMESTAMP: exp.CurrentTimestamp,
        }

        def _parse_ordered(self, parse_method: Callable[[], exp.Expr | None] | None = None) -> exp.Ordered | None:
            ordered: exp.Ordered | None = super()._parse_ordered(parse_method)
            if ordered is not None and self._prev.text.upper() == "LAST":
                ordered.meta["nulls_last"] = True
            return ordered

    def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
        """Return the path as it is written."""
        return path


def parse_plain(sql: str, dialect: str = "duckdb") -> exp.Query | None:
    """Parse the query into a plain tree, which the caller may change.

    None where sqlglot cannot read it, or it is no query of DuckDB.
    """
    tree = _parse(sql) if dialect == "duckdb" else None
    return tree.copy() if tree is not None else None


@lru_cache(maxsize=64)
def _parse(sql: str) -> exp.Query | None:
    if is_about_tables(sql):
        return None
    dialect = PlainDuckDB()
    try:
        trees = dialect.parser().parse(list(_drop_lambda_brackets(dialect.tokenize(sql))), sql)
        tree = trees[0] if len(trees) == 1 else None
        if not isinstance(tree, exp.Query):
            return None
        holder = exp.Paren(this=tree)
        for rewrite in REWRITES:
            rewrite(holder)
    except _UNREADABLE as exc:
        _LOGGER.debug("checked SQL has no plain tree: %s", type(exc).__name__)
        return None
    query = holder.this
    return query if isinstance(query, exp.Query) else None


def is_about_tables(sql: str) -> bool:
    """Return whether the query asks which tables and columns exist, as SHOW does, and not what they hold."""
    return not sql.lstrip("( ").startswith(_QUERIES) or _OTHER_QUERY.search(sql) is not None


def _drop_lambda_brackets(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens without the parentheses around a lambda, which sqlglot does not expect."""
    closing: list[bool] = []
    for at, token in enumerate(tokens):
        if token.token_type == TokenType.L_PAREN:
            before_lambda = at + 1 < len(tokens) and tokens[at + 1].text.lower() == "lambda"
            closing.append(before_lambda)
            if before_lambda:
                continue
        elif token.token_type == TokenType.R_PAREN and closing and closing.pop():
            continue
        yield token


def is_after_comma(join: exp.Join) -> bool:
    """Return whether the table follows a comma."""
    return not any(join.args.get(key) for key in ("on", "using", "side", "kind", "method"))


def name_function(node: exp.Expr | None) -> str:
    """Return the lower-case name of a call; empty where the node is no call."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def split_conjunction(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions that all must hold."""
    if isinstance(condition, exp.And):
        yield from split_conjunction(condition.left)
        yield from split_conjunction(condition.right)
    elif condition is not None:
        yield condition


def _drop_brackets(root: exp.Expr) -> None:
    """Turn `((a) + 1)` into `a + 1`: the tree itself has the order.

    `NOT (a IS NULL)` keeps its parentheses, because the engine distinguishes it from `a IS NOT NULL`.
    """
    for paren in list(root.find_all(exp.Paren)):
        if paren is root or (isinstance(paren.parent, exp.Not) and isinstance(paren.this, exp.Is)):
            continue
        paren.replace(paren.this)


def _flatten_joins(root: exp.Expr) -> None:
    """Turn `FROM ((a JOIN b) JOIN c)` into `FROM a JOIN b JOIN c`."""
    for select in list(root.find_all(exp.Select)):
        source = select.args.get("from_")
        while source is not None and _is_bracket(source.this):
            bracket = source.this
            inner, inside = bracket.this, bracket.args.get("joins") or []
            below = inner.args.get("joins") or []
            inner.set("joins", None)
            source.set("this", inner)
            select.set("joins", [*below, *inside, *(select.args.get("joins") or [])])
        select.set(
            "joins", [plain for join in select.args.get("joins") or () for plain in _drop_join_brackets(join)] or None
        )


def _drop_join_brackets(join: exp.Join) -> Iterator[exp.Join]:
    """Yield the join without parentheses that only group it; after a comma, followed by the joins from inside them."""
    beside: list[exp.Join] = []
    is_comma = is_after_comma(join)
    while _is_bracket(join.this):
        bracket = join.this
        inner, inside = bracket.this, bracket.args.get("joins") or []
        below = inner.args.get("joins") or []
        if (below or inside) and not is_comma:
            break
        inner.set("joins", None)
        join.set("this", inner)
        beside = [*below, *inside, *beside]
    yield join
    yield from beside


def _is_bracket(node: exp.Expr) -> bool:
    """Return whether the node is only a pair of parentheses around tables of FROM."""
    return (
        isinstance(node, exp.Subquery)
        and not node.alias
        and not node.args.get("pivots")
        and not node.args.get("sample")
        and isinstance(node.this, exp.Table | exp.Subquery)
    )


def _unwrap_queries(root: exp.Expr) -> None:
    """Drop the parentheses of `(SELECT …) UNION (SELECT …)`, and those around a whole query."""
    for bracket in list(root.find_all(exp.Subquery)):
        query, parent = bracket.this, bracket.parent
        if bracket.alias or bracket.args.get("joins") or _has_modifiers(bracket) or not isinstance(query, exp.Query):
            continue
        if isinstance(parent, exp.SetOperation):
            is_plain = isinstance(query, exp.Select) and not _has_modifiers(query)
            if is_plain or (bracket.arg_key == "this" and _is_chain(query, parent)):
                bracket.replace(query)
        elif isinstance(parent, exp.Paren | exp.CTE):
            bracket.replace(query)


def _is_chain(query: exp.Expr, parent: exp.SetOperation) -> bool:
    """Return whether the operation on the left would be evaluated first anyway."""
    if not isinstance(query, exp.SetOperation) or _has_modifiers(query):
        return False
    return isinstance(query, exp.Intersect) or not isinstance(parent, exp.Intersect)


def _has_modifiers(query: exp.Expr) -> bool:
    return any(query.args.get(key) for key in ("with_", "order", "limit", "offset", "sample", "pivots"))


def _write_counts(root: exp.Expr) -> None:
    """Turn `count_star()` into `count(*)`."""
    for call in list(root.find_all(exp.Anonymous)):
        if name_function(call) == "count_star" and not call.expressions:
            call.replace(exp.Anonymous(this="count", expressions=[exp.Star()]))


def _lower_names(root: exp.Expr) -> None:
    """Turn `"year"(d)` and `COALESCE(a)` into `year(d)` and `coalesce(a)`."""
    for call in list(root.find_all(exp.Anonymous)):
        call.set("this", call.name.lower())


def _write_members(root: exp.Expr) -> None:
    """Turn `a = ANY(SELECT …)` into `a IN (SELECT …)`."""
    for equality in list(root.find_all(exp.EQ)):
        if isinstance(equality.expression, exp.Any) and isinstance(equality.expression.this, exp.Query):
            query = equality.expression.this
            query = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query)
            equality.replace(exp.In(this=equality.this, query=query))


def _write_truths(root: exp.Expr) -> None:
    """Turn `CAST(a AS BOOLEAN) IS NOT DISTINCT FROM true` into `a IS TRUE`."""
    for same in list(root.find_all(exp.NullSafeEQ, exp.NullSafeNEQ)):
        cast, truth = same.this, same.expression
        if isinstance(truth, exp.Boolean) and isinstance(cast, exp.Cast) and cast.is_type(exp.DType.BOOLEAN):
            node: exp.Expr = exp.Is(this=cast.this, expression=truth)
            same.replace(exp.Not(this=node) if isinstance(same, exp.NullSafeNEQ) else node)


def _write_intervals(root: exp.Expr) -> None:
    """Turn `to_days(CAST(trunc(CAST(1 AS DOUBLE)) AS INTEGER))` into `INTERVAL 1 DAY`."""
    for call in list(root.find_all(exp.Anonymous)):
        if (unit := _UNITS.get(name_function(call))) and (amount := _find_amount(call)) is not None:
            call.replace(exp.Interval(this=amount, unit=exp.var(unit)))


def _find_amount(call: exp.Anonymous) -> exp.Expr | None:
    """Return the amount that the engine's parser has wrapped in casts for a unit of time."""
    whole = call.expressions[0] if len(call.expressions) == 1 else None
    if name_function(call) == "to_seconds":
        return whole.this if isinstance(whole, exp.Cast) and whole.is_type(exp.DType.DOUBLE) else None
    if not isinstance(whole, exp.Cast) or not whole.is_type(exp.DType.INT, exp.DType.BIGINT):
        return None
    trunc = whole.this
    if name_function(trunc) != "trunc" or len(trunc.expressions) != 1:
        return None
    cast = trunc.expressions[0]
    return cast.this if isinstance(cast, exp.Cast) and cast.is_type(exp.DType.DOUBLE) else None


def _write_values(root: exp.Expr) -> None:
    """Turn `(SELECT * FROM (VALUES (1)) AS valueslist) AS t(a)` into `(VALUES (1)) AS t(a)`."""
    for bracket in list(root.find_all(exp.Subquery)):
        select, alias = bracket.this, bracket.args.get("alias")
        source = select.args.get("from_") if isinstance(select, exp.Select) and select.is_star else None
        if source is not None and isinstance(source.this, exp.Values) and source.this.alias == "valueslist" and alias:
            source.this.set("alias", alias)
            bracket.replace(source.this)


def _write_order_by_all(root: exp.Expr) -> None:
    """Turn `ORDER BY COLUMNS(*)` into `ORDER BY ALL`."""
    for key in list(root.find_all(exp.Ordered)):
        call = key.this
        if name_function(call) == "columns" and len(call.expressions) == 1:
            star = call.expressions[0]
            if isinstance(star, exp.Star) and not any(star.args.values()):
                call.replace(exp.var("ALL"))


REWRITES: Final[tuple[Callable[[exp.Expr], None], ...]] = (
    _drop_brackets,
    _flatten_joins,
    _unwrap_queries,
    _write_counts,
    _lower_names,
    _write_members,
    _write_truths,
    _write_intervals,
    _write_values,
    _write_order_by_all,
)
"""The rewrites that make the engine's text plain, in order; each changes all nodes below the one given."""
