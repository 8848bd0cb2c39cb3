"""The day that it is: told to the model, kept by the engine, the same on every machine."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Answer
from nl2sql.config import Config, ContextSettings
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import ToolCall

SETUP = """
CREATE TABLE dives (id INTEGER, on_day DATE, dived TIMESTAMPTZ);
INSERT INTO dives
SELECT i, DATE '2024-01-05' + i::INTEGER * 10, TIMESTAMPTZ '2024-01-05 23:30:00+00' FROM range(20) t(i);
"""
BEFORE = "SELECT count(*) AS n FROM dives WHERE on_day >= DATE '2024-03-01' AND on_day < DATE '2024-04-01'"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db") / "dives.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone='UTC'")
        connection.execute(SETUP)
    return path


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """This process in a time zone half a day ahead."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def ask(
    database: Path, home: Path, model: ScriptedModel, question: str = "How many dives last month?", **context: Any
) -> Answer:
    config = Config(home=home, url=str(database), context=ContextSettings(**context))
    with nl2sql.connect(config=config, model=model) as assistant:
        return assistant.ask(question)


def asked(model: ScriptedModel) -> str:
    return str(model.sent[0][-1]["content"])


def test_the_model_is_told_the_day_after_what_stays_the_same(database: Path, tmp_path: Path) -> None:
    model, other = ScriptedModel("I cannot say."), ScriptedModel("I cannot say.")
    ask(database, tmp_path, model, today=dt.date(2024, 4, 9), fiscal_year_start=(7, 1))
    ask(database, tmp_path, other, today=dt.date(2024, 4, 10))
    told = "Today is Tuesday, 2024-04-09 (UTC); fiscal years begin on July 1; in SQL write this date, not current_date."
    assert asked(model).splitlines() == [told, "How many dives last month?"]
    assert model.sent[0][0] == other.sent[0][0]
    assert "on_day DATE, -- 2024-01-05 to 2024-07-13" in str(model.sent[0][0]["content"])


def test_without_a_setting_it_is_the_day_of_the_zone(database: Path, tmp_path: Path, elsewhere: None) -> None:
    model = ScriptedModel("I cannot say.")
    before = dt.datetime.now(dt.UTC).date()
    ask(database, tmp_path, model)
    days = {before, dt.datetime.now(dt.UTC).date()}
    assert any(f", {day.isoformat()} (UTC)." in asked(model) for day in days)


@pytest.mark.parametrize(
    ("question", "told"), [("How many dives last month?", True), ("How many dives in March 2024?", False)]
)
def test_a_model_of_blocks_is_told_where_it_may_matter(
    database: Path, tmp_path: Path, question: str, told: bool
) -> None:
    query = ToolCall("1", "sql_query", {"query": "SELECT count(*) AS n FROM dives"})
    model = ScriptedModel(says("", query), "20 dives.", calls_tools=False)
    ask(database, tmp_path, model, question)
    assert ("Today is" in asked(model)) is told


@pytest.mark.parametrize(("zone", "day"), [("UTC", 5), ("Pacific/Auckland", 6), ("America/Lima", 5)])
def test_days_are_those_of_the_zone_that_is_set(database: Path, tmp_path: Path, zone: str, day: int) -> None:
    config = Config(home=tmp_path, url=str(database), context=ContextSettings(time_zone=zone))
    with nl2sql.connect(config=config) as assistant:
        assert assistant.run("SELECT DISTINCT dived::DATE AS day FROM dives").rows == [(dt.date(2024, 1, day),)]
        before = config.context.find_today()
        [(today,)] = assistant.run("SELECT current_date AS today").rows
        assert today in (before, config.context.find_today())
        [column] = [column for column in assistant.schema.tables[0].columns if column.name == "dived"]
        assert column.minimum is not None and column.minimum.startswith(f"2024-01-{day:02d}")


def test_the_ranges_of_one_zone_are_not_those_of_another(database: Path, tmp_path: Path) -> None:
    ranges = []
    for zone in ("UTC", "Pacific/Auckland", "UTC"):
        config = Config(home=tmp_path, url=str(database), context=ContextSettings(time_zone=zone))
        with nl2sql.connect(config=config) as assistant:
            ranges.append(assistant.schema.tables[0].columns[2].minimum)
    assert ranges[0] == ranges[2] != ranges[1]


