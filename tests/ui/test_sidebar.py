"""What can be changed on the page itself: the time of a query, and the model where the project file offers some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE_MS, expect, page_process, sit_down
from .model_server import ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.alone]


def test_the_model_and_the_time_are_changed(
    browser: Browser, model: ModelServer, tmp_path: Path, home: Path, trust: Callable[[Path], None]
) -> None:
    (tmp_path / "nl2sql.toml").write_text('[model]\nchoices = ["scripted", "another"]\n[limits]\nseconds = 30\n')
    trust(tmp_path)
    with page_process(home, model, cwd=tmp_path) as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        analyst.ask("how many orders")
        assert model.requests[-1]["model"] == "scripted"
        analyst.page.get_by_role("tab", name="Settings").click()
        analyst.page.get_by_role("combobox", name="Model").click()
        analyst.page.get_by_role("option", name="another").click()
        seconds = analyst.page.get_by_label("Time limit of one query, in seconds")
        expect(seconds).to_have_value("30.00")
        seconds.fill("0.5")
        seconds.press("Enter")
        expect(analyst.ask("how many orders, asks another")).to_contain_text("another")
        assert model.requests[-1]["model"] == "another"
        analyst.send("a slow one")
        analyst.page.get_by_role("button", name="Run it", exact=True).click()
        expect(analyst.page.get_by_role("alert").last).to_contain_text("0.5 s")
