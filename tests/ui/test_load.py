"""Eight people at once, and a long result: run by hand, for the figures. NL2SQL_TEST_LOAD gives the seconds, as 120.

Overhead is what the page adds beside model and database, from the question's Enter to the whole answer, less what the
history says of the two. In browsers it has what eight browsers take from each other on few cores; over the wire it is
what the page's server takes.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import HistoryEntry, open_store
from nl2sql.config import Config

from .conftest import PATIENCE_MS, Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer
from .websocket_page import Wire

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("NL2SQL_TEST_LOAD" not in os.environ, reason="by hand: NL2SQL_TEST_LOAD=120 pytest ... -s"),
]
PEOPLE = 8


# A model of the usual speed: it thinks for a while, then says some words a second. Without it all eight are answered,
# and ask again, in the same moment.
PACES = {"at once": (0.0, 0.0), "paced": (1.0, 0.05)}


def lines(pace: str) -> list[Line]:
    think, pause = PACES[pace]
    return [
        Line(
            f"of person {n}",
            f"SELECT order_id, 'person-{n}' AS who FROM orders ORDER BY order_id LIMIT {10 + n}",
            f"These are of person {n}, who asked for them and has them here in full.",
            pause,
            think,
        )
        for n in range(PEOPLE)
    ]


@pytest.mark.parametrize("pace", PACES)
def test_eight_people_in_browsers(browser: Browser, model: ModelServer, tmp_path: Path, pace: str) -> None:
    seconds = float(os.environ["NL2SQL_TEST_LOAD"])
    model.lines += lines(pace)
    taken: dict[str, float] = {}
    memory: list[int] = []
    with page_process(tmp_path, model) as address:
        people = [_person(browser, address) for _ in range(PEOPLE)]
        end = time.monotonic() + seconds
        asking = dict.fromkeys(range(PEOPLE), 1)
        for n, person in enumerate(people):
            _ask(person, _question(n, 1))
        used = _cpu(address)
        while asking:
            # Asking all pages all the time would take from them what is measured.
            time.sleep(0.02)
            for n, turn in list(asking.items()):
                if (took := _took(people[n])) is None:
                    continue
                _sees_their_own(people[n], n)
                taken[_question(n, turn)] = took
                if n == 0:
                    memory.append(_memory(address))
                if time.monotonic() < end:
                    asking[n] = turn + 1
                    _ask(people[n], _question(n, turn + 1))
                else:
                    del asking[n]
        used = _cpu(address) - used
        strangers = [address for person in people for address in person.strangers]
        for person in people:
            person.page.context.close()
    assert not strangers
    _report(tmp_path, taken, memory, used)


@pytest.mark.parametrize("pace", PACES)
def test_eight_people_over_the_wire(model: ModelServer, tmp_path: Path, pace: str) -> None:
    seconds = float(os.environ["NL2SQL_TEST_LOAD"])
    model.lines += lines(pace)
    taken: dict[str, float] = {}
    memory: list[int] = []
    with page_process(tmp_path, model) as address, ExitStack() as open_wires, ThreadPoolExecutor(PEOPLE) as threads:
        people = [open_wires.enter_context(Wire(address)) for _ in range(PEOPLE)]
        end = time.monotonic() + seconds
        together = threading.Barrier(PEOPLE)

        def asks(n: int) -> None:
            turn = 0
            while time.monotonic() < end:
                turn += 1
                if pace == "at once":
                    together.wait(2 * seconds)
                taken[_question(n, turn)] = people[n].ask(_question(n, turn))
                heard = b"".join(people[n].heard)
                assert set(re.findall(rb"person-\d+", heard)) == {f"person-{n}".encode()}
                if n == 0:
                    memory.append(_memory(address))
            together.abort()

        used = _cpu(address)
        list(threads.map(_until_others_end(asks), range(PEOPLE)))
        used = _cpu(address) - used
    _report(tmp_path, taken, memory, used)


_TURNS = "[class*='st-key-turn-']"
# Both times are taken in the browser: what the test itself waits for is not counted.
_WHOLE = """() => {
    const rows = root => [...root.querySelectorAll('*')].reduce(
        (sum, one) => sum + (one.shadowRoot ? rows(one.shadowRoot) : 0), root.querySelectorAll('tbody tr').length);
    const last = () => [...document.querySelectorAll("[class*='st-key-turn-']")].pop();
    const name = turn => turn && turn.className.match(/st-key-turn-(\\w+)/)[1];
    const before = name(last());
    window.took = null;
    let asked = 0;
    addEventListener('keydown', () => { asked = Date.now(); }, {capture: true, once: true});
    const timer = setInterval(() => {
        const turn = last(), id = name(turn);
        // While the page is redrawn, parts of the turn before may stand in this one: they have its name.
        const has = key => turn.querySelector(`.st-key-${key}-${id}`);
        if (turn && id !== before && has('edit') && has('grid') && !has('stop') && rows(has('grid'))) {
            clearInterval(timer); window.took = (Date.now() - asked) / 1000;
        }
    }, 20);
}"""


def _person(browser: Browser, address: str) -> Analyst:
    context = browser.new_context()
    context.set_default_timeout(2 * PATIENCE_MS)
    return sit_down(context, address)


def _ask(person: Analyst, question: str) -> None:
    person.page.evaluate(_WHOLE)
    person.send(question)


def _took(person: Analyst) -> float | None:
    """The seconds from Enter to the whole answer, once it is there."""
    took: float | None = person.page.evaluate("window.took")
    return took


def _sees_their_own(person: Analyst, n: int) -> None:
    """Every row of the last answer, and of nobody else."""
    shown = person.page.locator(_TURNS).last.locator("tbody tr")
    expect(shown).to_have_count(10 + n)
    rows = shown.all_inner_texts()
    assert all(row.endswith(f"person-{n}") for row in rows), f"person {n} saw {rows}"


def _question(person: int, turn: int) -> str:
    return f"orders of person {person}, time {turn}"


def _until_others_end(asks: Callable[[int], None]) -> Callable[[int], None]:
    """The same; one who waits for the others when the time is over goes home too."""

    def quietly(n: int) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            asks(n)

    return quietly


def _report(home: Path, taken: dict[str, float], memory: list[int], used: float) -> None:
    """Print the figures; the memory must not grow."""
    with open_store(Config(home=home)) as store:
        entries: dict[str, HistoryEntry] = {entry.question: entry for entry in store.list_entries(limit=None)}
    assert set(taken) <= set(entries), "every answer is in the history"
    assert all(entry.status == "answered" for entry in entries.values())
    told = {question: entries[question].seconds for question in taken}
    own = [taken[question] - seconds.model - seconds.database for question, seconds in told.items()]
    page = [taken[question] - seconds.total for question, seconds in told.items()]
    print(f"\n{len(taken)} answers; s from Enter to the whole answer: {_spread(list(taken.values()))}")  # noqa: T201
    print("beside model and database:", _spread(own))  # noqa: T201
    print("beside the whole of asking, that is drawing and waiting in line:", _spread(page))  # noqa: T201
    print(f"{1000 * used / len(taken):.0f} ms of CPU in the page's process for an answer")  # noqa: T201
    print("MB of the page's process:", memory[0], memory[len(memory) // 2], memory[-1])  # noqa: T201
    assert memory[-1] < 1.3 * memory[len(memory) // 3]


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered):.2f}, p95 {ordered[int(len(ordered) * 0.95)]:.2f}"


def _process(address: str) -> Path:
    """The page's process in /proc."""
    port = address.rpartition(":")[2]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "ui" in command and port in command:
                return folder
    raise AssertionError("the page does not run")


def _memory(address: str) -> int:
    """Megabytes that the page's process holds."""
    lines = (_process(address) / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1000


def _cpu(address: str) -> float:
    """Seconds of CPU that the page's process has used."""
    fields = (_process(address) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
