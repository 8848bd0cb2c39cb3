"""Detect questions that ask for something other than data: a reason, advice, a forecast, an action.

A small model would answer them with the nearest figures. Only words are read, no model is called; a word that is a name
in the data counts as data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nl2sql.answer.question_words import list_words
from nl2sql.answer.word_trace import match_words
from nl2sql.schema.value_index import fold_text
from nl2sql.types import Schema


@dataclass(frozen=True, slots=True)
class Wish:
    """Something other than data: `pattern` finds it in the folded question, `reply` is the answer to it."""

    pattern: re.Pattern[str]
    reply: str


def _compile(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(' '.join(text.split()).replace(' | ', '|') for text in alternatives)})")


_OPENING: Final = (
    r"\A(?:please |bitte |por favor |s'il vous plait |per favore |alsjeblieft |can you |could you |kannst du |"
    r"konnen sie )?"
)
_ASKS_DATA: Final = _compile(
    r"""\b(?:show | list | give | count | calculate | compute | average | total | what | how many | how much | which |
    return | display | zeige | liste | wie viele? | welche[rs]? | montre | combien | quels? | quelles? | cuant[oa]s |
    muestra | quant[ei] | mostra | quant[oa]s | toon | hoeveel)\b"""
)

REASON: Final = Wish(
    _compile(
        r"(?:\A|[,;:.] |\b(?:and|und|et|y|e|en) )(?:why|how come|warum|wieso|weshalb|pourquoi|por que|perche|waarom)\b"
    ),
    "The question asks why. The data holds figures, not reasons: ask for the figures that would show it.",
)
ADVICE: Final = Wish(
    _compile(
        r"\b(?:should|shall) (?:we|i|they|you|he|she|it|one)\b",
        r"\b(?:do|would) you (?:think|recommend|advise|suggest)\b",
        r"\bin your opinion\b",
        r"\A(?:please )?(?:recommend|advise|suggest)\b",
        r"\b(?:sollte[nt]?|soll|sollen) (?:wir|ich|man|sie|er|es)\b",
        r"\b(?:was|welche[nrs]?) (?:empfiehlst|empfehlen) \w+",
        r"\b(?:devrions|devrait|devrais|dois|doit|devons)[- ](?:nous|on|je|il|elle)\b",
        r"\b(?:deberiamos|deberia|deberian|dovremmo|dovrei|dovrebbe|deveriamos|deveria|devemos)\b",
        r"\b(?:moeten|zouden|moet) (?:we|wij|ik)\b",
    ),
    "The question asks for advice or an opinion, which the data does not hold: ask for figures to decide by.",
)
FORECAST: Final = Wish(
    _compile(
        r"\b(?:predict|forecast)\b",
        r"\A(?:will|is \w+ going to|are \w+ going to)\b",
        r"\bwill (?:\w+ ){0,2}(?:be|become|have|reach|meet|need|sell|grow|earn|happen|win|rise|fall)\b",
        r"\b(?:prognostiziere|sage voraus|prevois|prevoyez|predice|pronostica|prevedi|preveja|voorspel)\b",
    ),
    "The question asks what will be. The data tells what was: ask for figures of the past.",
)
ACTION: Final = Wish(
    _compile(
        _OPENING
        + r"""(?:send | delete | truncate | update | insert | approve | reject | pay | cancel | schedule | email |
        e-mail | notify | remind | raise | increase | decrease | reduce | rename | refund | fire | hire | remove |
        drop | losche | losch | sende | schicke | aktualisiere | andere | erhohe | senke | genehmige |
        storniere | benachrichtige | uberweise | entferne | supprime[rz]? | envoie | envoye[rz] |
        modifie[rz]? | augmente[rz]? | annule[rz]? | approuve[rz]? | paie | payez | elimina | borra | envia
        | actualiza | aumenta | cancela | aprueba | paga | cancella | invia | aggiorna | approva | exclua |
        apague | envie | atualize | aumente | cancele | aprove | pague | verwijder | stuur | wijzig |
        verhoog | annuleer | betaal)\b"""
    ),
    "The question asks for something to be done. Data is only read here: ask what it holds.",
)
WISHES: Final = (REASON, ADVICE, FORECAST, ACTION)
"""The wishes, in the order in which they are looked for."""


def find_other_wish(question: str, schema: Schema) -> str | None:
    """Return the reply to a question that asks for something other than data; None for one that asks for data.

    >>> find_other_wish("Why did sales fall in May?", Schema((), "duckdb"))
    'The question asks why. The data holds figures, not reasons: ask for the figures that would show it.'
    >>> find_other_wish("Which shops have sales?", Schema((), "duckdb"))
    """
    text = fold_text(question).lstrip("¿¡ ")
    for wish in WISHES:
        found = wish.pattern.search(text)
        if found is None or _is_part_of_data_name(found.group(), schema):
            continue
        if wish is ACTION and _ASKS_DATA.search(text, found.end()):
            continue
        return wish.reply
    return None


def _is_part_of_data_name(words: str, schema: Schema) -> bool:
    """Return whether the last word is part of a name in the data: `forecast` beside `sales_forecast`."""
    last = words.split()[-1]
    names = (name for table in schema.tables for name in (table.name, *(column.name for column in table.columns)))
    return any(match_words(last, fold_text(part)) for name in names for part in list_words(name))
