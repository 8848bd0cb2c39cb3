"""Choose which notation the dates and times of a column are in: the order of their parts, names of months, time zones.

It judges shapes; `column_types` proves which of the possible orders holds for every value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import Final

from nl2sql.importing.column_shapes import BLANKS, MAX_SHAPE_CHARS, ColumnNotation, NotationChoice, Shape
from nl2sql.schema.identifiers import quote_literal

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
# The languages whose names of months are known; the names come from babel.
_LANGUAGES: Final = "en de fr es it pt nl pl cs sk hu ro sv da nb fi tr ru uk el hr sl et lv lt bg ca de_AT".split()
_ORDER_NAMES: Final = {"DMY": "day first", "MDY": "month first", "YMD": "year first"}


@functools.cache
def _load_weekdays() -> frozenset[str]:
    """Return the names of weekdays in all known languages, in lower case."""
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
    """Return, for each language, the number of the month of each name, in lower case."""
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
    """Return names cut to three letters, as people write them, where such a text names one month and nothing else."""
    cut = {name[:3]: {number for other, number in names.items() if other[:3] == name[:3]} for name in names}
    return {short: min(found) for short, found in cut.items() if len(found) == 1 and short not in known}


def _find_months(words: Collection[str]) -> Mapping[str, int]:
    """Return the month of each of a column's words, in the languages that have them all; empty where these disagree.

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


def read_date(shape: str) -> re.Match[str] | None:
    """Return the match of a date's shape, with or without a time; None where it is none."""
    if len(shape) > MAX_SHAPE_CHARS:
        return None
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _EAST_ASIAN, _DAY_MONTH, _MONTH_DAY):
        if found := pattern.fullmatch(shape):
            return found if "month" not in found.re.groupindex or _has_known_names(found) else None
    return None


def _has_known_names(match: re.Match[str]) -> bool:
    """Return whether the month, and the weekday if there is one, is a name in some language."""
    if match["weekday"] and match["weekday"].lower() not in _load_weekdays():
        return False
    return any(match["month"].lower() in names for names in _load_months())


def choose_date(shapes: Sequence[Shape]) -> NotationChoice | None:
    """Return the orders of day, month and year that all these shapes allow; None where one of them is no date."""
    found = [read_date(shape.text) for shape in shapes]
    matches = [match for match in found if match is not None]
    if len(matches) < len(found):
        return None
    families = {_name_family(match) for match in matches}
    if len(families) > 1:
        examples = {_name_family(match): shape.example for match, shape in zip(matches, shapes, strict=True)}
        texts = " and ".join(repr(example.strip(BLANKS)) for example in list(examples.values())[:2])
        return NotationChoice(doubt=f"stays text: its dates are in two notations, such as {texts}")
    pattern = matches[0].re
    if pattern in (_DAY_MONTH, _MONTH_DAY):
        months = _find_months({match["month"].lower() for match in matches})
        if not months:
            return NotationChoice(doubt="stays text: its names of months mean different months in different languages")
        return NotationChoice((_make_named_date(matches, months, day_first=pattern is _DAY_MONTH),))
    if pattern is _EAST_ASIAN:
        return NotationChoice((_make_east_asian(),))
    kind = _name_moment(matches)
    if not kind:
        mixed = "some of its times have a zone and some have none"
        reason = mixed if kind is None else "its times have a zone and more than six decimals, and no type holds both"
        return NotationChoice(doubt=f"stays text: {reason}")
    if pattern is _YEAR_FIRST:
        return NotationChoice((_make_year_first(matches, kind),))
    orders = ["DMY"] if matches[0]["sign"] == "." else ["DMY", "MDY"]
    if matches[0]["year"] == "99" and matches[0]["sign"] != ".":
        orders.append("YMD")
    return NotationChoice(tuple(_make_year_last(matches, kind, order) for order in orders))


def _name_family(match: re.Match[str]) -> tuple[str, str, int]:
    groups = match.groupdict()
    return match.re.pattern, groups.get("sign") or "", len(groups.get("year") or "")


def _name_moment(matches: Sequence[re.Match[str]]) -> str | None:
    """Return the type of dates with these times; None where only some have a zone, empty where no type holds them."""
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


