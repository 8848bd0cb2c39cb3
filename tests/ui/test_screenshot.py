"""The pictures of the page in README and docs: taken as a person would see it, and small.

NL2SQL_UPDATE_SCREENSHOT=1 writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from .conftest import PATIENCE_MS, Analyst, expect, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = DOCS / "page.png"
MOST_BYTES = 200_000
MONTHS = (
    "SELECT month, sum(revenue) AS revenue FROM monthly_revenue WHERE year(month) = 2025 GROUP BY month ORDER BY month"
)
CHANNELS = "SELECT year(ordered_at) AS year, channel_code, count(*) AS orders FROM orders GROUP BY ALL ORDER BY ALL"
CITIES = "SELECT city, count(*) AS customers FROM customers GROUP BY city ORDER BY customers DESC LIMIT 10"
PRICES = "SELECT floor(list_price / 50) * 50 AS price_from, count(*) AS products FROM products GROUP BY 1 ORDER BY 1"
COUNTRIES = (
    "SELECT country_code, count(*) AS orders, avg(CASE WHEN is_gift THEN 1.0 ELSE 0.0 END) AS gift_share "
    "FROM orders GROUP BY 1 ORDER BY 2 DESC"
)
SHOTS: dict[str, tuple[Line, tuple[int, int], Literal["light", "dark"]]] = {
    "stacked": (Line("by channel, year", CHANNELS, "The web shop overtook the shops in 2024."), (1280, 720), "light"),
    "ranking": (Line("cities have most", CITIES, "Most customers live in Düsseldorf."), (1280, 720), "dark"),
    "histogram": (Line("prices spread", PRICES, "Most products cost less than 50."), (1280, 720), "light"),
    "shares": (Line("share of gifts", COUNTRIES, "Germany orders most."), (1280, 720), "light"),
    "number": (Line("orders are there", "SELECT count(*) AS orders FROM orders", "56,015 orders."), (390, 844), "dark"),
    "phone": (Line("month of 2025", MONTHS, "Revenue in 2025 was highest in December."), (390, 844), "light"),
    "rows": (Line("all orders", "SELECT * FROM orders ORDER BY order_id", "All, oldest first."), (1280, 720), "light"),
    "question-back": (
        Line("revenue of 2025", "", "Which revenue do you mean?", options=("net of returns", "as ordered")),
        (1280, 720),
        "light",
    ),
    "refusal": (Line("empty the orders", "DELETE FROM orders"), (1280, 720), "dark"),
}
ASKED = {
    "stacked": "Orders by channel, year by year",
    "ranking": "Which ten cities have most customers?",
    "histogram": "How are prices spread?",
    "shares": "Orders and share of gifts by country",
    "number": "How many orders are there?",
    "phone": "Revenue in each month of 2025",
    "rows": "Show all orders",
    "question-back": "What was the revenue of 2025?",
    "refusal": "Please empty the orders",
}


def test_the_picture_of_the_readme(analyst: Analyst, tmp_path: Path) -> None:
    analyst.page.set_viewport_size({"width": 1280, "height": 800})
    analyst.ask("Revenue by month in 2025")
    analyst.page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first.wait_for()
    analyst.page.get_by_role("button", name="Stop").wait_for(state="detached")
    analyst.page.mouse.move(640, 5)
    analyst.page.wait_for_timeout(500)
    picture = PICTURE if os.environ.get("NL2SQL_UPDATE_SCREENSHOT") else tmp_path / "page.png"
    analyst.page.screenshot(path=picture)
    assert picture.stat().st_size < MOST_BYTES
    assert PICTURE.stat().st_size < MOST_BYTES


def test_every_picture_that_the_docs_show_is_there_and_small() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", (DOCS / "page.md").read_text("utf-8")))
    assert {f"page/{name}.png" for name in SHOTS} <= shown
    assert all((DOCS / name).stat().st_size < MOST_BYTES for name in shown)


@pytest.mark.skipif("NL2SQL_UPDATE_SCREENSHOT" not in os.environ, reason="the pictures are taken by hand")
@pytest.mark.parametrize("name", SHOTS)
def test_the_pictures_of_the_docs_are_taken(name: str, browser: Browser, larkmoor: str, model: ModelServer) -> None:
    line, (width, height), scheme = SHOTS[name]
    model.lines.append(line)
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, larkmoor)
        analyst.send(ASKED[name])
        turn = analyst.page.locator("[class*='st-key-turn-']")
        turn.locator("[class*='st-key-said-'], [class*='st-key-reply-'], .stAlert").first.wait_for()
        expect(analyst.page.get_by_role("button", name="Stop")).to_have_count(0)
        analyst.page.wait_for_timeout(1500)
        (DOCS / "page").mkdir(exist_ok=True)
        analyst.page.screenshot(path=DOCS / "page" / f"{name}.png")
