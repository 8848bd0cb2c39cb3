"""What a person wants of a chart, by hand or in words: `as bars`, `stacked`, `top 10`, `log scale`, `no chart`.

A text is a wish only where every word of it is understood as part of one. Of a question, only what plainly speaks of
the drawing is taken. English is understood, and the common words in German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Final

from nl2sql.schema.word_stems import list_singulars


@dataclass(frozen=True, slots=True)
class ChartWish:
    """What a person wants of a chart; what is None or empty is chosen by the rules.

    `x`, `y` and `colour` are positions of columns. `kind` is one of `chart_rules.KINDS`, or `none` for no chart.
    `stack` is `grouped`, `stacked` or `percent`; `numbers` is `compact`, `full` or `percent`; `top` is how many bars
    are shown.
    """

    kind: str | None = None
    x: int | None = None
    y: tuple[int, ...] = ()
    colour: int | None = None
    stack: str | None = None
    is_lying: bool | None = None
    top: int | None = None
    is_log: bool | None = None
    title: str | None = None
    numbers: str | None = None

    def __bool__(self) -> bool:
        return self != ChartWish()

    def lay_over(self, before: ChartWish) -> ChartWish:
        """Return this wish, with what it leaves open taken from `before`.

        Another kind of chart drops what only the old kind had: its stacking, its direction, its log scale.
        """
        if self.kind is not None and self.kind != before.kind:
            before = replace(before, stack=None, is_lying=None, is_log=None)
        given = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) not in (None, ())}
        return replace(before, **given)


_BAR: Final = r"(?:bars?|columns?|balken|säulen|barres|barras|colonnes|columnas)"
_LINE: Final = r"(?:lines?|linien?|curves?|kurven?|lignes?|courbes?|líneas?|lineas?)"
_PIE: Final = r"(?:pies?|donuts?|doughnuts?|torten?|kuchen)"
_KINDS: Final[tuple[tuple[str, ChartWish], ...]] = (
    (r"(?:horizontal|lying|liegende[ns]?)\s+" + _BAR, ChartWish("bar", is_lying=True)),
    (r"(?:vertical|upright|standing|stehende[ns]?)\s+" + _BAR, ChartWish("bar", is_lying=False)),
    (r"(?:100\s?%|percent|prozent)[-\s](?:stacked\s+)?" + _BAR, ChartWish("bar", stack="percent")),
    (r"(?:stacked|gestapelte[ns]?)\s+" + _BAR, ChartWish("bar", stack="stacked")),
    (_BAR + r"\s+(?:empilées|apiladas)", ChartWish("bar", stack="stacked")),
    (r"(?:grouped|clustered|gruppierte[ns]?)\s+" + _BAR, ChartWish("bar", stack="grouped")),
    (r"(?:stacked|gestapelte)\s+(?:areas?|flächen?)", ChartWish("area", stack="stacked")),
    (_BAR, ChartWish("bar")),
    (_LINE, ChartWish("line")),
    (r"(?:areas?|flächen?|aires?|áreas?)", ChartWish("area")),
    (r"(?:histograms?|histogramm|histogramme|histograma)", ChartWish("histogram")),
    (r"(?:scatter(?:\s?plot)?|punktwolke|nuage de points|dispersión)", ChartWish("scatter")),
    (r"(?:points|dots|punkte)", ChartWish("scatter")),
    (r"(?:heat\s?-?maps?|wärmebild)", ChartWish("heatmap")),
    (r"small multiples", ChartWish("multiples")),
    # No such chart is drawn: the wish is understood, and the error says what fits.
    (_PIE, ChartWish("pie")),
)
# Alone these are ambiguous: `columns` may ask which columns there are.
_TOO_SHORT: Final = (_BAR, _LINE, r"(?:areas?|flächen?|aires?|áreas?)", r"(?:points|dots|punkte)", _PIE)
_PLAIN_BAR: Final = r"bars|balken|säulen|barres|barras"
# Beside a question these speak of its data: `a balance as points`.
_OF_DATA: Final = r"(?:points|dots|punkte)"
_CHART: Final = r"[-\s]?(?:charts?|plots?|graphs?|diagramme?|grafik|graphique|gráfico)"
_AS: Final = (
    r"(?:as|als|en|como|in|make it|make them|show(?: it| them)? as|draw(?: it| them)? as|switch to|change to|use)"
)
_ARTICLE: Final = r"(?:an?\s+|eine?n?\s+|une?\s+|una?\s+|un\s+gráfico de\s+)?"
_PHRASES: Final[tuple[tuple[str, ChartWish], ...]] = (
    (r"(?:no|without(?: a)?|hide the|remove the|keine?|ohne|sans|sin)\s+"
     r"(?:chart|plot|graph|diagramm|grafik|graphique|gráfico)", ChartWish("none")),
    (r"(?:just|only|nur)\s+(?:the\s+|die\s+)?(?:table|rows|tabelle)", ChartWish("none")),
    (r"(?:as|als)\s+" + _ARTICLE + r"(?:table|tabelle)", ChartWish("none")),
    (r"(?:on\s+a\s+|with\s+a\s+|mit\s+)?log(?:arithmic|arithmische[rn]?)?[-\s]?(?:scale|skala|axis|achse)",
     ChartWish(is_log=True)),
    (r"(?:no|without(?: a)?)\s+log(?:arithmic)?[-\s]?scale|linear(?:e)?[-\s](?:scale|skala)", ChartWish(is_log=False)),
)  # fmt: skip
# A question may use these words too: they count only where the text says nothing else.
_ALONE: Final[tuple[tuple[str, ChartWish], ...]] = (
    (r"(?:100\s?%\s?stacked|stacked to 100\s?%)", ChartWish(stack="percent")),
    (r"(?:stacked|stack them|stack it|gestapelt|empilé|apilado)", ChartWish(stack="stacked")),
    (r"(?:grouped|side by side|unstacked|not stacked|nebeneinander|gruppiert)", ChartWish(stack="grouped")),
    (r"(?:100\s?%|to 100\s?%|auf 100\s?%)", ChartWish(stack="percent")),
    (r"(?:horizontal(?:ly)?|lying|liegend)", ChartWish(is_lying=True)),
    (r"(?:vertical(?:ly)?|upright|stehend)", ChartWish(is_lying=False)),
    (r"logarithmic(?:ally)?|logarithmisch|(?:y[-\s]?axis|y[-\s]?achse)\s+log(?:arithmi\w+)?", ChartWish(is_log=True)),
    (r"log[-\s]?(?:scale|skala)\s+(?:off|aus)", ChartWish(is_log=False)),
    (r"(?:compact|short)\s+(?:numbers|figures)", ChartWish(numbers="compact")),
    (r"(?:full|exact)\s+(?:numbers|figures)", ChartWish(numbers="full")),
)
_TOP: Final = re.compile(
    r"(?:only\s+|just\s+|nur\s+)?(?:the\s+|die\s+)?(?:top|first|ersten)\s+(\d{1,3})(?:\s+bars)?", re.I
)
_JOINT: Final = re.compile(r"(?:\s*[,;.!]\s*|\s+(?:and|with|but|und|mit|et|y|please|bitte)\s+|\s+)", re.I)
# Words that add nothing to a wish.
_FILLERS: Final = re.compile(
    r"\b(?:please|bitte|por favor|now|instead|again|it|them|this|that|these|the|chart|and|but|also|then|so|can|could|"
    r"would|you|we|i|me|us|get|have|want|like|to|show|draw|plot|make|turn|put|give|display|into|a|an|as|with|use|"
    r"und|zeige?|mache?|mir|uns|es|das|die|den|kannst|du|ich|möchte|will|hätte|gern|jetzt|lieber|stattdessen|"
    r"diagramm|et|montre|affiche|moi|le|la|les|muestra|muéstralo|ahora)\b",
    re.I,
)
_TRAILING: Final = re.compile(r"(?<!\s)\s+(?:and|und|et|y)\Z", re.I)
_TITLE: Final = re.compile(r"(?:title|titel|titre|título)\s*[:=](.+)", re.I | re.S)
# `sold as bars` and `known as lines` speak of the data, and so does `do we list as bars`.
_VERB_BEFORE: Final = re.compile(
    r"(?:ed|\b(?:sold|known|such|same|well|far|soon|long|much|many|few|act|acts|seen|held|kept|paid|made|built|given|"
    r"taken|written|count|counts|serve|serves|work|works|gelten|verkauft|bezeichnet)|"
    r"\b(?:do|does|did|can|could|should|must|may|will|would)\s+(?:the\s+|our\s+)?\w+\s+\w+)\Z",
    re.I,
)
# No question ends with these words: what follows them belongs to it.
_UNFINISHED: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|having|own|owns|need|needs|get|gets|got|with|of|by|per|and|or|the|an?|"
    r"ist|sind|war|waren|hat|haben|mit|von|nach|pro|est|sont|ont|son|tiene|tienen)\Z",
    re.I,
)
# Words that may be the name of a table or a column too.
_SHARED: Final = re.compile(
    r"\b(bar|pie|donut|torte|kuchen|column|line|area|point|dot|histogram|chart|plot|graph|title|titel|titre)s?\b", re.I
)


def read_wish(text: str, names: Collection[str] = ()) -> tuple[ChartWish | None, str]:
    """Return what the text wants of the chart, and the rest of the text, which is the question.

    The wish is None, and the rest is the text, where the text wants nothing. The rest is empty where the text is
    nothing but a wish. `names` are those of tables and columns: a word that may speak of one of them is no wish.

    >>> read_wish("revenue by month as bars")[1]
    'revenue by month'
    """
    wish, rest = _read(text)
    if wish is not None and _is_data_word_taken(text.strip(), rest.rstrip("?"), names):
        return None, text
    return wish, rest


def _is_data_word_taken(text: str, rest: str, names: Collection[str]) -> bool:
    """Return whether the part taken as a wish has a word that the data has too, and does not say `chart`."""
    taken = text.removeprefix(rest) if text.startswith(rest) else text.removesuffix(rest)
    words = {word.lower() for word in _SHARED.findall(_NAMED_CHART.sub(" ", taken))}
    known = (
        {one for name in names for part in _PARTS.findall(name) for one in list_singulars(part.lower())}
        if words
        else set()
    )
    return not words.isdisjoint(known)


def _read(text: str) -> tuple[ChartWish | None, str]:
    """Return what `read_wish` does, without regard to the names of the data."""
    whole = _read_whole(text.strip())
    if whole is not None:
        return whole, ""
    wish, rest = ChartWish(), text.strip()
    for _ in range(4):
        found = _take_end(rest) or _take_begin(rest)
        if found is None:
            break
        wish, rest = wish.lay_over(found[0]) if wish else found[0], found[1]
        if _is_filler(rest):
            return wish, ""
        whole = _read_whole(rest)
        if whole is not None:
            return wish.lay_over(whole), ""
    rest = _TRAILING.sub("", rest)
    return (wish, rest) if wish and rest else (None, text)


def _read_whole(text: str) -> ChartWish | None:
    """Return the wish where every word of the text is part of one; else None."""
    if titled := _TITLE.fullmatch(text):
        return ChartWish(title=" ".join(titled[1].strip(" \n\t\"“„”'").split()))
    wish, rest = ChartWish(), text.rstrip(" .!?")
    while rest:
        found = _match_begin(rest)
        if found is None:
            return None
        one, length = found
        wish = one.lay_over(wish) if one else wish
        rest = rest[length:]
        if rest:
            joint = _JOINT.match(rest)
            if joint is None:
                return None
            rest = rest[joint.end() :]
    return wish or None


def _is_filler(text: str) -> bool:
    """Return whether the text has only words that ask nothing."""
    return not _FILLERS.sub("", text).strip(" ,;.!?")


def _match_begin(text: str) -> tuple[ChartWish, int] | None:
    """Return the longest wish that the text begins with, and its length in characters."""
    best: tuple[ChartWish, int] | None = None
    for pattern, wish in _WHOLE:
        match = pattern.match(text)
        if match and _is_word_end(text, match.end()) and (best is None or match.end() > best[1]):
            best = wish, match.end()
    top = _TOP.match(text)
    if top and _is_word_end(text, top.end()) and (best is None or top.end() > best[1]):
        best = ChartWish(top=int(top[1])), top.end()
    filler = _FILLERS.match(text)
    if best is None and filler:
        best = ChartWish(), filler.end()
    return best


def _is_word_end(text: str, at: int) -> bool:
    return at == len(text) or not (text[at].isalnum() or text[at] == "_")


def _take_end(text: str) -> tuple[ChartWish, str] | None:
    """Return a wish at the end of a question, and the question before it."""
    bare = text.rstrip(" .!?")
    mark = "?" if text.rstrip().endswith("?") else ""
    for pattern, wish, is_clear in _ENDINGS:
        match = pattern.search(bare)
        if match is None or not bare[: match.start()].strip(" ,;"):
            continue
        before = bare[: match.start()].rstrip()
        has_comma = before.endswith((",", ";", "–", "—", ".", "?", "!", ":")) or match[0].startswith((",", ";"))
        if has_comma or not (_UNFINISHED.search(before) or (not is_clear and _VERB_BEFORE.search(before))):
            return wish, before.rstrip(" ,;–—:") + ("" if before.endswith(("?", ".")) else mark)
    return None


def _take_begin(text: str) -> tuple[ChartWish, str] | None:
    """Return a wish at the beginning, and the rest: `As bars: revenue by month`, `A bar chart of revenue by month`."""
    for pattern, wish in _BEGINNINGS:
        match = pattern.match(text)
        if match is not None and match.end() < len(text):
            return wish, text[match.end() :].strip()
    return None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)


def _list_whole() -> tuple[tuple[re.Pattern[str], ChartWish], ...]:
    kinds = []
    for kind, wish in _KINDS:
        named = rf"(?:{_AS})\s+{_ARTICLE}(?:{kind})(?:{_CHART})?|{_ARTICLE}(?:{kind}){_CHART}"
        kinds.append((_compile(rf"(?:{named})(?!\w)"), wish))
    phrases = [(_compile(rf"(?:{phrase})(?!\w)"), wish) for phrase, wish in (*_PHRASES, *_ALONE)]
    bare = [(_compile(rf"(?:{kind})(?!\w)"), wish) for kind, wish in _KINDS if kind not in _TOO_SHORT]
    return (*phrases, *kinds, *bare, (_compile(rf"(?:{_PLAIN_BAR})(?!\w)"), ChartWish("bar")))


def _list_endings() -> tuple[tuple[re.Pattern[str], ChartWish, bool], ...]:
    found = [(_compile(rf"(?:^|[\s,;])(?:{phrase})\Z"), wish, False) for phrase, wish in _PHRASES]
    for kind, wish in _KINDS:
        found.append(
            (_compile(rf"(?:^|[\s,;])(?:as|als|in|with|on|en|como)\s+{_ARTICLE}(?:{kind}){_CHART}\Z"), wish, True)
        )
        found.append((_compile(rf"[,;]\s*(?:{kind}){_CHART}{'' if kind in _TOO_SHORT else '?'}\Z"), wish, True))
        if kind != _OF_DATA:
            shape = kind.replace(_BAR, f"(?:bar|{_PLAIN_BAR})")
            found.append((_compile(rf"(?:^|[\s,;])(?:as|als|en|como)\s+{_ARTICLE}(?:{shape})\Z"), wish, False))
    found += [(_compile(rf"[,;]\s*(?:{phrase})\Z"), wish, True) for phrase, wish in _ALONE[:2]]
    return tuple(found)


def _list_beginnings() -> tuple[tuple[re.Pattern[str], ChartWish], ...]:
    found = []
    draw = r"(?:(?:show|draw|plot|give|make|create|zeig|zeige|zeichne)\s+(?:me\s+|us\s+|mir\s+)?)?"
    of = r"\s+(?:of|for|showing|with|von|für|mit|de)\s+(?=\S)"
    for kind, wish in _KINDS:
        chart = "" if wish.kind in ("histogram", "heatmap") or "plot" in kind else _CHART
        found.append((_compile(rf"{draw}{_ARTICLE}(?:{kind}){chart}{of}"), wish))
        found.append((_compile(rf"(?:as|als|en|como)\s+{_ARTICLE}(?:{kind})(?:{_CHART})?\s*[,;:]\s*(?=\S)"), wish))
    return tuple(found)


_ANY_KIND: Final = "|".join(kind for kind, _ in _KINDS)
_NAMED_CHART: Final = _compile(rf"{_AS}\s+{_ARTICLE}(?:{_ANY_KIND})(?:{_CHART})?(?!\w)|(?:{_ANY_KIND}){_CHART}(?!\w)")
_PARTS: Final = re.compile(r"[^\W\d_]+?(?=[A-Z]|[\W\d_]|\Z)")
_WHOLE: Final = _list_whole()
_ENDINGS: Final = _list_endings()
_BEGINNINGS: Final = _list_beginnings()