def _make_year_first(matches: Sequence[re.Match[str]], kind: str) -> ColumnNotation:
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
    return ColumnNotation(kind, f"TRY_CAST({text} AS {kind})", why)


def _make_year_last(matches: Sequence[re.Match[str]], kind: str, order: str) -> ColumnNotation:
    sign, year = matches[0]["sign"], "%Y" if matches[0]["year"] == "9999" else "%y"
    parts = {"D": "%d", "M": "%m", "Y": year}
    day = sign.join(parts[letter] for letter in order)
    formats = _list_formats(matches, day)
    text = f"regexp_replace(trim({{}}, '{BLANKS}'), '(T|,? +)', ' ')"
    text = f"replace({text}, ',', '.')" if any("," in (match["fraction"] or "") for match in matches) else text
    if any(match["half"] for match in matches):
        text = f"regexp_replace({text}, '(?i) ?([ap])\\.?(m)\\.?$', ' \\1\\2')"
    why = _ORDER_NAMES[order] + (", with points" if sign == "." else "")
    why += "; years of two digits: 69 to 99 are 1969 to 1999" if year == "%y" else ""
    return ColumnNotation(kind, f"CAST(try_strptime({text}, [{', '.join(formats)}]) AS {kind})", why)


def _list_formats(matches: Sequence[re.Match[str]], day: str) -> list[str]:
    """Return the formats, quoted, of these dates and the times after them."""
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


def _make_named_date(matches: Sequence[re.Match[str]], months: Mapping[str, int], *, day_first: bool) -> ColumnNotation:
    words = sorted(months)
    cases = " ".join(f"WHEN {quote_literal(word)} THEN '{number}'" for word, number in sorted(months.items()))
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
        return ColumnNotation("DATE", day, why)
    return ColumnNotation("TIMESTAMP", f"{day} + {_write_clock(text)}", why)


def _write_clock(text: str) -> str:
    """Return the SQL of the time at the end of a text in lower case; midnight where there is none."""
    clock = f"regexp_extract({text}, '[0-9]{{1,2}}:[0-9:]+ ?([ap]\\.?m\\.?)?$')"
    half = f"regexp_replace({clock}, ' ?([ap])\\.?m\\.?$', ' \\1m')"
    return (
        f"CASE WHEN {clock} = '' THEN TIME '00:00' WHEN {clock} LIKE '%m%' "
        f"THEN CAST(try_strptime({half}, ['%I:%M %p', '%I:%M:%S %p']) AS TIME) ELSE TRY_CAST({clock} AS TIME) END"
    )


def _make_east_asian() -> ColumnNotation:
    numbers = "regexp_extract_all({}, '[0-9]+')"
    return ColumnNotation("DATE", f"TRY_CAST(array_to_string({numbers}, '-') AS DATE)", "year, month and day in words")


_TIME: Final = re.compile(r"-?9{1,4}:99(:99([.,]9{1,6})?)?")
_TIME_OF_DAY: Final = re.compile(r"9{1,2}:99(:99)? ?[AaPp][Mm]")


LENGTH: Final = ColumnNotation(
    "INTERVAL", f"TRY_CAST(replace(trim({{}}, '{BLANKS}'), ',', '.') AS INTERVAL)", "lengths of time"
)


def choose_time(shapes: Sequence[Shape]) -> NotationChoice | None:
    """Return the notation of times of the day or lengths of time; None where one of the shapes is neither."""
    text = f"trim({{}}, '{BLANKS}')"
    if all(_TIME_OF_DAY.fullmatch(shape.text) for shape in shapes):
        spaced = f"regexp_replace({text}, ' ?([AaPp][Mm])$', ' \\1')"
        sql = f"CAST(try_strptime({spaced}, ['%I:%M %p', '%I:%M:%S %p']) AS TIME)"
        return NotationChoice((ColumnNotation("TIME", sql, "times of the day"),))
    if not all(_TIME.fullmatch(shape.text) for shape in shapes):
        return None
    of_day = ColumnNotation("TIME", f"TRY_CAST(replace({text}, ',', '.') AS TIME)", "times of the day")
    return NotationChoice((of_day,), (replace(LENGTH, why="lengths of time: some are of 24 hours or more"),))
