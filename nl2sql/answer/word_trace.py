"""Find words of a question that nothing in its SQL stands for: a sign that the query answers another question.

Words are compared, by their beginnings, with the names, comments and values that the query uses, and with its
calculations. It proves nothing: a synonym that nobody wrote down is not traced either.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, find_stored, is_star, list_blocks
from nl2sql.answer.plain_tree import name_function, parse_plain
from nl2sql.answer.question_words import CONCEPTS, MONTHS, NUMBERS, SOFT, STOP, guess_language, list_words
from nl2sql.schema.value_index import fold_text
from nl2sql.types import Schema, Table, UntracedWord

_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Languages in which a qualifier precedes its noun.
_BEFORE: Final = ("en", "de", "nl")
# Words after which something is counted or measured.
_MEASURING: Final = frozenset(
    "many each per wieviele viele jede jeder jedes pro combien chaque cuantos cuantas cada quanti quante ogni quantos "
    "quantas hoeveel elke".split()
).union(*(CONCEPTS[concept] for concept in ("average", "extreme", "distinct", "sum", "count", "share")))
_MAX_GAP_WORDS: Final = 2
_MIN_WORD_CHARS: Final = 3
_MIN_STEM_CHARS: Final = 4
_MAX_CODE_CHARS: Final = 3
_ENDINGS: Final = ("s", "es", "e", "ed", "ing", "er", "en", "n")
_MIN_SHARED_RATIO: Final = 0.6
# Prefixes that negate a word: `active` does not stand for `inactive`.
_OPPOSITES: Final = ("un", "in", "im", "ir", "il", "non", "dis", "de", "anti", "mis", "ab")


def trace_words(question: str, sql: str, schema: Schema, terms: Sequence[str] = ()) -> tuple[UntracedWord, ...]:
    """Return the content words of the question that nothing in the query stands for, in their order.

    `sql` is checked SQL; where it cannot be read, nothing is returned. `schema` has comments and synonyms; `terms` are
    words that the owner of the data has explained. Where a question in another language shares no word with the names
    of the data, nothing can be concluded.
    """
    tree = parse_plain(sql, schema.dialect)
    if tree is None:
        return ()
    evidence = _Evidence(tree, schema)
    words = _list_tokens(question)
    known = [None if word.is_stop else evidence.has_word(word.folded) for word in words]
    language = guess_language(question)
    if language != "en" and not any(evidence.is_name(word.folded) for word in words if not word.is_stop):
        return ()
    explained = [part for term in terms for part in _split_name(term)]
    found: dict[str, UntracedWord] = {}
    for at, word in enumerate(words):
        is_explained = any(match_words(word.folded, part) for part in explained)
        if known[at] is not False or word.folded in found or is_explained:
            continue
        beside = at + 1 if language in _BEFORE else at - 1
        qualifies = 0 <= beside < len(words) and known[beside] is True and evidence.is_name(words[beside].folded)
        is_name = at > 0 and word.text[0].isupper() and not word.is_sentence_start and language != "de"
        found[word.folded] = UntracedWord(
            word.text,
            evidence.is_elsewhere(word.folded),
            qualifies,
            _is_measured(words, at),
            is_name,
            word.folded[0].isdigit(),
            evidence.is_label(word.folded),
        )
    return tuple(found.values())


def _is_measured(words: Sequence[_Token], at: int) -> bool:
    """Return whether the word follows one that counts or measures, with at most `of the` between them."""
    before = at - 1
    while (
        before >= 0
        and at - before <= _MAX_GAP_WORDS
        and words[before].is_stop
        and words[before].folded not in _MEASURING
    ):
        before -= 1
    return before >= 0 and words[before].folded in _MEASURING


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of the question: as written, and folded without a possessive.

    `is_stop`: it is not about data. `is_sentence_start`: a sentence begins with it.
    """

    text: str
    folded: str
    is_stop: bool
    is_sentence_start: bool


def _list_tokens(question: str) -> list[_Token]:
    stop = STOP[guess_language(question)]
    found = []
    for match in _WORD.finditer(question):
        for text in list_words(match.group()):
            text = re.sub(r"['’]s?$", "", text)
            plain = fold_text(text)
            is_stop = plain in stop or (len(plain) < _MIN_WORD_CHARS and not plain.isdecimal())
            begins = question[: match.start()].rstrip()[-1:] in ("", ".", "?", "!", ":")
            found.append(_Token(text, plain, is_stop, begins))
    return found