def test_a_locked_database_does_not_follow_the_machines_zone(database: Path) -> None:
    code = (
        "import json, sys; from nl2sql.engines.duckdb.hardening import SessionOptions, open_locked\n"
        "connection = open_locked(sys.argv[1], SessionOptions(memory=10**8, seconds=9))\n"
        "print(json.dumps(connection.cursor().execute(\"SELECT current_setting('TimeZone')\").fetchall()))"
    )
    environment = {**os.environ, "TZ": "Pacific/Kiritimati"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(database)], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [["UTC"]]


def test_a_time_that_nobody_named_is_warned_of(database: Path, tmp_path: Path) -> None:
    told = "the query looks at 2024-03-01 to 2024-04-01, which the question does not name; today is 2029-02-03"
    model = ScriptedModel(calls("sql_query", query=BEFORE), "3 dives.")
    answer = ask(database, tmp_path, model, today=dt.date(2029, 2, 3))
    assert answer.warnings == (f"{told}; on_day ends 2024-07-13",)
    named = ScriptedModel(calls("sql_query", query=BEFORE), "3 dives.")
    answer = ask(database, tmp_path, named, "How many dives in March 2024?", today=dt.date(2029, 2, 3))
    assert answer.warnings == ()


def test_a_year_that_was_named_before_in_the_conversation_is_known(database: Path, tmp_path: Path) -> None:
    config = Config(home=tmp_path, url=str(database), context=ContextSettings(today=dt.date(2029, 2, 3)))
    script = [calls("sql_query", query=BEFORE), says("3 dives.")]
    model = ScriptedModel(*script, *script)
    with nl2sql.connect(config=config, model=model) as assistant:
        first = assistant.ask("How many dives in March 2024?")
        followed = assistant.ask("And how deep?", session=first.session)
        assert all("builds on your previous question" in warning for warning in followed.warnings)


def test_the_engines_clock_is_not_the_day_that_is_set(database: Path, tmp_path: Path) -> None:
    query = "SELECT count(*) AS n FROM dives WHERE on_day < current_date"
    answer = ask(database, tmp_path, ScriptedModel(calls("sql_query", query=query), "20."), today=dt.date(2024, 4, 9))
    assert any("takes the engine's date, not 2024-04-09" in warning for warning in answer.warnings)
    answer = ask(database, tmp_path, ScriptedModel(calls("sql_query", query=query), "20."))
    assert answer.warnings == ()


def test_where_the_data_ends_before_what_was_asked_that_is_said(database: Path, tmp_path: Path) -> None:
    query = "SELECT count(*) AS n FROM dives WHERE on_day >= date_trunc('month', current_date)"
    answer = ask(database, tmp_path, ScriptedModel(calls("sql_query", query=query), "0 dives."))
    assert "on_day ends 2024-07-13; nothing in the data is later" in answer.warnings


def test_the_zone_goes_with_uploads(database: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    context = ContextSettings(time_zone="Pacific/Auckland")
    config = replace(Config(home=tmp_path / "home", url=str(database)), context=context)
    with nl2sql.connect(config=config) as assistant, assistant.with_files([tmp_path / "a.csv"]) as session:
        assert session.run("SELECT DISTINCT dived::DATE AS day FROM dives").rows == [(dt.date(2024, 1, 6),)]


@pytest.mark.parametrize("today", [None, dt.date(2029, 2, 3)])
def test_the_reading_says_which_days_are_counted_from_today(
    database: Path, tmp_path: Path, today: dt.date | None
) -> None:
    sql = "SELECT count(*) AS n FROM dives WHERE on_day >= current_date - INTERVAL 7 DAY"
    before = dt.datetime.now(dt.UTC).date()
    answer = ask(database, tmp_path, ScriptedModel(calls("sql_query", query=sql), "None."), today=today)
    after = dt.datetime.now(dt.UTC).date()
    days = [f"Today is {day.day} {day:%B} {day.year}." for day in (before, after)]
    assert set(days) & set(answer.reading), "the engine's own day, whatever is set"
    first = [day - dt.timedelta(days=7) for day in (before, after)]
    assert any(f"{day.day} {day:%B} {day.year}" in " ".join(answer.reading) for day in first)
