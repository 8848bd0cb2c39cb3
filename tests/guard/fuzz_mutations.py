"""Small changes to a text of SQL: tokens lost, doubled, swapped and joined, and the tricks that split parsers.

It knows lexemes and no grammar. Most of what comes out is no SQL at all; what still is, may mean something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.guard.grammar_library import HOSTILE_TABLES, HOSTILE_VALUES

TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|\w+|\s+|<=|>=|<>|\|\||::|->>|->|.""", re.S
)
_BLANKS: Final = [
    " ",
    "\n",
    "\t",
    "\r",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\u0085",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u200c",
    "\u180e",
    "\x0b",
    "\x0c",
    "\u1680",
    "\u2028",
    "\u202f",
    "\u205f",
    "\u2800",
    "\x00",
    "\u200d",
    "/**/",
    "--\n",
]
_COMMENTS: Final = [
    "/* /* */ */",
    "/*/**/*/",
    "/*/**/",
    "--\r",
    "--\n",
    "-- x\u2028",
    "//*",
    "/*'*/",
    "{# ",
    " #}",
    "{{ 1 }}",
    "{% if x %}",
    "/*+ hint */",
    "/*! 1 */",
    "#",
    "# \n",
    "*/",
    "/*",
    "--",
    '--"\n',
    '/*"*/',
    "/*$$*/",
    "\\",
    "--*/\n",
]
_NUMBERS: Final = [
    "1_000",
    "0x1F",
    "0b11",
    "0o7",
    "1e3",
    ".5",
    "5.",
    "1e",
    "1_",
    "0x",
    "1__0",
    "00",
    "1.5e-2_0",
    "9" * 40,
    "$1",
    "?",
    "$x",
    ":x",
    "@x",
    "#1",
    "#7",
    "1:2",
    "'1'::INT",
    "5!",
    "1f",
    "1L",
    "1d",
    "1e1_0",
    "infinity",
    "'nan'::DOUBLE",
]
_STRINGS: Final[Sequence[Callable[[str], str]]] = (
    lambda s: f"E'{s}'",
    lambda s: f"$${s}$$",
    lambda s: f"$q${s}$q$",
    lambda s: f"e'{s}\\''",
    lambda s: f"'{s}\\'",
    lambda s: f"U&'{s}'",
    lambda s: "X'41'",
    lambda s: f"N'{s}'",
    lambda s: f"b'{s}'",
    lambda s: f"r'{s}\\'",
    lambda s: f"'''{s}'''",
    lambda s: f"'{s}' '{s}'",
    lambda s: f"'{s}'\n'{s}'",
    lambda s: f'"{s}"',
    lambda s: f"`{s}`",
    lambda s: f"’{s}’",
    lambda s: f"$é${s}$é$",
    lambda s: f"E'{s}\\x27'",
    lambda s: f"$1${s}$1$",
)
_NAMES: Final[Sequence[Callable[[str], str]]] = (
    lambda n: f'"{n}"',
    lambda n: f"`{n}`",
    lambda n: f"[{n}]",
    lambda n: f'U&"{n}"',
    lambda n: n.upper(),
    lambda n: f"'{n}'",
    lambda n: f"{n}\u200d",
    lambda n: n.replace("a", "а"),
    lambda n: f"{n}.{n}",
    lambda n: f"main.{n}",
    lambda n: f"{n}$",
    lambda n: f"{n}#",
    lambda n: f"@{n}",
    lambda n: f"{n}()",
    lambda n: f"COLUMNS({n})",
    lambda n: f"*{n}",
    lambda n: f"{n}.*",
    lambda n: f'"{n}" ""',
    lambda n: f'`{n}"`',
)
_WORDS: Final = """
    SELECT FROM WHERE WITH AS RECURSIVE MATERIALIZED JOIN LEFT SEMI NATURAL ASOF LATERAL USING ON UNION ALL BY
    NAME PIVOT UNPIVOT IN VALUES TABLE QUALIFY WINDOW OVER ORDER GROUP HAVING LIMIT OFFSET SAMPLE DISTINCT
    EXCLUDE REPLACE RENAME COLUMNS * ** :: . , ; ( ) [ ] { } -> ->> := = => : | || ~ ! % & ^ @ # ? lambda x CASE
    WHEN END NULL CAST TRY_CAST ARRAY STRUCT ROW MAP INTERVAL DATE COLLATE AT DESCRIBE SUMMARIZE SHOW EXPLAIN
    INSERT DELETE RETURNING INTO SET COPY vault staff wage pin members books name code main library archive
    loans secret rowid unnest query int( list( NOT AND OR IS TRUE POSITIONAL
""".split()
_HIDING: Final = [
    " UNION ALL SELECT {0} ",
    ", {0} AS q ",
    "/* /* */ */ UNION ALL SELECT {0} -- */ */",
    "/*/**/ , {0} -- */",
    " //*,'*/1, {0} --' ",
    " map {{#1: {0}}} FROM books -- #}} {{}} ",
    " AS `, '`, {0} AS x, 2 AS `' AS ` ",
    "\u200b,\u200b{0}\u200b",
    " -- {{#\n, {0} -- #}}\n",
    " || $q$ || {0} || $q$ ",
    " || E'\\'' || {0} || '' ",
    " AND {0} IS NOT NULL ",
    " ORDER BY {0} ",
    " QUALIFY {0} IS NULL ",
    "; SELECT {0} ",
    " /*'*/ , {0} /*'*/ ",
    " --' \n, {0} --'\n",
    " {{% raw %}} , {0} {{% endraw %}} ",
    " WHERE x = '\\' OR {0} = '' --'",
    " COLLATE nocase, {0} ",
    "[{0}]",
    ".struct_pack(a := {0})",
]
_JOINING: Final = [
    " JOIN {0} AS q ON true ",
    ", {0} AS q ",
    ", LATERAL {0} AS q ",
    " POSITIONAL JOIN {0} ",
    " UNION ALL FROM {0} ",
    "\u200bJOIN\u200b{0}\u200bON\u200btrue ",
    " NATURAL JOIN {0} ",
    " SEMI JOIN {0} USING (name) ",
    " EXCEPT FROM {0} ",
]


