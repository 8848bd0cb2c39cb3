"""What a figure of a sentence can rest on: a rule for each derivation, which recomputes it from the rows.

A rule returns what the figure rests on, or None. Derivations of two values are tried only between rows that the
sentence mentions, within one column or one row, so that few figures are supported by chance. Directions are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Final

from nl2sql.answer.grounding.evidence import Evidence, NamedText, Place
from nl2sql.answer.grounding.figure_reader import Figure, Form, Interval

_MAX_FOCUS_ROWS: Final = 5
_MAX_MEASURES: Final = 4
_MAX_NAMED_TEXTS: Final = 8
_MAX_FEW_ROWS: Final = 3
_UNIT_FACTORS: Final = (Decimal(1),)
# Words that state that a column is in thousands, millions and so on, and divisors in the SQL that do.
_SCALES: Final = {
    Decimal(1000): frozenset(("thousand", "thousands", "1000", "k", "tsd")),
    Decimal(10) ** 5: frozenset(("lakh", "lakhs", "100000")),
    Decimal(10) ** 6: frozenset(("million", "millions", "1000000", "1e6", "mio", "mn", "mln", "m", "mm")),
    Decimal(10) ** 7: frozenset(("crore", "crores", "10000000")),
    Decimal(10) ** 9: frozenset(("billion", "billions", "1000000000", "1e9", "bn", "mrd")),
}


@dataclass(frozen=True, slots=True)
class Focus:
    """What the sentence is about: stored texts that it names, and the rows and columns of its other figures."""

    named_texts: tuple[NamedText, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()


Rule = Callable[[Figure, Evidence, Focus], str | None]


def find_focus(evidence: Evidence, sentence: str, figures: Iterable[Figure]) -> Focus:
    """Return the rows and columns that the sentence is about; all rows where they are few."""
    named = tuple(evidence.find_named(sentence)[:_MAX_NAMED_TEXTS])
    rows: dict[int, None] = {}
    columns: dict[int, None] = {}
    for figure in figures:
        places = _find_cells(figure, evidence)
        if 0 < len(places) <= 2:
            rows.update((place.row, None) for place in places)
            columns.update((place.column, None) for place in places if place.column in evidence.measures)
    for named_text in named:
        if len(named_text.rows) <= _MAX_FOCUS_ROWS:
            rows.update((row, None) for row in named_text.rows)
    if evidence.row_count <= _MAX_FEW_ROWS:
        rows.update((row, None) for row in range(evidence.row_count))
    elif not rows:
        rows.update({0: None, evidence.row_count - 1: None})
    checked = len(evidence.columns[0]) if evidence.columns else 0
    return Focus(named, tuple(row for row in rows if row < checked)[:_MAX_FOCUS_ROWS], tuple(columns))


def derive_figure(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Return what supports the figure, in a few words, by the first rule that does; None where none does."""
    return next((basis for rule in RULES if (basis := rule(figure, evidence, focus))), None)


def is_from_unnamed_row(figure: Figure, evidence: Evidence, focus: Focus) -> bool:
    """Return whether the figure is that of one row among several which nothing in the sentence identifies.

    The first and the last row, and the largest and the smallest number, may be meant without being named.
    """
    places = _find_cells(figure, evidence)
    if evidence.row_count <= _MAX_FEW_ROWS or not places:
        return False
    named = {
        row for named_text in focus.named_texts if len(named_text.rows) < evidence.row_count for row in named_text.rows
    }
    for place in places:
        numbers = [number for number in evidence.numbers[place.column] if number is not None]
        at_end = place.row in (0, evidence.row_count - 1)
        extreme = evidence.numbers[place.column][place.row] in (min(numbers, default=None), max(numbers, default=None))
        if at_end or extreme or place.row in named:
            return False
    return True


