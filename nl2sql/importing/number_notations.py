"""Choose which notation the numbers of a column are in: decimal sign, groups, currencies, percent, negative numbers.

It judges shapes; `column_types` proves which of the notations holds for every value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from nl2sql.importing.column_shapes import (
    BLANKS,
    MAX_SHAPE_CHARS,
    ColumnNotation,
    NotationChoice,
    Shape,
    Signs,
    is_null,
)
from nl2sql.schema.identifiers import quote_literal

_MINUS: Final = "-−–‒"
_CURRENCIES: Final = frozenset(
    "€ $ £ ¥ ₹ ₽ ₩ ₺ ₪ ₫ ₴ ฿ zł kč kr kr. ft lei r$ us$ a$ c$ hk$ s$ rs rs. fr. sfr. eur usd gbp jpy chf inr cny rub"
    " brl cad aud nzd sek nok dkk pln czk huf ron bgn try ils zar mxn sgd hkd krw thb twd uah aed sar".split()
)
_GROUPS: Final[Mapping[str, str]] = {" ": " \u00a0\u2009\u202f\u2007", "'": "'’", ".": ".", ",": ",", "i": ","}
_MAX_DIGITS: Final = 38
_MAX_EXACT_DIGITS: Final = 15
_MONEY_DECIMALS: Final = 2


class _NumberShape(NamedTuple):
    """The parts of a number's shape: the digits with their signs, the currency or percent sign, the negative form."""

    core: str
    affix: str
    negative_form: str


_AFFIXES: Final = re.compile(rf"((?:[^9.,+\-{BLANKS}'’]+\.?)?)[{BLANKS}]*(.*?)[{BLANKS}]*([^9,+\-{BLANKS}'’]*)\Z", re.S)


def read_number(shape: str) -> _NumberShape | None:
    """Return the parts of a number's shape; None where it is no number.

    >>> read_number("€ -9.999,99")
    _NumberShape(core='9.999,99', affix='€', negative_form='-')
    """
    text, negative = shape, ""
    if len(shape) > MAX_SHAPE_CHARS:
        return None
    # A currency may stand outside the parentheses: `€ (5.00)`.
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
    # A telephone number is no quantity.
    if "+" in (before, after) and (set(core) & set(BLANKS) or re.fullmatch("9{7,}", core)):
        return None
    return _NumberShape(core, front or back, negative) if _list_signs(core, zero=False) else None


def _take_minus(text: str) -> tuple[str, str]:
    if text[:1] and text[0] in _MINUS:
        return text[1:].lstrip(BLANKS), "-"
    return (text[1:], "+") if text[:1] == "+" else (text, "")


_ALL_SIGNS: Final = frozenset(
    Signs(decimal, group) for decimal in ".," for group in ("", *_GROUPS) if {"i": ","}.get(group, group) != decimal
)


@functools.lru_cache(4096)
def _list_signs(core: str, zero: bool) -> frozenset[Signs]:
    """Return every pair of signs by which the digits are a number; none where they are not.

    >>> sorted(_list_signs("9.999,99", zero=False))
    [Signs(decimal=',', group='.')]
    """
    if re.fullmatch("9+", core):
        return _ALL_SIGNS
    return frozenset(signs for signs in _ALL_SIGNS if _is_number(core, signs, zero))


def _is_number(core: str, signs: Signs, zero: bool) -> bool:
    """Return whether the digits are a number by these signs; a number that begins with a 0 has no groups."""
    whole, sign, fraction = core.partition(signs.decimal)
    if sign and set(fraction) != {"9"}:
        return False
    if set(whole) <= {"9"}:
        return bool(whole or sign)
    group = _GROUPS.get(signs.group, "")
    if not group or zero or not set(whole) <= {"9", *group}:
        return False
    first, *rest = whole.translate({ord(sign): " " for sign in group}).split(" ")
    sizes = [len(part) for part in rest]
    if signs.group == "i":
        return 1 <= len(first) <= 2 and sizes[-1] == 3 and set(sizes[:-1]) <= {2}
    return 1 <= len(first) <= 3 and set(sizes) == {3}


