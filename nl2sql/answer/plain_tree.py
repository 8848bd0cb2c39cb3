"""SQL that ran as a syntax tree in plain form: no brackets, every function by its own name, joins in a row.

It reads the engine's canonical text of DuckDB. It changes nothing that the query says, and judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

# What a deeply nested text makes of sqlglot's parser.
_UNREADABLE: Final = (SqlglotError, RecursionError)

_QUERIES: Final = ("SELECT", "WITH", "VALUES", "FROM", "PIVOT", "UNPIVOT")
# Queries about tables, which sqlglot takes for names or warns of.
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
    """DuckDB's SQL, in which each call of a function is an `exp.Anonymous` of that name."""

    class Parser(DuckDBParser):
        """Keeps the names of functions, and whether a key of ORDER BY says where NULLs go."""

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
        """The path as it is written."""
        return path


def parse_plain(sql: str, dialect: str = "duckdb") -> exp.Query | None:
    """The query in plain form, the caller's own to change; None where sqlglot cannot read it, or it is no query
    of DuckDB."""
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
    except _UNREADABLE:
        return None
    query = holder.this
    return query if isinstance(query, exp.Query) else None


def is_about_tables(sql: str) -> bool:
    """Whether the query asks which tables and columns there are, as SHOW does, and not what they hold."""
    return not sql.lstrip("( ").startswith(_QUERIES) or _OTHER_QUERY.search(sql) is not None


def _drop_lambda_brackets(tokens: Sequence[Token]) -> Iterator[Token]:
    """`f(l, (lambda x: x))` without the brackets that sqlglot does not expect there."""
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
    """Whether the table stands after a comma."""
    return not any(join.args.get(key) for key in ("on", "using", "side", "kind", "method"))


def name_function(node: exp.Expr | None) -> str:
    """The lower-case name of a call; empty where the node is none."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def split_conjunction(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that all must hold."""
    if isinstance(condition, exp.And):
        yield from split_conjunction(condition.left)
        yield from split_conjunction(condition.right)
    elif condition is not None:
        yield condition


def _drop_brackets(root: exp.Expr) -> None:
    """`((a) + 1)` is `a + 1`: the tree says what belongs together. `NOT (a IS NULL)` keeps its own, since the engine
    tells it from `a IS NOT NULL`."""
    for paren in list(root.find_all(exp.Paren)):
        if paren is root or (isinstance(paren.parent, exp.Not) and isinstance(paren.this, exp.Is)):
            continue
        paren.replace(paren.this)


def _flatten_joins(root: exp.Expr) -> None:
    """`FROM ((a JOIN b) JOIN c)` is `FROM a JOIN b JOIN c`; a bracket around a table says nothing."""
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
    """The join without a bracket that only holds it together; after a comma that holds whatever is joined there."""
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
    """Whether the node only stands around tables of FROM."""
    return (
        isinstance(node, exp.Subquery)
        and not node.alias
        and not node.args.get("pivots")
        and not node.args.get("sample")
        and isinstance(node.this, exp.Table | exp.Subquery)
    )


def _unwrap_queries(root: exp.Expr) -> None:
    """`(SELECT …) UNION (SELECT …)` needs no brackets, nor does a whole query in them."""
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
    """Whether the operation on the left would be read first anyway."""
    if not isinstance(query, exp.SetOperation) or _has_modifiers(query):
        return False
    return isinstance(query, exp.Intersect) or not isinstance(parent, exp.Intersect)


def _has_modifiers(query: exp.Expr) -> bool:
    return any(query.args.get(key) for key in ("with_", "order", "limit", "offset", "sample", "pivots"))


def _write_counts(root: exp.Expr) -> None:
    """`count_star()` is `count(*)`."""
    for call in list(root.find_all(exp.Anonymous)):
        if name_function(call) == "count_star" and not call.expressions:
            call.replace(exp.Anonymous(this="count", expressions=[exp.Star()]))


def _lower_names(root: exp.Expr) -> None:
    """`"year"(d)` and `COALESCE(a)` are `year(d)` and `coalesce(a)`."""
    for call in list(root.find_all(exp.Anonymous)):
        call.set("this", call.name.lower())


def _write_members(root: exp.Expr) -> None:
    """`a = ANY(SELECT …)` is `a IN (SELECT …)`."""
    for equal in list(root.find_all(exp.EQ)):
        if isinstance(equal.expression, exp.Any) and isinstance(equal.expression.this, exp.Query):
            query = equal.expression.this
            query = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query)
            equal.replace(exp.In(this=equal.this, query=query))


def _write_truths(root: exp.Expr) -> None:
    """`CAST(a AS BOOLEAN) IS NOT DISTINCT FROM true` is `a IS TRUE`."""
    for same in list(root.find_all(exp.NullSafeEQ, exp.NullSafeNEQ)):
        cast, truth = same.this, same.expression
        if isinstance(truth, exp.Boolean) and isinstance(cast, exp.Cast) and cast.is_type(exp.DType.BOOLEAN):
            node: exp.Expr = exp.Is(this=cast.this, expression=truth)
            same.replace(exp.Not(this=node) if isinstance(same, exp.NullSafeNEQ) else node)


def _write_intervals(root: exp.Expr) -> None:
    """`to_days(CAST(trunc(CAST(1 AS DOUBLE)) AS INTEGER))` is `INTERVAL 1 DAY`."""
    for call in list(root.find_all(exp.Anonymous)):
        if (unit := _UNITS.get(name_function(call))) and (amount := _find_amount(call)) is not None:
            call.replace(exp.Interval(this=amount, unit=exp.var(unit)))


def _find_amount(call: exp.Anonymous) -> exp.Expr | None:
    """What the engine's parser has wrapped for a unit of time."""
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
    """`(SELECT * FROM (VALUES (1)) AS valueslist) AS t(a)` is `(VALUES (1)) AS t(a)`."""
    for bracket in list(root.find_all(exp.Subquery)):
        select, alias = bracket.this, bracket.args.get("alias")
        source = select.args.get("from_") if isinstance(select, exp.Select) and select.is_star else None
        if source is not None and isinstance(source.this, exp.Values) and source.this.alias == "valueslist" and alias:
            source.this.set("alias", alias)
            bracket.replace(source.this)


def _write_order_by_all(root: exp.Expr) -> None:
    """`ORDER BY COLUMNS(*)` is `ORDER BY ALL`."""
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
"""What makes the engine's spelling plain, in this order; each works on all that stands below the node given."""
