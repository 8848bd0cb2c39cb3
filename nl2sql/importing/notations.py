"""Which notation the texts of one column are in: numbers, dates, times, words for yes and no, placeholders.

It judges *shapes*, a column's texts with each digit written as 9, and so every value of a column at once, however many
there are. It reads no data: which of the notations that it offers really holds is for `column_types` to prove.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

BLANKS: Final = " \t\u00a0\u1680\u2007\u2009\u202f\u3000\ufeff\u200b"
PLACEHOLDERS: Final = frozenset(
    "n/a na n.a. n.a #n/a #na - -- --- – — ―  . .. ... ? ?? null none nil nan #nan (null) (none) (blank) <na> <null>"
    " \\n k.a. k.a ka keine s.d. s/d n.d. nd n.v.t. b.d. nv #value! #ref! #div/0! #num! #name? #null! missing".split()
)
# What some databases write for a date that is not there.
ZERO_DATES: Final = (
    *(f"0000{sign}00{sign}00{time}" for sign in "-/." for time in ("", " 00:00:00", "T00:00:00")),
    *(f"00{sign}00{sign}0000" for sign in "-/."),
)
_YES_NO: Final = tuple(
    tuple(pair.split("/"))
    for pair in (
        "true/false yes/no y/n ja/nein j/n wahr/falsch oui/non vrai/faux sí/no si/no verdadero/falso vero/falso sim/não"
        " ja/nee tak/nie ano/ne áno/nie igen/nem ja/nej evet/hayır да/нет так/ні 是/否 はい/いいえ 예/아니요"
    ).split()
)
_MINUS: Final = "-−–‒"
_CURRENCIES: Final = frozenset(
    "€ $ £ ¥ ₹ ₽ ₩ ₺ ₪ ₫ ₴ ฿ zł kč kr kr. ft lei r$ us$ a$ c$ hk$ s$ rs rs. fr. sfr. eur usd gbp jpy chf inr cny rub"
    " brl cad aud nzd sek nok dkk pln czk huf ron bgn try ils zar mxn sgd hkd krw thb twd uah aed sar".split()
)
_GROUPS: Final[Mapping[str, str]] = {" ": " \u00a0\u2009\u202f\u2007", "'": "'’", ".": ".", ",": ",", "i": ","}
_MOST_DIGITS: Final = 38
# No number and no date is longer; to look for one in a long text would take time by the square of its length.
LONGEST: Final = 200
_EXACT_DIGITS: Final = 15
_MONEY_SCALE: Final = 2


class Shape(NamedTuple):
    """Texts of one column that look alike: `text` with each digit as 9, how `many`, and one of them.

    `zero` says that the first digit of them is a 0.
    """

    text: str
    many: int
    example: str
    zero: bool = False


class Signs(NamedTuple):
    """Decimal sign and group sign of a notation. Groups: one of `_GROUPS`, or empty."""

    decimal: str
    group: str


@dataclass(frozen=True, slots=True)
class Notation:
    """One reading of a column: DuckDB's type, SQL over `{}` that gives NULL for what it can't read, and why."""

    type: str
    sql: str
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the shapes of a column allow.

    `rivals`: of these one must hold for every value and the others not, else the column stays text. `fallbacks` are
    tried in turn where none holds. `nulls` are texts to take for no value. `doubt` says why it is text although much
    of it could be read.
    """

    rivals: tuple[Notation, ...] = ()
    fallbacks: tuple[Notation, ...] = ()
    nulls: tuple[Shape, ...] = ()
    doubt: str = ""


def make_shape(text: str) -> str:
    """The text without outer blanks, each digit as 9.

    >>> make_shape(" 1.234,56 ")
    '9.999,99'
    """
    return re.sub("[0-9]", "9", text.strip(BLANKS))


def collect_shapes(texts: Iterable[str]) -> list[Shape]:
    """The shapes of some texts, the most frequent first."""
    found: dict[tuple[str, bool], Shape] = {}
    for text in texts:
        key = make_shape(text), starts_with_zero(text)
        known = found.get(key, Shape(key[0], 0, text, key[1]))
        found[key] = known._replace(many=known.many + 1)
    return sorted(found.values(), key=lambda shape: -shape.many)


