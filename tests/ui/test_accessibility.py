"""The page for everybody: by the keyboard alone, with a screen reader, and with colours that can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Analyst, expect

pytestmark = pytest.mark.browser

_MOST_TABS = 150
_FOCUSED = """() => {
    let one = document.activeElement;
    while (one && one.shadowRoot && one.shadowRoot.activeElement) one = one.shadowRoot.activeElement;
    if (!one || one === document.body) return '';
    const inside = one.matches('button, a, summary, [role=button], [role=tab]') ? one.innerText : '';
    return [one.getAttribute('aria-label') || '', one.placeholder || '', inside].join('\\n');
}"""
# What a control is called, as a screen reader hears it; the browser's own tree says so.
_CONTROLS = ("button", "textbox", "combobox", "checkbox", "radio", "switch", "tab", "link", "slider", "searchbox")
_FAINT = """() => {
    const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const over = (top, below, alpha) => top.slice(0, 3).map((c, i) => c * alpha + below[i] * (1 - alpha));
    const parent = one => one.parentElement || (one.getRootNode().host ?? null);
    const ground = one => {
        if (!one) return [255, 255, 255];
        const [r, g, b, alpha = 1] = parts(getComputedStyle(one).backgroundColor);
        return alpha === 1 ? [r, g, b] : over([r, g, b], ground(parent(one)), alpha);
    };
    const opacity = one => one ? Number(getComputedStyle(one).opacity) * opacity(parent(one)) : 1;
    const faint = [];
    const walk = root => {
        for (const one of root.querySelectorAll('*')) {
            if (one.shadowRoot) walk(one.shadowRoot);
            const text = [...one.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim();
            const box = one.getBoundingClientRect();
            const style = getComputedStyle(one);
            if (!text || one.closest('style, script, svg, :disabled, [aria-hidden=true]')) continue;
            if (!one.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
            if (!box.width || style.fontFamily.includes('Material')) continue;
            const below = ground(one);
            const [r, g, b, alpha = 1] = parts(style.color);
            const top = over([r, g, b], below, alpha * opacity(one));
            const [a, c] = [light(top), light(below)].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (c + 0.05);
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
        }
    };
    walk(document);
    return faint;
}"""


def tab_to(analyst: Analyst, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    passed: list[str] = []
    for _ in range(_MOST_TABS):
        analyst.page.keyboard.press("Tab")
        focused = [line.strip() for line in analyst.page.evaluate(_FOCUSED).split("\n")]
        if name in focused:
            return
        passed.append(" ".join(filter(None, focused)))
    raise AssertionError(f"Tab never came to {name!r}, but to {passed}")


def test_everything_is_done_by_the_keyboard_alone(analyst: Analyst) -> None:
    page, keys = analyst.page, analyst.page.keyboard
    if "Ask a question" not in page.evaluate(_FOCUSED):
        tab_to(analyst, "Ask a question about the data")
    keys.type("most expensive products")
    keys.press("Enter")
    turn = page.locator("[class*='st-key-turn-']")
    turn.get_by_role("button", name="Download", exact=True).wait_for()

    tab_to(analyst, "list_price")
    keys.press("Enter")
    expect(turn.get_by_role("columnheader", name="list_price")).to_have_attribute("aria-sort", "ascending")

    tab_to(analyst, "Download")
    keys.press("Enter")
    page.get_by_role("button", name="CSV", exact=True).wait_for()
    tab_to(analyst, "CSV")
    with page.expect_download() as waiting:
        keys.press("Enter")
    assert len(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()) == 6
    keys.press("Escape")

    tab_to(analyst, "Edit SQL")
    keys.press("Enter")
    turn.get_by_label("SQL", exact=True).wait_for()
    tab_to(analyst, "SQL")
    keys.press("Control+a")
    keys.type("SELECT product_name FROM products ORDER BY 1 LIMIT 2")
    tab_to(analyst, "Run")
    keys.press("Enter")
    expect(turn.locator("table").nth(1).locator("tbody tr")).to_have_count(2)


def nameless(analyst: Analyst) -> list[str]:
    """The controls that a screen reader could not name."""
    tree = analyst.page.context.new_cdp_session(analyst.page).send("Accessibility.getFullAXTree")
    nodes: list[dict[str, Any]] = tree["nodes"]
    controls = [n for n in nodes if not n["ignored"] and n.get("role", {}).get("value") in _CONTROLS]
    assert len(controls) > 10
    return [str(n["role"]["value"]) for n in controls if not str(n.get("name", {}).get("value", "")).strip()]


def test_a_screen_reader_hears_what_each_control_is_and_what_happens(analyst: Analyst) -> None:
    assert nameless(analyst) == []
    turn = analyst.ask("revenue by month in 2025")
    expect(turn.get_by_role("region", name="Rows of the answer: 12 rows")).to_be_visible()
    expect(turn.get_by_role("columnheader", name="month")).to_be_visible()
    expect(turn.get_by_label("Chart of: revenue by month in 2025", exact=True).first).to_be_visible()
    assert nameless(analyst) == []
    for tab in ("History", "Settings"):
        analyst.page.get_by_role("tab", name=tab).click()
        expect(analyst.page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        assert nameless(analyst) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(analyst: Analyst, scheme: Any) -> None:
    analyst.page.emulate_media(color_scheme=scheme)
    analyst.open()
    analyst.page.get_by_text("categories · 9").wait_for()
    assert analyst.page.evaluate(_FAINT) == []
    turn = analyst.ask("revenue by month in 2025")
    turn.locator("[data-testid='stVegaLiteChart'] canvas, [data-testid='stVegaLiteChart'] svg").first.wait_for()
    assert analyst.page.evaluate(_FAINT) == []