class _Evidence:
    """What a query stands for: words of names, comments and values, numbers, days, and kinds of calculation."""

    def __init__(self, tree: exp.Query, schema: Schema) -> None:
        self._schema = schema
        self._stems: set[str] = set()
        self._names: set[str] = set()
        self._labels: set[str] = set()
        self._numbers: set[str] = set()
        self._texts: set[str] = set()
        self._months: set[int] = set()
        self._tables: dict[str, Table] = {}
        self._used: set[tuple[str, str]] = set()
        blocks = list_blocks(tree, schema)
        for block in blocks:
            self._add_block(block)
        for literal in tree.find_all(exp.Literal):
            self._add_literal(literal)
        self._concepts = set(_list_concepts(tree))

    def has_word(self, plain: str) -> bool:
        """Return whether something stands for the word."""
        if plain[0].isdigit() or plain in NUMBERS:
            number = str(NUMBERS.get(plain, plain))
            return self._has_number(number) or (plain in NUMBERS and self._is_concept(plain)) or number == "1"
        if plain in MONTHS:
            return MONTHS[plain] in self._months or "month" in self._stems or self._is_matched(plain)
        if plain in SOFT:
            return True
        return self._is_concept(plain) or self._is_matched(plain) or self._is_coded(plain)

    def is_label(self, plain: str) -> bool:
        """Return whether the query itself gives a column this name."""
        return any(match_words(plain, part) for part in self._labels)

    def is_name(self, plain: str) -> bool:
        """Return whether the word is part of the name of a table or column of the query."""
        return plain not in SOFT and any(match_words(plain, part) for part in self._names)

    def is_elsewhere(self, plain: str) -> bool:
        """Return whether the word is part of the name of a table or column that the query does not use."""
        for table in self._schema.tables:
            names = [] if table.name in self._tables else [table.name]
            names += [c.name for c in table.columns if (table.name, c.name) not in self._used]
            if any(match_words(plain, part) for name in names for part in _split_name(name)):
                return True
        return False

    def _is_matched(self, plain: str) -> bool:
        whole = plain.replace("-", "").replace("'", "")
        if any(match_words(whole, stem) for stem in self._stems) or any(plain in text for text in self._texts):
            return True
        parts = [part for part in plain.split("-") if len(part) >= _MIN_WORD_CHARS]
        if parts[:1] and parts[0] in _OPPOSITES and "negation" in self._concepts:
            parts = parts[1:]
        return parts != [plain] and bool(parts) and all(self._is_concept(p) or self._is_matched(p) for p in parts)

    def _is_coded(self, plain: str) -> bool:
        """Return whether a short value of the query abbreviates the word: `CA` for California."""
        codes = (text for text in self._texts if text.isalpha() and len(text) <= _MAX_CODE_CHARS)
        return any(plain[0] == code[0] and _is_in_order(code, plain) for code in codes)

    def _has_number(self, number: str) -> bool:
        plain = number.replace(",", "")
        plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
        return plain in self._numbers or any(number in text for text in self._texts | self._numbers | self._stems)

    def _is_concept(self, plain: str) -> bool:
        """Return whether the word is about a calculation that the query makes."""
        kinds = [kind for kind, words in CONCEPTS.items() if plain in words]
        return any(kind in self._concepts for kind in kinds)

    def _add_block(self, block: Block) -> None:
        for relation in block.relations:
            self._add(relation.alias)
            if relation.table is not None:
                self._tables[relation.table.name] = relation.table
                self._names.update(_split_name(relation.table.name))
                self._add(relation.table.name, relation.table.comment or "")
        for item in block.select.expressions:
            if isinstance(item, exp.Alias):
                self._labels.update(_split_name(item.alias))
            if is_star(item):
                for relation in block.relations:
                    for name in relation.list_column_names() or ():
                        self._add_column(exp.column(name, table=relation.alias), block)
        for column in block.select.find_all(exp.Column):
            if column.find_ancestor(exp.Select) is block.select and not is_star(column):
                self._add_column(column, block)

    def _add_column(self, column: exp.Column, block: Block) -> None:
        stored = find_stored(column, block)
        if stored is None:
            self._labels.update(_split_name(column.name))
        else:
            self._add(column.name)
            self._names.update(_split_name(column.name))
            self._used.add((stored.table.name, stored.column.name))
            self._add(stored.column.name, stored.column.comment or "")

    def _add_literal(self, literal: exp.Literal) -> None:
        if not literal.is_string:
            self._numbers.add(literal.name.rstrip("0").rstrip(".") if "." in literal.name else literal.name)
            number = literal.name
            if number.isdecimal() and 1 <= int(number) <= len(set(MONTHS.values())):
                self._months.add(int(number))
            return
        self._texts.add(fold_text(literal.name.strip("%")))
        self._add(literal.name)
        try:
            day = dt.date.fromisoformat(literal.name[:10])
        except ValueError:
            return
        self._numbers |= {str(day.year), str(day.day)}
        # A range that ends before the first of a month is about the month before.
        self._months |= {day.month, (day - dt.timedelta(days=1)).month}
        if day.month == day.day == 1:
            self._numbers.add(str(day.year - 1))

    def _add(self, *texts: str) -> None:
        for text in texts:
            self._stems.update(_split_name(text))


