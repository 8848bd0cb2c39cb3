"""Write one answer as a self-contained HTML page: question, answer, chart, rows, SQL, and how far to trust it.

It has no script and loads nothing: the chart is part of it, and all text from data, model or user is escaped. It shows
what it is given and runs nothing.
"""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.display import ColumnFormat
from nl2sql.types import Answer, Result, make_unique_names
from nl2sql.types.type_families import is_numeric

MAX_ROWS: Final = 10_000
_MAX_CELL_CHARS: Final = 2_000
# Characters that HTML and XML text may not hold, and those that change the direction of the text after them.
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LEVELS: Final = {"high": "High confidence", "check": "Check this", "low": "Low confidence"}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_ELEMENTS: Final = frozenset(
    "svg g path rect line circle ellipse polygon polyline text tspan title desc "
    "defs clipPath linearGradient stop".split()
)
_ATTRIBUTES: Final = frozenset(
    "id class d width height viewBox x y x1 x2 y1 y2 dx dy cx cy r rx ry points transform fill fill-opacity stroke "
    "stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit "
    "opacity clip-path offset stop-color stop-opacity text-anchor dominant-baseline font-family font-size font-weight "
    "font-style role aria-label aria-hidden aria-roledescription display".split()
)
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.05rem; font-weight: 600; opacity: .8; margin: 0 0 .3rem; }
h2 { font-size: .95rem; margin: 1.6rem 0 .3rem; }
.said { font-size: 1.35rem; line-height: 1.4; font-weight: 600; margin: 0 0 1rem; }
.chart { background: #fff; padding: .5rem; margin: 0 0 1rem; overflow-x: auto; } .chart svg { max-width: 100%; }
.rows { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; } .null { opacity: .5; font-style: italic; }
pre { background: var(--soft); padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
footer, .quiet { font-size: .85rem; opacity: .75; } footer { margin-top: 2rem; border-top: 1px solid var(--line); }
h1, h2, p, li, td, th, pre { unicode-bidi: plaintext; overflow-wrap: anywhere; }
@media print { body { margin: 0; } tr { break-inside: avoid; } }
"""


def render_answer(  # noqa: PLR0913 - keywords are the public interface
    answer: Answer,
    formats: Sequence[ColumnFormat],
    *,
    database: str,
    made_at: dt.datetime,
    sql: str | None = None,
    svg: str | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the page as HTML, with at most MAX_ROWS rows.

    `formats` say how each column is written, `sql` is the answer's SQL laid out for reading, and `svg` is the chart.
    `notes` are further sentences, shown before the answer's warnings.

    Raises:
        ValueError: where `svg` is no SVG.
    """
    result, text = answer.result, sql or answer.sql
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_escape_html(answer.question)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{_escape_html(answer.question)}</h1>",
        f'<p class="said">{_escape_html(answer.text)}</p>' if answer.text else "",
        *(f"<p>⚠ {_escape_html(note)}</p>" for note in (*notes, *answer.warnings)),
        _draw_error(answer),
        f'<div class="chart">{clean_svg(svg)}</div>' if svg else "",
        _draw_rows(result, formats) if result is not None else "",
        f"<h2>SQL</h2><pre>{_escape_html(text)}</pre>" if text else "",
        _draw_list("What the SQL does", answer.reading),
        *_draw_trust(answer),
        f"<footer><p>{_escape_html(_describe_origin(answer, database, made_at))}</p></footer>",
        "</main></body></html>",
    ]
    return "\n".join(filter(None, parts))


def clean_svg(svg: str) -> str:
    """Return the drawing with shapes and texts only: no script, link or picture, and nothing that is loaded.

    Raises:
        ValueError: where it is no SVG.
    """
    try:
        # The drawing comes from this program: it has no document type, so no entities.
        root = ET.fromstring(_UNFIT.sub("\ufffd", svg))
    except ET.ParseError as exc:
        raise ValueError("that is no SVG") from exc
    if root.tag != f"{_SVG}svg":
        raise ValueError("that is no SVG")
    return ET.tostring(_clean(root), encoding="unicode", short_empty_elements=False)


def _clean(element: ET.Element) -> ET.Element:
    cleaned = ET.Element(element.tag.removeprefix(_SVG), {name: v for name, v in element.items() if _is_fit(name, v)})
    cleaned.text, cleaned.tail = element.text, element.tail
    for child in element:
        name = child.tag.removeprefix(_SVG) if isinstance(child.tag, str) else ""
        if name in _ELEMENTS:
            cleaned.append(_clean(child))
    return cleaned


def _is_fit(name: str, value: str) -> bool:
    """Return whether an attribute only says how something looks; `url(#…)` names a part of the same drawing."""
    is_local = re.fullmatch(r"url\(#[\w-]+\)", value.strip()) is not None
    return name in _ATTRIBUTES and (is_local or "url(" not in value.lower() or name == "aria-label")


def _draw_error(answer: Answer) -> str:
    if answer.error is None:
        return ""
    return f"<p>⚠ {_escape_html(f'{answer.error.message} {answer.error.hint}'.strip())}</p>"


def _draw_rows(result: Result, formats: Sequence[ColumnFormat]) -> str:
    """Return the rows as a table; a value that is written shorter than it is has the full value as its title."""
    names = make_unique_names([column.name for column in result.columns])
    numbers = [is_numeric(column.type) for column in result.columns]
    head = "".join(f"<th{_name_class(n)}>{_escape_html(name)}</th>" for name, n in zip(names, numbers, strict=True))
    shown = Result(result.columns, result.table.slice(0, MAX_ROWS))
    lines = (
        "<tr>" + "".join(_draw_cell(*cell) for cell in zip(row, formats, numbers, strict=True)) + "</tr>"
        for row in shown.rows
    )
    count = f"{result.row_count:,} row{'' if result.row_count == 1 else 's'}"
    if result.truncated or result.row_count > MAX_ROWS:
        count = f"The first {shown.row_count:,} rows; the query has more"
    if result.cut_cells:
        count += f"; {result.cut_cells:,} long values are cut"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="rows">{table}</div><p class="quiet">{count}</p>'


def _draw_cell(value: Any, how: ColumnFormat, is_number: bool) -> str:
    if value is None:
        return '<td class="null">NULL</td>'
    exact, shown = text_of(value)[:_MAX_CELL_CHARS], how.show(value)[:_MAX_CELL_CHARS]
    title = "" if shown == exact else f' title="{_escape_html(exact)}"'
    return f"<td{_name_class(is_number)}{title}>{_escape_html(shown)}</td>"


def _name_class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _draw_list(heading: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{_escape_html(line)}</li>" for line in lines)
    return f"<h2>{heading}</h2><ul>{items}</ul>" if items else ""


def _draw_trust(answer: Answer) -> Iterable[str]:
    """Yield the confidence with its reasons, and who approved a verified query."""
    if answer.confidence is not None:
        reasons = "; ".join(answer.confidence.reasons)
        label = _LEVELS[answer.confidence.level]
        yield f"<h2>{label}</h2>" + (f"<p>{_escape_html(reasons)}</p>" if reasons else "")
    if answer.verified_query:
        approval = f", {answer.approval}" if answer.approval else ""
        yield f"<p>Verified query {_escape_html(answer.verified_query + approval)}</p>"


def _describe_origin(answer: Answer, database: str, made_at: dt.datetime) -> str:
    parts = [f"Database: {database}", f"made {made_at:%Y-%m-%d %H:%M}"]
    parts += [f"model: {answer.model}"] if answer.model else []
    return " · ".join([*parts, "nl2sql"])


def _escape_html(text: str) -> str:
    """Return the text so that HTML shows each character; one that it cannot show becomes a replacement character."""
    return escape(_UNFIT.sub("\ufffd", text))
