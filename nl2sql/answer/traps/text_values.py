"""Find texts that are taken for something else: numbers and dates stored as text, and texts that no row has.

It reports what differs, never which spelling was meant, except that it names the nearest stored one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rapidfuzz import fuzz, process
from sqlglot import exp

from nl2sql.answer.lineage import Block, StoredColumn, find_source, find_stored, walk_own_nodes
from nl2sql.answer.plain_tree import name_function, split_conjunction
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import (
    RanQuery,
    count_rows,
    find_argument,
    list_aggregates,
    make_call,
    make_count,
)
from nl2sql.schema.identifiers import quote_table
from nl2sql.schema.value_index import fold_text
from nl2sql.text_safety import make_one_line
from nl2sql.types import Schema

_DAY_FORMATS: Final = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%d %B %Y", "%B %d, %Y", "%d %b %Y")
_TEXTS: Final = (exp.DType.TEXT, exp.DType.VARCHAR)
_ORDERED: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_MAX_SHOWN_CHARS: Final = 40
_MIN_NEAR_SCORE: Final = 80.0
_MAX_LISTED_VALUES: Final = 3


def find_text_comparison(ran: RanQuery) -> Iterator[str]:
    """Find comparisons of a text column with a number or a date, which go letter by letter.

    Precondition: every stored text of the column is a number, or a date in one format, and for some row the comparison
    differs from that of the numbers or dates. `WHERE amount > '100'` finds '99' too.
    """
    for block in ran.blocks:
        for condition in block.list_conditions():
            for node in walk_own_nodes(condition):
                if not isinstance(node, (*_ORDERED, exp.Between, exp.EQ, exp.In)):
                    continue
                name, literals = _name_text(node.this, block), _list_literals(node)
                if not name or not literals:
                    continue
                if isinstance(node, exp.EQ | exp.In) and any(literal.is_string for literal in literals):
                    continue
                typed, kind = _read_as(ran, block, node.this)
                if typed is None:
                    continue
                meant = _compare_as(node, typed, kind)
                if meant is None:
                    continue
                probe = ran.probe_rows(block, [make_count()])
                if probe is None:
                    continue
                probe.set("where", exp.Where(this=exp.NullSafeNEQ(this=node.copy(), expression=meant)))
                found = ran.fetch_row(probe)
                if found and found[0]:
                    yield (
                        f"{name} holds {kind}s as text, so {write_plain_sql(node)} compares letter by letter: "
                        f"{count_rows(int(found[0]))} come out otherwise than as {kind}s"
                    )


def find_text_ranking(ran: RanQuery) -> Iterator[str]:
    """Find MIN, MAX or ORDER BY over numbers or dates stored as text.

    Precondition: every stored text is a number, or a date in one format, and the first or last by letters is not the
    first or last by value. `max(paid_on)` of '05.12.2024' and '31.01.2023' is the older one.
    """
    for block in ran.blocks:
        reported: set[str] = set()
        for what, argument in _list_ranked(block):
            name = _name_text(argument, block)
            if not name or name in reported:
                continue
            typed, kind = _read_as(ran, block, argument)
            if typed is None:
                continue
            ends = [make_call("min", argument), make_call("arg_min", argument, typed)]
            ends += [make_call("max", argument), make_call("arg_max", argument, typed)]
            found = ran.fetch_row(ran.probe_rows(block, ends))
            if not found or (found[0] == found[1] and found[2] == found[3]):
                continue
            at = 2 if found[2] != found[3] else 0
            reported.add(name)
            yield (
                f"{name} holds {kind}s as text, which {what} ranks letter by letter: "
                f"{_quote_text(found[at])} comes {'after' if at else 'before'} {_quote_text(found[at + 1])}"
            )


def _list_ranked(block: Block) -> Iterator[tuple[str, exp.Expr]]:
    for call in list_aggregates(block):
        argument = find_argument(call)
        if name_function(call) in ("min", "max") and argument is not None:
            yield f"{name_function(call)}()", argument
    order = block.select.args.get("order")
    if order is not None and block.select.args.get("group") is None:
        for key in order.expressions[:1]:
            yield "ORDER BY", key.this


def _find_text(node: exp.Expr, block: Block) -> StoredColumn | None:
    """Return the stored text column that a node is."""
    stored = find_stored(node, block)
    return stored if stored is not None and stored.column.is_text else None


def _list_literals(node: exp.Expr) -> list[exp.Literal]:
    """Return the literals that the column is compared with; empty where one is no literal."""
    parts = [node.args["low"], node.args["high"]] if isinstance(node, exp.Between) else [node.args.get("expression")]
    parts = node.expressions if isinstance(node, exp.In) else parts
    found = [part for part in parts if isinstance(part, exp.Literal)]
    return found if len(found) == len(parts) else []


def _name_text(node: exp.Expr, block: Block) -> str:
    """Return what a person calls a text value: a stored column, or a number or date cast to text; empty for others."""
    stored = _find_text(node, block)
    if stored is not None:
        return f"{stored.table.name}.{stored.column.name}"
    source, _ = find_source(node, block) if isinstance(node, exp.Column) else (node, block)
    is_made = name_function(source) == "strftime" or (isinstance(source, exp.Cast) and source.is_type(*_TEXTS))
    return write_plain_sql(node) if is_made else ""


def _read_as(ran: RanQuery, block: Block, node: exp.Expr) -> tuple[exp.Expr | None, str]:
    """Return the text as the numbers or days that all its values are, and the word for these."""
    stored = _find_text(node, block)
    samples = (stored.column.values or stored.column.texts or stored.column.samples) if stored is not None else ()
    if not all(any(sign.isdigit() for sign in text) for text in samples if text.strip()):
        return None, ""
    number = exp.TryCast(this=node.copy(), to=exp.DataType.build("DOUBLE"))
    present = make_call("count", node)
    items = [present, make_call("count", number)]
    items += [make_call("count", _parse_day(node, form)) for form in _DAY_FORMATS]
    found = ran.fetch_row(ran.probe_rows(block, items))
    if not found or not found[0]:
        return None, ""
    if found[1] == found[0]:
        return number, "number"
    whole = [form for form, count in zip(_DAY_FORMATS, found[2:], strict=True) if count == found[0]]
    # A text that is a date in two formats (03/04/2024) is ambiguous.
    return (_parse_day(node, whole[0]), "date") if len(whole) == 1 else (None, "")


def _parse_day(node: exp.Expr, form: str) -> exp.Expr:
    return make_call("try_strptime", node, exp.Literal.string(form))


def _compare_as(node: exp.Expr, typed: exp.Expr, kind: str) -> exp.Expr | None:
    """Return the comparison as one of numbers, or of days; None where a literal is none."""
    copy = node.copy()
    copy.set("this", typed.copy())
    for literal in list(copy.find_all(exp.Literal)):
        if literal.find_ancestor(exp.Anonymous, exp.TryCast) is not None:
            continue
        if kind == "number":
            try:
                float(literal.name)
            except ValueError:
                return None
            literal.replace(exp.Literal.number(literal.name))
        else:
            form = typed.expressions[1].name if isinstance(typed, exp.Anonymous) else ""
            first = make_call("try_strptime", literal, exp.Literal.string(form))
            iso = exp.TryCast(this=literal.copy(), to=exp.DataType.build("TIMESTAMP"))
            literal.replace(make_call("coalesce", first, iso))
    return copy


def find_unknown_value(ran: RanQuery) -> Iterator[str]:
    """Find filters on a text that the column does not hold, where the query finds nothing.

    Precondition: no rows, or one of zeros and NULLs; a stored text column, and no row of its table has that text, or
    one like that pattern. `WHERE status = 'Canceled'` finds nothing where 'cancelled' is stored.
    """
    if ran.is_empty_or_zero:
        yield from _find_unknown(ran)


def find_idle_value(ran: RanQuery) -> Iterator[str]:
    """Find filters on a text that the column does not hold, where the query finds something.

    Precondition: as for `find_unknown_value`, but the result has rows. `status <> 'Canceled'` excludes nothing where
    'cancelled' is stored, and `status IN ('open', 'Canceled')` is about the open ones alone.
    """
    if not ran.is_empty_or_zero:
        yield from _find_unknown(ran)


def _find_unknown(ran: RanQuery) -> Iterator[str]:
    for block in ran.blocks:
        reported: set[str] = set()
        where = block.select.args.get("where")
        conditions = [*split_conjunction(where.this if where is not None else None)]
        conditions += [join.args["on"] for join in block.select.args.get("joins") or () if join.args.get("on")]
        conditions += [part.expression.this for item in block.select.expressions for part in item.find_all(exp.Filter)]
        for condition in conditions:
            for node in walk_own_nodes(condition):
                if _is_one_of_several(node):
                    continue
                for text, stored in _list_compared(node, block):
                    if text not in reported and _is_unknown(ran, stored, node, text):
                        reported.add(text)
                        yield _describe_unknown(ran, stored, node, text)


def _list_compared(node: exp.Expr, block: Block) -> Iterator[tuple[str, StoredColumn]]:
    if isinstance(node, exp.EQ | exp.NEQ | exp.Like | exp.ILike):
        parts: list[exp.Expr] = [node.expression]
    elif isinstance(node, exp.In):
        parts = node.expressions
    else:
        return
    stored = _find_text(node.this, block)
    if stored is not None:
        yield from (
            (literal.name, stored)
            for literal in parts
            if isinstance(literal, exp.Literal) and literal.is_string and literal.name
        )


def _is_unknown(ran: RanQuery, stored: StoredColumn, node: exp.Expr, text: str) -> bool:
    """Return whether no row of the table holds the text, or one like the pattern."""
    column = stored.column
    if not isinstance(node, exp.Like | exp.ILike):
        if text in column.values or text in column.texts or text in column.samples:
            return False
        whole = (
            column.values
            and not stored.table.sampled
            and not any(len(stored_text) >= 60 for stored_text in column.values)
        )
        if whole and column.type.upper().startswith("VARCHAR"):
            return True
    stored_column = exp.column(column.name, quoted=True)
    compared: exp.Expr
    if isinstance(node, exp.Like | exp.ILike):
        compared = type(node)(this=stored_column, expression=exp.Literal.string(text))
    else:
        compared = exp.EQ(this=stored_column, expression=exp.Literal.string(text))
    table = exp.to_table(quote_table(stored.table), dialect="duckdb")
    probe = exp.select("1").from_(table).where(compared).limit(1)
    rows = ran.fetch_rows(probe)
    return rows is not None and not rows


def _describe_unknown(ran: RanQuery, stored: StoredColumn, node: exp.Expr, text: str) -> str:
    name = f"{stored.table.name}.{stored.column.name}"
    texts = stored.column.values or stored.column.texts or stored.column.samples
    known = list(dict.fromkeys(make_one_line(stored_text, _MAX_SHOWN_CHARS) for stored_text in texts))
    scored = process.extract(text, known, scorer=fuzz.WRatio, score_cutoff=_MIN_NEAR_SCORE, limit=_MAX_LISTED_VALUES)
    near = [found for found, _, _ in scored]
    if not near and stored.column.values:
        near = known[: _MAX_LISTED_VALUES + 2]
    hint = f"; it has {', '.join(map(_quote_text, near))}" if near else ""
    if elsewhere := _find_elsewhere(ran.schema, text):
        hint += f"; {elsewhere} has {_quote_text(text)}"
    what = "is like" if isinstance(node, exp.Like | exp.ILike) else "is"
    out = ", so nothing is left out" if _is_exclusion(node) else ""
    return f"nothing in {name} {what} {_quote_text(text)}{out}{hint}"


def _find_elsewhere(schema: Schema, text: str) -> str:
    """Return the columns that hold the text, in any case."""
    wanted = fold_text(text)
    found = [
        f"{table.name}.{column.name}"
        for table in schema.tables
        for column in table.columns
        if any(fold_text(stored_text) == wanted for stored_text in column.values or column.texts)
    ]
    return " and ".join(found[:_MAX_LISTED_VALUES])


def _is_one_of_several(node: exp.Expr) -> bool:
    """Return whether the comparison only classifies values, or is one of several alternative patterns."""
    if isinstance(node.find_ancestor(exp.Case, exp.Select), exp.Case):
        return True
    is_pattern = isinstance(node, exp.Like | exp.ILike)
    return is_pattern and isinstance(node.find_ancestor(exp.Or, exp.Select), exp.Or)


def _is_exclusion(node: exp.Expr) -> bool:
    return isinstance(node, exp.NEQ) or isinstance(node.parent, exp.Not) or bool(node.args.get("negate"))


def _quote_text(value: object) -> str:
    return "'" + make_one_line(str(value), _MAX_SHOWN_CHARS) + "'"
