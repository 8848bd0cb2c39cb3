"""An answer saved as a verified query, and what it is for those who come after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import Answer, Status, connect, load_config
from nl2sql.config import Config, PageSettings
from ui.page_settings import Launch, set_launch
from ui.verify_form import find_refusal, save_query

from .conftest import PATIENCE_MS, expect, page_process, sit_down
from .model_server import Line, ModelServer
from .test_identity import SECRETS, signed_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EDITORS = '[page]\neditors = ["ann@example.com"]\n'


@pytest.fixture
def project(make_database: Callable[..., Path], model: ModelServer, tmp_path: Path) -> Path:
    """A folder with a project file over a small database, about which the model knows a question."""
    database = make_database("CREATE TABLE sales (region VARCHAR, total INTEGER); INSERT INTO sales VALUES ('a', 1)")
    subprocess.run(
        [sys.executable, "-m", "nl2sql", "init", "--db", str(database)], cwd=tmp_path, check=True, capture_output=True
    )
    model.lines.append(Line("sales in all", "SELECT sum(total) AS total FROM sales", "One."))
    return tmp_path


@pytest.mark.browser
def test_an_answer_is_saved_behind_an_approval(browser: Browser, project: Path, model: ModelServer, home: Path) -> None:
    with (
        page_process(home, model, cwd=project) as address,
        browser.new_context(viewport={"width": 1280, "height": 1000}) as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        turn = analyst.ask("What are the sales in all?")
        turn.get_by_role("button", name="Save as verified").click()
        form = analyst.page.get_by_test_id("stForm")
        form.get_by_text("Suggest it on the start page").click()
        form.get_by_role("button", name="Save as verified").click()
        expect(analyst.page.get_by_text("Saved as").first).to_be_visible()
        analyst.open()
        expect(analyst.page.get_by_role("button", name="What are the sales in all?")).to_be_visible()
    text = (project / "queries" / "what_are_the_sales_in_all.sql").read_text("utf-8")
    assert "What are the sales in all?" in text and "sum(total)" in text.lower()


@pytest.mark.browser
def test_where_people_sign_in_only_editors_save(
    browser: Browser, project: Path, model: ModelServer, home: Path
) -> None:
    (home / "secrets.toml").write_text(SECRETS, "utf-8")
    (home / "secrets.toml").chmod(0o600)
    (home / "config.toml").write_text(EDITORS, "utf-8")
    saved = project / "queries" / "what_are_the_sales_in_all.sql"
    with page_process(home, model, cwd=project) as address:
        for email in ("bob@example.com", "ann@example.com"):
            assert not saved.exists()
            with signed_in(browser, address, email) as person:
                turn = person.ask("What are the sales in all?")
                turn.get_by_role("button", name="Save as verified").click()
                if email.startswith("bob"):
                    expect(person.page.get_by_role("alert").last).to_contain_text("Only editors can save")
                    assert person.page.get_by_test_id("stForm").count() == 0
                else:
                    form = person.page.get_by_test_id("stForm")
                    form.get_by_role("button", name="Save as verified").click()
                    expect(person.page.get_by_text("Saved as").first).to_be_visible()
    assert "-- verified_by: ann@example.com" in saved.read_text("utf-8")


@pytest.mark.parametrize(
    ("editors", "owner", "may"),
    [
        ((), None, True),
        (("ann@example.com",), None, True),
        ((), "ann@example.com", False),
        (("ann@example.com",), "ann@example.com", True),
        (("ann@example.com",), "bob@example.com", False),
        (("ann@example.com",), "ANN@example.com", False),
        (("https://a.b 7",), "https://a.b 7", True),
    ],
)
def test_who_may_save(
    editors: tuple[str, ...], owner: str | None, may: bool, make_database: Callable[..., Path], home: Path
) -> None:
    config = Config(home=home, url=str(make_database("CREATE TABLE t AS SELECT 1 AS a")), page=PageSettings(editors))
    with connect(config=config) as assistant:
        refused = find_refusal(assistant, owner)
    assert (refused is None) == may
    assert refused is None or "editors under [page]" in refused.hint


def test_save_checks_the_signed_in_user(project: Path, home: Path) -> None:
    config = replace(load_config(project / "nl2sql.toml"), page=PageSettings(("ann@example.com",)))
    answer = Answer("a" * 12, "how many?", Status.ANSWERED, "One.", sql="SELECT count(*) AS n FROM sales")
    try:
        with connect(config=config) as assistant:
            # Nobody has signed in here: what was drawn would have been for somebody else.
            set_launch(Launch(config, auth={"client_id": "x"}))
            save_query(assistant, answer, "how many?", "how_many", "", False)
            assert not (project / "queries" / "how_many.sql").exists()
            set_launch(Launch(config))
            save_query(assistant, answer, "how many?", "how_many", "", False)
            assert (project / "queries" / "how_many.sql").exists()
    finally:
        set_launch(None)
