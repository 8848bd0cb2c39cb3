"""What a text wants of the chart, and what of it is still a question."""

from __future__ import annotations

import pytest

from nl2sql import ChartWish, read_wish

BAR, LINE = ChartWish("bar"), ChartWish("line")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("as bars", BAR),
        ("As bars.", BAR),
        ("bars", BAR),
        ("bar chart", BAR),
        ("as a bar chart please", BAR),
        ("please as a bar chart", BAR),
        ("make it a bar chart", BAR),
        ("show it as a line chart", LINE),
        ("as a line", LINE),
        ("Line chart!", LINE),
        ("als Balken", BAR),
        ("bitte als Balkendiagramm", BAR),
        ("als Säulendiagramm", BAR),
        ("als Liniendiagramm", LINE),
        ("als Linie", LINE),
        ("en barres", BAR),
        ("como barras", BAR),
        ("as an area chart", ChartWish("area")),
        ("stacked", ChartWish(stack="stacked")),
        ("stacked bars", ChartWish("bar", stack="stacked")),
        ("as stacked bars, top 10", ChartWish("bar", stack="stacked", top=10)),
        ("gestapelt", ChartWish(stack="stacked")),
        ("side by side", ChartWish(stack="grouped")),
        ("100 %", ChartWish(stack="percent")),
        ("as 100% stacked bars", ChartWish("bar", stack="percent")),
        ("horizontal bars", ChartWish("bar", is_lying=True)),
        ("as a scatter plot", ChartWish("scatter")),
        ("as a heat map", ChartWish("heatmap")),
        ("as a heatmap", ChartWish("heatmap")),
        ("log scale", ChartWish(is_log=True)),
        ("with a logarithmic scale", ChartWish(is_log=True)),
        ("linear scale", ChartWish(is_log=False)),
        ("logarithmische Skala", ChartWish(is_log=True)),
        ("top 10", ChartWish(top=10)),
        ("only the top 5", ChartWish(top=5)),
        ("nur die ersten 5", ChartWish(top=5)),
        ("no chart", ChartWish("none")),
        ("without chart", ChartWish("none")),
        ("ohne Diagramm", ChartWish("none")),
        ("just the table", ChartWish("none")),
        ("as a table", ChartWish("none")),
        ("as bars and with a log scale", ChartWish("bar", is_log=True)),
        ("title: Revenue of 2025", ChartWish(title="Revenue of 2025")),
        ('Titel: "Umsatz 2025"', ChartWish(title="Umsatz 2025")),
        ("compact numbers", ChartWish(numbers="compact")),
        ("full numbers", ChartWish(numbers="full")),
    ],
)
def test_a_text_that_is_nothing_but_a_wish(text: str, wish: ChartWish) -> None:
    assert read_wish(text) == (wish, "")


@pytest.mark.parametrize(
    ("text", "wish", "rest"),
    [
        ("weekly, as bars", BAR, "weekly"),
        ("weekly as bars", BAR, "weekly"),
        ("revenue by month as a bar chart", BAR, "revenue by month"),
        ("What was the revenue by month, as a line chart?", LINE, "What was the revenue by month?"),
        ("Show revenue by region in a stacked bar chart", ChartWish("bar", stack="stacked"), "Show revenue by region"),
        ("Umsatz nach Monat als Balkendiagramm", BAR, "Umsatz nach Monat"),
        ("Umsatz nach Monat, als Balken", BAR, "Umsatz nach Monat"),
        ("top 10 customers as bars", BAR, "top 10 customers"),
        ("orders by day, log scale", ChartWish(is_log=True), "orders by day"),
        ("orders by day without a chart", ChartWish("none"), "orders by day"),
        ("orders by channel and month, stacked", ChartWish(stack="stacked"), "orders by channel and month"),
        ("A bar chart of revenue by month", BAR, "revenue by month"),
        ("Show me a line chart of revenue by month", LINE, "revenue by month"),
        ("as bars: revenue by month", BAR, "revenue by month"),
        ("revenue by month, as bars, log scale", ChartWish("bar", is_log=True), "revenue by month"),
    ],
)
def test_a_wish_beside_a_question(text: str, wish: ChartWish, rest: str) -> None:
    assert read_wish(text) == (wish, rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "revenue by month",
        "How many bars are there?",
        "How many bars of chocolate did we sell?",
        "top 10 customers",
        "top 10 customers by revenue",
        "the first 5 orders",
        "orders per line",
        "revenue by product line",
        "sales per area",
        "sales in the bar area",
        "Which products are sold as bars?",
        "Which items are known as lines?",
        "stacked boxes in stock",
        "How many boxes are stacked",
        "revenue without returns",
        "customers without orders",
        "show the log",
        "entries in the log",
        "logins by hour",
        "percent of orders that were cancelled",
        "in percent of revenue",
        "share of each channel in percent",
        "column names of orders",
        "points per player",
        "How many points did each player score?",
        "orders on the line",
        "no orders",
        "only the table orders",
        "bars sold by month",
        "line items by month",
        "title of each book",
        "lines as of today",
        "10",
        "please",
        "columns",
        "points",
        "lines",
        "area",
        "the columns of orders",
        "in total",
        "as of 2024",
        "as a percentage",
        "show it again",
        "bars and cafés by city",
        "revenue by country, area",
        "name, team, points",
        "customer, city, lines",
        "Which patients have no chart?",
        "Which songs are on a log scale?",
        "How many devices are on a line plot?",
        "What is measured on a logarithmic scale?",
        "Which products do we sell as bars?",
        "Which towns do we know as areas?",
        "show the revenue with months as columns",
        "balance as points",
        "sales of cakes, pies",
        "Umsatz mit Brot, Kuchen",
        "donuts",
        "Which doughs do we serve as pies?",
        "in percent",
        "as percent",
    ],
)
def test_a_question_stays_as_it_is(text: str) -> None:
    assert read_wish(text) == (None, text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("show me the bars", ["bars"]),
        ("bars", ["bar_id"]),
        ("parcels without a plot", ["plots"]),
        ("title: Manager", ["job title"]),
        ("histogram", ["Histograms"]),
    ],
)
def test_what_may_speak_of_a_table_or_column_is_no_wish(text: str, names: list[str]) -> None:
    assert read_wish(text, names) == (None, text)
    assert read_wish(text)[0] is not None


@pytest.mark.parametrize(
    "text",
    ["as bars", "as a line chart", "bar chart", "orders per line as bars", "revenue by month, as lines", "top 5"],
)
def test_plain_chart_words_are_a_wish_whatever_the_columns(text: str) -> None:
    names = ["bars", '"order lines"', "orderLines", "charts", "month"]
    assert read_wish(text, names) == read_wish(text) and read_wish(text)[0] is not None


def test_a_wish_stands_over_the_one_before() -> None:
    before = ChartWish("bar", stack="stacked", top=10, title="Mine")
    assert ChartWish(is_log=True).lay_over(before) == ChartWish(
        "bar", stack="stacked", top=10, title="Mine", is_log=True
    )
    turned = ChartWish("line").lay_over(before)
    assert (turned.kind, turned.stack, turned.title) == ("line", None, "Mine")
    assert not ChartWish() and ChartWish(is_log=False)


def test_a_pie_is_understood_and_not_drawn() -> None:
    assert read_wish("as a pie chart") == (ChartWish("pie"), "")
    assert read_wish("revenue by country as a pie chart") == (ChartWish("pie"), "revenue by country")
    assert read_wish("how many pies were sold?")[0] is None