def starts_with_zero(text: str) -> bool:
    """Whether the first digit is a 0."""
    digit = re.search("[0-9]", text)
    return digit is not None and digit.group() == "0"


def is_placeholder(text: str) -> bool:
    """Whether people write it where there is no value.

    >>> is_placeholder("N/A")
    True
    """
    return text.strip(BLANKS).lower() in PLACEHOLDERS


def choose(shapes: Sequence[Shape], name: str, signs: Signs | None) -> Choice:
    """The notations that all these shapes allow. `name` is the column's.

    `signs` are those that another column, or the owner, proves for the whole file.
    """
    nulls = tuple(shape for shape in shapes if _is_null(shape))
    rest = [shape for shape in shapes if shape not in nulls and shape.text]
    if not rest:
        return Choice()
    choice = _choose_number(rest, name, signs, nulls)
    for rule in (_choose_date, _choose_time, _choose_yes_no):
        choice = choice or rule(rest)
    if choice:
        return replace(choice, nulls=nulls)
    return Choice(doubt=_describe_misfits(rest))


def _is_null(shape: Shape) -> bool:
    # `#DIV/0!` has a digit.
    return shape.text.lower() in PLACEHOLDERS or shape.example.strip(BLANKS).lower() in PLACEHOLDERS


def _describe_misfits(shapes: Sequence[Shape]) -> str:
    """Why it is text, where most values are numbers or dates."""
    count = sum(shape.many for shape in shapes)
    for what, reads in (("numbers", _read_number), ("dates", _read_date)):
        misfits = [shape for shape in shapes if reads(shape.text) is None]
        wrong = sum(shape.many for shape in misfits)
        if misfits and 2 * wrong < count:
            told = ", ".join(repr(shape.example[:40]) for shape in misfits[:3])
            return f"stays text: {wrong:,} of {count:,} values are no {what}, such as {told}"
    return ""


# Numbers


class _Number(NamedTuple):
    """A number's shape taken apart: the digits with their signs, what stands beside it, and how it is negative."""

    core: str
    affix: str
    negative: str


_AFFIXES: Final = re.compile(rf"((?:[^9.,+\-{BLANKS}'’]+\.?)?)[{BLANKS}]*(.*?)[{BLANKS}]*([^9,+\-{BLANKS}'’]*)\Z", re.S)


def _read_number(shape: str) -> _Number | None:
    """Take the shape of a number apart, else None.

    >>> _read_number("€ -9.999,99")
    _Number(core='9.999,99', affix='€', negative='-')
    """
    text, negative = shape, ""
    if len(shape) > LONGEST:
        return None
    # What stands outside the parentheses is a currency: `€ (5.00)`.
    if inner := re.fullmatch(r"([^()9]*)\(([^()]+)\)([^()9]*)", text):
        text = f"({''.join(inner.groups())})"
    if text.startswith("(") and text.endswith(")"):
        text, negative = text[1:-1].strip(BLANKS), "()"
    if text.endswith(tuple(_MINUS)) and not negative:
        text, negative = text[:-1].rstrip(BLANKS), "trailing"
    text, before = _take_minus(text)
    affix = _AFFIXES.match(text)
    if affix is None:
        return None
    front, core, back = affix.groups()
    if front and back:
        return None
    if back.startswith("."):
        core, back = core + back, ""
    core, after = _take_minus(core)
    if core.endswith(tuple(_MINUS)) and not (negative or before or after):
        core, negative = core[:-1].rstrip(BLANKS), "trailing"
    if ((before or after) and negative) or (before and after):
        return None
    word = (front or back).lower()
    if word and word not in _CURRENCIES and word not in ("%", "％"):
        return None
    negative = negative or ("-" if "-" in (before, after) else "")
    core = core.strip(BLANKS)
    # A telephone's number is none to reckon with.
    if "+" in (before, after) and (set(core) & set(BLANKS) or re.fullmatch("9{7,}", core)):
        return None
    return _Number(core, front or back, negative) if _list_signs(core, zero=False) else None


def _take_minus(text: str) -> tuple[str, str]:
    if text[:1] and text[0] in _MINUS:
        return text[1:].lstrip(BLANKS), "-"
    return (text[1:], "+") if text[:1] == "+" else (text, "")


