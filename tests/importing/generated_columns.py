"""Columns of made-up values in the notations that people use, each text with the value that it stands for.

It writes no file: `made_files` and `made_books` put these columns into one.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from babel import Locale

Moment = datetime.date | datetime.datetime | datetime.time | datetime.timedelta
Value = None | bool | int | Decimal | float | str | Moment | list[dict[str, int | str]]
Cell = tuple[str, Value]

PLACEHOLDERS: Final = ("N/A", "n/a", "-", "null", "NULL", "None", "k.A.", "#N/A", "NaN", "—", "n.v.t.", "?", "s/d")
_NBSP, _NARROW = "\u00a0", "\u202f"
_WORDS: Final = (
    "Kiel Bonn Łódź Zürich Malmö Gdynia Évora Brno Győr Ålesund Cork Bergen Turin Nantes Gent Jaén Varna Split".split()
)
_NOUNS: Final = "pump valve hose clamp filter gasket bearing sensor relay fuse bracket washer".split()
_ZONE: Final = datetime.timezone


@dataclass(frozen=True, slots=True)
class MadeColumn:
    """A column: its notation, the texts of its cells as a file has them, and the values that they stand for."""

    notation: str
    texts: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """What one file keeps to: its decimal sign, and the order of day and month."""

    decimal: str
    day_first: bool

    @property
    def group(self) -> str:
        """The thousands sign that goes with the decimal sign."""
        return "." if self.decimal == "," else ","


Maker = Callable[[Random, int, Style], list[Cell]]


def make_column(chance: Random, notation: str, rows: int, style: Style, *, gaps: bool = True) -> MadeColumn:
    """A column in that notation. With gaps some cells are empty, or hold a placeholder where it is no text."""
    cells = NOTATIONS[notation](chance, rows, style)
    if gaps and chance.random() < 0.4:
        is_text = all(isinstance(value, str) for _, value in cells)
        word = "" if is_text or chance.random() < 0.5 else chance.choice(PLACEHOLDERS)
        # What proves a notation stands in the first two cells, in the middle or at the end.
        for number in range(len(cells) // 2 + 1, len(cells) - 1):
            if chance.random() < 0.25:
                cells[number] = (word, None)
    return MadeColumn(notation, tuple(text for text, _ in cells), tuple(value for _, value in cells))


# Numbers


def write_number(value: Decimal, decimal: str, group: str = "", *, indian: bool = False) -> str:
    """The number with these signs.

    >>> write_number(Decimal("-1234.50"), ",", ".")
    '-1.234,50'
    """
    sign, digits = ("-", f"{-value:f}") if value < 0 else ("", f"{value:f}")
    whole, _, fraction = digits.partition(".")
    if group and len(whole) > 3:
        head, parts = whole[:-3], [whole[-3:]]
        size = 2 if indian else 3
        while head:
            head, part = head[:-size], head[-size:]
            parts.insert(0, part)
        whole = group.join(parts)
    return sign + whole + (decimal + fraction if fraction else "")


def _draw(chance: Random, digits: int, scale: int, *, negative: bool = True) -> Decimal:
    whole = chance.randrange(10 ** chance.randint(1, digits))
    sign = -1 if negative and chance.random() < 0.2 else 1
    return sign * (Decimal(whole) + Decimal(chance.randrange(10**scale)).scaleb(-scale)).quantize(
        Decimal(1).scaleb(-scale)
    )


def _make_whole(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    values = [chance.randint(-5000, 90000) for _ in range(rows)]
    return [(str(value), value) for value in values]


def _make_decimals(chance: Random, rows: int, style: Style) -> list[Cell]:
    scale = chance.choice((1, 2, 4))
    values = [_draw(chance, 5, scale) for _ in range(rows)]
    return [(write_number(value, style.decimal), value) for value in values]


def _make_varied_decimals(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [_draw(chance, 4, chance.choice((0, 1, 2))) for _ in range(rows - 1)] + [Decimal("17.25")]
    return [(write_number(value, style.decimal), value) for value in values]


def _make_bare_fraction(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [Decimal(chance.randrange(1, 100)).scaleb(-2) for _ in range(rows)]
    return [(write_number(value, style.decimal).removeprefix("0"), value) for value in values]


def _make_grouped(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [_draw(chance, 7, 2) for _ in range(rows - 1)] + [Decimal("1234567.89")]
    return [(write_number(value, style.decimal, style.group), value) for value in values]


def _make_open_groups(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [chance.randint(1000, 999_999) for _ in range(rows)]
    return [(write_number(Decimal(value), style.decimal, style.group), value) for value in values]


def _make_open_decimals(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [Decimal(chance.randint(1001, 999_999)).scaleb(-3) for _ in range(rows)]
    return [(write_number(value, style.decimal), value) for value in values]


def _make_million_groups(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [chance.randint(1_000_000, 99_999_999) for _ in range(rows)]
    return [(write_number(Decimal(value), style.decimal, style.group), value) for value in values]


def _make_odd_groups(chance: Random, rows: int, style: Style) -> list[Cell]:
    sign = chance.choice((" ", _NBSP, _NARROW, "'", "’", "\u2009"))
    scale = chance.choice((0, 2))
    values = [_draw(chance, 7, scale) for _ in range(rows - 1)] + [
        Decimal("1234567.89").quantize(Decimal(1).scaleb(-scale))
    ]
    return [(write_number(value, style.decimal, sign), value) for value in values]


def _make_indian(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    values = [_draw(chance, 8, 2) for _ in range(rows - 1)] + [Decimal("987654.30")]
    return [(write_number(value, ".", ",", indian=True), value) for value in values]


def _make_percent(chance: Random, rows: int, style: Style) -> list[Cell]:
    gap = chance.choice(("", " ", _NBSP))
    scale = chance.choice((0, 2))
    values = [_draw(chance, 2, scale) for _ in range(rows)]
    return [(f"{write_number(value, style.decimal)}{gap}%", value) for value in values]


def _make_money(chance: Random, rows: int, style: Style) -> list[Cell]:
    sign = chance.choice("€ $ £ ¥ zł Kč kr EUR USD CHF R$ ₹".split())
    gap = chance.choice((" ", _NBSP)) if sign.isalpha() else chance.choice(("", " ", _NBSP))
    values = [_draw(chance, 6, 2) for _ in range(rows - 1)] + [Decimal("1234567.89")]
    order = chance.choice(("before", "after", "minus first"))
    cells: list[Cell] = []
    for value in values:
        plain = write_number(abs(value), style.decimal, style.group)
        minus = "-" if value < 0 else ""
        text = f"{sign}{gap}{minus}{plain}" if order == "before" else f"{minus}{plain}{gap}{sign}"
        cells.append((f"{minus}{sign}{gap}{plain}" if order == "minus first" else text, value))
    return cells


def _make_two_moneys(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [_draw(chance, 4, 2, negative=False) for _ in range(rows)]
    return [(f"{write_number(value, style.decimal)} {'€$'[number % 2]}", value) for number, value in enumerate(values)]


def _negate(write: Callable[[str], str]) -> Maker:
    def make(chance: Random, rows: int, style: Style) -> list[Cell]:
        values = [_draw(chance, 5, 2) for _ in range(rows - 1)] + [Decimal("-4321.75")]
        texts = [write_number(abs(value), style.decimal, style.group) for value in values]
        return [(write(text) if value < 0 else text, value) for text, value in zip(texts, values, strict=True)]

    return make


def _make_signed(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [_draw(chance, 3, 1) for _ in range(rows)]
    return [("+" * (value > 0) + write_number(value, style.decimal), value) for value in values]


def _make_exponents(chance: Random, rows: int, style: Style) -> list[Cell]:
    powers = [f"{chance.choice('eE')}{chance.choice(('+', '-', ''))}{chance.randint(0, 12):02}" for _ in range(rows)]
    texts = [f"{chance.randint(1, 9)}.{chance.randint(0, 99):02}{power}" for power in powers]
    return [(text.replace(".", style.decimal), float(text)) for text in texts]


def _make_padded_numbers(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [_draw(chance, 4, 2) for _ in range(rows)]
    return [(f"{' ' * chance.randint(0, 2)}{write_number(value, style.decimal)} ", value) for value in values]


def _make_digits(least: int, most: int) -> Maker:
    def make(chance: Random, rows: int, style: Style) -> list[Cell]:
        del style
        values = [chance.randrange(10 ** (least - 1), 10**most) for _ in range(rows)]
        return [(str(value), value) for value in values]

    return make


def _make_exact_decimals(chance: Random, rows: int, style: Style) -> list[Cell]:
    values = [Decimal(chance.randrange(10**19, 10**20)).scaleb(-6) for _ in range(rows)]
    return [(write_number(value, style.decimal), value) for value in values]


def _make_codes(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    texts = [f"{chance.randrange(10**5):05}" for _ in range(rows - 1)] + ["00715"]
    return [(text, text) for text in texts]


def _make_mixed_signs(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    values = [_draw(chance, 4, 2) for _ in range(rows)]
    return [(write_number(value, ".,"[number % 2]), value) for number, value in enumerate(values)]


def _make_mostly_numbers(chance: Random, rows: int, style: Style) -> list[Cell]:
    cells = _make_whole(chance, rows, style)
    at = chance.randrange(rows)
    text = chance.choice(("12 approx", "see note", "5 kg", "1,2,3", "12-14", "<5"))
    cells[at] = (text, text)
    return cells


# Dates and times


def _draw_day(chance: Random, *, most_day: int = 28) -> datetime.date:
    return datetime.date(chance.randint(1972, 2049), chance.randint(1, 12), chance.randint(1, most_day))


def _draw_days(chance: Random, rows: int) -> list[datetime.date]:
    """Days of which one proves the order."""
    return [datetime.date(2023, 4, 27), *(_draw_day(chance) for _ in range(rows - 1))]


def _format_dates(pattern: str, us_pattern: str = "") -> Maker:
    def make(chance: Random, rows: int, style: Style) -> list[Cell]:
        shown = pattern if style.day_first or not us_pattern else us_pattern
        days = _draw_days(chance, rows)
        return [(day.strftime(shown), day) for day in days]

    return make


def _make_short_dates(chance: Random, rows: int, style: Style) -> list[Cell]:
    """Days and months without a leading nought."""
    days = _draw_days(chance, rows)
    sign = chance.choice("./-") if style.day_first else "/"
    parts = [(day.day, day.month) if style.day_first else (day.month, day.day) for day in days]
    return [(f"{a}{sign}{b}{sign}{day.year}", day) for (a, b), day in zip(parts, days, strict=True)]


def _make_open_dates(chance: Random, rows: int, style: Style) -> list[Cell]:
    days = [_draw_day(chance, most_day=12) for _ in range(rows)]
    return [(day.strftime("%d/%m/%Y" if style.day_first else "%m/%d/%Y"), day) for day in days]


def _make_two_date_notations(chance: Random, rows: int, style: Style) -> list[Cell]:
    days = _draw_days(chance, rows)
    patterns = ("%Y-%m-%d", "%d.%m.%Y") if style.day_first else ("%Y-%m-%d", "%m/%d/%Y")
    return [(day.strftime(patterns[number % 2]), day) for number, day in enumerate(days)]


def _make_two_date_orders(chance: Random, rows: int, style: Style) -> list[Cell]:
    days = [_draw_day(chance, most_day=28).replace(day=13 + number % 15) for number in range(rows)]
    shown = ("%d/%m/%Y", "%m/%d/%Y")
    return [(day.strftime(shown[(number + style.day_first) % 2]), day) for number, day in enumerate(days)]


def _make_month_names(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    language = chance.choice("de fr es it nl pl cs sv pt da".split())
    months = Locale(language).months["format"][chance.choice(("wide", "abbreviated"))]
    dot = "." if language in ("de", "cs", "da") else ""
    joint = " de " if language in ("es", "pt") else " "
    days = _draw_days(chance, rows)
    return [(f"{day.day}{dot}{joint}{months[day.month]}{joint}{day.year}", day) for day in days]


def _make_english_names(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    pattern = chance.choice(("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d %Y"))
    days = _draw_days(chance, rows)
    if "%y" in pattern:
        days = [day for day in days if 1972 <= day.year < 2049] + days[:1] * rows
        days = days[:rows]
    return [(day.strftime(pattern), day) for day in days]


def _make_weekdays(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    language = chance.choice("en de fr es it nl pl".split())
    locale, width = Locale(language), chance.choice(("wide", "abbreviated"))
    days = _draw_days(chance, rows)
    names, months = locale.days["format"][width], locale.months["format"][width]
    return [(f"{names[day.weekday()]}, {day.day} {months[day.month]} {day.year}", day) for day in days]


def _make_named_moments(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    pattern = chance.choice(
        ("%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%B %d, %Y, %I:%M:%S%p", "%a, %d %b %Y %H:%M:%S")
    )
    return [(moment.strftime(pattern), moment) for moment in _draw_moments(chance, rows)]


def _draw_moments(chance: Random, rows: int) -> list[datetime.datetime]:
    days = _draw_days(chance, rows)
    times = [datetime.time(chance.randrange(24), chance.randrange(60), chance.randrange(60)) for _ in days]
    return [datetime.datetime.combine(day, time) for day, time in zip(days, times, strict=True)]


def _make_moments(chance: Random, rows: int, style: Style) -> list[Cell]:
    day = "%d.%m.%Y" if style.day_first else "%m/%d/%Y"
    pattern = chance.choice(
        (
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%dT%H:%M:%SZ",
            f"{day} %H:%M:%S",
            f"{day}, %H:%M:%S",
            "%Y/%m/%d %H:%M:%S",
        )
    )
    return [(moment.strftime(pattern), moment) for moment in _draw_moments(chance, rows)]


def _make_minutes(chance: Random, rows: int, style: Style) -> list[Cell]:
    day = "%d/%m/%Y" if style.day_first else "%m/%d/%Y"
    pattern = chance.choice(("%Y-%m-%d %H:%M", f"{day} %H:%M"))
    return [(moment.strftime(pattern), moment.replace(second=0)) for moment in _draw_moments(chance, rows)]


def _make_half_days(chance: Random, rows: int, style: Style) -> list[Cell]:
    day = "%d/%m/%Y" if style.day_first else "%m/%d/%Y"
    pattern = chance.choice((f"{day} %I:%M:%S %p", f"{day} %I:%M:%S%p", "%Y-%m-%d %I:%M:%S %p"))
    return [(moment.strftime(pattern), moment) for moment in _draw_moments(chance, rows)]


def _make_zones(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    cells: list[Cell] = []
    for moment in _draw_moments(chance, rows):
        hours = chance.choice((2, -5, 1))
        aware = moment.replace(tzinfo=_ZONE(datetime.timedelta(hours=hours)))
        cells.append((f"{moment.isoformat()}{'+' if hours > 0 else '-'}{abs(hours):02}:00", aware))
    return cells


def _make_fractions(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    moments = [moment.replace(microsecond=1000 * chance.randrange(1000)) for moment in _draw_moments(chance, rows)]
    return [(moment.isoformat(" ", "milliseconds"), moment) for moment in moments]


def _make_days_and_moments(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    cells: list[Cell] = []
    for number, moment in enumerate(_draw_moments(chance, rows)):
        cells.append((moment.isoformat(" "), moment) if number % 3 else (str(moment.date()), moment.date()))
    return cells


def _make_impossible_days(chance: Random, rows: int, style: Style) -> list[Cell]:
    cells = _format_dates("%Y-%m-%d")(chance, rows, style)
    text = chance.choice(("2023-02-30", "2023-13-01", "2021-06-31"))
    cells[-1] = (text, text)
    return cells


def _make_zero_dates(chance: Random, rows: int, style: Style) -> list[Cell]:
    cells = _format_dates("%Y-%m-%d")(chance, rows, style)
    cells[rows // 2] = ("0000-00-00", None)
    return cells


def _make_clock(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    pattern = chance.choice(("%H:%M", "%H:%M:%S", "%I:%M %p"))
    times = [moment.time() for moment in _draw_moments(chance, rows)]
    if "%S" not in pattern:
        times = [time.replace(second=0) for time in times]
    return [(time.strftime(pattern), time) for time in times]


def _make_lengths(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    minutes = [chance.randrange(48 * 60) for _ in range(rows - 1)] + [1530]
    return [(f"{one // 60}:{one % 60:02}:00", datetime.timedelta(minutes=one)) for one in minutes]


# Words


def _make_yes_no(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    yes, no = chance.choice(
        (
            ("true", "false"),
            ("yes", "no"),
            ("Y", "N"),
            ("ja", "nein"),
            ("TRUE", "FALSE"),
            ("oui", "non"),
            ("tak", "nie"),
        )
    )
    values = [True, False, *(chance.random() < 0.5 for _ in range(rows - 2))][:rows]
    return [(yes if value else no, value) for value in values]


def _make_words(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    texts = [f"{chance.choice(_NOUNS)} {chance.choice(_WORDS)}" for _ in range(rows)]
    return [(text, text) for text in texts]


def _make_cities(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    texts = [chance.choice(_WORDS) for _ in range(rows)]
    return [(text, text) for text in texts]


def _make_hard_texts(chance: Random, rows: int, style: Style) -> list[Cell]:
    """Texts that need quotes in a file of any delimiter."""
    del style
    parts = (
        "one, two",
        "a;b",
        'the "best" one',
        "two\nlines",
        "bar|bar",
        "tab\there",
        "plain",
        "it's",
        "=1+1",
        "end\\",
    )
    texts = [f"{chance.choice(_NOUNS)} {chance.choice(parts)} {chance.choice(_NOUNS)}" for _ in range(rows)]
    return [(text, text) for text in texts]


def _make_keys(chance: Random, rows: int, style: Style) -> list[Cell]:
    del style
    texts = [f"{chance.choice('ABCDEF')}{chance.randrange(1000)}-{number}" for number in range(rows)]
    return [(text, text) for text in texts]


NOTATIONS: Final[dict[str, Maker]] = {
    "whole numbers": _make_whole,
    "decimals": _make_decimals,
    "decimals of varied length": _make_varied_decimals,
    "fractions without a nought": _make_bare_fraction,
    "thousands": _make_grouped,
    "thousands that may be decimals": _make_open_groups,
    "decimals that may be thousands": _make_open_decimals,
    "millions": _make_million_groups,
    "odd thousands signs": _make_odd_groups,
    "Indian groups": _make_indian,
    "percent": _make_percent,
    "money": _make_money,
    "two currencies": _make_two_moneys,
    "trailing minus": _negate(lambda text: f"{text}-"),
    "parentheses": _negate(lambda text: f"({text})"),
    "Unicode minus": _negate(lambda text: f"−{text}"),
    "plus signs": _make_signed,
    "exponents": _make_exponents,
    "padded numbers": _make_padded_numbers,
    "16 to 18 digits": _make_digits(16, 18),
    "20 to 38 digits": _make_digits(20, 38),
    "40 digits": _make_digits(40, 40),
    "decimals of 20 digits": _make_exact_decimals,
    "codes with noughts": _make_codes,
    "two decimal signs": _make_mixed_signs,
    "one text among numbers": _make_mostly_numbers,
    "ISO dates": _format_dates("%Y-%m-%d"),
    "dates with points": _format_dates("%d.%m.%Y"),
    "dates with slashes": _format_dates("%d/%m/%Y", "%m/%d/%Y"),
    "two-digit years": _format_dates("%d.%m.%y", "%m/%d/%y"),
    "year first with slashes": _format_dates("%Y/%m/%d"),
    "short dates": _make_short_dates,
    "dates of either order": _make_open_dates,
    "two date notations": _make_two_date_notations,
    "two date orders": _make_two_date_orders,
    "month names": _make_month_names,
    "English month names": _make_english_names,
    "weekdays": _make_weekdays,
    "moments with month names": _make_named_moments,
    "moments": _make_moments,
    "moments to the minute": _make_minutes,
    "half days": _make_half_days,
    "zones": _make_zones,
    "fractions of seconds": _make_fractions,
    "days and moments": _make_days_and_moments,
    "impossible days": _make_impossible_days,
    "zero dates": _make_zero_dates,
    "times of day": _make_clock,
    "lengths of time": _make_lengths,
    "yes and no": _make_yes_no,
    "words": _make_words,
    "cities": _make_cities,
    "texts with signs": _make_hard_texts,
    "keys": _make_keys,
}
# These mean one number by one decimal sign and another by the other; those prove a point for the whole file.
OPEN_NOTATIONS: Final = ("thousands that may be decimals", "decimals that may be thousands")
POINT_NOTATIONS: Final = ("Indian groups", "two decimal signs")


def pick_notations(chance: Random, count: int, style: Style) -> list[str]:
    """That many different notations, none of which speaks against the style of the file."""
    picked = chance.sample(list(NOTATIONS), count)
    if style.decimal == "," and any(name in picked for name in OPEN_NOTATIONS):
        picked = ["words" if name in POINT_NOTATIONS else name for name in picked]
    return picked
