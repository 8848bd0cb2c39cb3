"""Eight people at once, and a long result: run by hand, for the figures. NL2SQL_TEST_LOAD gives the seconds, as 120.

Overhead is what the page adds beside model and database: from the question's Enter to the rows on the screen, and from
the last word to the whole answer.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE_MS, Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("NL2SQL_TEST_LOAD" not in os.environ, reason="by hand: NL2SQL_TEST_LOAD=120 pytest ... -s"),
]
PEOPLE = 8


def test_eight_people_at_once(browser: Browser, model: ModelServer, tmp_path: Path) -> None:
    seconds = float(os.environ["NL2SQL_TEST_LOAD"])
    model.lines += [
        Line(
            f"of person {n}",
            f"SELECT order_id, 'person-{n}' AS who FROM orders ORDER BY order_id LIMIT {10 + n}",
            f"These are of person {n}.",
        )
        for n in range(PEOPLE)
    ]
    taken: list[float] = []
    own: list[float] = []
    memory: list[int] = []
    with page_process(tmp_path, model) as address:
        people = [_person(browser, address) for _ in range(PEOPLE)]
        end = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < end:
            turn += 1
            begun = [_ask(person, f"orders of person {n}, time {turn}") for n, person in enumerate(people)]
            for n, person in enumerate(people):
                cells, at = _answered(person, turn)
                taken.append(at - begun[n])
                assert {row[1] for row in cells} == {f"person-{n}"} and len(cells) == 10 + n, f"person {n} saw {cells}"
            own += [taken[n - PEOPLE] - _told(person) for n, person in enumerate(people)]
            memory.append(_memory(address))
        strangers = [address for person in people for address in person.strangers]
        for person in people:
            person.page.context.close()
    assert not strangers
    print(f"\n{len(taken)} answers; s from Enter to the whole answer: {_spread(taken)}")  # noqa: T201
    print("beside what the answer says of model and database:", _spread(own))  # noqa: T201
    print("MB of the page's process:", memory[0], memory[len(memory) // 2], memory[-1])  # noqa: T201
    assert memory[-1] < 1.3 * memory[len(memory) // 3]


_TURNS = "[class*='st-key-turn-']"
_WHOLE = """count => {
    window.wholeAt = 0;
    const timer = setInterval(() => {
        const turns = document.querySelectorAll("[class*='st-key-turn-']");
        if (turns.length === count && turns[count - 1].querySelector("[class*='st-key-edit-']")) {
            clearInterval(timer); window.wholeAt = Date.now();
        }
    }, 20);
}"""


def _person(browser: Browser, address: str) -> Analyst:
    context = browser.new_context()
    context.set_default_timeout(2 * PATIENCE_MS)
    return sit_down(context, address)


def _ask(person: Analyst, question: str) -> float:
    person.page.evaluate(_WHOLE, person.page.locator(_TURNS).count() + 1)
    person.send(question)
    return time.time()


def _answered(person: Analyst, turn: int) -> tuple[list[list[str]], float]:
    person.page.wait_for_function("window.wholeAt")
    shown = person.page.locator(_TURNS).last
    shown.locator("table").first.wait_for()
    expect(shown.get_by_role("button", name="Stop")).to_have_count(0)
    return person.cells(shown), person.page.evaluate("window.wholeAt") / 1000


def _told(person: Analyst) -> float:
    """The seconds of model and database that the answer tells."""
    said = person.page.locator(_TURNS).last.get_by_text("database").last.inner_text()
    model, database = re.findall(r"(?:model|database) ([\d.]+)", said)
    return float(model) + float(database)


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered):.2f}, p95 {ordered[int(len(ordered) * 0.95)]:.2f}"


def _memory(address: str) -> int:
    """Megabytes that the page's process holds."""
    port = address.rpartition(":")[2]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "ui" in command and port in command:
                line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS"))
                return int(line.split()[1]) // 1000
        except OSError:
            continue
    return 0


_WATCH = """() => {
    const count = root => [...root.querySelectorAll('*')].reduce(
        (sum, one) => sum + (one.shadowRoot ? count(one.shadowRoot) : 0), root.querySelectorAll('tbody tr').length);
    window.rowsAt = 0;
    const timer = setInterval(() => {
        if (count(document) >= 100) { clearInterval(timer); window.rowsAt = Date.now(); }
    }, 20);
}"""


def test_the_rows_of_a_long_result_are_quickly_there(browser: Browser, model: ModelServer, tmp_path: Path) -> None:
    sql = "SELECT * FROM order_items ORDER BY order_id LIMIT 100000"
    model.lines.append(Line("a hundred thousand", sql, "word " * 40, 0.2))
    took: list[float] = []
    whole: list[float] = []
    with page_process(tmp_path, model, "--limit", "0") as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        for _ in range(7):
            analyst.open()
            analyst.page.evaluate(_WATCH)
            box = analyst.page.get_by_placeholder("Ask a question")
            box.fill("a hundred thousand rows")
            before, begun = len(model.requests), time.time()
            box.press("Enter")
            analyst.page.wait_for_function("window.rowsAt")
            shown = analyst.page.evaluate("window.rowsAt") / 1000
            # The sentence is asked for as soon as the query has ended.
            took.append(shown - model.asked_at[before + 1])
            whole.append(shown - begun)
            analyst.page.get_by_role("button", name="Stop").click()
            analyst.page.get_by_text("Stopped.").wait_for()
    shown, since_enter = statistics.median(took[1:]), statistics.median(whole[1:])
    print(f"\ns to the visible rows: {shown:.3f} from the query's end, {since_enter:.3f} from Enter")  # noqa: T201
    assert shown < 0.5
