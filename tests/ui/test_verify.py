"""An answer saved as a verified query, and what it is for those who come after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE_MS, expect, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_an_answer_is_saved_behind_an_approval(
    browser: Browser, make_database: Callable[..., Path], model: ModelServer, tmp_path: Path, home: Path
) -> None:
    database = make_database("CREATE TABLE sales (region VARCHAR, total INTEGER); INSERT INTO sales VALUES ('a', 1)")
    subprocess.run(
        [sys.executable, "-m", "nl2sql", "init", "--db", str(database)], cwd=tmp_path, check=True, capture_output=True
    )
    model.lines.append(Line("sales in all", "SELECT sum(total) AS total FROM sales", "One."))
    with (
        page_process(home, model, cwd=tmp_path) as address,
        browser.new_context(viewport={"width": 1280, "height": 1000}) as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        turn = analyst.ask("What are the sales in all?")
        turn.get_by_role("button", name="Save as verified").click()
        form = analyst.page.get_by_test_id("stForm")
        form.get_by_text("Offer it to those who begin").click()
        form.get_by_role("button", name="It is right: save it").click()
        expect(analyst.page.get_by_text("Saved as")).to_be_visible()
        analyst.open()
        expect(analyst.page.get_by_role("button", name="What are the sales in all?")).to_be_visible()
    text = (tmp_path / "queries" / "what_are_the_sales_in_all.sql").read_text("utf-8")
    assert "What are the sales in all?" in text and "sum(total)" in text.lower()
