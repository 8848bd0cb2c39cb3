"""The page with the embedded model for real: one question, its rows, its SQL and its sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import expect, page_process, sit_down

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.local_model]

# A busy machine of two cores reads the schema for the first time.
PATIENCE_MS = 600_000


def test_the_embedded_model_answers_in_the_browser(browser: Browser, home_with_weights: Path) -> None:
    with page_process(home_with_weights, None) as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        turn = analyst.ask("List the names and list prices of the five most expensive products")
        expect(turn.locator("tbody tr").first).to_be_visible(timeout=PATIENCE_MS)
        assert 1 <= len(analyst.cells(turn)) <= 100
        sql = analyst.read_sql(turn)
        assert "SELECT" in sql and "products" in sql
        assert turn.locator("[class*='st-key-said-']").inner_text().strip()
        expect(turn.get_by_text("qwen")).to_be_visible()
        assert analyst.strangers == []
