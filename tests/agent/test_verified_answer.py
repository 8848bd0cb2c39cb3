"""Verified queries at work: a question that has one is answered without a model; a model may call the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant, EventKind, Status, VerifiedQueries
from nl2sql.config import load_config
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, Limits, Policy, ToolCall

FILES = {
    "how_many": "-- question: How many orders are there?\nSELECT count(*) AS n FROM orders;",
    "wrong_case": "-- question: Any in Oslo?\nSELECT id FROM orders WHERE city = 'OSLO'",
    "gone": "-- question: What is gone?\nSELECT gone FROM orders",
    "salaries": "-- question: Who earns what?\nSELECT * FROM staff",
    "slow": "-- question: How slow?\nSELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range",
    "in_city": """-- question: Which orders came from a city?
-- description: The largest first.
-- parameters:
--   place: text  # the city
--   since: date = 2025-01-01
--   least: number = 0  # the least total
--   top: integer = 2
--   newest: boolean = false
SELECT id, total FROM orders WHERE city = $place AND total >= $least AND day >= $since
ORDER BY CASE WHEN $newest THEN id END DESC, total DESC LIMIT $top""",
    "with_defaults": "-- question: The first ones?\n-- parameters:\n--   top: integer = 3\n"
    "SELECT id FROM orders ORDER BY id LIMIT $top",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT i AS id, ['Oslo', 'Rome'][i % 2 + 1] AS city, i * 1.5 AS total, "
            "DATE '2025-01-01' + i::INTEGER AS day FROM range(1, 41) t(i); CREATE TABLE staff AS SELECT 1 AS pay"
        )
    (folder / "nl2sql.toml").write_text('[database]\nurl = "shop.duckdb"\n')
    (folder / "queries").mkdir()
    for name, text in FILES.items():
        (folder / "queries" / f"{name}.sql").write_text(text)
    return folder


@pytest.fixture(scope="module")
def opened(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    home = tmp_path_factory.mktemp("home")
    config = load_config(start=project, environ={"NL2SQL_HOME": str(home)})
    config = nl2sql.Config(
        home=home,
        url=config.url,
        file=config.file,
        policy=Policy(deny_tables=frozenset({"staff"})),
        limits=Limits(seconds=2),
    )
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def under(opened: Assistant, *lines: object, calls_tools: bool = True) -> tuple[Assistant, ScriptedModel]:
    """The opened database under another script."""
    model = ScriptedModel(*lines, calls_tools=calls_tools)  # type: ignore[arg-type]
    return opened.with_options(model=model), model


def test_a_question_that_has_a_verified_query_needs_no_model(opened: Assistant) -> None:
    assistant, model = under(opened)
    events = list(assistant.stream("how many ORDERS are there"))
    answer = events[-1].answer
    assert answer is not None and (answer.status, answer.rows, answer.text) == (Status.ANSWERED, [(40,)], "n: 40.")
    assert answer.verified_query == "how_many" and answer.sql == "SELECT count(*) AS n\nFROM orders"
    assert model.sent == [] and answer.usage.model_calls == 0 and answer.model == ""
    assert answer.confidence is not None and "the verified query how_many" in answer.confidence.reasons[0]
    assert [event.kind for event in events] == [
        EventKind.SCHEMA,
        EventKind.TOOL,
        EventKind.SQL,
        EventKind.RUNNING,
        EventKind.ROWS,
        EventKind.ANSWER,
    ]
    assert [step.tool for step in answer.steps] == ["verified_query"] and answer.reading


def test_verified_sql_is_run_as_it_is(opened: Assistant) -> None:
    answer = under(opened)[0].ask("Any in Oslo?")
    assert answer.row_count == 0 and answer.sql is not None and "OSLO" in answer.sql


def test_a_verified_query_with_defaults_runs_with_them(opened: Assistant) -> None:
    answer = under(opened)[0].ask("the first ones")
    assert (answer.verified_query, answer.rows) == ("with_defaults", [(1,), (2,), (3,)])


def test_it_makes_turns_for_follow_ups(opened: Assistant) -> None:
    assistant, model = under(opened, calls("sql_query", query="SELECT 1 AS one"), "It is 1.")
    first = assistant.ask("How many orders are there?")
    follow_up = assistant.ask("And of what?", session=first.session)
    assert follow_up.verified_query is None
    asked = [str(m["content"]).splitlines()[-1] for m in model.sent[0] if m["role"] == "user"]
    assert asked == [first.question, "And of what?"]


@pytest.mark.parametrize(("question", "name"), [("What is gone?", "gone"), ("Who earns what?", "salaries")])
def test_one_that_cannot_run_leaves_the_question_to_the_model(opened: Assistant, question: str, name: str) -> None:
    answer = under(opened, calls("sql_query", query="SELECT 1 AS one"), "It is 1.")[0].ask(question)
    assert (answer.rows, answer.verified_query) == ([(1,)], None)
    assert f"the verified query {name} was not used" in answer.warnings[0]


def test_one_that_takes_too_long_says_so(opened: Assistant) -> None:
    answer = under(opened)[0].ask("How slow?")
    assert answer.status is Status.FAILED and answer.error is not None and answer.error.code == "limit"
    assert answer.verified_query == "slow" and not answer.steps[0].ok


def test_where_somebody_approves_they_are_asked(opened: Assistant) -> None:
    shown: list[str] = []

    def refuse(checked: CheckedSQL) -> bool:
        shown.append(checked.sql)
        return False

    answer = under(opened)[0].ask("How many orders are there?", approve=refuse)
    assert shown == ["SELECT count_star() AS n FROM orders"] and answer.sql == "SELECT count(*) AS n\nFROM orders"
    assert answer.result is None and answer.verified_query == "how_many"


def test_a_model_that_calls_tools_calls_them_as_functions(opened: Assistant) -> None:
    script = [
        calls("in_city", place="Rome", least=3.0, since=None, top=None, newest=None),
        "The largest is order 39.",
    ]
    assistant, model = under(opened, *script)
    answer = assistant.ask("What came from Rome?")
    assert (answer.rows, answer.verified_query) == ([(39, 58.5), (37, 55.5)], "in_city")
    assert [step.tool for step in answer.steps] == ["in_city"] and answer.steps[0].arguments == {
        "place": "Rome",
        "least": 3.0,
    }
    assert [name for name in model.offered[0] if name in FILES] == ["in_city", "with_defaults"]
    assert answer.text == "The largest is order 39."


def test_the_definition_is_typed_from_the_header(project: Path) -> None:
    query = VerifiedQueries(project / "queries").get("in_city")
    assert {parameter.name: parameter.json_schema for parameter in query.parameters} == {
        "place": {"type": "string", "description": "the city."},
        "since": {
            "type": ["string", "null"],
            "description": 'A date like 2025-01-31. Where left out: "2025-01-01".',
        },
        "least": {"type": ["number", "null"], "description": "the least total. Where left out: 0."},
        "top": {"type": ["integer", "null"], "description": "Where left out: 2."},
        "newest": {"type": ["boolean", "null"], "description": "Where left out: false."},
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "the parameter place has no value"),
        ({"place": None}, "the parameter place has no value"),
        ({"place": 1}, "the parameter place must be text"),
        ({"place": "Rome", "top": "2"}, "the parameter top must be a whole number"),
        ({"place": "Rome", "since": "yesterday"}, "the parameter since must be a date"),
        ({"place": "Rome", "newest": "yes"}, "the parameter newest must be true or false"),
        ({"place": "Rome", "leest": 1}, "Did you mean 'least'?"),
        ({"place": ["Rome"]}, "the parameter place must be text"),
        ({"place": "Rome", "least": {"value": 1}}, "the parameter least must be a number"),
    ],
)
def test_what_does_not_fit_goes_back_to_the_model(opened: Assistant, arguments: dict[str, object], told: str) -> None:
    assistant, model = under(opened, calls("in_city", **arguments), calls("in_city", place="Rome"), "There they are.")
    answer = assistant.ask("What came from Rome?")
    assert told in str(model.sent[1][-1]["content"])
    assert [step.ok for step in answer.steps] == [False, True] and answer.row_count == 2


def test_a_value_stays_a_value(opened: Assistant) -> None:
    text = "Rome' OR 1 = 1 --"
    assistant, _ = under(opened, calls("in_city", place=text), "Nothing.")
    answer = assistant.ask("What came from there?")
    assert answer.row_count == 0 and answer.verified_query == "in_city"


def test_a_model_that_writes_blocks_is_told_nothing_of_them(opened: Assistant) -> None:
    assistant, model = under(opened, calls("sql_query", query="SELECT 1 AS one"), "It is 1.", calls_tools=False)
    assistant.ask("What came from Rome?")
    assert model.offered[0] == ["sql_query"] and "in_city" not in str(model.sent)


def test_an_edit_counts_at_once(opened: Assistant, project: Path) -> None:
    file = project / "queries" / "new.sql"
    file.write_text("-- question: Anything new?\nSELECT 'yes' AS new")
    try:
        assert under(opened)[0].ask("Anything new?").rows == [("yes",)]
        assert "new" in [query.name for query in opened.verified_queries]
    finally:
        file.unlink()


@pytest.mark.parametrize("calls_tools", [True, False])
def test_the_closest_ones_are_examples_for_the_model(opened: Assistant, calls_tools: bool) -> None:
    query = ToolCall("1", "sql_query", {"query": "SELECT 1 AS one"})
    assistant, model = under(opened, says("", query), "It is 1.", calls_tools=calls_tools)
    assistant.ask("How many orders are there in Rome?")
    told = str(model.sent[0][-1]["content"])
    assert "Question: How many orders are there?\n```sql\nSELECT count(*) AS n FROM orders\n```" in told
    stored = "\nStored: orders.city = 'Rome'" if calls_tools else ""
    assert told.endswith(f"\nThe question: How many orders are there in Rome?{stored}")
    assert "staff" not in told and "gone" not in told


@pytest.mark.parametrize("question", ["Who earns what now?", "What is gone today?"])
def test_what_may_not_be_seen_or_cannot_run_is_no_example(opened: Assistant, question: str) -> None:
    assistant, model = under(opened, "I cannot say.")
    assistant.ask(question)
    assert str(model.sent[0][-1]["content"]).splitlines()[1:] == [question]