def _split_name(text: str) -> Iterator[str]:
    """Yield the words of a name or comment; a name of two or three words also as one word."""
    words = [fold_text(word) for word in list_words(text)]
    yield from (word for word in words if len(word) >= 2)
    if 1 < len(words) <= 3:
        yield "".join(words)


def match_words(word: str, other: str) -> bool:
    """Return whether two folded words are forms of one word, or one begins the other: `order` and `orders`."""
    return any(_is_one_word(left, right) for left in _list_forms(word) for right in _list_forms(other))


@lru_cache(maxsize=4096)
def _list_forms(word: str) -> tuple[str, ...]:
    """Return the word as it is, and without the endings of plurals and of verbs."""
    forms = [word]
    if word.endswith("ies") and len(word) > _MIN_STEM_CHARS:
        forms.append(word[:-3] + "y")
    forms += [word[: -len(end)] for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= _MIN_WORD_CHARS]
    return tuple(forms)


def _is_one_word(word: str, other: str) -> bool:
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    if len(short) < _MIN_STEM_CHARS:
        return (
            len(short) == _MIN_STEM_CHARS - 1
            and other == short
            and long.startswith(short)
            and len(long) > 2 * len(short)
        )
    shared = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), len(short))
    if shared >= _MIN_STEM_CHARS and shared >= _MIN_SHARED_RATIO * len(long):
        return True
    if long.endswith(short):
        return long[: -len(short)] not in _OPPOSITES
    return shared == len(short)


def _is_in_order(letters: str, word: str) -> bool:
    rest = iter(word)
    return all(letter in rest for letter in letters)


def _list_concepts(tree: exp.Query) -> Iterator[str]:
    """Yield the kinds of calculation that the query makes."""
    names = {name_function(node) for node in tree.find_all(exp.Anonymous)}
    divides = tree.find(exp.Div, exp.IntDiv) is not None
    grouped = tree.find(exp.Group) is not None
    ordered = any(
        isinstance(node.parent, exp.Select | exp.SetOperation | exp.Window) for node in tree.find_all(exp.Order)
    )
    compares = tree.find(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between) is not None
    if names & {"avg", "mean", "median", "mode", "favg"} or divides:
        yield "average"
    if names & {"min", "max", "arg_min", "arg_max", "min_by", "max_by", "first", "last"} or ordered:
        yield "extreme"
        yield "order"
    if compares:
        yield "compare"
        yield "extreme"
    if divides:
        yield "share"
    if names & {"count", "count_if"} or grouped:
        yield "count"
    if names & {"sum", "count"}:
        yield "sum"
    if tree.find(exp.Sub) is not None or names & {"lag", "lead", "date_diff", "datediff"} or divides:
        yield "difference"
    if ordered or grouped:
        yield "difference"
    if grouped or tree.find(exp.Distinct) is not None or tree.find(exp.SetOperation) is not None:
        yield "distinct"
    if tree.find(exp.Not, exp.NEQ, exp.Except, exp.Null) is not None or "anti" in _list_join_kinds(tree):
        yield "negation"
    if _has_time(tree, names):
        yield "time"
    if tree.find(exp.Window) is not None:
        yield "running"
        yield "extreme"


def _list_join_kinds(tree: exp.Query) -> set[str]:
    return {(join.kind or join.side or "").lower() for join in tree.find_all(exp.Join)}


def _has_time(tree: exp.Query, names: set[str]) -> bool:
    """Return whether a day, or a part of one, is in the query."""
    parts = {
        "year",
        "month",
        "week",
        "quarter",
        "day",
        "hour",
        "date_trunc",
        "date_part",
        "strftime",
        "last_day",
        "age",
    }
    parts |= {"date_diff", "datediff", "dayname", "monthname", "today", "now", "dayofweek", "strptime"}
    casts = tree.find_all(exp.Cast)
    return bool(names & parts) or any(cast.is_type(exp.DType.DATE, exp.DType.TIMESTAMPNTZ) for cast in casts)
