"""A verified query's parameters on the page: shown with who approved it, changed, and run again under the guard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import Answer, Status, Step, VerifiedQuery
from nl2sql.store.query_parameters import parse_parameter
from ui.parameter_form import find_values

from .conftest import PATIENCE_MS, expect, page_process, sit_down
from .model_server import ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CATCHES = """-- question: How many crabs were landed?
-- verified_by: Ann *Bold* <b>
-- verified_at: 2025-01-31
-- parameters:
--   quay: text = "East"  # which quay
--   least: number = 0.5
--   since: date = 2025-01-01
--   pots: integer = 1
--   sold: boolean = true
SELECT count(*) AS crabs FROM catches
WHERE place = $quay AND weight >= $least AND landed >= $since AND pots >= $pots AND sold = $sold"""


def query_of(*lines: str) -> VerifiedQuery:
    parameters = tuple(map(parse_parameter, lines))
    return VerifiedQuery("q", "Q?", f"SELECT {', '.join('$' + one.name for one in parameters)}", parameters=parameters)


def test_the_values_are_those_of_the_last_call_that_ran() -> None:
    steps = (
        Step("q", {"a": 1}, True),
        Step("q", {"a": 2, "b": "x"}, True),
        Step("q", {"a": 3}, False),
        Step("other", {"a": 4}, True),
    )
    answer = Answer("a" * 12, "Q?", Status.ANSWERED, "", verified_query="q", steps=steps)
    query = query_of("a: integer", "b: text = null", "c: number = 2.5")
    assert find_values(answer, query) == {"a": 2, "b": "x", "c": 2.5}
    assert find_values(Answer("a" * 12, "Q?", Status.ANSWERED, ""), query) == {"a": None, "b": None, "c": 2.5}


@pytest.mark.browser
def test_parameters_are_changed_and_run_again(
    browser: Browser, make_database: Callable[..., Path], model: ModelServer, home: Path, tmp_path: Path
) -> None:
    asked_before = len(model.requests)
    database = make_database(
        "CREATE TABLE catches AS SELECT ['East', 'O''Brien'][i % 2 + 1] AS place, i / 10 AS weight, "
        "DATE '2025-01-01' + i::INTEGER AS landed, i AS pots, i % 3 > 0 AS sold FROM range(1, 41) t(i)"
    )
    (tmp_path / "nl2sql.toml").write_text(f'[database]\nurl = "{database}"\n')
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "crabs.sql").write_text(CATCHES)
    with (
        page_process(home, model, "--config", "nl2sql.toml", cwd=tmp_path) as address,
        browser.new_context(viewport={"width": 1280, "height": 1200}) as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        turn = analyst.ask("How many crabs were landed?")
        expect(turn.get_by_text("crabs, verified by Ann *Bold* <b> on 2025-01-31")).to_be_visible()
        turn.get_by_text("Parameters", exact=True).click()
        quay, least = (turn.get_by_role("textbox", name=name) for name in ("quay", "least"))
        expect(quay).to_have_value("East")
        expect(least).to_have_value("0.5")
        expect(turn.get_by_test_id("stDateInput")).to_contain_text("since")
        expect(turn.get_by_test_id("stSelectbox")).to_contain_text("sold")
        least.fill("much")
        run = turn.get_by_role("button", name="Run with these values")
        run.click()
        expect(turn.get_by_role("alert").last).to_contain_text("The parameter least must be a number")
        quay.fill("O'Brien")
        least.fill("3.5")
        run.click()
        own = turn.get_by_label("SQL", exact=True)
        expect(own).to_have_value(CATCHES.rpartition("-- ")[2].partition("\n")[2]
            .replace("$quay", "'O''Brien'").replace("$least", "3.5").replace("$since", "DATE '2025-01-01'")
            .replace("$pots", "1").replace("$sold", "TRUE"))  # fmt: skip
        expect(turn.get_by_test_id("stMetricValue").last).to_have_text("2")
        expect(turn.get_by_role("alert")).to_have_count(0)
        least.fill("99")
        run.click()
        expect(turn.get_by_test_id("stMetricValue").last).to_have_text("0")
        expect(own).to_have_value(re.compile("weight >= 99"))
    assert len(model.requests) == asked_before