def _match_cell(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    places = _find_cells(figure, evidence)
    return evidence.label_place(places[0]) if places else None


def _match_row_count(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    if figure.form not in (Form.PLAIN, Form.WORD) or figure.is_negative:
        return None
    if not evidence.truncated and _is_count(figure, evidence.row_count):
        return "number of rows"
    is_shown = evidence.truncated and figure.bound_word == "over" and _is_count(figure, evidence.row_count)
    return "number of rows shown" if is_shown else None


def _match_text(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match a number within a text, such as a house number, as it is written there.

    A short number must have the same word beside it.
    """
    digits = figure.digits.lower()
    if figure.form is Form.CODE:
        if place := evidence.tokens.get(digits):
            return evidence.label_place(place)
        sources = [evidence.question.lower(), evidence.sql.lower(), " ".join(evidence.names).lower()]
        if any(digits in text for text in sources):
            return "question or SQL"
        return "texts" if digits in evidence.text else None
    wanted = (digits, *figure.neighbour_texts)
    place = next((found for token in wanted if (found := evidence.tokens.get(token))), None)
    is_plain = figure.form is not Form.PERCENT and not figure.is_negative and figure.factors == _UNIT_FACTORS
    return evidence.label_place(place) if place and (is_plain or figure.text.lower() in evidence.text) else None


def _match_given_number(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    if figure.is_negative and f"-{figure.digits}" not in evidence.question + evidence.sql:
        return None
    for value, _ in figure.readings:
        for factor in figure.factors:
            if where := evidence.number_sources.get(value * factor):
                return where
    return None


def _is_total(figure: Figure, value: Decimal) -> bool:
    """Return whether the figure is that total or average; a small number must be exactly that."""
    return value in {value for value, _ in figure.readings} if figure.is_small else _is_value_of(figure, value)


def _match_total(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match the sum of a whole column, of the rows with a named text, or of the rows in focus."""
    if figure.form not in (Form.PLAIN, Form.WORD):
        return None
    for at, (total, count) in evidence.totals.items():
        if count > 1 and _is_total(figure, total):
            return f"total of {evidence.names[at]}"
    for named_text, at, numbers in _split_parts(evidence, focus) if evidence.is_whole else ():
        if len(numbers) > 1 and _is_total(figure, _sum_numbers(numbers)):
            return f"total of {evidence.names[at]} where {evidence.names[named_text.column]} is {named_text.text}"
    if figure.is_small or not evidence.is_whole:
        return None
    for at in _choose_measures(evidence, focus):
        numbers = _collect_numbers(evidence, at, focus.rows)
        if len(numbers) > 1 and _is_total(figure, _sum_numbers(numbers)):
            return f"total of {evidence.names[at]} of the rows spoken of"
    return None


def _match_average(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    if figure.form is not Form.PLAIN:
        return None
    for at, (total, count) in evidence.totals.items():
        if count > 1 and _is_total(figure, total / count):
            return f"average of {evidence.names[at]}"
    for named_text, at, numbers in _split_parts(evidence, focus) if evidence.is_whole else ():
        if len(numbers) > 1 and _is_total(figure, _sum_numbers(numbers) / len(numbers)):
            return f"average of {evidence.names[at]} where {evidence.names[named_text.column]} is {named_text.text}"
    return None


def _match_count(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match a number of rows with a named text, of different values of a column, or of names in the sentence."""
    if figure.form not in (Form.PLAIN, Form.WORD) or figure.factors != _UNIT_FACTORS or figure.is_negative:
        return None
    for named_text in focus.named_texts if evidence.is_whole else ():
        if _is_count(figure, len(named_text.rows)):
            return f"rows where {evidence.names[named_text.column]} is {named_text.text}"
    for at, values in evidence.distinct_counts.items() if evidence.is_whole else ():
        if _is_count(figure, values):
            return f"different values of {evidence.names[at]}"
    for column in dict.fromkeys(named_text.column for named_text in focus.named_texts):
        named = sum(named_text.column == column for named_text in focus.named_texts)
        if named > 1 and _is_count(figure, named):
            return f"values of {evidence.names[column]} that the sentence names"
    return None


def _match_share(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match a percentage of a column's total: of a row in focus, of the rows with a named text, of all in focus."""
    if figure.form is not Form.PERCENT or not evidence.is_whole:
        return None
    for at in _choose_measures(evidence, focus):
        numbers = _collect_numbers(evidence, at)
        total = _sum_numbers(numbers)
        if not total or any(number < 0 for number in numbers):
            continue
        name = evidence.names[at]
        for row in focus.rows:
            number = evidence.numbers[at][row]
            if number is not None and len(numbers) > 1 and _is_ratio_of(figure, number / total):
                return f"share of {name}, row {row + 1}"
        in_focus = _collect_numbers(evidence, at, focus.rows)
        if len(in_focus) > 1 and len(in_focus) < len(numbers) and _is_ratio_of(figure, _sum_numbers(in_focus) / total):
            return f"share of {name} of the rows spoken of"
        for named_text, column, parts in _split_parts(evidence, focus):
            if column == at and _is_ratio_of(figure, _sum_numbers(parts) / total):
                return f"share of {name} where {evidence.names[named_text.column]} is {named_text.text}"
    for named_text in focus.named_texts:
        if len(named_text.rows) > 1 and _is_ratio_of(figure, Decimal(len(named_text.rows)) / evidence.row_count):
            return f"share of rows where {evidence.names[named_text.column]} is {named_text.text}"
    return None


def _match_pair(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match the difference, the ratio or the percent change of two values in focus, of one column or one row."""
    pairs = list(_pair_values(evidence, focus))
    if figure.form not in (Form.PLAIN, Form.PERCENT, Form.TIMES) or (
        figure.significant_digits < 3 and len(pairs) > _MAX_FEW_ROWS
    ):
        return None
    if figure.form is Form.PLAIN and figure.is_small and (len(pairs) > 2 or figure.readings[0][0] < 10):
        return None
    for (first, one), (second, other) in pairs:
        where = f"{evidence.label_place(first)} and {evidence.label_place(second)}"
        if figure.form is Form.PLAIN and _is_value_of(figure, abs(one - other)):
            return f"difference of {where}"
        if figure.form is Form.TIMES and any(_is_value_of(figure, abs(ratio)) for ratio in _divide(one, other)):
            return f"ratio of {where}"
        if figure.form is Form.PERCENT:
            if any(_is_ratio_of(figure, abs(ratio - 1)) for ratio in _divide(one, other)):
                return f"change between {where}"
            if any(_is_ratio_of(figure, abs(ratio)) for ratio in _divide(one, other)):
                return f"ratio of {where}"
            if first.column == second.column and _is_within(abs(one - other), figure.list_intervals()):
                return f"difference of {where}"
    return None


def _match_place(figure: Figure, evidence: Evidence, focus: Focus) -> str | None:
    """Match the rank of a named row, in the order of the rows or by an amount."""
    if not figure.is_place or figure.factors != _UNIT_FACTORS:
        return None
    rows = [row for named_text in focus.named_texts for row in named_text.rows[:1]] or list(focus.rows)
    for row in rows[:_MAX_NAMED_TEXTS]:
        if _is_count(figure, row + 1):
            return f"place of row {row + 1}"
        for at in evidence.measures[:_MAX_MEASURES] if evidence.is_whole else ():
            number, numbers = evidence.numbers[at][row], _collect_numbers(evidence, at)
            if number is None:
                continue
            above, below = sum(other > number for other in numbers), sum(other < number for other in numbers)
            if _is_count(figure, above + 1) or _is_count(figure, below + 1):
                return f"place of row {row + 1} by {evidence.names[at]}"
    return None


RULES: Final[tuple[Rule, ...]] = (
    _match_cell,
    _match_row_count,
    _match_text,
    _match_given_number,
    _match_total,
    _match_count,
    _match_share,
    _match_average,
    _match_place,
    _match_pair,
)


def _find_cells(figure: Figure, evidence: Evidence) -> list[Place]:
    """Return the first few cells that the figure states, rounded alike, at the scale of its unit or of the column."""
    if figure.form is Form.CODE:
        return []
    if figure.form is Form.PERCENT:
        return _find_percents(figure, evidence)
    factors = list(figure.factors)
    if figure.factors != _UNIT_FACTORS:
        words = evidence.scale_words
        factors += [Decimal(1) for scale in figure.factors if words & _SCALES.get(scale, frozenset())]
    for interval in figure.list_intervals(factors):
        if found := evidence.find_cells(interval, negative=figure.is_negative):
            return found
    return []


def _find_percents(figure: Figure, evidence: Evidence) -> list[Place]:
    """Return the cells that hold the figure as a part of one or of a hundred; counts are neither."""
    columns = frozenset(range(len(evidence.columns)))
    for factor in figure.factors:
        within = (
            columns - evidence.whole_columns
            if factor != 1
            else (columns - evidence.whole_columns) | evidence.percent_range_columns
        )
        for interval in figure.list_intervals((factor,)):
            if found := evidence.find_cells(interval, negative=figure.is_negative, within=within):
                return found
    return []


def _sum_numbers(numbers: Iterable[Decimal]) -> Decimal:
    return sum(numbers, Decimal(0))


def _is_value_of(figure: Figure, value: Decimal | int) -> bool:
    """Return whether the figure is that value, rounded alike; the sign does not count."""
    return _is_within(
        abs(Decimal(value)), figure.list_intervals(_UNIT_FACTORS if figure.form is Form.PERCENT else None)
    )


def _is_ratio_of(figure: Figure, value: Decimal) -> bool:
    """Return whether the figure is that ratio in percent."""
    return _is_within(value, figure.list_intervals(figure.factors[:1]))


def _is_within(value: Decimal, intervals: Iterable[Interval]) -> bool:
    return any(interval.low <= value <= interval.high for interval in intervals)


def _is_count(figure: Figure, count: int) -> bool:
    """Return whether the figure is that whole number, or near it where the sentence says about."""
    if figure.bound_word or figure.factors != _UNIT_FACTORS:
        return _is_value_of(figure, count)
    return any(value == count for value, _ in figure.readings)


def _collect_numbers(evidence: Evidence, column: int, rows: Sequence[int] | None = None) -> list[Decimal]:
    numbers = evidence.numbers[column]
    return [number for row in (range(len(numbers)) if rows is None else rows) if (number := numbers[row]) is not None]


def _choose_measures(evidence: Evidence, focus: Focus) -> Sequence[int]:
    """Return the columns of the sentence's figures, or the first few where it has none."""
    return (focus.columns or evidence.measures)[:_MAX_MEASURES]


def _split_parts(evidence: Evidence, focus: Focus) -> Iterator[tuple[NamedText, int, list[Decimal]]]:
    """Yield the numbers of each measure in the rows that have a named text."""
    for named_text in focus.named_texts:
        for at in _choose_measures(evidence, focus):
            yield named_text, at, _collect_numbers(evidence, at, named_text.rows)


def _pair_values(evidence: Evidence, focus: Focus) -> Iterator[tuple[tuple[Place, Decimal], tuple[Place, Decimal]]]:
    """Yield pairs of values of one column in the rows in focus; of two columns where there is one row."""
    columns = _choose_measures(evidence, focus)
    spots = [[Place(at, row) for row in focus.rows] for at in columns]
    if len(focus.rows) == 1:
        spots = [[Place(at, focus.rows[0]) for at in evidence.measures[:_MAX_MEASURES]]]
    for places in spots:
        known = [
            (place, number) for place in places if (number := evidence.numbers[place.column][place.row]) is not None
        ]
        yield from combinations(known, 2)


def _divide(one: Decimal, other: Decimal) -> list[Decimal]:
    return [a / b for a, b in ((one, other), (other, one)) if b]