_ALL_SIGNS: Final = frozenset(
    Signs(decimal, group) for decimal in ".," for group in ("", *_GROUPS) if {"i": ","}.get(group, group) != decimal
)


@functools.lru_cache(4096)
def _list_signs(core: str, zero: bool) -> frozenset[Signs]:
    """Every pair of signs by which the digits are a number; none where they are not.

    >>> sorted(_list_signs("9.999,99", zero=False))
    [Signs(decimal=',', group='.')]
    """
    if re.fullmatch("9+", core):
        return _ALL_SIGNS
    return frozenset(signs for signs in _ALL_SIGNS if _fits(core, signs, zero))


def _fits(core: str, signs: Signs, zero: bool) -> bool:
    """Whether the digits are a number by these signs; a number that begins with a 0 has no groups."""
    whole, sign, fraction = core.partition(signs.decimal)
    if sign and set(fraction) != {"9"}:
        return False
    if set(whole) <= {"9"}:
        return bool(whole or sign)
    group = _GROUPS.get(signs.group, "")
    if not group or zero or not set(whole) <= {"9", *group}:
        return False
    first, *rest = whole.translate({ord(one): " " for one in group}).split(" ")
    sizes = [len(part) for part in rest]
    if signs.group == "i":
        return 1 <= len(first) <= 2 and sizes[-1] == 3 and set(sizes[:-1]) <= {2}
    return 1 <= len(first) <= 3 and set(sizes) == {3}


def _choose_number(shapes: Sequence[Shape], name: str, signs: Signs | None, nulls: Sequence[Shape]) -> Choice | None:
    numbers = [_read_number(shape.text) for shape in shapes]
    if any(number is None and not _is_scientific(shape.text) for number, shape in zip(numbers, shapes, strict=True)):
        return None
    if any(_is_scientific(shape.text) for shape in shapes):
        return _choose_scientific(shapes)
    read = [(shape, number) for shape, number in zip(shapes, numbers, strict=True) if number is not None]
    if any(shape.zero and len(number.core) > 1 and set(number.core) == {"9"} for shape, number in read):
        return Choice(doubt="") if all(set(number.core) == {"9"} for _, number in read) else None
    words = {number.affix.lower() for _, number in read} - {""}
    if len(words) > 1:
        return Choice(doubt=f"stays text: it holds numbers in {' and '.join(sorted(words))}")
    allowed = functools.reduce(
        frozenset.__and__, (_list_signs(number.core, shape.zero) for shape, number in read), _ALL_SIGNS
    )
    if not allowed:
        return Choice(doubt=_describe_mixture(read))
    if "version" in name.lower() and any("." in number.core for _, number in read):
        return Choice()
    grouped = any(set(number.core) & set(" \u00a0\u2009\u202f'’") for _, number in read)
    if grouped and _is_code_name(name):
        return Choice(doubt="")
    chosen, proof = _settle_signs(read, allowed, signs)
    if chosen is None:
        shape = next(shape for shape, number in read if _is_open(number.core, shape.zero, allowed))
        return Choice(
            doubt=f"stays text: nothing says whether {shape.example.strip(BLANKS)!r} is a decimal or has thousands;"
            " say it with `decimal`"
        )
    number = _make_number(read, chosen, next(iter(words), ""), proof)
    if number.type == "BIGINT" and any(shape.text.lower().strip("#") == "nan" for shape in nulls):
        number = replace(number, type="DOUBLE", sql=f"CAST({number.sql} AS DOUBLE)")
    # More digits than any number holds are kept as they are.
    return Choice((number,)) if number.type != "VARCHAR" else Choice()


def _is_scientific(shape: str) -> bool:
    return (
        re.fullmatch(r"[-+]?9+([.,]9+)?[eE][-+]?9+", shape) is not None
        and re.search(r"[.,]|e[-+]", shape, re.I) is not None
    )


