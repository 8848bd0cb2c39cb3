"""Read the dates of a text: days, months, quarters, half years and times, as seven languages write them.

It returns what a date may mean, not whether that is so. A year alone is a number, which `figure_reader` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from nl2sql.answer.grounding import languages

_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_ISO: Final = re.compile(
    rf"(?<![\d.,/-])(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})"
    rf"(?:(?:T|[ ]{{1,2}})(?P<time>{_CLOCK})(?:Z|[ ]?UTC|[+-]\d{{2}}(?::?\d{{2}})?)?)?(?![\d/-])"
)
_ISO_MONTH: Final = re.compile(r"(?<![\d.,/-])(?P<year>\d{4})-(?P<month>0\d|1[0-2])(?![\d-])")
_NUMERIC: Final = re.compile(
    r"(?<![\d.,/-])(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\d/-])"
)
_NUMERIC_MONTH: Final = re.compile(r"(?<![\d.,/-])(?P<month>0?[1-9]|1[0-2])/(?P<year>\d{4})(?![\d/-])")
_SIGNS: Final = re.compile(
    r"(?:(?P<year>\d{4})[年년][ ]?)?(?P<month>\d{1,2})[月월](?:[ ]?(?P<day>\d{1,2})[日일号])?|(?P<only>\d{4})[年년]"
)
_QUARTER: Final = re.compile(
    r"(?<!\w)(?:(?P<year>\d{4})[ /-]?)?(?P<kind>[QHTS])(?P<number>[1-4])(?!\w)"
    r"(?:[ /,-]{0,2}(?:of[ ]|de[ ]|')?(?P<after>\d{4}|\d{2}(?![\d.,])))?"
)
_QUARTER_WORD: Final = re.compile(
    r"(?<!\w)(?P<number>[1-4])(?:st|nd|rd|th|\.|º|er|e|ème)?[ ](?:quarter|quartal|trimestre|kwartaal)s?(?!\w)"
    r"(?:[ ](?:of[ ]|de[ ]|del[ ]|van[ ])?(?P<after>\d{4}))?",
    re.I,
)
_TIME: Final = re.compile(
    r"(?<![\d:.,])(?P<hour>\d{1,2})"
    r"(?:[:h](?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d{1,9})?)?(?:[ ]?(?P<half>[ap]\.?m\b))?"
    r"|[ ]?(?P<only>[ap]\.?m\b|Uhr\b|o'clock\b))(?![\d:])",
    re.I,
)
_NAMED: Final = re.compile(
    r"(?<![\w.,])(?:(?:(?P<from>\d{1,2})(?:\.|st|nd|rd|th)?[ ]?[-–][ ]?)?"
    r"(?P<before>\d{1,2})(?:st|nd|rd|th|er|\.|º|ª|e)?[ ]{1,2}(?:de[ ]|of[ ]|d['’])?)?"
    r"(?P<word>[^\W\d_]{3,11}+)\.?"
    r"(?:(?:[ ]?[-–][ ]?|[ ](?:to|and|bis|und|à|et|a|y|e|en)[ ])(?P<until>[^\W\d_]{3,11}+)\.?)?"
    r"(?:[ ](?P<after>\d{1,2})(?!\d|[.,]\d)(?:st|nd|rd|th)?(?:[ ]?[-–][ ]?(?P<to>\d{1,2})(?!\d))?)?"
    r"(?:,?[ ]{1,2}(?:de[ ]|del[ ]|of[ ])?(?P<year>\d{4})(?!\d)|[ ]?['’](?P<short>\d{2})(?!\d))?"
)
_PREPOSITION: Final = re.compile(r"(?<!\w)(?:in|of|since|during|until|im|en|em|for)[ ]\Z", re.I)
_QUARTER_MONTHS: Final = 3
_HALF_YEAR_MONTHS: Final = 6
_PIVOT_YEAR: Final = 70


class Day(NamedTuple):
    """A day, a month of a year (no `day`), a month (no `year`), or a quarter or half year (first to last month)."""

    year: int | None
    first_month: int
    last_month: int
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Date:
    """A date of a text, from `start` to `end` in it.

    `meanings` are the days or months that it may be. `times` are its times of day, as HH:MM:SS, or HH:MM where it has
    no seconds.
    """

    text: str
    start: int
    end: int
    meanings: tuple[Day, ...] = ()
    times: tuple[str, ...] = field(default=())


def find_dates(text: str) -> tuple[list[Date], str]:
    """Return the dates of a normalized text in order, and the text with spaces in their places."""
    found: list[Date] = []
    masked = list(text)
    for read in (_read_iso, _read_named, _read_signs, _read_quarters, _read_numeric, _read_months, _read_times):
        rest = "".join(masked)
        for date in read(rest):
            if date.end > date.start:
                masked[date.start : date.end] = " " * (date.end - date.start)
            found.append(date)
    return sorted(found, key=lambda date: date.start), "".join(masked)


def list_enclosing_periods(day: Day) -> Iterator[Day]:
    """Yield the day or month itself, and the month, quarter, half and year around it; each without a year too."""
    for year in dict.fromkeys((day.year, None)):
        yield day._replace(year=year)
        for length in (1, 3, 6, 12):
            first = (day.first_month - 1) // length * length + 1
            if day.last_month < first + length and (length < 12 or year):
                yield Day(year, first, first + length - 1)


def _read_iso(text: str) -> Iterator[Date]:
    for match in _ISO.finditer(text):
        day = _make_day(int(match["year"]), int(match["month"]), int(match["day"]))
        if day:
            times = (_pad_time(match["time"]),) if match["time"] else ()
            yield Date(match.group(), *match.span(), (day,), times)


def _read_months(text: str) -> Iterator[Date]:
    for pattern in (_ISO_MONTH, _NUMERIC_MONTH):
        for match in pattern.finditer(text):
            month = int(match["month"])
            yield Date(match.group(), *match.span(), (Day(int(match["year"]), month, month),))


def _read_numeric(text: str) -> Iterator[Date]:
    for match in _NUMERIC.finditer(text):
        first, second, year = int(match["first"]), int(match["second"]), _widen_year(match["year"])
        # Countries that write points put the day first.
        orders = [(second, first)] if match["mark"] == "." else [(second, first), (first, second)]
        days = [day for month, number in orders if (day := _make_day(year, month, number))]
        if match["mark"] == "-" and len(match["year"]) == 2:
            days += [day] if (day := _make_day(_widen_year(match["first"]), second, int(match["year"]))) else []
        if days:
            yield Date(match.group(), *match.span(), tuple(dict.fromkeys(days)))


def _read_signs(text: str) -> Iterator[Date]:
    if text.isascii():
        return
    for match in _SIGNS.finditer(text):
        if match["only"]:
            yield Date(match.group(), *match.span(), (Day(int(match["only"]), 1, 12),))
        elif meaning := _make_day(
            int(match["year"]) if match["year"] else None, int(match["month"]), _parse_int(match["day"])
        ):
            yield Date(match.group(), *match.span(), (meaning,))


def _read_quarters(text: str) -> Iterator[Date]:
    for match in _QUARTER.finditer(text):
        number, kind = int(match["number"]), match["kind"]
        year = match["year"] or match["after"]
        length = _HALF_YEAR_MONTHS if kind in "HS" else _QUARTER_MONTHS
        if (kind in "TS" and not year) or number * length > 12:
            continue
        yield Date(match.group(), *match.span(), (_make_span(_widen_year(year) if year else None, number, length),))
    for match in _QUARTER_WORD.finditer(text):
        year = _parse_int(match["after"])
        yield Date(match.group(), *match.span(), (_make_span(year, int(match["number"]), _QUARTER_MONTHS),))


def _read_named(text: str) -> Iterator[Date]:
    at = 0
    while match := _NAMED.search(text, at):
        dates = list(_read_match(match))
        yield from dates
        # Where the match has no month, what follows the first word is searched again.
        at = max(match.end(), match.start() + 1) if dates else match.end("word")


def _read_match(match: re.Match[str]) -> Iterator[Date]:
    """Yield the dates of a month's name with what stands around it; none where the word is no month."""
    month, until = _find_month(match, "word"), _find_month(match, "until")
    if month is None:
        return
    year = _parse_int(match["year"]) or (_widen_year(match["short"]) if match["short"] else None)
    numbers = [match[name] for name in ("from", "before", "after", "to")]
    if match["until"] and until is None:
        # The other word ends the date: March and 12 others.
        yield Date(
            match[0][: match.end("word") - match.start()],
            match.start(),
            match.end("word"),
            (*_make_days(None, month, [n for n in numbers[:2] if n]),),
        )
        return
    days = [number for number in numbers if number]
    if match["before"] and match["after"] and not match["from"]:
        days = [match["after"]]
    start = match.start("word") if match["before"] and match["after"] and not match["from"] else match.start()
    meanings = [*_make_days(year, month, days if until is None else days[:1])]
    if meanings:
        yield Date(match.string[start : match.end()], start, match.end(), tuple(meanings[:1]))
    # The other end of a range has no position of its own in the text.
    rest = meanings[1:] if until is None else _make_days(year, until, days[1:])
    for meaning in rest:
        yield Date(match.string[start : match.end()], match.end(), match.end(), (meaning,))


