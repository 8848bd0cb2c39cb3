"""Words of seven languages that state figures: numbers to twelve, months, scales, percent, and precision.

English, German, French, Spanish, Italian, Portuguese and Dutch, without accents. It reads no text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Final


def fold(text: str) -> str:
    """Return the text in lower case and without accents, for lookups."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _index_words(first: int, *languages: str) -> dict[str, int]:
    return {word: number for words in languages for number, word in enumerate(words.split(), start=first)}


MONTHS: Final = _index_words(
    1,
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
) | {"janner": 1, "feber": 2, "setiembre": 9}
SHORT_MONTHS: Final = _index_words(
    1,
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "janv fev mrz avr mai juin juil aou sept okt nov dez",
    "ene fevr mrt abr mag giu lug ago set ott nov dic",
    "gen febr mars apr mei jun jul aug sep out nov des",
)

COUNTS: Final = _index_words(
    2,
    "two three four five six seven eight nine ten eleven twelve",
    "zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
    "deux trois quatre cinq six sept huit - dix onze douze",
    "dos tres cuatro cinco seis siete ocho nueve diez - doce",
    "- tre quattro cinque - sette - nove dieci undici dodici",
    "dois tres quatro cinco seis sete oito nove dez onze doze",
    "twee drie vier vijf zes zeven acht negen tien elf twaalf",
) | {"duas": 2}
# Words that are numbers in that language and other words elsewhere.
COUNTS_OF: Final = {"fr": {"neuf": 9}, "es": {"once": 11}, "it": {"due": 2, "sei": 6, "otto": 8}, "en": {"one": 1}}
_COMMON: Final = {
    "en": "the of and is are was were with has have for by from",
    "de": "der die das und ist sind war mit von den hat haben im",
    "fr": "le la les de des et est sont avec du il y a une dans",
    "es": "el los las de y es son con del hay por una en fue",
    "it": "il gli le di e sono con della dei ha che per una",
    "pt": "os as de e do da sao com dos ha uma em foi no",
    "nl": "het een van en zijn met de er is voor bij heeft",
}
_COMMON_WORDS: Final = {language: frozenset(words.split()) for language, words in _COMMON.items()}
FRACTIONS: Final = frozenset(
    "thirds quarters fifths halves tenths drittel viertel funftel tiers quarts tercios cuartos quintos terzi quarti "
    "tercos quartos derde kwart".split()
)

_SCALES: Final = {
    "hundred hundert honderd": "1e2",
    "dozen dozens dutzend douzaines docenas dozzine duzias dozijn": "12",
    "k thousand thousands tausend tsd mille mil mila duizend 千 천": "1e3",
    "万 萬 만": "1e4",
    "lakh lakhs lac lacs": "1e5",
    "百万": "1e6",
    "m mn mln mio mm million millions millionen millon millones milione milioni milhao milhoes miljoen mi": "1e6",
    "crore crores cr": "1e7",
    "億 亿 억": "1e8",
    "b bn mrd billion billions milliarde milliarden milliard milliards mld mds miliardo miliardi miljard": "1e9",
    "bilhao bilhoes": "1e9",
    "tn trillion trillions billionen billon billones bilione bilioni biljoen trilhao trilhoes 兆 조": "1e12",
}
SCALES: Final = {word: Decimal(scale) for words, scale in _SCALES.items() for word in words.split()}
# In lower case these may be units instead: metres, millimetres, bytes, miles.
MEASURES: Final = frozenset({"m", "mm", "b", "mi"})
PERCENTS: Final = (
    "percentage point|prozentpunkt|points? de pourcentage|puntos? porcentual|pontos? percentua|pp|percent|per cent|pct"
    "|prozent|pour cent|por ciento|per cento|por cento|procent"
)
TIMES: Final = frozenset("x times fold mal fach fois veces volte vezes keer maal".split())
ORDINALS: Final = frozenset("st nd rd th er ere e eme ieme nde º ª °".split())
PLACES: Final = (
    "no", "nr", "number", "rank", "ranks", "ranked", "place", "position", "platz", "rang", "puesto", "posto", "lugar",
    "plaats", "#",
)  # fmt: skip

ABOUT: Final = (
    "about", "around", "approximately", "approx", "roughly", "circa", "ca", "~", "≈", "±", "etwa", "ungefahr", "rund",
    "zirka", "environ", "pres de", "autour de", "unos", "unas", "aproximadamente", "alrededor de", "cerca de",
    "cerca di", "ongeveer", "some",
)  # fmt: skip
OVER: Final = (
    "over", "more than", "above", "at least", "exceeding", "exceeds", "exceeded", ">", ">=", "≥", "uber", "mehr als",
    "mindestens", "plus de", "au moins", "mas de", "al menos", "oltre", "piu di", "almeno", "mais de", "pelo menos",
    "meer dan", "minstens",
)  # fmt: skip
UNDER: Final = (
    "under", "less than", "fewer than", "below", "nearly", "almost", "at most", "up to", "<", "<=", "≤", "unter",
    "weniger als", "knapp", "fast", "hochstens", "beinahe", "moins de", "presque", "au plus", "menos de", "casi",
    "meno di", "quasi", "quase", "minder dan", "bijna",
)  # fmt: skip


def find_language(words: Iterable[str]) -> str:
    """Return the language with the most common words among these; empty where none leads."""
    counts = dict.fromkeys(_COMMON_WORDS, 0)
    for word in words:
        for language, common in _COMMON_WORDS.items():
            counts[language] += word in common
    highest = max(counts.values())
    found = [language for language, count in counts.items() if count == highest]
    return found[0] if highest and len(found) == 1 else ""
