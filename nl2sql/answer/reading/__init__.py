"""Explain what SQL does, in sentences made from its syntax tree without a model.

Each step, join, filter and limit of the query is described, however deep it stands. Nothing is judged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, Relation, is_star, list_blocks
from nl2sql.answer.plain_tree import is_after_comma, name_function, parse_plain, split_conjunction
from nl2sql.answer.reading.moments import say_moment
from nl2sql.answer.reading.terms import find_period, has_relative_condition, label_relation, shorten_comment
from nl2sql.answer.reading.wording import Wording
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import is_aggregated, list_group_keys
from nl2sql.types import Schema

_MAX_LINE_CHARS: Final = 110
_JOIN_NOTES: Final = {"LEFT": ", keeping rows without a match", "FULL": ", keeping rows without a match on either side"}
_EVERY: Final = ("year", "quarter", "month", "week", "day", "hour")
_OPERATIONS: Final = {
    exp.Union: "the rows of {0} and of {1}",
    exp.Intersect: "the rows that {0} and {1} both have",
    exp.Except: "the rows of {0} that {1} does not have",
}


def explain_sql(sql: str, dialect: str, schema: Schema | None = None, today: dt.date | None = None) -> tuple[str, ...]:
    """Return sentences about checked SQL; empty where sqlglot cannot parse it.

    `schema` has the types of columns and the owner's comments. `today` is the engine's current date: with it, relative
    days are computed.
    """
    tree = parse_plain(sql, dialect)
    return tuple(_Reading(tree, schema or Schema(()), today).write_lines()) if tree is not None else ()


class _Reading:
    """The sentences about one query. `_introduced` are the columns and tables whose comments have been given."""

    def __init__(self, tree: exp.Query, schema: Schema, today: dt.date | None) -> None:
        self._tree = tree
        self._today = today
        self._blocks = list_blocks(tree, schema)
        self._by_select = {id(block.select): block for block in self._blocks}
        self._introduced: set[str] = set()
        self._names: dict[int, str] = {}

    def write_lines(self) -> Iterator[str]:
        yield from self._describe_query(self._tree, "")
        if self._today is not None and any(has_relative_condition(block) for block in self._blocks):
            yield f"Today is {say_moment(self._today)}."

    def _describe_query(self, query: exp.Expr, name: str) -> Iterator[str]:
        """Yield the lines of a query, after those of its steps. `name` is its name, empty for the main query."""
        with_ = query.args.get("with_")
        for cte in with_.expressions if with_ is not None else ():
            yield from self._describe_query(cte.this, cte.alias)
        if isinstance(query, exp.Subquery):
            yield from self._describe_query(query.this, name)
        elif isinstance(query, exp.SetOperation):
            yield from self._describe_set_operation(query, name)
        elif isinstance(query, exp.Select):
            block = self._by_select[id(query)]
            yield from self._describe_derived_tables(block)
            yield from (f"{name}: {line}" if name else line for line in self._describe_block(block))
        if not isinstance(query, exp.Select):
            yield from (f"{name}: {line}" if name else line for line in self._describe_tail(query))

    def _describe_derived_tables(self, block: Block) -> Iterator[str]:
        """Yield the lines of the derived tables that a SELECT reads, each under its name."""
        for relation in block.relations:
            node = relation.node
            if isinstance(node, exp.Subquery) and relation.blocks:
                yield from self._describe_query(node.this, self._name_relation(relation))

    def _describe_set_operation(self, query: exp.SetOperation, name: str) -> Iterator[str]:
        parts = list(_list_operands(query))
        named = [f"{name} part {at}" if name else f"part {at}" for at in range(1, len(parts) + 1)]
        for part, called in zip(parts, named, strict=True):
            yield from self._describe_query(part, called)
        prefix = f"{name}: " if name else ""
        yield f"{prefix}Takes {self._say_combination(query, iter(named))}."

    def _say_combination(self, query: exp.Expr, names: Iterator[str]) -> str:
        if not isinstance(query, exp.SetOperation):
            return next(names)
        left = self._say_combination(query.left, names)
        right = self._say_combination(query.right, names)
        words = next(words for kind, words in _OPERATIONS.items() if isinstance(query, kind))
        again = ", again and again while there are new ones" if _is_recursive(query) else ""
        once = ", each different one once" if query.args.get("distinct") is not False else ""
        sides = [f"({side})" if side.startswith("the rows") else side for side in (left, right)]
        return words.format(*sides) + once + again

    def _describe_block(self, block: Block) -> Iterator[str]:
        select = block.select
        words = self._make_wording(block)
        joined = _list_comma_join_conditions(block)
        if block.relations:
            joins = list(self._describe_joins(block, words, joined))
            source = f"Reads {self._introduce(block.relations[0])}"
            if len(joins) < 2:
                yield f"{source}{''.join(joins)}."
            else:
                yield f"{source}."
                yield from (f"{_capitalize(join.removeprefix(', '))}." for join in joins)
        where = select.args.get("where")
        conditions = [part for part in split_conjunction(where.this if where else None) if not _is_one_of(part, joined)]
        if conditions:
            yield from _spread_sentences("Only rows where ", words.list_conditions(conditions))
        if grouped := self._say_groups(block, words):
            yield grouped
        if (having := select.args.get("having")) is not None:
            yield from _spread_sentences(
                "Only groups where ", words.list_conditions(list(split_conjunction(having.this)))
            )
        if (qualify := select.args.get("qualify")) is not None:
            yield from _spread_sentences(
                "Then only rows where ", words.list_conditions(list(split_conjunction(qualify.this)))
            )
        yield from self._describe_columns(block, words)
        if (distinct := select.args.get("distinct")) is not None:
            on = distinct.args.get("on")
            keys = ", ".join(words.say(key) for key in on.expressions) if on is not None else ""
            yield f"Only the first row for each {keys}." if keys else "Each different row once."
        yield from self._describe_order(select, words)

    def _make_wording(self, block: Block) -> Wording:
        return Wording(block, self._say_inner, self._today, self._introduced)

    def _introduce(self, relation: Relation) -> str:
        """Name an entry of FROM; the first time, with its comment."""
        name = self._name_relation(relation)
        table = relation.table
        if table is None or not table.comment or table.name.lower() in self._introduced:
            return name
        self._introduced.add(table.name.lower())
        comment = shorten_comment(table.comment)
        return f"{name} ({comment})" if comment else name

    def _name_relation(self, relation: Relation) -> str:
        """Return the name of an entry of FROM."""
        node = relation.node
        if relation.table is not None or (isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)):
            name, label = relation.table.name if relation.table is not None else node.name, label_relation(relation)
            return name if label.lower() == name.lower() else f"{name} as {label}"
        if isinstance(node, exp.Subquery) and relation.blocks:
            return relation.alias or self._names.setdefault(id(node), f"list {len(self._names) + 1}")
        return write_plain_sql(node)

    def _describe_joins(self, block: Block, words: Wording, joined: Sequence[exp.Expr]) -> Iterator[str]:
        for relation in block.relations[1:]:
            join = relation.join
            name = self._name_relation(relation)
            if join is None:
                yield f", with {name}"
                continue
            by = self._say_join_keys(block, relation, join, words, joined)
            kind, side = (join.kind or "").upper(), (join.side or "").upper()
            if kind == "SEMI":
                yield f", only rows with a match in {name}{by}"
            elif kind == "ANTI":
                yield f", only rows without a match in {name}{by}"
            elif not by and (kind == "CROSS" or is_after_comma(join)):
                yield f", each row beside every row of {name}"
            else:
                note = _JOIN_NOTES.get(side, f", keeping rows of {name} without a match" if side == "RIGHT" else "")
                method = f" ({join.method.lower()} join)" if join.method else ""
                yield f", joined to {name}{by}{method}{note}"

    def _say_join_keys(
        self, block: Block, relation: Relation, join: exp.Join, words: Wording, joined: Sequence[exp.Expr]
    ) -> str:
        """Say which columns the join equates, and its other conditions."""
        using = [column.name for column in join.args.get("using") or ()]
        conditions = list(split_conjunction(join.args.get("on")))
        if not conditions:
            conditions = [condition for condition in joined if _is_last(block, relation, condition)]
        others: list[str] = []
        for condition in conditions:
            pair = (condition.left, condition.right) if isinstance(condition, exp.EQ) else ()
            if len(pair) == 2 and all(isinstance(side, exp.Column) for side in pair):
                if pair[0].name.lower() == pair[1].name.lower():
                    using.append(pair[0].name)
                else:
                    using.append(f"{words.write_node(pair[0])} = {words.write_node(pair[1])}")
            else:
                others.append(words.say_condition(condition))
        by = f" by {' and '.join(using)}" if using else ""
        return by + (f" where {' and '.join(others)}" if others else "")

    def _say_groups(self, block: Block, words: Wording) -> str:
        if not is_aggregated(block):
            return ""
        group = block.select.args.get("group")
        if group is not None and any(group.args.get(key) for key in ("grouping_sets", "cube", "rollup")):
            return f"One row for each group of {words.write_node(group).strip()}."
        keys = list_group_keys(block)
        if not keys:
            return "One row over all of them."
        periods = [(find_period(key), key) for key in keys]
        if len(keys) == 1 and (found := periods[0][0]) and found[0] in _EVERY:
            return f"One row {'an' if found[0] == 'hour' else 'a'} {found[0]}, by {words.say(found[1])}."
        named = [f"{p[0]} of {words.say(p[1])}" if p and p[0] in _EVERY else words.say_short(key) for p, key in periods]
        return f"One row for each {' and '.join([', '.join(named[:-1]), named[-1]] if len(named) > 1 else named)}."

    def _describe_columns(self, block: Block, words: Wording) -> Iterator[str]:
        """Yield the columns: on one line where that is short, else each computed one on a line of its own."""
        items = block.select.expressions
        descriptions = [self._say_column(item, words) for item in items]
        separator = "; " if any("," in description for description in descriptions) else ", "
        whole = f"Shows {separator.join(descriptions)}."
        plain = [
            description
            for item, description in zip(items, descriptions, strict=True)
            if isinstance(item.unalias(), exp.Column)
        ]
        if len(whole) <= _MAX_LINE_CHARS or len(plain) == len(items):
            yield whole
            return
        if plain:
            yield f"Shows {', '.join(plain)}."
        computed = [
            description
            for item, description in zip(items, descriptions, strict=True)
            if not isinstance(item.unalias(), exp.Column)
        ]
        yield from (f"Shows {description}." for description in computed)

    def _say_column(self, item: exp.Expr, words: Wording) -> str:
        if is_star(item):
            which = f" of {item.table}" if isinstance(item, exp.Column) else ""
            star = item.this if isinstance(item, exp.Column) else item
            left_out = ", ".join(column.name for column in star.args.get("except_") or ())
            replaced = ", ".join(words.write_node(column) for column in star.args.get("replace") or ())
            exclusion = f" but {left_out}" if left_out else ""
            replacement = f" with {replaced}" if replaced else ""
            return f"all columns{which}{exclusion}{replacement}"
        value = item.unalias()
        description = words.say(value)
        is_own = isinstance(value, exp.Column) and value.name.lower() == item.alias.lower()
        if not item.alias or is_own:
            return description
        return (
            f"{description} as {item.alias}"
            if isinstance(value, exp.Column | exp.Literal)
            else f"{item.alias} = {description}"
        )

    def _describe_order(self, select: exp.Select, words: Wording) -> Iterator[str]:
        """Say how rows are sorted, and how many are shown."""
        order, limit = select.args.get("order"), select.args.get("limit")
        count = write_plain_sql(limit.expression) if isinstance(limit, exp.Limit) else ""
        offset = select.args.get("offset")
        skipped = f" after the first {write_plain_sql(offset.expression)}" if offset is not None else ""
        keys = order.expressions if order is not None else []
        if count and len(keys) == 1 and not skipped and (top := _say_top(words, keys[0], count)):
            yield top
            return
        if keys:
            yield f"Sorted by {', then '.join(words.say_key(key) for key in keys)}."
        if count:
            rows = "1 row" if count == "1" else f"{count} rows"
            yield f"Only the first {rows}{skipped}." if keys else f"Only {rows}{skipped}, in no order."
        elif skipped:
            yield f"Only the rows{skipped}."
        if (sample := select.args.get("sample")) is not None:
            yield f"Only a sample: {write_plain_sql(sample).strip()}."

    def _describe_tail(self, query: exp.Expr) -> Iterator[str]:
        """Say how the rows of a set operation are sorted, and how many are shown."""
        if (order := query.args.get("order")) is not None:
            keys = [
                write_plain_sql(key.this) + (", largest first" if key.args.get("desc") else "")
                for key in order.expressions
            ]
            yield f"Sorted by {', then '.join(keys)}."
        limit, offset = query.args.get("limit"), query.args.get("offset")
        skipped = f" after the first {write_plain_sql(offset.expression)}" if offset is not None else ""
        if isinstance(limit, exp.Limit):
            yield f"Only the first {write_plain_sql(limit.expression)} rows{skipped}."

    def _say_inner(self, node: exp.Expr) -> str:
        """Describe a query in parentheses in one phrase: what it returns, from which rows."""
        query = node.this if isinstance(node, exp.Exists) else node
        while isinstance(query, exp.Subquery):
            query = query.this
        block = self._by_select.get(id(query))
        if block is None or block.select.args.get("with_") or any(r.blocks for r in block.relations if not r.table):
            return self._say_bracketed(query)
        words = self._make_wording(block)
        parts = [self._say_inner_head(node, block, words)]
        where = block.select.args.get("where")
        joined = _list_comma_join_conditions(block)
        parts += [part.removeprefix(", ") for part in self._describe_joins(block, words, joined)]
        conditions = [part for part in split_conjunction(where.this if where else None) if not _is_one_of(part, joined)]
        if conditions:
            parts.append(f"where {' and '.join(words.list_conditions(conditions))}")
        keys = list_group_keys(block)
        if keys:
            parts.append(f"for each {', '.join(words.say(key) for key in keys)}")
        if (having := block.select.args.get("having")) is not None:
            parts.append(f"only groups where {words.say_condition(having.this)}")
        if (qualify := block.select.args.get("qualify")) is not None:
            parts.append(f"then only rows where {words.say_condition(qualify.this)}")
        order = (line.rstrip(".") for line in self._describe_order(block.select, words))
        parts += [line[0].lower() + line[1:] for line in order]
        return f"({', '.join(parts)})" if len(parts) > 2 else " ".join(parts)

    def _say_inner_head(self, node: exp.Expr, block: Block, words: Wording) -> str:
        """Say what an inner query returns, and from where."""
        source = self._introduce(block.relations[0]) if block.relations else ""
        if isinstance(node, exp.Exists) and not is_aggregated(block):
            return f"row of {source}"
        shown = ", ".join(self._say_column(item, words) for item in block.select.expressions)
        if not source:
            return shown
        over = "over" if is_aggregated(block) and not list_group_keys(block) else "of"
        head = shown if shown.startswith("the ") or over == "over" else f"the {shown}"
        source_name = source.partition(" (")[0]
        if over == "over" and head == f"the number of {source_name}":
            return f"{head}{source.removeprefix(source_name)}"
        return f"{head} {over} {source}"

    def _say_bracketed(self, query: exp.Expr) -> str:
        """Describe a query with steps of its own, its lines in square brackets."""
        lines = [line.rstrip(".") for line in self._describe_query(query, "")]
        return f"[{'; '.join(lines)}]"


def _say_top(words: Wording, ordered: exp.Ordered, count: str) -> str:
    """Say `The 5 with the largest total`; empty where that would not be exact."""
    key = words.find_key(ordered)
    if isinstance(key, exp.Var | exp.Literal) or key.find(exp.Case) is not None or name_function(key) == "random":
        return ""
    if words.is_textual(key):
        return ""
    descending = bool(ordered.args.get("desc"))
    ends = ("latest", "earliest") if words.is_temporal(key) else ("largest", "smallest")
    said = words.say_short(key).removeprefix("the ")
    who = "one" if count == "1" else count
    return f"The {who} with the {ends[0] if descending else ends[1]} {said}{words.say_nulls(ordered)}."


def _spread_sentences(start: str, parts: Sequence[str]) -> Iterator[str]:
    """Put the parts in one sentence where that is short, else in one each. A single part needs no parentheses."""
    parts = [_unbracket(part) for part in parts] if len(parts) == 1 else parts
    whole = f"{start}{' and '.join(parts)}."
    lines = [whole] if len(whole) <= _MAX_LINE_CHARS else [f"{start}{_unbracket(parts[0])}."]
    if len(whole) > _MAX_LINE_CHARS:
        lines += [f"And only where {_unbracket(part)}." for part in parts[1:]]
    yield from (line.replace(" where they have ", " with ") for line in lines)


def _unbracket(text: str) -> str:
    """Return the text without parentheses around the whole of it."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return text[1:-1] if at == len(text) - 1 and text.startswith("(") else text
    return text


def _list_operands(query: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the queries that set operations combine, in order."""
    if isinstance(query, exp.SetOperation):
        yield from _list_operands(query.left)
        yield from _list_operands(query.right)
    else:
        yield query


def _list_comma_join_conditions(block: Block) -> Sequence[exp.Expr]:
    """Return the conditions of WHERE that join tables listed after a comma or a CROSS JOIN."""
    free = [
        relation
        for relation in block.relations
        if relation.join is not None
        and (is_after_comma(relation.join) or (relation.join.kind or "").upper() == "CROSS")
    ]
    where = block.select.args.get("where")
    found = []
    for part in split_conjunction(where.this if where is not None and free else None):
        if isinstance(part, exp.EQ) and isinstance(part.left, exp.Column) and isinstance(part.right, exp.Column):
            sides = [block.find_relation(part.left), block.find_relation(part.right)]
            if sides[0] is not sides[1] and any(side is relation for side in sides for relation in free):
                found.append(part)
    return found


def _is_last(block: Block, relation: Relation, condition: exp.Expr) -> bool:
    """Return whether the entry is the later one of the two that a condition joins."""
    named = [block.find_relation(column) for column in condition.find_all(exp.Column)]
    positions = [block.relations.index(entry) for entry in named if entry in block.relations]
    return bool(positions) and max(positions) == block.relations.index(relation)


def _is_one_of(node: exp.Expr, nodes: Sequence[exp.Expr]) -> bool:
    return any(node is other for other in nodes)


def _is_recursive(query: exp.Expr) -> bool:
    """Return whether a step adds rows from itself."""
    cte = query.parent
    if not isinstance(cte, exp.CTE):
        return False
    return any(table.name.lower() == cte.alias.lower() and not table.db for table in query.find_all(exp.Table))


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]