def _choose_scientific(shapes: Sequence[Shape]) -> Choice | None:
    plain = re.compile(r"[-+]?(?:9+(?:[.,]9+)?|[.,]9+)(?:[eE][-+]?9+)?")
    signs = {sign for shape in shapes for sign in ".," if sign in shape.text}
    if not all(plain.fullmatch(shape.text) for shape in shapes):
        return None
    if len(signs) > 1:
        return Choice(doubt="stays text: its numbers have more than one decimal sign")
    if any(len(re.sub("[eE].*|[^9]", "", shape.text)) > _EXACT_DIGITS for shape in shapes):
        return Choice(doubt=f"stays text: its numbers with exponents have more than {_EXACT_DIGITS} digits")
    number = f"TRY_CAST(replace(trim({{}}, '{BLANKS}'), ',', '.') AS DOUBLE)"
    # What is too large to be held is no number here.
    sql = f"CASE WHEN isfinite({number}) THEN {number} END"
    return Choice((Notation("DOUBLE", sql, "numbers with exponents"),))


def _is_code_name(name: str) -> bool:
    """Whether a column of that name holds digits that are no quantity."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    return (
        re.search(r"phone|tel|fax|mobil|zip|plz|postal|iban|konto|account|card|code|\bids?\b|_id|nummer", words)
        is not None
    )


def _is_open(core: str, zero: bool, allowed: frozenset[Signs]) -> bool:
    """Whether the digits mean one number by one of the signs and another number by another one."""
    decimals = {signs.decimal for signs in _list_signs(core, zero) & allowed}
    return len(decimals) > 1 and re.search("[.,]", core) is not None


def _settle_signs(
    read: Sequence[tuple[Shape, _Number]], allowed: frozenset[Signs], known: Signs | None
) -> tuple[Signs | None, str]:
    """The signs that the column is written in, and what proves them; None where two readings are left."""
    open_ones = [shape for shape, number in read if _is_open(number.core, shape.zero, allowed)]
    if not open_ones:
        best = min(allowed, key=lambda signs: (signs.group == "i", signs.decimal != ".", signs.group))
        return best, ""
    if known is None:
        return None, ""
    left = [signs for signs in allowed if signs.decimal == known.decimal]
    if not left:
        return None, ""
    best = min(left, key=lambda signs: (signs.group == "i", signs.group != known.group, signs.group))
    return best, f"as elsewhere in the file, the decimal sign is {known.decimal!r}"


def find_signs(shapes: Sequence[Shape], name: str) -> Signs | None:
    """The decimal sign that a column of numbers proves by itself, else None.

    >>> find_signs([Shape("9.999,99", 1, "1.234,56")], "revenue")
    Signs(decimal=',', group='.')
    """
    left = [shape for shape in shapes if not _is_null(shape) and shape.text]
    read = [(shape, number) for shape in left if (number := _read_number(shape.text)) is not None]
    if not read or len(read) < len(left):
        return None
    allowed = functools.reduce(
        frozenset.__and__, (_list_signs(number.core, shape.zero) for shape, number in read), _ALL_SIGNS
    )
    if len({signs.decimal for signs in allowed}) != 1:
        return None
    return _settle_signs(read, allowed, None)[0]


def _describe_mixture(read: Sequence[tuple[Shape, _Number]]) -> str:
    by_decimal: dict[str, str] = {}
    for shape, number in read:
        decimals = {signs.decimal for signs in _list_signs(number.core, shape.zero)}
        if len(decimals) == 1:
            by_decimal.setdefault(decimals.pop(), shape.example.strip(BLANKS))
    told = " and ".join(repr(example) for example in by_decimal.values())
    return (
        f"stays text: its numbers are in two notations, such as {told}"
        if told
        else "stays text: numbers in two notations"
    )


def _make_number(read: Sequence[tuple[Shape, _Number]], signs: Signs, word: str, proof: str) -> Notation:
    """The expression that reads them, and the narrowest type that holds each digit."""
    cores = [number.core for _, number in read]
    whole, fraction = _count_digits(cores, signs)
    sql = f"trim({{}}, '{BLANKS}')"
    affixes = sorted({number.affix for _, number in read} - {""}, key=len, reverse=True)
    for affix in affixes:
        sql = f"replace({sql}, {_quote(affix)}, '')"
    groups = _GROUPS.get(signs.group, "")
    used = "".join(sign for sign in groups if any(sign in core for core in cores))
    negatives = {number.negative for _, number in read}
    minus = "".join(sign for sign in _MINUS if any(sign in shape.text for shape, _ in read))
    strange = "".join({*used, *minus, "(" if "()" in negatives else "", ")" if "()" in negatives else ""} - {""})
    blank = "".join(sign for sign in BLANKS if affixes or "()" in negatives or "trailing" in negatives)
    if remove := "".join(dict.fromkeys(strange + blank + ("+" if any("+" in shape.text for shape, _ in read) else ""))):
        sql = f"translate({sql}, {_quote(remove)}, '')"
    if signs.decimal == "," and any("," in core for core in cores):
        sql = f"replace({sql}, ',', '.')"
    kind = _name_type(whole, fraction, is_money=word in _CURRENCIES)
    cast = f"TRY_CAST({sql} AS {kind})"
    if minus or "()" in negatives:
        pattern = f"[{minus}(]" if "()" in negatives else f"[{minus}]"
        pattern = pattern.replace("-", "\\-")
        cast = f"CASE WHEN regexp_matches({{}}, '{pattern}') THEN -{cast} ELSE {cast} END"
    return Notation(kind, cast, _describe_number(read, signs, word, proof, fraction))


def _count_digits(cores: Sequence[str], signs: Signs) -> tuple[int, int]:
    """The most digits before the decimal sign, and after it."""
    parts = [core.split(signs.decimal) for core in cores]
    fraction = max((len(part[1]) for part in parts if len(part) == 2), default=0)
    return max(sum(sign == "9" for sign in part[0]) for part in parts), fraction


def _name_type(whole: int, fraction: int, *, is_money: bool) -> str:
    if not fraction and not is_money:
        return "BIGINT" if whole <= 18 else "HUGEINT" if whole <= _MOST_DIGITS else "VARCHAR"
    if is_money:
        fraction = max(fraction, _MONEY_SCALE)
    if whole + fraction > _MOST_DIGITS:
        return "VARCHAR"
    if is_money or whole + fraction > _EXACT_DIGITS:
        return f"DECIMAL({max(18, whole + fraction)},{fraction})"
    return "DOUBLE"


def _describe_number(read: Sequence[tuple[Shape, _Number]], signs: Signs, word: str, proof: str, fraction: int) -> str:
    parts = []
    separated = [shape.example.strip(BLANKS) for shape, number in read if not set(number.core) <= {"9", "."}]
    if fraction and separated:
        parts.append(f"decimal sign {signs.decimal!r}")
    if signs.group and separated:
        parts.append(f"thousands sign {'comma, Indian groups' if signs.group == 'i' else repr(signs.group)}")
    if word:
        money = f"in {word.upper() if word.isalpha() else word}"
        parts.append("in percent: 5 stands for 5 %" if word in "%％" else money)
    if any(number.negative in ("()", "trailing") for _, number in read):
        parts.append("negative in parentheses or with a minus behind")
    if proof:
        parts.append(proof)
    elif separated:
        parts.append(f"as in {separated[0]!r}")
    return ", ".join(parts) or ("whole numbers" if not fraction else "decimals")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# Dates and times

_CLOCK: Final = r"(?P<clock>9{1,2}:99(?P<seconds>:99(?P<fraction>[.,]9{1,9})?)?)(?P<half> ?[AaPp]\.?[Mm]\.?)?"
_ZONE: Final = r"(?P<zone> ?(?:Z|UTC|GMT)|[+-]99(?::?99)?)?"
_SUFFIX: Final = rf"(?:(?P<between>T|,? +){_CLOCK}{_ZONE})?"
_YEAR_FIRST: Final = re.compile(rf"9{{4}}(?P<sign>[-/.])9{{1,2}}(?P=sign)9{{1,2}}{_SUFFIX}")
_YEAR_LAST: Final = re.compile(rf"9{{1,2}}(?P<sign>[-/.])9{{1,2}}(?P=sign)(?P<year>9{{4}}|99){_SUFFIX}")
_EAST_ASIAN: Final = re.compile(r"9{4}[年년] ?9{1,2}[月월] ?9{1,2}[日일]")
_LETTERS: Final = r"[^\W\d_]{1,20}"
_DAY: Final = r"9{1,2}(?:\.|st|nd|rd|th|er|º|°)?"
_WEEKDAY: Final = rf"(?:(?P<weekday>{_LETTERS})\.?,? +)?"
_NAMED_END: Final = r"(?P<year>9{4}|99)(?:,? +(?P<clock>9{1,2}:99(?::99)?)(?P<half> ?[AaPp]\.?[Mm]\.?)?)?"
_DAY_MONTH: Final = re.compile(
    rf"{_WEEKDAY}{_DAY}[ \-/]*(?:de |of )?(?P<month>{_LETTERS})\.?[ ,\-/]*(?:de )?{_NAMED_END}", re.I
)
_MONTH_DAY: Final = re.compile(rf"{_WEEKDAY}(?P<month>{_LETTERS})\.?[ \-]{{1,3}}{_DAY},?[ \-]{{1,3}}{_NAMED_END}", re.I)
# The languages whose names of months are known; babel has the names.
_LANGUAGES: Final = "en de fr es it pt nl pl cs sk hu ro sv da nb fi tr ru uk el hr sl et lv lt bg ca de_AT".split()
_ORDER_NAMES: Final = {"DMY": "day first", "MDY": "month first", "YMD": "year first"}


@functools.cache
def _load_weekdays() -> frozenset[str]:
    """The names of weekdays in any of the languages, in small letters."""
    from babel import Locale

    return frozenset(
        name.lower().strip(".")
        for language in _LANGUAGES
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for name in Locale.parse(language).days[context][width].values()
    )


@functools.cache
def _load_months() -> Sequence[Mapping[str, int]]:
    """The month of each name, in small letters, a language each."""
    from babel import Locale

    languages = []
    for language in _LANGUAGES:
        months = Locale.parse(language).months
        names = {
            name.lower().strip("."): number
            for context in ("format", "stand-alone")
            for width in ("wide", "abbreviated")
            for number, name in months[context][width].items()
        }
        languages.append(names)
    known = {name for names in languages for name in names}
    return [names | _cut_names(names, known) for names in languages]


def _cut_names(names: Mapping[str, int], known: Set[str]) -> dict[str, int]:
    """The first three letters of the names, as people cut them, where these are no other name and mean one month."""
    cut = {name[:3]: {number for other, number in names.items() if other[:3] == name[:3]} for name in names}
    return {short: min(found) for short, found in cut.items() if len(found) == 1 and short not in known}


def _find_months(words: Collection[str]) -> Mapping[str, int]:
    """The month of each of a column's words, in the languages that have them all; empty where none has, or they differ.

    >>> _find_months({"mar", "mai"})["mar"]
    3
    """
    readings = [
        {word: names[word] for word in words} for names in _load_months() if all(map(names.__contains__, words))
    ]
    if readings and all(reading == readings[0] for reading in readings):
        return readings[0]
    found = {word: {names[word] for names in _load_months() if word in names} for word in words}
    return {word: min(months) for word, months in found.items()} if all(len(m) == 1 for m in found.values()) else {}


def _read_date(shape: str) -> re.Match[str] | None:
    """The match of a date's shape, with a time or without."""
    if len(shape) > LONGEST:
        return None
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _EAST_ASIAN, _DAY_MONTH, _MONTH_DAY):
        if found := pattern.fullmatch(shape):
            return found if "month" not in found.re.groupindex or _has_known_names(found) else None
    return None


