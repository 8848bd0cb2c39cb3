"""An Assistant with uploaded files: the policy of the database stays, and conversations and the model are shared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import Policy, Upload

JOINED = "SELECT c.name, l.note FROM uploads.leads AS l JOIN customers AS c ON c.id = l.customer_id"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[nl2sql.Config]:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE customers AS SELECT 1 AS id, 'Ana' AS name, 'x' AS email")
        connection.execute("CREATE TABLE salaries AS SELECT 1 AS customer_id, 5 AS salary")
    (tmp_path / "leads.csv").write_text("customer_id,note\n1,call back\n", "utf-8")
    yield replace(nl2sql.load_config(url=str(path), start=tmp_path), home=tmp_path / "home")


POLICIES = [
    {"policy": Policy(allow_tables=frozenset({"customers"}), deny_columns=frozenset({"customers.email"}))},
    {"policy": Policy(deny_tables=frozenset({"salaries"}), deny_columns=frozenset({"customers.email"}))},
    {"exclude": ("sal*",), "policy": Policy(deny_columns=frozenset({"customers.email"}))},
]


@pytest.mark.parametrize("settings", POLICIES, ids=["allowed", "denied", "excluded"])
def test_the_policy_holds_for_the_database_and_allows_uploads(
    config: nl2sql.Config, tmp_path: Path, settings: dict[str, object]
) -> None:
    (tmp_path / "salaries.csv").write_text("customer_id,email\n1,mine\n", "utf-8")
    files = [tmp_path / "leads.csv", tmp_path / "salaries.csv"]
    config = replace(config, **settings)  # type: ignore[arg-type]
    with nl2sql.connect(config=config) as base, base.with_files(files) as assistant:
        assert assistant.database.uploads == (
            Upload("leads.csv", "uploads.leads"),
            Upload("salaries.csv", "uploads.salaries"),
        )
        names = [table.name for table in assistant.schema.tables]
        assert names == ["customers", "uploads.leads", "uploads.salaries"]
        assert [column.name for column in assistant.schema.tables[0].columns] == ["id", "name"]
        assert assistant.run(JOINED).rows == [("Ana", "call back")]
        assert assistant.run("SELECT email FROM uploads.salaries").rows == [("mine",)]
        for sql in (
            "SELECT * FROM salaries",
            "SELECT * FROM main.salaries",
            "SELECT * FROM customers, uploads.leads",
            "SELECT email FROM customers",
        ):
            assert not assistant.check(sql).is_allowed
        assert assistant.database.count(JOINED) == 1 and assistant.database.estimate(JOINED) is not None
        assert not base.check(JOINED).is_allowed and base.database.uploads == ()


def test_a_question_about_an_upload_is_answered_in_the_same_conversation(config: nl2sql.Config, tmp_path: Path) -> None:
    model = ScriptedModel(
        calls("sql_query", query="SELECT name FROM customers"),
        says("Ana."),
        calls("sql_query", query="SELECT note FROM leads"),
        says("To call back."),
        calls("sql_query", query="SELECT count(*) AS n FROM customers"),
        says("There is 1."),
    )
    with nl2sql.connect(config=config, model=model) as base:
        first = base.ask("Who are our customers?")
        with base.with_files([tmp_path / "leads.csv"]) as assistant:
            assert "CREATE TABLE uploads.leads (" in assistant.render_prompt()
            answer = assistant.ask("And what is noted of them?", session=first.session)
            assert answer.rows == [("call back",)] and answer.sql and "uploads.leads" in answer.sql
            assert answer.session == first.session
        assert "uploads" not in base.render_prompt()
        assert base.ask("How many are there?", session=first.session).rows == [(1,)]


def test_a_broken_file_says_what_to_do(config: nl2sql.Config, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n3,4,5,6\n7,8\n", "utf-8")
    with nl2sql.connect(config=config) as base:
        with pytest.raises(nl2sql.DatabaseError, match=r"broken\.csv, line 3 cannot be read") as caught:
            base.with_files([broken])
        assert caught.value.hint
        small = replace(config.limits, upload_rows=1)
    two = tmp_path / "two.csv"
    two.write_text("a\n1\n2\n", "utf-8")
    with (
        nl2sql.connect(config=replace(config, limits=small)) as base,
        pytest.raises(nl2sql.LimitError, match="more than 1 rows"),
    ):
        base.with_files([two])
