"""One answer as a page: what it shows, and that nothing in it is markup, script or address but its own."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from nl2sql.answer.display import ColumnFormat
from nl2sql.exports.answer_page import MAX_ROWS, clean_svg, render_answer
from nl2sql.types import Answer, Confidence, Result, ResultColumn, Status

MADE = dt.datetime(2026, 5, 4, 9, 5)
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title></pre><iframe src='javascript:1'>",
    "&lt;b&gt; &#x3c;b&#x3e;",
    "a\x00b\x1b[31m\u202egnp.exe",
    "]]><!-- --> {{x}} `$x^2$` \ud800",
]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10" '
    'viewBox="0 0 10 10"><rect fill="url(#a)" width="10" height="10"/><text>5 &lt; 6</text>{}</svg>'
)


class Reader(HTMLParser):
    """The elements, their attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(text: str = "x", svg: str | None = None, rows: int = 1, **fields: object) -> str:
    columns = (ResultColumn(text, "VARCHAR"), ResultColumn("n", "BIGINT"))
    table = pa.table(
        [pa.array([text.encode("utf-8", "replace").decode()] * rows), pa.array([None] + [1234] * (rows - 1))],
        names=["a", "n"],
    )
    result = Result(columns, table)
    answer = Answer(
        "a" * 12,
        text,
        Status.ANSWERED,
        text,
        sql=text,
        result=result,
        reading=(text,),
        warnings=(text,),
        model=text,
        verified_query=text,
        confidence=Confidence("check", 0.5, (text,)),
    )
    formats = [ColumnFormat(), ColumnFormat()]
    return render_answer(answer, formats, database=text, made_at=MADE, svg=svg, notes=[text])


@pytest.mark.parametrize("text", NASTY)
def test_nothing_that_comes_from_data_model_or_user_is_markup(text: str) -> None:
    plain, page = Reader(page_of()), page_of(text)
    read = Reader(page)
    assert read.tags == plain.tags and "script" not in read.tags
    assert [name for name, _ in read.attributes] == [name for name, _ in plain.attributes]
    assert "\x00" not in page and "\u202e" not in page
    page.encode("utf-8")


def test_each_part_is_there_and_no_address_is() -> None:
    page = page_of("Rain?", svg=SVG.format(""), rows=3)
    texts = " ".join(Reader(page).texts)
    for part in ("Rain?", "5 < 6", "NULL", "1234", "3 rows", "What the SQL does", "Check this", "2026-05-04 09:05"):
        assert part in texts
    assert "http" not in page.replace("http-equiv", "") and "//" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "part",
    [
        "<script>alert(1)</script>",
        '<a href="https://example.com/"><text>go</text></a>',
        '<image xlink:href="https://example.com/x.png"/>',
        '<rect onload="alert(1)" style="background:url(https://example.com)"/>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><p>x</p></body></foreignObject>',
        '<rect fill="url(https://example.com/#a)"/>',
        '<use href="#a"/><set attributeName="href" to="javascript:1"/>',
        "<style>@import 'https://example.com'</style>",
    ],
)
def test_a_drawing_keeps_shapes_and_texts_alone(part: str) -> None:
    cleaned = clean_svg(SVG.format(part))
    for word in ("script", "http", "href", "onload", "style", "foreign", "image", "example", "javascript", "<use"):
        assert word not in cleaned
    assert 'fill="url(#a)"' in cleaned and "5 &lt; 6" in cleaned and 'viewBox="0 0 10 10"' in cleaned


@pytest.mark.parametrize("text", ["", "<svg>", "<html></html>", "<svg></svg>"])
def test_what_is_no_drawing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no SVG"):
        clean_svg(text)


def test_very_many_rows_are_cut_and_it_says_so() -> None:
    page = page_of(rows=MAX_ROWS + 5)
    assert page.count("<tr>") == MAX_ROWS + 1 and "The first 10,000 rows; the query has more" in page


def test_only_numbers_stand_at_the_right() -> None:
    table = pa.table([pa.array(["1 day"]), pa.array([[1]]), pa.array([1])], names=["a", "b", "c"])
    columns = (ResultColumn("span", "INTERVAL"), ResultColumn("list", "INTEGER[]"), ResultColumn("n", "INTEGER"))
    answer = Answer("a" * 12, "q", Status.ANSWERED, "a", result=Result(columns, table))
    page = render_answer(answer, [ColumnFormat()] * 3, database="d", made_at=MADE)
    assert [value for name, value in Reader(page).attributes if name == "class"].count("number") == 2