def _has_known_names(match: re.Match[str]) -> bool:
    """Whether the month is one in some language, and so the weekday, if there is one."""
    if match["weekday"] and match["weekday"].lower() not in _load_weekdays():
        return False
    return any(match["month"].lower() in names for names in _load_months())


def _choose_date(shapes: Sequence[Shape]) -> Choice | None:
    found = [_read_date(shape.text) for shape in shapes]
    matches = [match for match in found if match is not None]
    if len(matches) < len(found):
        return None
    families = {_name_family(match) for match in matches}
    if len(families) > 1:
        examples = {_name_family(match): shape.example for match, shape in zip(matches, shapes, strict=True)}
        told = " and ".join(repr(example.strip(BLANKS)) for example in list(examples.values())[:2])
        return Choice(doubt=f"stays text: its dates are in two notations, such as {told}")
    pattern = matches[0].re
    if pattern in (_DAY_MONTH, _MONTH_DAY):
        months = _find_months({match["month"].lower() for match in matches})
        if not months:
            return Choice(doubt="stays text: its names of months mean others in another language")
        return Choice((_make_named_date(matches, months, day_first=pattern is _DAY_MONTH),))
    if pattern is _EAST_ASIAN:
        return Choice((_make_east_asian(),))
    kind = _name_moment(matches)
    if not kind:
        mixed = "some of its times have a zone and some have none"
        told = mixed if kind is None else "its times have a zone and more than six decimals, and no type holds both"
        return Choice(doubt=f"stays text: {told}")
    if pattern is _YEAR_FIRST:
        return Choice((_make_year_first(matches, kind),))
    orders = ["DMY"] if matches[0]["sign"] == "." else ["DMY", "MDY"]
    if matches[0]["year"] == "99" and matches[0]["sign"] != ".":
        orders.append("YMD")
    return Choice(tuple(_make_year_last(matches, kind, order) for order in orders))


