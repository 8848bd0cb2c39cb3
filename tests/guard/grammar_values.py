"""Expressions at random, of roughly the type asked for, over the sources in scope.

It makes no statements: subqueries come from the grammar, which inherits this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.guard.grammar_library import HOSTILE_VALUES

# Stands before each heart while a statement is made, as most of what is made is dropped again.
MARK: Final = "\x01"
_COMPARE: Final = ("=", "<>", "<", ">=", "IS DISTINCT FROM")
_WORDS: Final = ("north", "desk", "Drop Table", "O''Neil", "; --", "/* x */", "ö東", "%", "vault", "{{ x }}", "\\", "")


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read from: its alias and its columns' types by name as written."""

    alias: str
    columns: dict[str, str]


class Values:
    """Makes expressions from one source of chance. `functions` are names to call at random where the text is wild."""

    def __init__(self, chance: Random, functions: Sequence[str] = ()) -> None:
        self._chance = chance
        self._functions = functions
        self._heart = 0.0
        self._wild = 0.0
        self._aliases = 0
        self._ctes: list[Source] = []

    def _pick(self, options: Sequence[str]) -> str:
        return self._chance.choice(options)

    def _maybe(self, likely: float) -> bool:
        return self._chance.random() < likely

    def _alias(self, prefix: str = "a") -> str:
        self._aliases += 1
        return f"{prefix}{self._aliases}"

    def _column(self, kind: str, scope: list[Source]) -> str | None:
        fits = [f"{s.alias}.{name}" for s in scope for name, type_ in s.columns.items() if type_ == kind]
        return self._chance.choice(fits) if fits else None

    def _value(self, kind: str, scope: list[Source], depth: int) -> str:
        """An expression of about that type."""
        if self._maybe(self._heart):
            return MARK + self._pick(HOSTILE_VALUES)
        if self._maybe(self._wild):
            return self._odd(scope, depth)
        if depth <= 0 or self._maybe(0.45):
            return self._column(kind, scope) or self._literal(kind)
        forms: dict[str, Callable[[list[Source], int], str]] = {
            "i": self._integer,
            "n": self._number,
            "t": self._text,
            "d": self._date,
            "s": self._timestamp,
            "b": self._bool,
            "l": self._list,
        }
        return forms[kind](scope, depth - 1) if kind in forms else self._column(kind, scope) or self._literal(kind)

    def _odd(self, scope: list[Source], depth: int) -> str:
        """Any function on any values, or a way to name a column or a row without its name."""
        alias = scope[0].alias if scope else "x"
        row = self._pick(
            [alias, f"{alias}.*", "*", "COLUMNS(*)", "COLUMNS('.*e')", f"{alias}.rowid", "#1", "#4", "#5", "pin"]
        )
        row = self._pick(
            [row, alias, f"COLUMNS({alias}.*)", "COLUMNS(lambda c: c LIKE '%a%')", f"{alias}.wage", "rowid"]
        )
        if self._maybe(0.3) or not self._functions:
            return self._pick(
                [row, f"{alias}::VARCHAR", f"({alias} IS NULL)", f"({row} = {row})", f"[{row}]", f"row({row})"]
            )
        count = self._chance.randint(0, 3)
        values = [
            row if self._maybe(0.3) else self._value(self._pick("intdsblrj"), scope, depth - 1) for _ in range(count)
        ]
        distinct, order = self._pick(["", "", "", "DISTINCT "]), self._pick(["", "", "", f" ORDER BY {row}"])
        over = self._pick(["", "", "", "", f" OVER (PARTITION BY {row})", f" FILTER ({row} IS NOT NULL)", " OVER ()"])
        inside = f"{distinct}{', '.join(values)}{order}" if count else ""
        return f"{self._pick(self._functions)}({inside}){over}"

    def _integer(self, scope: list[Source], depth: int) -> str:
        i, t = self._value("i", scope, depth), self._value("t", scope, depth)
        return self._pick(
            [
                f"({i} + {self._value('i', scope, depth)})",
                f"{i} % 7",
                f"length({t})",
                f"coalesce({i}, 0)",
                f"CASE WHEN {self._bool(scope, depth)} THEN {i} ELSE 0 END",
                f"year({self._value('d', scope, depth)})",
                f"date_diff('day', {self._value('d', scope, depth)}, DATE '2024-01-01')",
                f"TRY_CAST({t} AS INTEGER)",
                f"len({self._value('l', scope, depth)})",
                f"list_sum([{i}, 1])",
                "list_reduce([1, 2], lambda p, q: p + q)",
                f"({self._scalar('i', scope, depth)})",
                f"-{i}",
                f"greatest({i}, 1)",
                f"abs({i})",
                f"[q * 2 FOR q IN [{i}, 2] IF q > 0][1]",
                f"extract('month' FROM {self._value('s', scope, depth)})",
            ]
        )

    def _number(self, scope: list[Source], depth: int) -> str:
        i, n = self._value("i", scope, depth), self._value("n", scope, depth)
        return self._pick(
            [
                f"{i} / 3",
                f"round({n}, 1)",
                f"{n} * 2",
                f"{i}::DOUBLE",
                f"({self._scalar('n', scope, depth)})",
                f"sqrt(abs({i}))",
            ]
        )

    def _text(self, scope: list[Source], depth: int) -> str:
        t, i = self._value("t", scope, depth), self._value("i", scope, depth)
        return self._pick(
            [
                f"upper({t})",
                f"{t} || {self._value('t', scope, depth)}",
                f"{i}::VARCHAR",
                f"CAST({self._value('d', scope, depth)} AS VARCHAR)",
                f"substr({t}, 1, 3)",
                f"strftime({self._value('s', scope, depth)}, '%Y-%m')",
                f"coalesce({t}, '?')",
                f"regexp_replace({t}, 'a', 'b')",
                f"{t}.lower()",
                f"{t}[1:2]",
                f"{{'a': {t}, 'b': {i}}}.a",
                f"map {{'k': {t}}}['k']",
                f"CASE {i} WHEN 1 THEN {t} ELSE 'z' END",
                f"({self._scalar('t', scope, depth)})",
                f"array_to_string({self._value('l', scope, depth)}, '-')",
                "('{\"a\": 1}'::JSON ->> 'a')",
                f"{t} COLLATE NOCASE",
                f"format('{{}}-{{}}', {t}, {i})",
                f"nullif({t}, 'x')",
                f"if({self._bool(scope, depth)}, {t}, 'n')",
            ]
        )

    def _date(self, scope: list[Source], depth: int) -> str:
        d = self._value("d", scope, depth)
        return self._pick(
            [
                f"({d} + INTERVAL 1 DAY)::DATE",
                f"date_trunc('month', {d})::DATE",
                f"last_day({d})",
                f"{self._value('s', scope, depth)}::DATE",
            ]
        )

    def _timestamp(self, scope: list[Source], depth: int) -> str:
        s = self._value("s", scope, depth)
        return self._pick(
            [f"{s} + INTERVAL '2 hours'", f"date_trunc('hour', {s})", f"{self._value('d', scope, depth)}::TIMESTAMP"]
        )

    def _list(self, scope: list[Source], depth: int) -> str:
        t, many = self._value("t", scope, depth), self._value("l", scope, depth)
        return self._pick(
            [
                f"[{t}, 'x']",
                f"list_transform({many}, lambda e: e || '!')",
                f"list_filter({many}, lambda e: e <> {self._literal('t')})",
                f"list_sort({many})",
                f"[e.upper() FOR e IN {many}]",
                f"string_split({t}, ' ')",
                "ARRAY(SELECT name FROM members WHERE member_id < 3 ORDER BY name)",
            ]
        )

    def _bool(self, scope: list[Source], depth: int) -> str:
        if depth <= 0 or self._maybe(0.4):
            return self._comparison(scope, depth)
        left, right = self._bool(scope, depth - 1), self._bool(scope, depth - 1)
        sub, _columns = self._query(depth - 1)
        return self._pick(
            [f"({left} AND {right})", f"({left} OR {right})", f"NOT ({left})", f"EXISTS ({sub})", f"NOT EXISTS ({sub})"]
        )

    def _comparison(self, scope: list[Source], depth: int) -> str:
        kind = self._pick(["i", "t", "d", "n"])
        left, right = self._value(kind, scope, depth), self._value(kind, scope, depth)
        options = [
            f"{left} {self._pick(_COMPARE)} {right}",
            f"{left} IS NOT NULL",
            f"{left} IN ({right}, {self._literal(kind)})",
        ]
        options += [f"{left} BETWEEN {right} AND {self._literal(kind)}"]
        if kind == "t":
            options += [
                f"{left} LIKE 'T%'",
                f"{left} ILIKE '%a%'",
                f"{left} SIMILAR TO '.*o.*'",
                f"regexp_matches({left}, 'a|e')",
            ]
        if depth > 0:
            quantified = self._pick(["IN", "NOT IN", "= ANY", "< ALL"])
            options += [f"{left} {quantified} ({self._scalar(kind, scope, depth, one=False)})"]
        return self._pick(options)

    def _scalar(self, kind: str, scope: list[Source], depth: int, *, one: bool = True) -> str:
        """A subquery of one column, and of one row where asked; it may look at the query around it."""
        from_, inner = self._from(depth - 1)
        seen = [*inner, *scope] if self._maybe(0.5) else inner
        value = self._value(kind, seen, depth - 1)
        where = f" WHERE {self._bool(seen, 0)}" if self._maybe(0.4) else ""
        item = f"{self._pick(['max', 'min', 'any_value'])}({self._value(kind, inner, 0)})" if one else value
        return f"SELECT {item} FROM {from_}{where}"

    def _literal(self, kind: str) -> str:
        number = self._chance.randint(0, 40)
        return {
            "i": str(number),
            "n": f"{number}.5",
            "t": f"'{self._chance.choice(_WORDS)}'",
            "d": f"DATE '2024-0{number % 9 + 1}-11'",
            "s": f"TIMESTAMP '2024-0{number % 9 + 1}-11 10:{number:02}:00'",
            "b": self._pick(["true", "false"]),
            "l": "['sea', 'food']",
            "r": "{'room': 'A', 'place': 3}",
            "j": '\'{"isbn": "x1"}\'::JSON',
        }[kind]

    def _aggregate(self, scope: list[Source], depth: int) -> tuple[str, str]:
        value = self._value("i", scope, depth)
        text = self._value("t", scope, depth)
        call, kind = self._chance.choice(
            [
                ("count(*)", "i"),
                (f"sum({value})", "n"),
                (f"avg({value})", "n"),
                (f"max({text})", "t"),
                (f"count(DISTINCT {text})", "i"),
                (f"string_agg({text}, ',' ORDER BY {text})", "t"),
                (f"list({text} ORDER BY {text})", "l"),
                (f"arg_max({text}, {value})", "t"),
                (f"quantile_cont({value}, 0.5)", "n"),
            ]
        )
        return (f"{call} FILTER (WHERE {self._bool(scope, 0)})" if self._maybe(0.15) else call), kind

    def _from(self, depth: int) -> tuple[str, list[Source]]:
        """A FROM clause and what it has to read; the grammar's."""
        raise NotImplementedError

    def _query(self, depth: int) -> tuple[str, dict[str, str]]:
        """A query and its columns; the grammar's."""
        raise NotImplementedError