def choose_number(
    shapes: Sequence[Shape], name: str, signs: Signs | None, nulls: Sequence[Shape]
) -> NotationChoice | None:
    """Return the notation of numbers that all these shapes allow; None where one of them is no number."""
    numbers = [read_number(shape.text) for shape in shapes]
    if any(number is None and not _is_scientific(shape.text) for number, shape in zip(numbers, shapes, strict=True)):
        return None
    if any(_is_scientific(shape.text) for shape in shapes):
        return _choose_scientific(shapes)
    read = [(shape, number) for shape, number in zip(shapes, numbers, strict=True) if number is not None]
    if any(shape.has_leading_zero and len(number.core) > 1 and set(number.core) == {"9"} for shape, number in read):
        return NotationChoice(doubt="") if all(set(number.core) == {"9"} for _, number in read) else None
    words = {number.affix.lower() for _, number in read} - {""}
    if len(words) > 1:
        return NotationChoice(doubt=f"stays text: its numbers are in {' and '.join(sorted(words))}")
    if words & set("%％") and any(not number.affix for _, number in read):
        return NotationChoice(doubt="stays text: some of its numbers are in percent and some have no sign")
    allowed = functools.reduce(
        frozenset.__and__, (_list_signs(number.core, shape.has_leading_zero) for shape, number in read), _ALL_SIGNS
    )
    if not allowed:
        return NotationChoice(doubt=_describe_mixture(read))
    if "version" in name.lower() and any("." in number.core for _, number in read):
        return NotationChoice()
    grouped = any(set(number.core) & set(" \u00a0\u2009\u202f'’") for _, number in read)
    if grouped and _is_code_name(name):
        return NotationChoice(doubt="")
    chosen, proof = _settle_signs(read, allowed, signs)
    if chosen is None:
        shape = next(shape for shape, number in read if _is_open(number.core, shape.has_leading_zero, allowed))
        return NotationChoice(
            doubt=f"stays text: nothing says whether {shape.example.strip(BLANKS)!r} is a decimal or has thousands;"
            " set `decimal` to settle it"
        )
    number = _make_number(read, chosen, next(iter(words), ""), proof)
    if number.type == "BIGINT" and any(shape.text.lower().strip("#") == "nan" for shape in nulls):
        number = replace(number, type="DOUBLE", sql=f"CAST({number.sql} AS DOUBLE)")
    # Numbers with more digits than any type holds stay text.
    return NotationChoice((number,)) if number.type != "VARCHAR" else NotationChoice()


def _is_scientific(shape: str) -> bool:
    return (
        re.fullmatch(r"[-+]?9+([.,]9+)?[eE][-+]?9+", shape) is not None
        and re.search(r"[.,]|e[-+]", shape, re.I) is not None
    )


def _choose_scientific(shapes: Sequence[Shape]) -> NotationChoice | None:
    plain = re.compile(r"[-+]?(?:9+(?:[.,]9+)?|[.,]9+)(?:[eE][-+]?9+)?")
    signs = {sign for shape in shapes for sign in ".," if sign in shape.text}
    if not all(plain.fullmatch(shape.text) for shape in shapes):
        return None
    if len(signs) > 1:
        return NotationChoice(doubt="stays text: its numbers have more than one decimal sign")
    number = f"TRY_CAST(replace(trim({{}}, '{BLANKS}'), ',', '.') AS DOUBLE)"
    # A number must not overflow, and one with more digits than are exact must be written as DuckDB writes it.
    digits = "length(regexp_replace({}, '[eE].*|[^0-9]', '', 'g'))"
    exact = f"({digits} <= {_MAX_EXACT_DIGITS} OR CAST({number} AS VARCHAR) = lower({{}}))"
    sql = f"CASE WHEN isfinite({number}) AND {exact} THEN {number} END"
    return NotationChoice((ColumnNotation("DOUBLE", sql, "numbers with exponents"),))