def _find_month(match: re.Match[str], name: str) -> int | None:
    """Return the month that the word names.

    Short names, and those that are other words too, need a day or a year beside them.
    """
    word = match[name]
    if not word:
        return None
    folded = languages.fold(word)
    is_dated = bool(match["year"] or match["short"] or match["before"] or match["after"])
    if number := languages.MONTHS.get(folded):
        if word[0].isupper():
            is_alone = len(folded) > 3 and folded != "mars"
            is_after = _PREPOSITION.search(match.string, max(0, match.start(name) - 8), match.start(name))
            return number if is_dated or is_alone or is_after else None
        return number if is_dated and (folded != "may" or match["year"]) else None
    if is_dated and (number := languages.SHORT_MONTHS.get(folded)):
        return number if word[0].isupper() or (match["before"] and match["year"]) else None
    return None


def _make_days(year: int | None, month: int, days: Sequence[str]) -> tuple[Day, ...]:
    found = [_make_day(year, month, int(day)) for day in days] or [Day(year, month, month)]
    return tuple(day for day in found if day)


def _read_times(text: str) -> Iterator[Date]:
    for match in _TIME.finditer(text):
        hour, half = int(match["hour"]), (match["half"] or match["only"] or "").lower()
        if hour > 24:
            continue
        if half.startswith("p") and hour < 12:
            hour += 12
        elif half.startswith("a") and hour == 12:
            hour = 0
        time = f"{hour:02d}:{match['minute'] or '00'}" + (f":{match['second']}" if match["second"] else "")
        yield Date(match.group(), *match.span(), (), (time,))


def _pad_time(time: str) -> str:
    hour, _, rest = time.partition(":")
    return f"{int(hour):02d}:{rest.partition('.')[0]}"


def _make_day(year: int | None, month: int, day: int | None) -> Day | None:
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    return Day(year, month, month, day)


def _make_span(year: int | None, number: int, length: int) -> Day:
    return Day(year, (number - 1) * length + 1, number * length)


def _widen_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return 2000 + year if year < _PIVOT_YEAR else 1900 + year


def _parse_int(digits: str | None) -> int | None:
    return int(digits) if digits else None
