"""Check whether a result supports the figures, dates and quoted names of a sentence, and what each rests on.

What is found nowhere and follows from nothing is reported; whether the words are right is not judged. A bounded part of
the result is read. A sentence that is too long is not read at all and counts as unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import localcontext
from typing import Final

from nl2sql.answer.grounding.checked_cells import MAX_CHECKED_CELLS, MAX_CHECKED_VALUES
from nl2sql.answer.grounding.date_reader import Date, find_dates, list_enclosing_periods
from nl2sql.answer.grounding.derivations import Focus, derive_figure, find_focus, is_from_unnamed_row
from nl2sql.answer.grounding.evidence import Evidence, Place
from nl2sql.answer.grounding.figure_reader import Figure, find_figures, normalize_signs
from nl2sql.types import Basis, Grounding

__all__ = [
    "MAX_CHECKED_CELLS",
    "MAX_CHECKED_VALUES",
    "Evidence",
    "check_numbers",
    "drop_unnamed_currencies",
    "find_unfounded_figures",
]

MAX_SENTENCE_CHARS: Final = 20_000
_MAX_FIGURES: Final = 5_000
_LAST_DIGIT: Final = re.compile(r".*\d", re.DOTALL)
_RUN: Final = re.compile(r"\d++")
_PRECISION_DIGITS: Final = 100
_MAX_NAME_CHARS: Final = 80
_QUOTED: Final = re.compile(
    r"“(?P<a>[^“”\n]{2,80}+)”|„(?P<b>[^„“”\n]{2,80}+)[“”]|«\s?(?P<c>[^«»\n]{2,80}+)»|「(?P<d>[^「」\n]{1,80}+)」"
    r"|`(?P<e>[^`\n]{2,80}+)`|(?<!\w)\"(?P<f>[^\"\n]{2,80}+)\"|(?<![\w'])'(?P<g>[^'\n]{2,80}+)'(?!\w)"
    r"|(?<!\w)‘(?P<h>[^‘’\n]{2,80}+)’"
)
_CURRENCIES: Final = {
    "$": r"\$|usd|dollars?|aud|cad|nzd|sgd|hkd|pesos?",
    "€": "€|eur|euros?",
    "£": "£|gbp|pounds?|sterling",
    "¥": "¥|jpy|cny|rmb|yen|yuan",
    "₹": "₹|inr|rupees?|rs",
    "₽": "₽|rub|rubles?|roubles?",
    "₩": "₩|krw|won",
    "₺": "₺|try|lira",
    "R$": r"r\$|brl|reais|real",
}


def check_numbers(
    text: str,
    evidence: Evidence,
    *,
    knows: Callable[[str], bool] | None = None,
    find_stored: Callable[[str], Sequence[str]] | None = None,
) -> Grounding:
    """Count the figures, dates and names that `text` states; return what supports each, and the unsupported ones.

    `knows` returns whether a quoted name is one of the schema's. `find_stored` returns the words of a text that the
    data stores: where they are written as names, this result or question must have them too, not just an earlier one.
    """
    if _is_too_long(text):
        return Grounding(1, 0, ("its length",))
    with localcontext(prec=_PRECISION_DIGITS):
        return _check(text, evidence, knows, find_stored)


def find_unfounded_figures(text: str, question: str, known: str = "") -> tuple[str, ...]:
    """Return the figures, as written, that neither the question nor `known` has, for words that came without a query.

    `known` are names and dates of the schema. Only the beginning of a long text is read.
    """
    text = text[:MAX_SENTENCE_CHARS]
    if _is_too_long(text):
        return ("its figures",)
    dates, rest = find_dates(normalize_signs(text))
    question_dates, question_rest = find_dates(normalize_signs(question))
    stated = [day for date in [*question_dates, *find_dates(normalize_signs(known))[0]] for day in date.meanings]
    days = {span for day in stated for span in list_enclosing_periods(day)}
    stated_years = [day.year for day in stated if day.year]
    years = {str(year) for year in range(min(stated_years), max(stated_years) + 1)} if stated_years else set()
    numbers = {value for figure in find_figures(question_rest) for value, _ in figure.readings}
    unfounded = [(date.start, date.end) for date in dates if date.meanings and not days.intersection(date.meanings)]
    for figure in find_figures(rest):
        is_in_question = numbers.intersection(value for value, _ in figure.readings) or figure.digits in years
        if not is_in_question and figure.digits.lower() not in f"{question} {known}".lower().split():
            unfounded.append((figure.start, figure.end))
    return tuple(text[start:end] for start, end in sorted(unfounded))


def drop_unnamed_currencies(text: str, evidence: Evidence) -> str:
    """Remove the signs of currencies that neither rows, question nor SQL name: models tend to add them."""
    if _is_too_long(text) or not any(sign[-1] in text for sign in _CURRENCIES):
        return text
    straight = normalize_signs(text)
    for figure in reversed(find_figures(find_dates(straight)[1])):
        if figure.currency and not _is_named(_get_sign(straight, figure), evidence):
            start, end = figure.currency
            text = text[:start] + text[end:]
    return text


def _is_too_long(text: str) -> bool:
    """Return whether the text is no sentence: too long, or full of numbers."""
    return len(text) > MAX_SENTENCE_CHARS or len(_RUN.findall(text)) > _MAX_FIGURES


def _check(
    text: str,
    evidence: Evidence,
    knows: Callable[[str], bool] | None,
    find_stored: Callable[[str], Sequence[str]] | None,
) -> Grounding:
    straight = normalize_signs(text)
    dates, rest = find_dates(straight)
    figures = find_figures(rest)
    focus = find_focus(evidence, straight, figures)
    found = [(date.start, date.text, _explain_date(date, evidence)) for date in dates]
    for figure in figures:
        explained = _explain_figure(figure, evidence, focus, straight)
        found += [(part.start, text[part.start : part.end], why) for part, why in explained]
    is_dated = any(why and ", row " in why for _, _, why in found[: len(dates)])
    if len(figures) == 1 and not is_dated and is_from_unnamed_row(figures[0], evidence, focus):
        found = [(at, written, None if at == figures[0].start else why) for at, written, why in found]
    found += [(at, name, _explain_name(name, evidence, knows)) for at, name in _find_quoted(text)]
    names = find_stored(text) if find_stored is not None else ()
    found += [(at, name, None) for name in names for at in _find_unknown_names(name, text, evidence)]
    if not all(why for _, _, why in found):
        given = evidence.find_verbatim(straight)
        found = [(at, written, why or _explain_given(at, written, given, evidence)) for at, written, why in found]
    found.sort(key=lambda item: item[0])
    basis = tuple(Basis(written, why) for _, written, why in found if why)
    return Grounding(len(found), len(basis), tuple(written for _, written, why in found if not why), basis)


def _explain_given(at: int, written: str, given: Sequence[tuple[int, int, Place]], evidence: Evidence) -> str | None:
    """Return the stored text that the sentence quotes and that the figure is a part of."""
    digits = _LAST_DIGIT.match(written)
    end = at + (digits.end() if digits else len(written))
    return next((evidence.label_place(place) for start, stop, place in given if start <= at and end <= stop), None)


def _explain_figure(figure: Figure, evidence: Evidence, focus: Focus, text: str) -> Sequence[tuple[Figure, str | None]]:
    """Return what the figure rests on, or what its parts do where spaces only separate them."""
    if figure.currency and figure.currency[0] <= figure.start and not _is_named(_get_sign(text, figure), evidence):
        return [(figure, None)]
    basis = derive_figure(figure, evidence, focus)
    if basis is None and figure.parts:
        parts = [(part, derive_figure(part, evidence, focus)) for part in figure.parts]
        if all(why for _, why in parts):
            return parts
    return [(figure, basis)]


def _explain_date(date: Date, evidence: Evidence) -> str | None:
    """Return what the date rests on: a cell, the question, the SQL."""
    where = next((found for day in date.meanings if (found := evidence.days.get(day))), None)
    if date.meanings and where is None:
        return None
    for time in date.times:
        written = " ".join([evidence.text, evidence.question, evidence.sql])
        if time not in evidence.times and time.lstrip("0") not in written and date.text not in written:
            return None
        where = where or "time of a row"
    return where


def _explain_name(name: str, evidence: Evidence, knows: Callable[[str], bool] | None) -> str | None:
    """Return where a quoted name stands; a shortened name is searched by its beginning."""
    wanted = " ".join(name.rstrip("….,;:!?").split()).casefold()
    places = {
        "texts": evidence.text,
        "question": evidence.question.casefold(),
        "SQL": evidence.sql.casefold(),
        "name of a column": "\n".join(evidence.names).casefold(),
    }
    for where, text in places.items():
        if wanted in text or wanted in " ".join(text.split()):
            return where
    if _is_figure(wanted):
        return "figures"
    return "schema" if knows is not None and knows(wanted) else None


def _find_unknown_names(name: str, text: str, evidence: Evidence) -> Iterator[int]:
    """Yield where the text writes the words as a name, though neither rows, question nor SQL have them."""
    if _explain_name(name, evidence, None) is not None:
        return
    for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text):
        before = text[: match.start()].rstrip()
        if match.group()[:1].isupper() and before and before[-1] not in ".!?:\n":
            yield match.start()


def _is_figure(name: str) -> bool:
    """Return whether the quoted text is figures or a date, which are checked as such."""
    straight = normalize_signs(name)
    return bool(find_dates(straight)[0] or find_figures(straight))


def _find_quoted(text: str) -> Iterator[tuple[int, str]]:
    for match in _QUOTED.finditer(text):
        name = next(group for group in match.groups() if group is not None)
        yield match.start() + match.group().index(name), name


def _get_sign(text: str, figure: Figure) -> str:
    start, end = figure.currency or (0, 0)
    return text[start:end].strip()


def _is_named(sign: str, evidence: Evidence) -> bool:
    """Return whether the rows, the question or the SQL name the currency."""
    words = _CURRENCIES.get(sign) or _CURRENCIES.get(sign[-1:]) or re.escape(sign)
    return evidence.has_match(rf"(?<![a-z])(?:{words})(?![a-z])")
