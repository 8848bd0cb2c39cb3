"""What axe-core finds wrong with the page for those who see little or nothing of it, in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from .conftest import PATIENCE_MS, Analyst, expect, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

# Streamlit's own box for files says two roles of itself.
OTHERS: list[list[str]] = [["[data-testid='stFileUploaderDropzone']"]]


def find_faults(analyst: Analyst) -> list[tuple[str, Any]]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(analyst.page, context={"exclude": OTHERS})
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found.response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(
    scheme: Literal["light", "dark"], browser: Browser, larkmoor: str, model: ModelServer
) -> None:
    model.lines.append(Line("a file of yours", "SELECT * FROM read_csv('/etc/hostname')"))
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, larkmoor)
        assert find_faults(analyst) == [], "at the start"
        turn = analyst.ask("revenue by month in 2025")
        analyst.read_sql(turn)
        turn.get_by_role("button", name="Edit SQL").click()
        turn.get_by_label("SQL", exact=True).wait_for()
        assert find_faults(analyst) == [], "at an answer whose SQL is edited"
        analyst.send("a file of yours")
        expect(analyst.page.get_by_role("button", name="Ask again")).to_be_visible()
        assert find_faults(analyst) == [], "at a refusal"
        analyst.send("a slow one")
        analyst.page.get_by_role("button", name="Don't run it").wait_for()
        assert find_faults(analyst) == [], "at a review"
        analyst.page.keyboard.press("Escape")
