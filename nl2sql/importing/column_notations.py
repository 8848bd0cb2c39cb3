"""Choose which notations the texts of a column allow: numbers, dates, times, words for yes and no, or only text.

It judges *shapes*, and so every value of a column at once, however many there are. It reads no data: `column_types`
proves which of the allowed notations holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nl2sql.importing.column_shapes import BLANKS, ColumnNotation, NotationChoice, Shape, Signs, is_null
from nl2sql.importing.date_notations import choose_date, choose_time, read_date
from nl2sql.importing.number_notations import choose_number, read_number
from nl2sql.schema.identifiers import quote_literal

_YES_NO: Final = tuple(
    tuple(pair.split("/"))
    for pair in (
        "true/false yes/no y/n ja/nein j/n wahr/falsch oui/non vrai/faux sí/no si/no verdadero/falso vero/falso sim/não"
        " ja/nee tak/nie ano/ne áno/nie igen/nem ja/nej evet/hayır да/нет так/ні 是/否 はい/いいえ 예/아니요"
    ).split()
)


def choose_notation(shapes: Sequence[Shape], name: str, signs: Signs | None) -> NotationChoice:
    """Return the notations that all these shapes allow. `name` is the column's.

    `signs` are those that another column, or the owner, proves for the whole file.
    """
    nulls = tuple(shape for shape in shapes if is_null(shape))
    rest = [shape for shape in shapes if shape not in nulls and shape.text]
    if not rest:
        return NotationChoice()
    choice = choose_number(rest, name, signs, nulls)
    for rule in (choose_date, choose_time, _choose_yes_no):
        choice = choice or rule(rest)
    if choice:
        return replace(choice, nulls=nulls)
    return NotationChoice(doubt=_describe_misfits(rest))


def _describe_misfits(shapes: Sequence[Shape]) -> str:
    """Return why the column is text although most of its values are numbers or dates; empty where they are not."""
    count = sum(shape.frequency for shape in shapes)
    for what, reads in (("numbers", read_number), ("dates", read_date)):
        misfits = [shape for shape in shapes if reads(shape.text) is None]
        wrong = sum(shape.frequency for shape in misfits)
        if misfits and 2 * wrong < count:
            examples = ", ".join(repr(shape.example[:40]) for shape in misfits[:3])
            return f"stays text: {wrong:,} of {count:,} values are no {what}, such as {examples}"
    return ""


def _choose_yes_no(shapes: Sequence[Shape]) -> NotationChoice | None:
    words = {shape.text.lower() for shape in shapes}
    for yes, no in _YES_NO:
        if words == {yes, no} or (words <= {yes, no} and yes == "true"):
            text = f"lower(trim({{}}, '{BLANKS}'))"
            sql = f"CASE {text} WHEN {quote_literal(yes)} THEN true WHEN {quote_literal(no)} THEN false END"
            return NotationChoice((ColumnNotation("BOOLEAN", sql, f"{yes} is true, {no} is false"),))
    return None