def _name_family(match: re.Match[str]) -> tuple[str, str, int]:
    groups = match.groupdict()
    return match.re.pattern, groups.get("sign") or "", len(groups.get("year") or "")


def _name_moment(matches: Sequence[re.Match[str]]) -> str | None:
    """The type of dates with these times; None where only some have a zone, empty where no type holds them."""
    clocks = [match for match in matches if match["clock"]]
    if not clocks:
        return "DATE"
    zones = [(match["zone"] or "").strip() for match in clocks]
    if any(zones) and (not all(zones) or len(clocks) < len(matches)):
        return None
    has_offset = any(zone not in ("", "Z", "UTC", "GMT") for zone in zones)
    if any(match["fraction"] and len(match["fraction"]) > 7 for match in clocks):
        return "" if has_offset else "TIMESTAMP_NS"
    return "TIMESTAMPTZ" if has_offset else "TIMESTAMP"


def _make_year_first(matches: Sequence[re.Match[str]], kind: str) -> Notation:
    text = f"trim({{}}, '{BLANKS}')"
    if matches[0]["sign"] == ".":
        text = f"replace(replace({text}[:10], '.', '-') || {text}[11:], ',', '.')"
    elif any("," in (match["fraction"] or "") for match in matches):
        text = f"replace({text}, ',', '.')"
    if any(match["half"] for match in matches):
        day = {"-": "%Y-%m-%d", "/": "%Y/%m/%d", ".": "%Y-%m-%d"}[matches[0]["sign"]]
        text = f"try_strptime({text}, [{', '.join(_list_formats(matches, day))}])"
    why = "in UTC" if kind == "TIMESTAMP" and any(match["zone"] for match in matches) else "year first"
    if why == "in UTC":
        text = f"regexp_replace({text}, ' ?(Z|UTC|GMT)$', '')"
    return Notation(kind, f"TRY_CAST({text} AS {kind})", why)


