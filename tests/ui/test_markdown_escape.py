"""What the model and the data say is text: nothing is fetched, no markup is made, no script runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from .conftest import Analyst, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

AWAY = "http://203.0.113.9"
TEXTS = (
    f"![x]({AWAY}/md.png?q=secret)",
    f"[click]({AWAY}/link)",
    f"{AWAY}/auto",
    "www.example.com/auto me@example.com",
    f"<img src={AWAY}/html.png onerror=alert(1)>",
    "<script>window.hacked=1</script>",
    "$x$ **bold** :red[red] :material/bolt: `code` # head",
    "=HYPERLINK('http://203.0.113.9/sheet')",
    "javascript:alert(1)",
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SCRIPT = "\n".join(
    [
        f'CREATE TABLE "bad {TEXTS[0]}" (id INTEGER PRIMARY KEY, "{TEXTS[4]}" VARCHAR, "image" INTEGER, d DATE);',
        *(
            f"INSERT INTO \"bad {TEXTS[0]}\" VALUES ({n}, {quoted(text)}, {n * 10}, DATE '2025-01-01' + {n});"
            for n, text in enumerate(TEXTS, 1)
        ),
        f'COMMENT ON TABLE "bad {TEXTS[0]}" IS {quoted(" ".join(TEXTS))};',
        f'COMMENT ON COLUMN "bad {TEXTS[0]}"."{TEXTS[4]}" IS {quoted(" ".join(TEXTS))};',
    ]
)
TABLE = f'"bad {TEXTS[0]}"'


@pytest.fixture
def hostile(
    browser: Browser, make_database: Callable[..., Path], model: ModelServer, tmp_path: Path
) -> Iterator[Analyst]:
    """The page of a database that is full of traps."""
    database = make_database(SCRIPT, "hostile")
    model.lines += [
        Line("everything bad", f'SELECT "{TEXTS[4]}", "image" FROM {TABLE} ORDER BY id', " ".join(TEXTS)),
        Line("an error", f'SELECT "{TEXTS[0]}" FROM {TABLE} WHERE nonsense = {quoted(TEXTS[4])}', " ".join(TEXTS)),
        Line("bad over time", f'SELECT d, "image" AS {quoted(TEXTS[0]).replace(chr(39), chr(34))} FROM {TABLE}', "."),
    ]
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(60_000)
    with page_process(tmp_path, model, "--db", str(database)) as address:
        yield sit_down(context, address)
        context.close()


def marks(analyst: Analyst) -> dict[str, Any]:
    """What the page made of the texts: it must be nothing."""
    found: dict[str, Any] = analyst.page.evaluate(
        """() => ({
            hacked: window.hacked === 1,
            pictures: [...document.images].map(i => i.src).filter(s => s.includes('203.0.113.9')),
            links: [...document.querySelectorAll('a')].map(a => a.href)
                .filter(h => !h.startsWith('http://127.0.0.1') && h),
            formulas: document.querySelectorAll('.katex').length,
            reds: document.querySelectorAll('.stMarkdownColoredText').length,
        })"""
    )
    return found


NOTHING = {"hacked": False, "pictures": [], "links": [], "formulas": 0, "reds": 0}


def test_traps_stay_text_and_nothing_leaves_the_machine(hostile: Analyst) -> None:
    page = hostile.page
    page.locator(".st-key-tables summary").first.click()
    page.get_by_role("region", name="Columns of").wait_for()
    assert marks(hostile) == NOTHING
    turn = hostile.ask("everything bad")
    cells = [row[0] for row in hostile.cells(turn)]
    assert cells[: len(TEXTS)] == list(TEXTS)
    assert marks(hostile) == NOTHING
    turn.get_by_role("button", name="Download", exact=True).click()
    for name, read in (("CSV", _csv_cells), ("Excel", _excel_cells)):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name, exact=True).click()
        read(Path(waiting.value.path()))
    page.keyboard.press("Escape")
    hostile.ask("bad over time")
    page.get_by_test_id("stVegaLiteChart").last.hover()
    page.wait_for_timeout(500)
    assert marks(hostile) == NOTHING
    hostile.send("an error")
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    page.get_by_role("tab", name="History").click()
    page.locator("[class*='st-key-entry-'] button").first.wait_for()
    assert marks(hostile) == NOTHING
    assert hostile.strangers == []


def _csv_cells(path: Path) -> None:
    cells = [row[0] for row in csv.reader(io.StringIO(path.read_text("utf-8-sig")))]
    assert cells[8].startswith("'=HYPERLINK") and not any(cell[:1] in "=+-@" for cell in cells)


def _excel_cells(path: Path) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes())).active
    assert sheet is not None
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds and not any(cell.hyperlink for row in sheet.iter_rows() for cell in row)
