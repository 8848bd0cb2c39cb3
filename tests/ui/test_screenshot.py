"""The README's picture of the page: taken as a person would see it, and small.

NL2SQL_UPDATE_SCREENSHOT=1 writes docs/page.png anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Analyst

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).parents[2] / "docs" / "page.png"
MOST_BYTES = 200_000


def test_the_picture_of_the_readme(analyst: Analyst, tmp_path: Path) -> None:
    analyst.page.set_viewport_size({"width": 1280, "height": 1000})
    analyst.ask("Revenue by month in 2025")
    analyst.page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first.wait_for()
    analyst.page.get_by_role("button", name="Stop").wait_for(state="detached")
    analyst.page.mouse.move(640, 5)
    analyst.page.wait_for_timeout(500)
    picture = PICTURE if os.environ.get("NL2SQL_UPDATE_SCREENSHOT") else tmp_path / "page.png"
    analyst.page.screenshot(path=picture)
    assert picture.stat().st_size < MOST_BYTES
    assert PICTURE.stat().st_size < MOST_BYTES
