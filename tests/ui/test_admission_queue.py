"""Several people at once: nobody waits for another's heavy query, and who stands in line sees where."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ui.jobs import MAX_RUNNING_JOBS

from .conftest import PATIENCE_MS, Analyst, expect, sit_down
from .model_server import Line, ModelServer
from .websocket_page import Wire

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.alone]


def test_a_heavy_query_stops_nobody_else(analyst: Analyst, browser: Browser, larkmoor: str) -> None:
    analyst.send("a slow one")
    analyst.page.get_by_role("button", name="Run it", exact=True).click()
    analyst.page.get_by_text("Running the query").first.wait_for()
    with browser.new_context() as elsewhere:
        elsewhere.set_default_timeout(PATIENCE_MS)
        other = sit_down(elsewhere, larkmoor)
        expect(other.ask("how many orders")).to_contain_text("56,015")
    expect(analyst.page.get_by_text("Running the query").first).to_be_visible()
    analyst.page.get_by_role("button", name="Stop").click()
    expect(analyst.page.get_by_text("Stopped.")).to_be_visible()


def test_who_waits_in_line_sees_where(analyst: Analyst, model: ModelServer, larkmoor: str) -> None:
    model.lines.append(Line("keep them waiting", "SELECT 1 AS one", "One.", think=3))
    with ExitStack() as open_wires:
        others = [open_wires.enter_context(Wire(larkmoor)) for _ in range(MAX_RUNNING_JOBS)]
        for one in others:
            one.begin("keep them waiting")
        analyst.send("how many orders")
        doing = analyst.page.locator("[class*='st-key-doing-']")
        expect(doing.get_by_text("Waiting: number 1 in line")).to_be_visible()
        expect(analyst.page.get_by_text("There are 56,015 orders.", exact=True)).to_be_visible()
