"""Read the figures of a text in the notation that it uses, with every reading where a notation is ambiguous.

It returns what a figure may mean, not whether that is so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

from nl2sql.answer.grounding import languages

_SPACES: Final = " \u00a0\u2009\u202f"
_DIGITS: Final = re.compile(rf"(?<![\w.])\.\d++(?!\.?\d)|\d++(?:[.,'’{_SPACES}]\d++){{0,20}}+(?:[eE][+-]?\d++(?!\w))?+")
# Letters and digits in one word: an article number, a version, an address; but no number with a unit.
_CODE: Final = re.compile(r"(?<![\w@./-])(?=[^\W\d_]*+[\d_@./-])[^\W_]++(?:[_@./:-]++[^\W_]++)*+(?![\w@])")
_IS_CODE: Final = re.compile(
    r"[^\W\d_]++\d|\d++[a-zA-Z]++\d|[^\W_]++_|[A-Z]++[-/]\d|\d++[-/]?[A-Z]++[-/]?\d|.*@|\d++\.\d++\.\d++\.\d"
)
_CURRENCY_BEFORE: Final = re.compile(
    r"(?P<minus>[-\u2212\u2013]?)(?P<sign>(?:R|US|[ACS]|NZ|HK)?[$€£¥₹₽₩₺₫₪₴₱])[ \u00a0\u202f]?\Z"
)
_CODE_BEFORE: Final = re.compile(r"(?:\A|[^\w])(?:[A-Z]{3}|Rs\.?|kr\.?|Fr\.?|n=|x)\Z")
_CURRENCY_AFTER: Final = re.compile(r"[ \u00a0\u202f]?(?P<sign>[$€£¥₹₽₩₺₫₪₴₱])(?![\d\w])")
_SIGN_BEFORE: Final = re.compile(r"(?:\A|[\s(\[{:;,=|/≈~<>])(?P<minus>[-\u2212\u2013])\Z")
_WORD_AFTER: Final = re.compile(rf"[{_SPACES}-]?(?P<word>[^\W\d_]{{1,14}}+)(?P<point>\.?)")
_RANGE_AFTER: Final = re.compile(rf"[{_SPACES}]?[-\u2013\u2014][{_SPACES}]?(?=[\d$€£¥₹])")
_LIST_MARK: Final = re.compile(r"^[ \t]{0,8}(?P<number>\d{1,3})[.)](?=\s)", re.MULTILINE)
_WORD: Final = re.compile(r"[^\W\d_]++")
_LAST_WORD: Final = re.compile(r"([^\W_]++(?:[-_@./:]++[^\W_]++)*+)[\W_]{0,3}\Z")
_NEXT_WORD: Final = re.compile(r"[\W_]{0,3}([^\W_]++(?:[-_@./:]++[^\W_]++)*+)")
_CONTEXT_CHARS: Final = 28
_MAX_NUMBER_CHARS: Final = 60
_SHIFTED: Final = str.maketrans(
    {"٫": ".", "٬": ",", "．": ".", "，": ",", "％": "%", "٪": "%", "＄": "$", "￥": "¥", "﹣": "-", "－": "-"}
)
_UNIT_FACTOR: Final = Decimal(1)
_PERCENT_FACTOR: Final = Decimal("0.01")
_MAX_ABOUT_RATIO: Final = Decimal("0.05")


class Form(StrEnum):
    """The kind of statement that a figure makes."""

    PLAIN = "plain"
    PERCENT = "percent"
    TIMES = "times"
    ORDINAL = "ordinal"
    WORD = "word"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Interval:
    """The range of a value without its sign, from `low` to `high`, both included and not negative."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a text, from `start` to `end` in it. `digits` are the characters between its signs.

    `readings` are its possible values, each with the number of decimals shown. `factors` are what one of it may stand
    for in the data (1000 for k, 0.01 for %). `parts` are the figures that it consists of where its spaces only
    separate. `neighbour_texts` are the digits with the word before and the word after. `is_place`: it may be a rank.
    `bound_word` is how exact the text claims it is: about, over, under, or "".
    """

    text: str
    start: int
    end: int
    digits: str
    readings: tuple[tuple[Decimal, int], ...] = ()
    factors: tuple[Decimal, ...] = (_UNIT_FACTOR,)
    form: Form = Form.PLAIN
    minus_sign: str = ""
    bound_word: str = ""
    is_place: bool = False
    currency: tuple[int, int] | None = None
    parts: tuple[Figure, ...] = ()
    neighbour_texts: tuple[str, ...] = ()

    @property
    def is_negative(self) -> bool:
        """Whether it certainly has a minus sign: a dash of another length may be punctuation."""
        return self.minus_sign in ("-", "\u2212")

    @property
    def significant_digits(self) -> int:
        """The number of its digits without zeros at either end."""
        return max((len(str(value).replace(".", "").strip("0")) for value, _ in self.readings), default=0)

    @property
    def is_small(self) -> bool:
        """Whether it is a whole number of one or two digits, which is easily supported by chance."""
        return all(not decimals and value < 100 for value, decimals in self.readings) and self.factors == (
            _UNIT_FACTOR,
        )

    def list_intervals(self, factors: Sequence[Decimal] | None = None) -> Iterator[Interval]:
        """Yield the ranges in which a value of the data is the figure, rounded as the figure is."""
        for value, decimals in self.readings:
            low, high = self._round(value, decimals)
            for factor in self.factors if factors is None else factors:
                yield Interval(low * factor, high * factor)

    def _round(self, value: Decimal, decimals: int) -> tuple[Decimal, Decimal]:
        half = Decimal(5).scaleb(-decimals - 1)
        low, high = max(value - half, Decimal(0)), value + half
        if not self.bound_word:
            return low, high
        zeros = _count_zeros(value)
        if self.bound_word == "about":
            slack = min(Decimal(5).scaleb(zeros - 1), value * _MAX_ABOUT_RATIO)
            return min(low, value - slack), max(high, value + slack)
        slack = min(Decimal(1).scaleb(zeros), value / 4)
        return (low, max(high, value + slack)) if self.bound_word == "over" else (min(low, value - slack), high)


def normalize_signs(text: str) -> str:
    """Return the text with ASCII digits and signs in place of others, character for character."""
    if text.isascii():
        return text
    text = text.translate(_SHIFTED)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in text)


def find_figures(text: str) -> list[Figure]:
    """Return the figures of a normalized text in order. The numbers of list items are not figures."""
    masked = list(text)
    _mask_list_marks(text, masked)
    found = list(_find_codes("".join(masked), masked))
    plain = "".join(masked)
    for match in _DIGITS.finditer(plain):
        found += _split_figures(plain, match.start(), match.group())
    found += _find_words(plain)
    return _share_scales(sorted(found, key=lambda figure: figure.start), plain)


def read_number(text: str) -> tuple[Decimal, ...]:
    """Return the possible values of a text that is one number; empty where it is none.

    A currency sign may stand beside the number.
    """
    bare = normalize_signs(text).strip().strip("$€£¥₹%").strip()
    minus = -1 if bare[:1] in ("-", "\u2212") or (bare[:1] == "(" and bare[-1:] == ")") else 1
    bare = bare.strip("()+-\u2212")
    if not (match := _DIGITS.fullmatch(bare)):
        return ()
    return tuple(minus * value for value, _ in _read_values(match.group()))


def _mask_list_marks(text: str, masked: list[str]) -> None:
    """Blank out `1.`, `2.`, `3.` at the starts of lines, where they count up."""
    next_number = 1
    for mark in _LIST_MARK.finditer(text):
        if int(mark["number"]) == next_number and "\n" in text:
            masked[mark.start("number") : mark.end()] = " " * (mark.end() - mark.start("number"))
            next_number += 1


def _find_codes(text: str, masked: list[str]) -> Iterator[Figure]:
    for match in _CODE.finditer(text):
        code = match.group()
        if not any(c.isdigit() for c in code) or not _IS_CODE.match(code) or not code.isascii():
            continue
        if _CODE_BEFORE.search(_take_letters(code)) and code[len(_take_letters(code)) :].replace(".", "").isdigit():
            continue
        masked[match.start() : match.end()] = " " * len(code)
        # A single digit is part of a word: CO2, B2B.
        if sum(c.isdigit() for c in code) > 1:
            yield Figure(code, match.start(), match.end(), code, form=Form.CODE)


def _take_letters(code: str) -> str:
    found = _WORD.match(code)
    return found.group() if found else ""


def _split_figures(text: str, start: int, token: str) -> Iterator[Figure]:
    """Yield the figures of digits with signs between them: one where they make a number, else one for each part."""
    for at, part in _split_numbers(token):
        if any(c.isdecimal() for c in part):
            yield _read_figure(text, start + at, part)


def _split_numbers(token: str) -> Iterator[tuple[int, str]]:
    """Split the token into the longest pieces that are one number each, with their offsets."""
    at = 0
    while at < len(token):
        if not token[at].isdigit() and token[at] != ".":
            at += 1
            continue
        part = _take_longest(token[at:])
        yield at, part
        at += len(part)


def _take_longest(token: str) -> str:
    ends = [match.start() for match in re.finditer(rf"[.,'’{_SPACES}]", token) if match.start()]
    for end in [len(token), *reversed(ends[:12])]:
        if end and (read := _read_values(token[:end])):
            # A list without spaces is no decimal: 1,2,3.
            if end < len(token) and token[end] in token[:end] and all(decimals for _, decimals in read):
                continue
            return token[:end]
    return token[: ends[0]] if ends else token


def _read_values(token: str) -> tuple[tuple[Decimal, int], ...]:
    """Return the possible values of digits and signs, each with its decimals; empty where they are no number."""
    mantissa, mark, exponent = token.lower().partition("e")
    if mark:
        if len(exponent) > 4:
            return ()
        power = int(exponent)
        return tuple((v.scaleb(power), max(0, d - power)) for v, d in _read_values(mantissa) if abs(power) < 400)
    separators = [c for c in mantissa if not c.isdecimal()]
    groups = re.split(rf"[.,'’{_SPACES}]", mantissa)
    kinds = list(dict.fromkeys(separators))
    if len(mantissa) > _MAX_NUMBER_CHARS or not any(c.isdecimal() for c in mantissa):
        return ()
    if not kinds:
        return ((Decimal(mantissa), 0),)
    last = separators[-1]
    found = []
    if len(kinds) == 1 and _is_grouped(groups):
        found.append((Decimal("".join(groups)), 0))
    grouped = len(kinds) == 2 and separators.count(last) == 1 and _is_grouped(groups[:-1])
    if last in ".," and (len(separators) == 1 or grouped):
        found.append((Decimal(f"{''.join(groups[:-1]) or '0'}.{groups[-1]}"), len(groups[-1])))
    return tuple(found)


def _is_grouped(groups: Sequence[str]) -> bool:
    """Return whether the parts are thousands, grouped as in Europe and America (1 234 567) or India (12 34 567)."""
    first, *rest = groups
    if not rest:
        return True
    if not 1 <= len(first) <= 3 or first.startswith("0") or len(rest[-1]) != 3:
        return False
    inner = {len(group) for group in rest[:-1]}
    return inner <= {3} or (inner == {2} and len(first) <= 2)


def _read_figure(text: str, start: int, token: str) -> Figure:
    """Read the figure of a number with the signs, the unit and the words around it."""
    end = start + len(token)
    before = text[max(0, start - _CONTEXT_CHARS) : start]
    figure = Figure(token, start, end, token, _read_values(token))
    if not figure.readings:
        return replace(figure, form=Form.CODE)
    if found := _CURRENCY_BEFORE.search(before):
        minus = found["minus"] if _SIGN_BEFORE.search(before[: found.end("minus")]) else ""
        start -= len(before) - found.start("sign") + len(minus)
        figure = replace(figure, minus_sign=minus, currency=(start + len(minus), figure.start))
        before = before[: found.start("sign") - len(minus)]
    elif found := _SIGN_BEFORE.search(before):
        start -= 1
        figure = replace(figure, minus_sign=found["minus"])
        before = before[:-1]
    if " " in token and not token.isspace():
        figure = replace(figure, parts=tuple(_read_parts(text, figure.start, token)))
    figure = replace(figure, bound_word=_find_bound(before), is_place=_is_place_word(before))
    figure, end = _read_unit(text, figure, end)
    if figure.currency is None and (found := _CURRENCY_AFTER.match(text, end)):
        figure = replace(figure, currency=found.span())
        end = found.end()
    return replace(figure, text=text[start:end], start=start, end=end, neighbour_texts=_find_neighbours(text, figure))


def _find_neighbours(text: str, figure: Figure) -> tuple[str, ...]:
    """Return the digits with the word before, and with the word after."""
    before = _LAST_WORD.search(text[max(0, figure.start - _CONTEXT_CHARS) : figure.start])
    after = _NEXT_WORD.match(text[figure.start + len(figure.digits) :][:_CONTEXT_CHARS])
    found = [f"{before[1]} {figure.digits}"] if before else []
    found += [f"{figure.digits} {after[1]}"] if after else []
    return tuple(text.lower() for text in found)


def _read_parts(text: str, start: int, token: str) -> Iterator[Figure]:
    for match in re.finditer(r"[^ ]++", token):
        if _read_values(match.group()):
            at = start + match.start()
            part = Figure(match.group(), at, at + len(match.group()), match.group(), _read_values(match.group()))
            yield _read_unit(text, part, part.end)[0] if part.end == start + len(token) else part


def _read_unit(text: str, figure: Figure, end: int) -> tuple[Figure, int]:
    """Return the figure with the unit after it, and where that ends."""
    rest = text[end : end + 40]
    if found := _compile_percent().match(rest):
        factor = (Decimal("0.001"), _UNIT_FACTOR) if "‰" in found.group() else (_PERCENT_FACTOR, _UNIT_FACTOR)
        return replace(figure, form=Form.PERCENT, factors=factor), end + found.end()
    if rest[:1] == "×":
        return replace(figure, form=Form.TIMES), end + 1
    if not (found := _WORD_AFTER.match(rest)):
        return replace(figure, is_place=figure.is_place or rest[:2] == ". "), end
    word = languages.fold(found["word"])
    attached = found.start("word") == 0
    if attached and (word in languages.ORDINALS or rest[:1] in "ºª°") and len(figure.digits) <= 4:
        return replace(figure, form=Form.ORDINAL, is_place=True), end + found.end("word")
    if attached and word == "s" and len(figure.digits) == 4:
        return figure, end + 1
    if word in languages.TIMES:
        return replace(figure, form=Form.TIMES), end + found.end("word")
    return _read_scale(figure, rest, end, found)


def _read_scale(figure: Figure, rest: str, end: int, found: re.Match[str]) -> tuple[Figure, int]:
    """Return the figure with up to two words such as million, and where these end.

    A single letter counts only where it cannot begin a word.
    """
    scale, at = _UNIT_FACTOR, 0
    measure = False
    for _ in range(2):
        spelled = found["word"]
        word = languages.fold(spelled)
        known = languages.SCALES.get(word) or (languages.SCALES.get(spelled[:1]) if not spelled.isascii() else None)
        if known is None or rest[found.start() : found.start() + 1] == "-":
            break
        measure = measure or spelled in languages.MEASURES
        scale *= known
        at = found.end("word") if word in languages.SCALES else found.start("word") + 1
        if found["point"] and len(word) in (2, 3) and word in languages.SCALES:
            at = found.end()
        following = _WORD_AFTER.match(rest, at)
        if following is None:
            break
        found = following
    if scale == _UNIT_FACTOR:
        return figure, end
    return replace(figure, factors=(scale, _UNIT_FACTOR) if measure else (scale,)), end + at


def _find_words(text: str) -> Iterator[Figure]:
    """Yield counts in words. `one` is a count only after a word such as only, and before a noun."""
    words = list(_WORD.finditer(text))
    folded = [languages.fold(word.group()) for word in words]
    if not any(word in _gather_counts() for word in folded):
        return
    known = languages.COUNTS | languages.COUNTS_OF.get(languages.find_language(folded), {})
    for i, match in enumerate(words):
        number = known.get(folded[i])
        following = folded[i + 1] if i + 1 < len(words) else ""
        around = text[max(0, match.start() - 1) : match.end() + 1]
        if number is None or "-" in around or "’" in around or "'" in around or following in languages.FRACTIONS:
            continue
        if number == 1 and not (i and folded[i - 1] in ("only", "just", "exactly") and following not in ("of", "")):
            continue
        before = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
        figure = Figure(match.group(), match.start(), match.end(), match.group(), ((Decimal(number), 0),))
        with_unit, end = _read_unit(text, figure, match.end())
        form = Form.WORD if with_unit.form is Form.PLAIN and with_unit.factors == (_UNIT_FACTOR,) else with_unit.form
        yield replace(
            with_unit,
            text=text[match.start() : end],
            end=end,
            form=form,
            bound_word=_find_bound(before),
            is_place=False,
        )


def _share_scales(figures: list[Figure], text: str) -> list[Figure]:
    """Give the first figure of a range the unit of the second: 10-20 %, 1-2 million."""
    shared = list(figures)
    for at, (figure, following) in enumerate(pairwise(figures)):
        if figure.factors == (_UNIT_FACTOR,) and following.factors != (_UNIT_FACTOR,):
            between = _RANGE_AFTER.match(text, figure.end)
            if between and between.end() == (following.currency or (following.start,))[0]:
                shared[at] = replace(figure, factors=following.factors, form=following.form)
    return shared


def _find_bound(before: str) -> str:
    """Return whether the words before a figure mean about, over or under."""
    bounds = _index_bounds()
    return next((bound for words in _take_last_words(before) if (bound := bounds.get(words))), "")


def _is_place_word(before: str) -> bool:
    return any(words in languages.PLACES for words in _take_last_words(before))


def _take_last_words(before: str) -> list[str]:
    """Return the last word or sign of a text, the last two, and the last three."""
    words = languages.fold(before).replace(".", " ").split()[-3:]
    return [" ".join(words[-count:]) for count in range(1, len(words) + 1)]


def _count_zeros(value: Decimal) -> int:
    """Return how many zeros the value's whole digits end with; 0 where it has decimals."""
    if value != value.to_integral_value() or not value or value.adjusted() > 60:
        return 0
    digits = str(int(value))
    return len(digits) - len(digits.rstrip("0"))


@cache
def _gather_counts() -> frozenset[str]:
    return frozenset(languages.COUNTS).union(*languages.COUNTS_OF.values())


@cache
def _compile_percent() -> re.Pattern[str]:
    return re.compile(rf"[{_SPACES}-]?(?:[%‰]|(?:{languages.PERCENTS})[^\W\d_]{{0,4}})", re.I)


@cache
def _index_bounds() -> dict[str, str]:
    kinds = {"about": languages.ABOUT, "over": languages.OVER, "under": languages.UNDER}
    return {word: kind for kind, words in kinds.items() for word in words}