def _is_code_name(name: str) -> bool:
    """Return whether a column of that name holds digits that are no quantity, such as telephone numbers."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    return (
        re.search(r"phone|tel|fax|mobil|zip|plz|postal|iban|konto|account|card|code|\bids?\b|_id|nummer", words)
        is not None
    )


def _is_open(core: str, zero: bool, allowed: frozenset[Signs]) -> bool:
    """Return whether the digits are different numbers by different decimal signs."""
    decimals = {signs.decimal for signs in _list_signs(core, zero) & allowed}
    return len(decimals) > 1 and re.search("[.,]", core) is not None


def _settle_signs(
    read: Sequence[tuple[Shape, _NumberShape]], allowed: frozenset[Signs], known: Signs | None
) -> tuple[Signs | None, str]:
    """Return the signs that the column is written in, and what proves them; None where two readings remain."""
    open_ones = [shape for shape, number in read if _is_open(number.core, shape.has_leading_zero, allowed)]
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
    """Return the signs that a column of numbers proves by itself; None where it proves none.

    >>> find_signs([Shape("9.999,99", 1, "1.234,56")], "revenue")
    Signs(decimal=',', group='.')
    """
    left = [shape for shape in shapes if not is_null(shape) and shape.text]
    read = [(shape, number) for shape in left if (number := read_number(shape.text)) is not None]
    if not read or len(read) < len(left):
        return None
    allowed = functools.reduce(
        frozenset.__and__, (_list_signs(number.core, shape.has_leading_zero) for shape, number in read), _ALL_SIGNS
    )
    if len({signs.decimal for signs in allowed}) != 1:
        return None
    return _settle_signs(read, allowed, None)[0]


def _describe_mixture(read: Sequence[tuple[Shape, _NumberShape]]) -> str:
    by_decimal: dict[str, str] = {}
    for shape, number in read:
        decimals = {signs.decimal for signs in _list_signs(number.core, shape.has_leading_zero)}
        if len(decimals) == 1:
            by_decimal.setdefault(decimals.pop(), shape.example.strip(BLANKS))
    examples = " and ".join(repr(example) for example in by_decimal.values())
    return (
        f"stays text: its numbers are in two notations, such as {examples}"
        if examples
        else "stays text: numbers in two notations"
    )


def _make_number(read: Sequence[tuple[Shape, _NumberShape]], signs: Signs, word: str, proof: str) -> ColumnNotation:
    """Return the SQL that reads the numbers, and the narrowest type that holds each digit."""
    cores = [number.core for _, number in read]
    whole, fraction = _count_digits(cores, signs)
    sql = f"trim({{}}, '{BLANKS}')"
    affixes = sorted({number.affix for _, number in read} - {""}, key=len, reverse=True)
    for affix in affixes:
        sql = f"replace({sql}, {quote_literal(affix)}, '')"
    groups = _GROUPS.get(signs.group, "")
    used = "".join(sign for sign in groups if any(sign in core for core in cores))
    negatives = {number.negative_form for _, number in read}
    minus = "".join(sign for sign in _MINUS if any(sign in shape.text for shape, _ in read))
    strange = "".join({*used, *minus, "(" if "()" in negatives else "", ")" if "()" in negatives else ""} - {""})
    blank = "".join(sign for sign in BLANKS if affixes or "()" in negatives or "trailing" in negatives)
    if remove := "".join(dict.fromkeys(strange + blank + ("+" if any("+" in shape.text for shape, _ in read) else ""))):
        sql = f"translate({sql}, {quote_literal(remove)}, '')"
    if signs.decimal == "," and any("," in core for core in cores):
        sql = f"replace({sql}, ',', '.')"
    kind = _name_type(whole, fraction, is_money=word in _CURRENCIES)
    cast = f"TRY_CAST({sql} AS {kind})"
    if minus or "()" in negatives:
        pattern = f"[{minus}(]" if "()" in negatives else f"[{minus}]"
        pattern = pattern.replace("-", "\\-")
        cast = f"CASE WHEN regexp_matches({{}}, '{pattern}') THEN -{cast} ELSE {cast} END"
    return ColumnNotation(kind, cast, _describe_number(read, signs, word, proof, fraction))


def _count_digits(cores: Sequence[str], signs: Signs) -> tuple[int, int]:
    """Return the largest number of digits before the decimal sign, and after it."""
    parts = [core.split(signs.decimal) for core in cores]
    fraction = max((len(part[1]) for part in parts if len(part) == 2), default=0)
    return max(sum(sign == "9" for sign in part[0]) for part in parts), fraction


def _name_type(whole: int, fraction: int, *, is_money: bool) -> str:
    if not fraction and not is_money:
        return "BIGINT" if whole <= 18 else "HUGEINT" if whole <= _MAX_DIGITS else "VARCHAR"
    if is_money:
        fraction = max(fraction, _MONEY_DECIMALS)
    if whole + fraction > _MAX_DIGITS:
        return "VARCHAR"
    if is_money or whole + fraction > _MAX_EXACT_DIGITS:
        return f"DECIMAL({max(18, whole + fraction)},{fraction})"
    return "DOUBLE"


def _describe_number(
    read: Sequence[tuple[Shape, _NumberShape]], signs: Signs, word: str, proof: str, fraction: int
) -> str:
    parts = []
    separated = [shape.example.strip(BLANKS) for shape, number in read if not set(number.core) <= {"9", "."}]
    if fraction and separated:
        parts.append(f"decimal sign {signs.decimal!r}")
    if signs.group and separated:
        parts.append(f"thousands sign {'comma, Indian groups' if signs.group == 'i' else repr(signs.group)}")
    if word:
        money = f"in {word.upper() if word.isalpha() else word}"
        parts.append("in percent: 5 stands for 5 %" if word in "%％" else money)
    if any(number.negative_form in ("()", "trailing") for _, number in read):
        parts.append("negative in parentheses or with a minus behind")
    if proof:
        parts.append(proof)
    elif separated:
        parts.append(f"as in {separated[0]!r}")
    return ", ".join(parts) or ("whole numbers" if not fraction else "decimals")
