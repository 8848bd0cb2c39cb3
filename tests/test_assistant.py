"""What a programmer hears of at `connect`: what is ignored of files that were found, and an idle policy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Config, ConfigError, Policy
from nl2sql.config import DisplaySettings
from nl2sql.model.scripted import ScriptedModel, calls


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    (tmp_path / "nl2sql.toml").write_text('[database]\nurl = "shop.duckdb"\n[context]\nrules = ["Say yes."]')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_ignored_is_a_warning_where_it_was_called(folder: Path) -> None:
    with pytest.warns(UserWarning, match=r"context\.rules is ignored.* nl2sql trust") as caught:
        assistant = nl2sql.connect(model=ScriptedModel())
    assert caught[0].filename == __file__ and len(caught) == 1
    with assistant:
        assert assistant.config.notes == (str(caught[0].message),)
        assert assistant.run("SELECT id FROM orders").rows == [(1,)] and "Say yes." not in assistant.render_prompt()


def test_a_database_elsewhere_is_an_error(folder: Path) -> None:
    (folder / "nl2sql.toml").write_text('[database]\nurl = "../other.duckdb"')
    with pytest.raises(ConfigError, match="outside its folder") as caught:
        nl2sql.connect()
    assert "nl2sql trust" in caught.value.hint
    config = nl2sql.load_config()
    with nl2sql.connect("shop.duckdb", config=config) as assistant:
        assert assistant.run("SELECT id FROM orders").rows == [(1,)]


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (Policy(deny_columns=frozenset({"order.id"})), "order.id"),
        (Policy(deny_tables=frozenset({"order"})), "order"),
        (Policy(allow_tables=frozenset({"orders", "order"})), "order"),
    ],
)
def test_a_policy_that_matches_nothing_is_a_warning(folder: Path, home: Path, policy: Policy, name: str) -> None:
    config = Config(home, url="shop.duckdb", policy=policy)
    with pytest.warns(UserWarning, match=f"the policy names {name}, which") as caught:
        nl2sql.connect(config=config).close()
    assert caught[0].filename == __file__
    with nl2sql.connect(config=config, client="page") as assistant:
        assert assistant.database.unmatched_policy_names == [name]


def test_a_policy_of_patterns_is_refused(folder: Path, home: Path) -> None:
    for policy in (Policy(deny_tables=frozenset({"hr.*"})), Policy(deny_columns=frozenset({"orders.*"}))):
        with pytest.raises(ConfigError, match="names are exact"):
            nl2sql.connect(config=Config(home, url="shop.duckdb", policy=policy))


def test_a_policy_that_fits_says_nothing(folder: Path, home: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy = Policy(deny_columns=frozenset({"orders.id"}), allow_tables=frozenset({"main.Orders"}))
        nl2sql.connect(config=Config(home, url="shop.duckdb", policy=policy)).close()


def test_ones_own_sql_becomes_the_sessions_answer(folder: Path, home: Path) -> None:
    model = ScriptedModel("SELECT 1 AS one", "One.", "SELECT 2 AS two", "Two.", calls_tools=False)
    with nl2sql.connect(config=Config(home, url="shop.duckdb"), model=model) as assistant:
        session = assistant.open_session()
        answer = assistant.adopt("how many?", "SELECT count(*) AS orders FROM orders", session=session)
        assert answer.rows == [(1,)] and answer.text == "orders: 1." and answer.confidence is None
        assert any("your own SQL" in warning for warning in answer.warnings)
        with pytest.raises(nl2sql.GuardError):
            assistant.adopt("how many?", "DELETE FROM orders", session=session)
        assistant.ask("and now?", session=session)
        assert "count(*) AS orders" in str(model.sent[0]), "the next question builds on it"
        assert "DELETE" not in str(model.sent[0])


@pytest.mark.parametrize(
    ("locale", "said"), [("", "net_revenue: 1,234,567.50."), ("de_DE", "net_revenue: 1.234.567,50.")]
)
def test_a_sentence_made_by_code_writes_figures_as_the_table_does(
    folder: Path, home: Path, locale: str, said: str
) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT sum(1234567.5) AS net_revenue FROM orders"), "It is 9,999.")
    config = Config(home, url="shop.duckdb", display=DisplaySettings(locale))
    with nl2sql.connect(config=config, model=model) as assistant:
        answer = assistant.ask("what is the net revenue?")
    assert answer.text == said
    assert answer.grounding is not None and not answer.grounding.unsupported


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[nl2sql.Assistant]:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    with nl2sql.connect(str(path), model=ScriptedModel()) as opened:
        yield opened


def test_a_misspelt_keyword_is_refused(assistant: nl2sql.Assistant) -> None:
    with pytest.raises(TypeError, match=r"sumary.*did you mean 'summary'"):
        assistant.ask("How many orders?", sumary=False)  # type: ignore[call-arg]


def test_a_misspelt_keyword_of_stream_is_refused_at_the_call(assistant: nl2sql.Assistant) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'bogus'"):
        assistant.stream("How many orders?", bogus=1)  # type: ignore[call-arg]
