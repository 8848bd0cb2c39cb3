"""Describe the values and conditions of one SELECT, with columns under the names that the query's reader knows.

What has no words is written as SQL: nothing is omitted, and nothing is claimed that the query does not do.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, Relation, find_stored, is_star
from nl2sql.answer.plain_tree import name_function, split_conjunction
from nl2sql.answer.reading.moments import find_moment, say_moment
from nl2sql.answer.reading.terms import find_period, is_temporal_value, label_relation, shorten_comment
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import list_equalities
from nl2sql.schema.identifiers import quote_literal
from nl2sql.types.type_families import is_timestamp

if TYPE_CHECKING:
    from nl2sql.types import Column

_MIN_LONG_LIST_VALUES: Final = 4
_SHORT: Final = re.compile(r"the [a-z ]+ of \w+|the number of \w+")
_PLURAL: Final = re.compile(r"[a-z]+s")
_FIGURES: Final = {
    "sum": "the sum of",
    "avg": "the average of",
    "mean": "the average of",
    "median": "the median of",
    "mode": "the most common",
    "stddev": "the standard deviation of",
    "stddev_samp": "the standard deviation of",
    "var_samp": "the variance of",
    "product": "the product of",
}
_TESTS: Final = {"starts_with": "starts with", "prefix": "starts with", "suffix": "ends with", "contains": "contains"}
_COMPARED: Final[dict[type[exp.Expr], tuple[str, str]]] = {
    exp.GT: ("is more than", "is after"),
    exp.GTE: ("is at least", "is from"),
    exp.LT: ("is less than", "is before"),
    exp.LTE: ("is at most", "is up to"),
}
_MIRRORED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_NUMBERED: Final = ("rank", "dense_rank", "row_number")


class Wording:
    """The words for the parts of one SELECT. `say_query` describes a query inside it.

    `today` is the day that it runs, None where unknown. `introduced` are the columns whose comments have been given:
    each comment is given once.
    """

    def __init__(
        self, block: Block, say_query: Callable[[exp.Expr], str], today: dt.date | None, introduced: set[str]
    ) -> None:
        self._block = block
        self._say_query = say_query
        self._today = today
        self._introduced = introduced

    def say(self, node: exp.Expr) -> str:
        """Describe a value: a column by its name, a figure in words, anything else as SQL."""
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            return self.name_column(node)
        if isinstance(node, exp.Subquery | exp.Select):
            return self._say_query(node)
        moment = None if node.find(exp.Column) else find_moment(node, self._today)
        if moment is not None:
            return say_moment(moment)
        if isinstance(node, exp.Anonymous):
            return self._say_call(node) or self.write_node(node)
        if isinstance(node, exp.Filter):
            return f"{self.say(node.this)}, only where {self.say_condition(node.expression.this)}"
        if isinstance(node, exp.Window):
            return self._say_window(node) or self.write_node(node)
        if isinstance(node, exp.Case):
            return self._say_case(node)
        if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
            inner = self.say(node.this)
            return inner if node.is_type(exp.DType.DATE) else f"{inner} as {self.write_node(node.to).lower()}"
        if isinstance(node, exp.Predicate | exp.Connector | exp.Not):
            return f"whether {self.say_condition(node)}"
        return self.write_node(node)

    def name_column(self, column: exp.Column) -> str:
        """Return the column's name; with its table's only where another table has one of that name."""
        relation = self._block.find_relation(column)
        others = [other for other in self._block.relations if other is not relation and other.has_column(column.name)]
        others = [other for other in others if not self._is_equal(relation, other, column.name)]
        is_outer = relation is not None and not any(relation is own for own in self._block.relations)
        if relation is None or not (others or is_outer):
            return column.name
        return f"{label_relation(relation)}.{column.name}"

    def _is_equal(self, one: Relation | None, other: Relation, name: str) -> bool:
        """Return whether an inner join equates the two columns of that name, so that either may be meant."""
        if other.is_optional or one is None or one.is_optional:
            return False
        return any(
            {id(left), id(right)} == {id(one), id(other)} and left_name.lower() == right_name.lower() == name.lower()
            for left, left_name, right, right_name in list_equalities(self._block)
        )

    def introduce(self, node: exp.Expr) -> str:
        """Describe a value; a column, the first time, with its comment."""
        stored = find_stored(node, self._block)
        words = self.say(node)
        if stored is None or not stored.column.comment:
            return words
        key = f"{stored.table.name}.{stored.column.name}".lower()
        comment = shorten_comment(stored.column.comment)
        if not comment or key in self._introduced or comment.lower() == words.lower():
            return words
        self._introduced.add(key)
        return f"{words} ({comment})"

    def write_node(self, node: exp.Expr) -> str:
        """Write the node as SQL, with columns under the names that a reader knows."""
        holder = exp.Tuple(expressions=[node.copy()])
        originals = [
            part for part in node.walk() if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star)
        ]
        copies = [
            part for part in holder.walk() if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star)
        ]
        for original, copy in zip(originals, copies, strict=True):
            if original.find_ancestor(exp.Select) in (None, self._block.select):
                copy.replace(exp.var(self.name_column(original)))
        return write_plain_sql(holder.expressions[0])

    def is_temporal(self, node: exp.Expr) -> bool:
        """Return whether the value is a day or a moment."""
        return is_temporal_value(node, self._block)

    def is_textual(self, node: exp.Expr) -> bool:
        """Return whether the value is text."""
        column = self._find_column(node)
        return column is not None and column.is_text

    def _find_column(self, node: exp.Expr) -> Column | None:
        stored = find_stored(node, self._block)
        return stored.column if stored is not None else None

    def _say_call(self, call: exp.Anonymous) -> str:
        name, arguments = name_function(call), call.expressions
        first = arguments[0] if arguments else None
        if isinstance(first, exp.Distinct):
            what = ", ".join(self.introduce(argument) for argument in first.expressions)
            return f"the number of different {what}" if name == "count" else ""
        if name == "count":
            return self._say_count(first)
        if first is None or isinstance(first, exp.Order):
            return ""
        if name in ("min", "max") and len(arguments) == 1:
            return self._say_end(name, first)
        if name in ("sum", "fsum") and isinstance(first, exp.Case) and (words := self._say_conditional_sum(first)):
            return words
        if name in _FIGURES and len(arguments) == 1:
            return f"{_FIGURES[name]} {self.introduce(first)}"
        if period := find_period(call):
            return f"the {period[0]} of {self.introduce(period[1])}"
        if name == "round" and len(arguments) <= 2:
            places = arguments[1].name if len(arguments) == 2 and isinstance(arguments[1], exp.Literal) else "0"
            unit = "whole numbers" if places == "0" else f"{places} decimal{'' if places == '1' else 's'}"
            return f"{self.say(first)}, rounded to {unit}"
        if name == "coalesce" and len(arguments) == 2 and isinstance(arguments[1], exp.Literal):
            return f"{self.introduce(first)} ({self.write_node(arguments[1])} where there is none)"
        return ""

    def _say_count(self, first: exp.Expr | None) -> str:
        if first is None or is_star(first) or isinstance(first, exp.Literal):
            return f"the number of {self._say_rows()}"
        if isinstance(first, exp.Case) and first.this is None and len(first.args["ifs"]) == 1:
            default = first.args.get("default")
            if default is None or isinstance(default, exp.Null):
                return f"the number of rows where {self.say_condition(first.args['ifs'][0].this)}"
        column = self._find_column(first)
        if column is not None and not column.nullable and not any(r.is_optional for r in self._block.relations):
            return f"the number of {self._say_rows()}"
        return f"the number of rows where {self.introduce(first)} is not empty"

    def _say_rows(self) -> str:
        """Name the rows: `orders` where they are those of one table whose name is a plural."""
        table = self._block.relations[0].table if len(self._block.relations) == 1 else None
        name = table.name if table is not None else ""
        return name if _PLURAL.fullmatch(name) else "rows"

    def _say_end(self, name: str, value: exp.Expr) -> str:
        if self.is_temporal(value):
            end = "earliest" if name == "min" else "latest"
        elif self.is_textual(value):
            end = "first" if name == "min" else "last"
            return f"the {end} {self.introduce(value)} by alphabet"
        else:
            end = "smallest" if name == "min" else "largest"
        return f"the {end} {self.introduce(value)}"

    def _say_conditional_sum(self, case: exp.Case) -> str:
        default = case.args.get("default")
        is_zero = default is None or isinstance(default, exp.Null) or default.name == "0"
        if case.this is not None or len(case.args["ifs"]) != 1 or not is_zero:
            return ""
        branch = case.args["ifs"][0]
        condition = self.say_condition(branch.this)
        value = branch.args["true"]
        if isinstance(value, exp.Literal) and value.name == "1":
            return f"the number of rows where {condition}"
        return f"the sum of {self.introduce(value)} where {condition}"

    def _say_case(self, case: exp.Case) -> str:
        parts = []
        for branch in case.args["ifs"]:
            condition = branch.this
            if case.this is not None:
                condition = exp.EQ(this=case.this.copy(), expression=branch.this.copy())
            parts.append(f"{self.say(branch.args['true'])} where {self.say_condition(condition)}")
        default = case.args.get("default")
        parts.append(f"else {self.say(default)}" if default is not None else "else nothing")
        return ", ".join(parts)

    def _say_window(self, window: exp.Window) -> str:
        name, arguments = name_function(window.this), window.this.expressions
        if window.args.get("spec") is not None and name in ("first_value", "last_value", "nth_value"):
            return ""
        partitions = [self.say(key) for key in window.args.get("partition_by") or ()]
        order = window.args.get("order")
        within = f", within each {' and '.join(partitions)}" if partitions else ""
        by = f" by {self.say_order(order)}" if order is not None else ""
        spec = f" ({self.write_node(window.args['spec'])})" if window.args.get("spec") is not None else ""
        if name in _NUMBERED:
            return f"the {'position' if name == 'row_number' else 'rank'}{by}{within}"
        if name in ("lag", "lead") and arguments:
            steps = arguments[1].name if len(arguments) > 1 and isinstance(arguments[1], exp.Literal) else "1"
            rows = "row" if steps == "1" else f"{steps} rows"
            return f"{self.say(arguments[0])} of the {rows} {'before' if name == 'lag' else 'after'}{by}{within}"
        words = self.say(window.this) if isinstance(window.this, exp.Anonymous | exp.Filter) else ""
        if not words:
            return ""
        if name == "sum" and order is not None and not spec:
            return f"the running total of {self.introduce(arguments[0])}{by}{within}" if arguments else ""
        extent = "" if spec else " so far" if order is not None else "" if within else " over all rows"
        return f"{words}{extent}{by}{within}{spec}"

    def say_order(self, order: exp.Expr) -> str:
        """Describe the keys of an ORDER BY."""
        return ", then ".join(self.say_key(key) for key in order.expressions)

    def say_key(self, ordered: exp.Ordered) -> str:
        """Describe one key of an ORDER BY, and which end comes first."""
        key = self.find_key(ordered)
        if isinstance(key, exp.Var):
            return "all columns"
        words = self.say_short(key)
        if ordered.args.get("desc"):
            end = "latest" if self.is_temporal(key) else "Z" if self.is_textual(key) else "largest"
            words += f", {end} first"
        return words + self.say_nulls(ordered)

    def say_short(self, node: exp.Expr) -> str:
        """Describe a value; by its alias where its words are long and it has one."""
        words = self.say(node)
        if isinstance(node, exp.Column) or _SHORT.fullmatch(words):
            return words
        items = self._block.select.expressions
        return next((i.alias for i in items if isinstance(i, exp.Alias) and i.this == node), "") or words

    def say_nulls(self, ordered: exp.Ordered) -> str:
        """Say where empty values go, if they come first."""
        return " (empty ones first)" if ordered.args.get("nulls_first") else ""

    def find_key(self, ordered: exp.Ordered) -> exp.Expr:
        """Return the expression that a key stands for: a position or an alias is a selected value."""
        key: exp.Expr = ordered.this
        items = self._block.select.expressions
        if isinstance(key, exp.Literal) and key.is_int and 0 < int(key.name) <= len(items):
            selected: exp.Expr = items[int(key.name) - 1].unalias()
            return selected
        if isinstance(key, exp.Column) and not key.table:
            return self._block.find_aliased(key.name) or key
        return key

    def say_condition(self, condition: exp.Expr) -> str:
        """Describe a condition, its parts joined by `and`; the two ends of a range as one part."""
        return " and ".join(self.list_conditions(list(split_conjunction(condition))))

    def list_conditions(self, conditions: Sequence[exp.Expr]) -> list[str]:
        """Describe conditions that all must hold, one text each."""
        parts = list(conditions)
        found: list[str] = []
        while parts:
            part = parts.pop(0)
            other = next((candidate for candidate in parts if _is_range(part, candidate)), None)
            if other is not None:
                parts = [candidate for candidate in parts if candidate is not other]
                low, high = (part, other) if isinstance(part, exp.GT | exp.GTE) else (other, part)
                found.append(f"{self._say_test(low, paired=True)}, {self._say_test(high, bare=True)}")
            else:
                found.append(self._say_test(part))
        return found

    def _say_test(self, node: exp.Expr, *, bare: bool = False, paired: bool = False) -> str:
        if isinstance(node, exp.Paren):
            return self._say_test(node.this)
        if isinstance(node, exp.Or):
            return "(" + " or ".join(self.say_condition(part) for part in _list_alternatives(node)) + ")"
        if isinstance(node, exp.And):
            return f"({self.say_condition(node)})"
        if isinstance(node, exp.Not):
            return self._say_negation(node.this)
        if isinstance(node, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
            return self._say_comparison(node, bare=bare, paired=paired)
        if isinstance(node, exp.In | exp.Between | exp.Is | exp.Like | exp.ILike | exp.Exists):
            return self._say_membership(node, negated=False)
        if isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
            verb = "is the same as" if isinstance(node, exp.NullSafeEQ) else "is not the same as"
            return f"{self.introduce(node.left)} {verb} {self._say_value(node.right, node.left)}"
        if name_function(node) in _TESTS and len(node.expressions) == 2:
            verb = _TESTS[name_function(node)]
            return f"{self.introduce(node.expressions[0])} {verb} {self.write_node(node.expressions[1])}"
        if isinstance(node, exp.Column):
            return f"{self.introduce(node)} is true"
        return self.write_node(node)

    def _say_negation(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Column):
            return f"{self.introduce(node)} is false"
        if isinstance(node, exp.In | exp.Between | exp.Is | exp.Like | exp.ILike | exp.Exists):
            return self._say_membership(node, negated=True)
        inner = self.say_condition(node)
        return f"not {inner}" if isinstance(node, exp.Or) else f"not ({inner})"

    def _say_comparison(self, node: exp.Binary, *, bare: bool = False, paired: bool = False) -> str:
        left, right = node.left, node.right
        kind: type[exp.Expr] = type(node)
        if isinstance(left, exp.Literal | exp.Cast) and not left.find(exp.Column) and right.find(exp.Column):
            left, right, kind = right, left, _MIRRORED.get(kind, kind)
        if ranks := self._say_ranks(left, right, kind):
            return ranks
        temporal = self.is_temporal(left) or self.is_temporal(right) or find_moment(right, self._today) is not None
        if kind is exp.EQ or kind is exp.NEQ:
            verb = "is" if kind is exp.EQ else "is not"
        else:
            verb = _COMPARED[kind][temporal]
        value = self._say_value(right, left, ends=kind is exp.LTE or kind is exp.GT)
        if bare:
            return f"{verb.removeprefix('is ')} {value}"
        on = " on" if kind is exp.GTE and temporal and not paired else ""
        return f"{self.introduce(left)} {verb} {value}{on}"

    def _say_ranks(self, left: exp.Expr, right: exp.Expr, kind: type[exp.Expr]) -> str:
        """Describe `rank() OVER (…) = 1`: the first rows by an order, of each group."""
        if not isinstance(left, exp.Window) or name_function(left.this) not in _NUMBERED or left.args.get("spec"):
            return ""
        order = left.args.get("order")
        if order is None or not isinstance(right, exp.Literal) or kind not in (exp.EQ, exp.LTE):
            return ""
        what = "position" if name_function(left.this) == "row_number" else "rank"
        which = right.name if kind is exp.EQ or right.name == "1" else f"1 to {right.name}"
        partitions = [self.say(key) for key in left.args.get("partition_by") or ()]
        of_each = f", of each {' and '.join(partitions)}" if partitions else ""
        return f"they have {what} {which} by {self.say_order(order)}{of_each}"

    def _say_value(self, value: exp.Expr, beside: exp.Expr, *, ends: bool = False) -> str:
        """Describe the value that a column is compared with.

        A moment that `ends` a range is written with its time, because midnight is not the end of the day.
        """
        temporal = self.is_temporal(beside)
        moment = None if value.find(exp.Column) else find_moment(value, self._today, is_temporal=temporal)
        if moment is None:
            return self.say(value)
        column = self._find_column(beside)
        is_moment = column is not None and is_timestamp(column.type)
        return say_moment(moment, with_time=ends and is_moment)

    def _say_membership(self, node: exp.Expr, *, negated: bool) -> str:
        no = " not" if negated else ""
        if isinstance(node, exp.Exists):
            return f"there is {'no' if negated else 'a'} {self._say_query(node)}"
        subject = self.introduce(node.this)
        if isinstance(node, exp.Is):
            state = "empty" if isinstance(node.expression, exp.Null) else self.write_node(node.expression).lower()
            return f"{subject} is{no} {state}"
        if isinstance(node, exp.Between):
            low, high = (self._say_value(node.args[key], node.this, ends=key == "high") for key in ("low", "high"))
            return f"{subject} is{no} from {low} to {high}"
        if isinstance(node, exp.In):
            if node.args.get("query") is not None:
                return f"{subject} is{no} among {self._say_query(node.args['query'])}"
            values = [self._say_value(member, node.this) for member in node.expressions] or [
                self.write_node(node.args["field"])
            ]
            if negated:
                return f"{subject} is none of {', '.join(values)}"
            few = len(values) < _MIN_LONG_LIST_VALUES
            return f"{subject} is {' or '.join(values)}" if few else f"{subject} is one of {', '.join(values)}"
        return self._say_pattern(node, subject, negated=negated or bool(node.args.get("negate")))

    def _say_pattern(self, node: exp.Expr, subject: str, *, negated: bool) -> str:
        pattern = node.expression
        any_case = ", in any case" if isinstance(node, exp.ILike) else ""
        text = pattern.name if isinstance(pattern, exp.Literal) and pattern.is_string else ""
        inner = text.strip("%")
        if not inner or "%" in inner or "_" in inner:
            return f"{subject} is{' not' if negated else ''} like {self.write_node(pattern)}{any_case}"
        quoted = quote_literal(inner)
        if text.startswith("%") and text.endswith("%"):
            verb = "does not contain" if negated else "contains"
        elif text.startswith("%"):
            verb = "does not end with" if negated else "ends with"
        elif text.endswith("%"):
            verb = "does not start with" if negated else "starts with"
        else:
            verb = "is not" if negated else "is"
        return f"{subject} {verb} {quoted}{any_case}"


def _is_range(one: exp.Expr, other: exp.Expr) -> bool:
    """Return whether the two are the ends of one range."""
    low, high = (exp.GT, exp.GTE), (exp.LT, exp.LTE)
    are_ends = (isinstance(one, low) and isinstance(other, high)) or (isinstance(one, high) and isinstance(other, low))
    return are_ends and one.this == other.this and not isinstance(one.this, exp.Literal)


def _list_alternatives(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Or):
        yield from _list_alternatives(node.left)
        yield from _list_alternatives(node.right)
    else:
        yield node
