"""Statements that DuckDB's tree cannot show, seen in the text: EXPLAIN in front, PIVOT without its values.

It works on the engine's own tokens and judges nothing. Whatever it makes of a text is judged from scratch, so a
token that it reads in another way than the engine costs an answer, not safety.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nl2sql.guard.parser_protocols import Token

# Nothing else may stand before a query that runs; the engine reads the options before it reads the query.
_EXPLAINS: Final = {"text": "EXPLAIN (FORMAT text) ", "json": "EXPLAIN (FORMAT json) "}
_ANALYZES: Final = {"text": "EXPLAIN (ANALYZE, FORMAT text) ", "json": "EXPLAIN (ANALYZE, FORMAT json) "}
_ANALYZE: Final = "analyze"
_PIVOTS: Final = frozenset({"pivot", "pivot_wider"})
_QUERY_WORDS: Final = frozenset(
    "select with from values table pivot pivot_wider unpivot pivot_longer describe desc show summarize".split()
)
_ENDS: Final = frozenset({"union", "except", "intersect", "order", "limit", "offset", "fetch", ";"})
_OPERATORS: Final = frozenset("and or not is isnull notnull like ilike glob similar between collate at".split())
_IN_OPERANDS: Final = frozenset({*"()[]{}.:", "::"})
_UNCONDITIONAL: Final = frozenset({"cross", "natural", "positional"})
_JOIN_WORDS: Final = frozenset({"left", "right", "full", "inner", "outer", "semi", "anti", "asof"})


def strip_explain(sql: str) -> str:
    """Return the query that an EXPLAIN of this module's spelling explains; any other text as it is."""
    for prefix in (*_EXPLAINS.values(), *_ANALYZES.values()):
        if sql.startswith(prefix):
            return sql[len(prefix) :]
    return sql


def is_explain_analyze(explain: str) -> bool:
    """Whether that spelling of EXPLAIN runs the query."""
    return explain in _ANALYZES.values()


def split_explain(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """How to spell EXPLAIN, and the text under it with every character in its place. None where that is unclear."""
    words = list(_read_words(tokens))
    if not words or words[0].text != "explain":
        return None
    style, is_analyze, first = _read_explain_options(words)
    if style not in _EXPLAINS or not _is_query(words[first:]):
        return None
    before, after = tokens[: words[first].index], tokens[words[first].index :]
    blank = "".join(sign if sign.isspace() else " " for token in before for sign in token.text)
    return (_ANALYZES if is_analyze else _EXPLAINS)[style], blank + "".join(token.text for token in after)


def mark_pivot_values(tokens: Sequence[Token], marker: str) -> str | None:
    """Return the text with `IN ('marker')` wherever a PIVOT names a column without its values.

    None where there is no such place, or where it is not clear which.
    """
    words = list(_read_words(tokens))
    opening: set[int] = set()
    closing: set[int] = set()
    for position, word in enumerate(words):
        if word.text not in _PIVOTS or _is_clause(words, position):
            continue
        for entry in _split_entries(words, position):
            if not entry or _has_query_values(entry):
                return None
            if not _has_values(entry):
                opening.add(entry[0].index)
                closing.add(entry[-1].index)
    if not opening:
        return None
    values = f") IN ('{marker}') "
    pieces = (
        f"{'(' if index in opening else ''}{token.text}{values if index in closing else ''}"
        for index, token in enumerate(tokens)
    )
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Word:
    """A token that is no comment: its lower-case text, its place among the tokens, brackets open around it."""

    text: str
    index: int
    depth: int
    is_operator: bool


def _read_words(tokens: Sequence[Token]) -> Iterator[_Word]:
    depth = 0
    for index, token in enumerate(tokens):
        text = token.text.strip()
        if token.kind == "comment" or not text:
            continue
        if token.kind == "operator" and text in ")]}":
            depth -= 1
        yield _Word(text.lower(), index, depth, token.kind == "operator")
        if token.kind == "operator" and text in "([{":
            depth += 1


def _read_explain_options(words: Sequence[_Word]) -> tuple[str, bool, int]:
    """Return the format, whether it is ANALYZE, and the word behind them; no format where an option is unknown."""
    texts = [word.text for word in words]
    if texts[1:2] == [_ANALYZE]:
        return "text", True, 2
    if texts[1:2] != ["("] or _is_query(words[1:]) or ")" not in texts:
        return "text", False, 1
    end = texts.index(")")
    style, is_analyze, at = "text", False, 2
    while at < end:
        if texts[at] == _ANALYZE:
            is_analyze, at = True, at + 1
        elif texts[at] == "format" and at + 1 < end:
            style, at = texts[at + 1].strip("'"), at + 2
        if at < end and (texts[at] != "," or at + 1 == end):
            return "", False, end + 1
        at += 1
    return style, is_analyze, end + 1


def _is_query(words: Sequence[_Word]) -> bool:
    """Whether a query begins here: options of EXPLAIN have brackets around them, too."""
    first = next((word.text for word in words if word.text != "("), "")
    return first in _QUERY_WORDS


def _is_clause(words: Sequence[_Word], position: int) -> bool:
    """Whether the PIVOT is the clause after a table, `PIVOT (… FOR c IN (…))`, which has its values."""
    depth = words[position].depth + 1
    if words[position + 1 : position + 2] and words[position + 1].text != "(":
        return False
    for word in words[position + 2 :]:
        if word.depth < depth:
            return False
        if word.depth == depth and word.text == "for":
            return True
    return False


def _split_entries(words: Sequence[_Word], position: int) -> list[list[_Word]]:
    """Return what stands between the ON of that PIVOT and its USING or GROUP BY, split at the commas."""
    depth, conditions = words[position].depth, 0
    entries: list[list[_Word]] = []
    for here, word in enumerate(words[position + 1 :], start=position + 1):
        if word.depth < depth or (word.depth == depth and word.text in _ENDS):
            break
        if word.depth > depth or word.text in "([{":
            pass
        elif not entries and word.text == "join":
            conditions += _needs_condition(words, here)
        elif not entries and word.text in ("on", "using") and conditions:
            conditions -= 1
        elif not entries and word.text == "on":
            entries.append([])
            continue
        elif word.text in ("using", "group"):
            break
        elif entries and word.text == ",":
            entries.append([])
            continue
        if entries:
            entries[-1].append(word)
    return entries


def _needs_condition(words: Sequence[_Word], join: int) -> bool:
    before = join - 1
    while before >= 0 and words[before].text in _JOIN_WORDS:
        before -= 1
    return words[before].text not in _UNCONDITIONAL


def _find_in(entry: Sequence[_Word]) -> int | None:
    """Where the IN of the entry's values is: behind one operand, as any other IN is part of an expression."""
    cases = 0
    for place, word in enumerate(entry):
        if word.depth > entry[0].depth:
            continue
        cases += (word.text == "case") - (word.text == "end")
        if cases or word.text == "end":
            continue
        if word.text == "in":
            return place
        if word.text in _OPERATORS or (word.is_operator and word.text not in _IN_OPERANDS):
            return None
    return None


def _has_values(entry: Sequence[_Word]) -> bool:
    return _find_in(entry) is not None


def _has_query_values(entry: Sequence[_Word]) -> bool:
    place = _find_in(entry)
    following = [word.text for word in entry[place + 1 : place + 3]] if place is not None else []
    return len(following) == 2 and following[0] == "(" and following[1] in (*_QUERY_WORDS, "(")