def mutated(text: str, other: str, chance: Random) -> str:
    """The text with one to four changes; `other` is a text to take pieces from."""
    for _ in range(chance.choices([1, 2, 3, 4], [50, 25, 15, 10])[0]):
        change = chance.choices(_CHANGES, _WEIGHTS)[0]
        text = "".join(change(TOKEN.findall(text), TOKEN.findall(other), chance))
    return text[:6000]


def _lose(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    start = chance.randrange(len(tokens) + 1)
    return tokens[:start] + tokens[start + chance.choice([1, 1, 2, 4]) :]


def _double(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    start = chance.randrange(len(tokens) + 1)
    end = start + chance.choice([1, 2, 3, 8])
    return [*tokens[:end], " ", *tokens[start:]]


def _swap(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    if len(tokens) > 1:
        a, b = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        tokens[a], tokens[b] = tokens[b], tokens[a]
    return tokens


def _splice(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at, start = chance.randrange(len(tokens) + 1), chance.randrange(len(other) + 1)
    piece = other[start : start + chance.choice([1, 3, 8, 20])]
    return [*tokens[:at], " ", *piece, " ", *tokens[at + chance.choice([0, 0, 1, 3]) :]]


def _word(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(tokens) + 1)
    return [*tokens[:at], " ", chance.choice(_WORDS), " ", *tokens[at + chance.choice([0, 1]) :]]


def _blank(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = _where(tokens, str.isspace, chance)
    return [*tokens[:at], chance.choice(_BLANKS), *tokens[at + 1 :]]


def _comment(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(tokens) + 1)
    return [*tokens[:at], chance.choice(_COMMENTS), *tokens[at:]]


def _string(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = _where(tokens, lambda token: token.startswith("'"), chance)
    token = tokens[at].strip("'") if tokens else ""
    return [*tokens[:at], chance.choice(_STRINGS)(token), *tokens[at + 1 :]]


def _name(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = _where(tokens, str.isidentifier, chance)
    token = tokens[at] if tokens else "x"
    return [*tokens[:at], chance.choice(_NAMES)(token), *tokens[at + 1 :]]


def _number(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = _where(tokens, str.isdigit, chance)
    return [*tokens[:at], chance.choice(_NUMBERS), *tokens[at + 1 :]]


def _hide(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(tokens) + 1)
    if chance.random() < 0.6:
        piece = chance.choice(_HIDING).format(chance.choice(HOSTILE_VALUES))
    else:
        piece = chance.choice(_JOINING).format(chance.choice(HOSTILE_TABLES))
    return [*tokens[:at], piece, *tokens[at:]]


def _wrap(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    before, after = chance.choice(
        [
            ("\ufeff", ""),
            ("SELECT * FROM (", ") AS w"),
            ("(", ")"),
            ("WITH w AS (", ") FROM w"),
            ("/* {{ */ ", " -- }}"),
            ("SELECT * FROM (", ") PIVOT (count(*) FOR name IN ('a', 'b'))"),
            ("SELECT (", ")"),
            ("EXPLAIN ", ""),
            ("DESCRIBE ", ""),
            ("SELECT ARRAY(", ")"),
            ("SELECT x FROM (SELECT unnest(q) AS x FROM (SELECT list(w) AS q FROM (", ") AS w))"),
            ("SELECT COLUMNS(*) FROM (", ") AS w"),
            ("WITH books AS (", ") SELECT * FROM books, main.books AS b2"),
            ("FROM (", ") SELECT *;;"),
            ("SELECT 1; ", ""),
            ("UNPIVOT (", ") ON COLUMNS(*)"),
            ("SELECT w FROM (", ") AS w"),
            ("SELECT to_json(w) FROM (", ") AS w"),
        ]
    )
    return [before, *tokens, after]


def _where(tokens: list[str], fits: Callable[[str], bool], chance: Random) -> int:
    """The index of some token that fits; of any where none does."""
    found = [index for index, token in enumerate(tokens) if fits(token)]
    return chance.choice(found) if found else chance.randrange(max(1, len(tokens)))


_CHANGES: Final = [_lose, _double, _swap, _splice, _word, _blank, _comment, _string, _name, _number, _hide, _wrap]
_WEIGHTS: Final = [8, 6, 6, 12, 14, 10, 10, 8, 8, 8, 14, 8]