def _make_year_last(matches: Sequence[re.Match[str]], kind: str, order: str) -> Notation:
    sign, year = matches[0]["sign"], "%Y" if matches[0]["year"] == "9999" else "%y"
    parts = {"D": "%d", "M": "%m", "Y": year}
    day = sign.join(parts[letter] for letter in order)
    formats = _list_formats(matches, day)
    text = f"regexp_replace(trim({{}}, '{BLANKS}'), '(T|,? +)', ' ')"
    text = f"replace({text}, ',', '.')" if any("," in (match["fraction"] or "") for match in matches) else text
    if any(match["half"] for match in matches):
        text = f"regexp_replace({text}, '(?i) ?([ap])\\.?(m)\\.?$', ' \\1\\2')"
    why = _ORDER_NAMES[order] + ("; years of two digits: 69 to 99 are 1969 to 1999" if year == "%y" else "")
    return Notation(kind, f"CAST(try_strptime({text}, [{', '.join(formats)}]) AS {kind})", why)


def _list_formats(matches: Sequence[re.Match[str]], day: str) -> list[str]:
    """The formats, quoted, for these dates and the times behind them."""
    found = []
    for match in matches:
        clock = ""
        if match["clock"]:
            clock = f" {'%I' if match['half'] else '%H'}:%M"
            clock += (":%S" if match["seconds"] else "") + (".%f" if match["fraction"] else "")
            clock += " %p" if match["half"] else ""
            zone = (match["zone"] or "").strip()
            clock += zone if zone in ("Z", "UTC", "GMT") else "%z" if zone else ""
        found.append(f"'{day}{clock}'")
    return list(dict.fromkeys(found))


