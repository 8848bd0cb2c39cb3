"""The chart on the page, read without a browser: all kept rows, changed by hand and in words, figures before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from nl2sql import Assistant, ChartWish, ColumnFormat, Result, connect, load_config, read_wish
from nl2sql.answer.display import Kind
from ui.chart_view import apply_wish, show_chart, show_metrics
from ui.page_figures import describe_change

SCRIPT = """
CREATE TABLE orders AS SELECT i AS id, DATE '2022-01-01' + CAST(i % 1431 AS INTEGER) AS day, 'city ' || i % 3 AS city,
  'kind ' || i % 2 AS kind, (i * 37 % 101)::DECIMAL(10, 2) AS amount FROM range(6000) AS r(i)
"""
DAILY = "SELECT day, sum(amount) AS revenue FROM orders GROUP BY day ORDER BY day"
CROSSED = "SELECT city, kind, sum(amount) AS revenue FROM orders GROUP BY 1, 2 ORDER BY 1, 2"


@pytest.fixture
def assistant(make_database: Callable[..., Path], tmp_path: Path) -> Iterator[Assistant]:
    (tmp_path / "nl2sql.toml").write_text("[limits]\nseconds = 10\n")
    config = load_config(tmp_path / "nl2sql.toml", url=str(make_database(SCRIPT, "charted")))
    with connect(config=config) as opened:
        yield opened


def draw(part: Callable[..., object], *arguments: object) -> AppTest:
    """A page that is this part alone."""

    def page(part: object, arguments: list[object]) -> None:
        assert callable(part)
        part(*arguments)

    test = AppTest.from_function(page, args=(part, arguments), default_timeout=30).run()
    assert not test.exception, test.exception
    return test


def show(assistant: Assistant, sql: str, result: Result, wish: ChartWish | None) -> None:
    if wish is not None and "wished" not in st.session_state:
        st.session_state["wished"] = True
        apply_wish("one", wish)
    show_chart(assistant, sql, result, "one", title="Revenue?", alt="Chart")


def look(assistant: Assistant, sql: str, result: Result, wish: ChartWish | None = None) -> AppTest:
    return draw(show, assistant, sql, result, wish)


def spec_of(page: AppTest) -> dict[str, Any]:
    (chart,) = page.get("vega_lite_chart")
    made: dict[str, Any] = json.loads(chart.proto.spec)
    return made


def test_all_kept_rows_are_drawn_where_the_answer_was_cut(assistant: Assistant) -> None:
    limits = replace(assistant.config.limits, rows=1000)
    cut = assistant.run(DAILY, limits=limits)
    page = look(assistant, DAILY, cut)
    assert "rows" not in json.dumps(spec_of(page).get("title", "")), "nothing is missing, so nothing is said"
    (chart,) = page.get("vega_lite_chart")
    known = page.session_state["kept"]["one"]["chart_rows"]
    assert cut.truncated and known[1].row_count == 1431 and chart.proto.alt == "Chart"


def test_chart_reports_rows_it_cannot_have(assistant: Assistant) -> None:
    cut = assistant.run(DAILY, limits=replace(assistant.config.limits, rows=1000))
    assistant.close()
    assert "first 1,000 rows only" in json.dumps(spec_of(look(assistant, DAILY, cut))["title"])


def test_the_kind_is_changed_by_hand_and_back(assistant: Assistant) -> None:
    page = look(assistant, CROSSED, assistant.run(CROSSED))
    assert spec_of(page)["encoding"]["y"]["stack"] == "zero"
    kinds = page.segmented_control[0]
    kinds.set_value("none").run()
    assert not page.get("vega_lite_chart")
    page.segmented_control[0].set_value("bar").run()
    assert spec_of(page)["mark"]["type"] == "bar"


def test_words_change_the_chart_and_the_controls_with_it(assistant: Assistant) -> None:
    wish, rest = read_wish("as 100% bars, top 2")
    assert wish is not None and rest == ""
    page = look(assistant, CROSSED, assistant.run(CROSSED), wish)
    spec = spec_of(page)
    assert spec["encoding"]["y"]["stack"] == "normalize" and len(spec["encoding"]["x"]["scale"]["domain"]) <= 3
    assert page.segmented_control[0].value == "bar"


def test_a_wish_that_does_not_fit_is_said_and_the_chart_stays(assistant: Assistant) -> None:
    page = look(assistant, CROSSED, assistant.run(CROSSED), ChartWish("scatter"))
    assert "no scatter plot" in page.caption[0].value and spec_of(page)["mark"]["type"] == "bar"


def test_colours_are_the_page_s_own_and_the_spec_leads_nowhere(assistant: Assistant) -> None:
    spec = spec_of(look(assistant, CROSSED, assistant.run(CROSSED)))
    assert spec["config"]["range"]["category"][0] == "#1f5fbf"
    assert spec["usermeta"] == {"embedOptions": {"actions": False}}


MONEY = ColumnFormat(Kind.MONEY, 2)


@pytest.mark.parametrize(
    ("value", "before", "said"),
    [
        (Decimal("120.00"), Decimal("100.00"), "+20.00 (+20.0%)"),
        (Decimal("80.00"), Decimal("100.00"), "-20.00 (-20.0%)"),
        (5.0, Decimal("4.00"), "+1.00 (+25.0%)"),
        (Decimal("5.00"), Decimal("0.00"), "+5.00"),
        (Decimal("5.00"), Decimal("-5.00"), "+10.00"),
        (None, Decimal("5.00"), None),
        (Decimal("5.00"), None, None),
        ("5", Decimal("5.00"), None),
    ],
)
def test_difference_from_the_previous_figure(value: object, before: object, said: str | None) -> None:
    assert describe_change(value, before, MONEY) == said


@pytest.mark.parametrize(
    ("kind", "value", "before", "said"),
    [
        (Kind.PERCENT, 0.15, 0.1, "+5.00 points"),
        (Kind.PERCENT, Decimal("0.10"), Decimal("0.15"), "-5.00 points"),
        (Kind.PERCENT_UNITS, 12.5, 12.5, "0.00 points"),
    ],
)
def test_a_share_changes_by_points_and_not_by_percent(kind: Kind, value: object, before: object, said: str) -> None:
    assert describe_change(value, before, ColumnFormat(kind, 1)) == said


def test_a_figure_stands_with_the_one_before(assistant: Assistant) -> None:
    sql = "SELECT sum(amount) AS revenue, sum(amount) / 2 AS previous_revenue FROM orders"
    result = assistant.run(sql)
    formats = assistant.database.choose_column_formats(result, sql)
    page = draw(show_metrics, result, formats)
    first, second = page.metric
    assert "(+100.0%)" in first.delta and not second.delta