def _make_named_date(matches: Sequence[re.Match[str]], months: Mapping[str, int], *, day_first: bool) -> Notation:
    words = sorted(months)
    cases = " ".join(f"WHEN {_quote(word)} THEN '{number}'" for word, number in sorted(months.items()))
    text = f"lower(trim({{}}, '{BLANKS}'))"
    if weekdays := sorted({match["weekday"].lower() for match in matches if match["weekday"]}):
        text = f"regexp_replace({text}, '^({'|'.join(weekdays)})\\.?,? +', '')"
    word = "|".join(map(re.escape, words))
    numbers = f"regexp_extract_all({text}, '[0-9]+')"
    month = f"CASE regexp_extract({text}, '(^|[^\\p{{L}}])({word})([^\\p{{L}}]|$)', 2) {cases} END"
    year = f"{numbers}[2]"
    if any(match["year"] == "99" for match in matches):
        year = (
            f"CASE WHEN len({year}) = 2 THEN CASE WHEN {year} < '69' THEN '20' ELSE '19' END || {year} ELSE {year} END"
        )
    why = "names of months" if day_first else "names of months, month first"
    day = f"TRY_CAST({year} || '-' || {month} || '-' || {numbers}[1] AS DATE)"
    if not any(match["clock"] for match in matches):
        return Notation("DATE", day, why)
    return Notation("TIMESTAMP", f"{day} + {_write_clock(text)}", why)


def _write_clock(text: str) -> str:
    """The expression of the time at the end of a text in small letters; midnight where there is none."""
    clock = f"regexp_extract({text}, '[0-9]{{1,2}}:[0-9:]+ ?([ap]\\.?m\\.?)?$')"
    half = f"regexp_replace({clock}, ' ?([ap])\\.?m\\.?$', ' \\1m')"
    return (
        f"CASE WHEN {clock} = '' THEN TIME '00:00' WHEN {clock} LIKE '%m%' "
        f"THEN CAST(try_strptime({half}, ['%I:%M %p', '%I:%M:%S %p']) AS TIME) ELSE TRY_CAST({clock} AS TIME) END"
    )


def _make_east_asian() -> Notation:
    numbers = "regexp_extract_all({}, '[0-9]+')"
    return Notation("DATE", f"TRY_CAST(array_to_string({numbers}, '-') AS DATE)", "year, month and day in words")


_TIME: Final = re.compile(r"-?9{1,4}:99(:99([.,]9{1,6})?)?")
_TIME_OF_DAY: Final = re.compile(r"9{1,2}:99(:99)? ?[AaPp][Mm]")


LENGTH: Final = Notation(
    "INTERVAL", f"TRY_CAST(replace(trim({{}}, '{BLANKS}'), ',', '.') AS INTERVAL)", "lengths of time"
)


def _choose_time(shapes: Sequence[Shape]) -> Choice | None:
    text = f"trim({{}}, '{BLANKS}')"
    if all(_TIME_OF_DAY.fullmatch(shape.text) for shape in shapes):
        spaced = f"regexp_replace({text}, ' ?([AaPp][Mm])$', ' \\1')"
        sql = f"CAST(try_strptime({spaced}, ['%I:%M %p', '%I:%M:%S %p']) AS TIME)"
        return Choice((Notation("TIME", sql, "times of the day"),))
    if not all(_TIME.fullmatch(shape.text) for shape in shapes):
        return None
    of_day = Notation("TIME", f"TRY_CAST(replace({text}, ',', '.') AS TIME)", "times of the day")
    return Choice((of_day,), (replace(LENGTH, why="lengths of time: some are of 24 hours or more"),))


def _choose_yes_no(shapes: Sequence[Shape]) -> Choice | None:
    words = {shape.text.lower() for shape in shapes}
    for yes, no in _YES_NO:
        if words == {yes, no} or (words <= {yes, no} and yes == "true"):
            text = f"lower(trim({{}}, '{BLANKS}'))"
            sql = f"CASE {text} WHEN {_quote(yes)} THEN true WHEN {_quote(no)} THEN false END"
            return Choice((Notation("BOOLEAN", sql, f"{yes} is true, {no} is false"),))
    return None
