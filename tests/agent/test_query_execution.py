"""Repaired queries in the loop: they run and are listed; what needs a guess goes back to the model, or ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, Status
from nl2sql.config import Config
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, EventKind, Policy, Repair, RepairKind, Reply, Step, ToolCall

SETUP = """
CREATE TABLE cities (id INTEGER PRIMARY KEY, city_name VARCHAR);
INSERT INTO cities VALUES (1, 'Århus'), (2, 'Bergen');
CREATE TABLE shops (id INTEGER PRIMARY KEY, shop_name VARCHAR, city_id INTEGER REFERENCES cities (id), rent INTEGER,
  opened DATE);
INSERT INTO shops VALUES (1, 'Alma', 1, 10, '2024-01-01'), (2, 'Bruun', 2, 20, '2024-05-01'), (3, 'Cosmo', 1, 30, NULL);
CREATE TABLE pay (shop_id INTEGER, amount INTEGER);
INSERT INTO pay VALUES (1, 5);
"""
BROKEN = "SELECT shopname FROM shops WHERE city_name = 'Bergen'"
LACKING = "SELECT max(closed) FROM shops"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path: Path = tmp_path_factory.mktemp("db") / "shops.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    policy = Policy(deny_tables=frozenset({"pay"}), deny_columns=frozenset({"shops.rent"}))
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path), policy=policy)
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def with_model(opened: Assistant, model: ScriptedModel) -> Assistant:
    return opened.with_options(model=model)


def ask(opened: Assistant, model: ScriptedModel, question: str = "Which shops are in Bergen?") -> Answer:
    return with_model(opened, model).ask(question)


def block(*queries: str, then: str = "Bruun.") -> ScriptedModel:
    """A model of blocks that writes these queries, and then a sentence."""
    replies = [says("", ToolCall("1", "sql_query", {"query": sql})) for sql in queries]
    return ScriptedModel(*replies, then, calls_tools=False)


def repair_steps(answer: Answer) -> list[Step]:
    return [step for step in answer.steps if step.tool == "repair"]


def told(model: ScriptedModel, call: int = 1) -> str:
    """The last message of that call to the model."""
    return str(model.sent[call][-1]["content"])


@pytest.mark.parametrize("calls_tools", [True, False])
def test_a_repaired_query_runs_and_the_model_is_not_asked_again(opened: Assistant, calls_tools: bool) -> None:
    tools = ScriptedModel(calls("sql_query", query=BROKEN), "Bruun.")
    answer = ask(opened, tools if calls_tools else block(BROKEN))
    assert answer.rows == [("Bruun",)] and answer.status is Status.ANSWERED and answer.usage.model_calls == 2
    (step,) = repair_steps(answer)
    assert step.ok and step.arguments["query"] == BROKEN and "not found" in str(step.arguments["error"])
    joined, spelled = answer.repairs
    assert spelled == Repair("spelling", RepairKind.EXACT, "shopname is shops.shop_name")
    assert (joined.rule, joined.kind) == ("join", RepairKind.KEYED)
    assert answer.warnings == (f"the query was changed: {joined.text}",)
    assert answer.confidence is not None and answer.confidence.level == "check"
    assert answer.confidence.reasons == (
        f"code changed the spelling: {spelled.text}",
        f"code changed the query by keys and stored values: {joined.text}",
    )


def test_a_model_that_calls_tools_is_told_what_was_changed_and_what_ran(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query=BROKEN), "Bruun.")
    answer = ask(opened, model)
    assert told(model).startswith("Your query was changed: cities is joined for city_name, along ")
    assert answer.sql is not None and f"This ran:\n{' '.join(answer.sql.split())}\n" in told(model)
    assert told(model).endswith("Bruun")
    blocks = block(BROKEN)
    ask(opened, blocks)
    assert "changed" not in told(blocks)


def test_an_exact_repair_is_listed_and_costs_no_warning(opened: Assistant) -> None:
    answer = ask(opened, block("SELECT ShopName FROM shops WHERE ID = 2"), "Which shop has the id 2?")
    assert [repair.rule for repair in answer.repairs] == ["spelling"] and answer.warnings == ()
    assert answer.confidence is not None
    assert answer.confidence.reasons == ("code changed the spelling: ShopName is shop_name",)


def test_a_query_that_runs_gives_no_reason_of_its_own(opened: Assistant) -> None:
    answer = ask(opened, block("SELECT shop_name FROM shops WHERE id = 2"), "Which shop has the id 2?")
    assert answer.confidence is not None and answer.confidence.level == "high" and answer.confidence.reasons == ()
    assert answer.repairs == () and repair_steps(answer) == []


def test_a_repair_is_told_as_an_event_before_the_sql(opened: Assistant) -> None:
    events = [event.kind for event in with_model(opened, block(BROKEN)).stream("Which shops are in Bergen?")]
    assert events.index(EventKind.REPAIRED) < events.index(EventKind.SQL)


def test_what_is_missing_goes_back_with_what_is_near_and_a_way_out(opened: Assistant) -> None:
    fine = calls("sql_query", query="SELECT shop_name FROM shops WHERE id = 2")
    model = ScriptedModel(calls("sql_query", query="SELECT shop_mood FROM shops"), fine, "Bruun.")
    answer = ask(opened, model)
    assert answer.rows == [("Bruun",)] and answer.repairs == ()
    assert told(model) == (
        "Error: there is no column shop_mood in shops\nNearest by name, but not the same: shop_name.\n"
        "If that is what the question asks for, say that the data lacks it: take nothing in its place."
    )
    assert answer.warnings == ("shops has shop_name, no shop mood: the answer goes by what is there",)
    assert answer.confidence is not None and answer.confidence.level == "check"


def test_a_column_of_another_table_goes_back_with_the_keys_that_lead_there(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT max(city_name) FROM pays, shops"), "I cannot tell.")
    ask(opened, model)
    model = ScriptedModel(calls("sql_query", query="SELECT shop_name FROM cities"), "I cannot tell.")
    answer = ask(opened, model)
    joined = "SELECT shops.shop_name FROM cities JOIN shops ON cities.id = shops.city_id"
    assert f"shop_name is a column of shops. If this is meant, send that one: {joined}\n" in told(model)
    assert answer.text == "This cannot be answered from the data: cities has no shop name; shops has it."


@pytest.mark.parametrize("calls_tools", [True, False])
def test_a_model_may_send_the_query_that_was_offered(opened: Assistant, calls_tools: bool) -> None:
    offered = "SELECT shops.shop_name FROM cities JOIN shops ON cities.id = shops.city_id"
    first, second = (
        calls("sql_query", query="SELECT shop_name FROM cities"),
        calls("sql_query", query=offered),
    )
    model = ScriptedModel(first, second, "These.", calls_tools=calls_tools)
    answer = ask(opened, model)
    assert answer.status is Status.ANSWERED and answer.result is not None and answer.repairs == ()
    assert answer.confidence is not None and "1 of the model's tries failed" in answer.confidence.reasons
    told = str(model.sent[1][-1]["content"])
    assert offered in told and "NONE:" not in told


@pytest.mark.parametrize("calls_tools", [True, False])
@pytest.mark.parametrize("again", [LACKING, "SELECT min(shops.Closed) FROM shops WHERE id > 0"])
def test_a_name_that_is_missing_twice_ends_the_question(opened: Assistant, again: str, calls_tools: bool) -> None:
    replies = (
        calls("sql_query", query=LACKING),
        calls("sql_query", query=again),
        says("It was in May 2024."),
    )
    model = ScriptedModel(*replies, calls_tools=calls_tools)
    answer = ask(opened, model, "When was the last shop closed?")
    assert answer.status is Status.ABSTAINED and answer.error is None and answer.sql is None
    assert answer.text == (
        "This cannot be answered from the data: shops has no closed, only id, shop_name, city_id and opened."
    )
    assert answer.usage.model_calls == 2


def test_calls_beside_each_other_are_no_retry(opened: Assistant) -> None:
    both = says("", *(ToolCall(str(n), "sql_query", {"query": LACKING + " " * n}) for n in (1, 2)))
    fine = calls("sql_query", query="SELECT shop_name FROM shops WHERE id = 2")
    answer = ask(opened, ScriptedModel(both, fine, "Bruun."))
    assert answer.rows == [("Bruun",)] and answer.usage.model_calls == 3


def test_missing_names_that_differ_are_tried_as_often_as_other_failures(opened: Assistant) -> None:
    names = ["closed", "shut", "ended"]
    answer = ask(opened, block(*(f"SELECT max({name}) FROM shops" for name in names)))
    assert answer.status is Status.ABSTAINED and "no ended" in answer.text and answer.usage.model_calls == 3


def test_a_missing_table_is_told_where_nothing_is_hidden(opened: Assistant, tmp_path: Path) -> None:
    path = tmp_path / "open.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    reply = calls("sql_query", query="SELECT count(*) FROM closed_shops")
    with nl2sql.connect(config=Config(home=tmp_path, url=str(path)), model=ScriptedModel(reply, reply)) as assistant:
        answer = assistant.ask("How many closed shops are there?")
    assert answer.status is Status.ABSTAINED
    assert answer.text == "This cannot be answered from the data: the data has shops, no closed shops."
    hidden = ask(opened, ScriptedModel(reply, "There is none."))
    denied = ask(opened, ScriptedModel(calls("sql_query", query="SELECT count(*) FROM pay"), "There is none."))
    assert hidden.status is denied.status is Status.REFUSED


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max({}) FROM shops",
        "SELECT shop_name FROM shops WHERE {} > 5",
        "SELECT s.{} FROM shops s",
        "SELECT c.{} FROM shops s JOIN cities c ON c.id = s.city_id",
        "SELECT shop_name FROM shops ORDER BY {}",
        "SELECT shop_nam, {} FROM shops",
        'SELECT count(*) FILTER (WHERE "{}" = 1) FROM shops',
    ],
)
def test_a_denied_column_is_told_in_the_words_of_one_that_is_not_there(opened: Assistant, sql: str) -> None:
    words = []
    for name in ("rent", "xyzq"):
        model = ScriptedModel(calls("sql_query", query=sql.format(name)), "I do not know.")
        ask(opened, model)
        words.append(told(model).replace(name, "<name>"))
    assert words[0] == words[1]


def test_readings_that_would_run_go_back_and_the_model_chooses(opened: Assistant) -> None:
    query = "SELECT city_id, count(*) FROM shops"
    fine = calls("sql_query", query=query + " GROUP BY city_id")
    model = ScriptedModel(calls("sql_query", query=query), fine, "Two and one.")
    answer = ask(opened, model, "How many shops has each city?")
    assert "send that one: SELECT city_id, COUNT(*) FROM shops GROUP BY city_id" in told(model)
    assert sorted(answer.rows) == [(1, 2), (2, 1)] and answer.repairs == ()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("The data does not tell who owns them.", "The data does not tell who owns them."),
        ("They have 17 owners.", "No query was run, so there are no figures to answer with"),
        ("", "The model wrote neither SQL nor an answer"),
    ],
)
@pytest.mark.parametrize("calls_tools", [True, False])
def test_words_without_a_query_are_no_answer(opened: Assistant, words: str, shown: str, calls_tools: bool) -> None:
    answer = ask(opened, ScriptedModel(words, words, calls_tools=calls_tools), "Who owns the shops?")
    assert answer.status is Status.ABSTAINED and answer.text.startswith(shown)


def test_figures_of_the_question_may_come_again(opened: Assistant) -> None:
    answer = ask(opened, ScriptedModel("There is nothing on 1999."), "How many shops were there in 1999?")
    assert answer.text == "There is nothing on 1999."


def test_words_after_a_query_that_failed_are_no_failure_of_the_database(opened: Assistant) -> None:
    model = ScriptedModel(
        calls("sql_query", query="SELECT sqrt(shop_name) FROM shops"), "I cannot tell from this data."
    )
    answer = ask(opened, model)
    assert answer.status is Status.ABSTAINED and answer.text == "I cannot tell from this data."


@pytest.mark.parametrize("reply", ["NONE: who owns the shops", "```sql\nNONE: who owns the shops\n```"])
def test_a_model_of_blocks_says_that_the_data_lacks_something(opened: Assistant, reply: str) -> None:
    call = says("", ToolCall("1", "sql_query", {"query": "NONE: who owns the shops"}))
    model = ScriptedModel(call if reply.startswith("```") else reply, "They own it.", calls_tools=False)
    answer = ask(opened, model, "Who owns the shops?")
    assert answer.status is Status.ABSTAINED and answer.usage.model_calls == 1
    assert answer.text == ("This cannot be answered from the data. The model says what is missing: who owns the shops")
    assert "reply NONE:" in str(model.sent[0][0]["content"])


@pytest.mark.parametrize("words", ["None: I think", "NONE", "There is NONE: of that", "NONE: a\nSELECT 1"])
def test_only_the_exact_form_means_abstain(opened: Assistant, words: str) -> None:
    answer = ask(opened, ScriptedModel(words, words, calls_tools=False))
    assert "says what is missing" not in answer.text


def test_a_function_of_another_dialect_is_written_in_this_one(opened: Assistant) -> None:
    sql = "SELECT ROUND(julianday(DATE '2024-01-03') - julianday(DATE '2024-01-01')) AS days"
    answer = ask(opened, block(sql), "How many days?")
    assert answer.rows == [(2.0,)] and [repair.text for repair in answer.repairs] == ["julianday is JULIAN here"]


@pytest.mark.parametrize("sql", ["SELECT getenv('HOME')", "SELECT * FROM read_csv('x.csv')"])
def test_a_function_that_is_denied_is_not_repaired(opened: Assistant, sql: str) -> None:
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "I could not."))
    assert answer.status is Status.REFUSED and repair_steps(answer) == []


@pytest.mark.parametrize("sql", ["SELECT rents FROM shops", "SELECT rent FROM shop", "SELECT amounts FROM pay"])
def test_a_repair_never_leads_to_what_the_policy_denies_nor_tells_of_it(opened: Assistant, sql: str) -> None:
    model = ScriptedModel(calls("sql_query", query=sql), "I could not.")
    answer = ask(opened, model)
    assert answer.rows == [] and answer.status in (Status.REFUSED, Status.ABSTAINED) and answer.repairs == ()
    assert "amount" not in answer.text and "rent," not in told(model)


def test_a_text_is_found_as_it_is_stored(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE city_name = ' arhus' ORDER BY 1"
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "Alma and Cosmo."))
    assert answer.rows == [("Alma",), ("Cosmo",)] and answer.warnings == ()
    assert answer.repairs == (Repair("stored-spelling", RepairKind.EXACT, "' arhus' is stored as 'Århus'"),)
    (step,) = repair_steps(answer)
    assert step.arguments["error"] == "nothing matched"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) FROM cities WHERE city_name = 'Bergen' AND id = 1", [(0,)]),
        ("SELECT count(*) FROM cities WHERE city_name = 'Berge'", [(0,)]),
        ("SELECT shop_name FROM shops WHERE shop_name = 'Bergen'", []),
    ],
)
def test_correct_zero_is_not_repaired(opened: Assistant, sql: str, rows: list[tuple[int, ...]]) -> None:
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "None."), "How many?")
    assert answer.rows == rows and answer.repairs == () and answer.sql is not None


def test_value_of_another_column_is_reported_but_not_moved(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE shop_name = 'bergen'"
    model = ScriptedModel(calls("sql_query", query=sql), "None.")
    answer = ask(opened, model)
    hint = "'bergen' is not in shops.shop_name; cities.city_name has it"
    assert answer.rows == [] and answer.repairs == () and hint in answer.warnings and hint in told(model)


def test_near_match_is_reported_but_not_used(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE city_name = 'Aarhus' ORDER BY 1"
    fine = calls("sql_query", query=sql.replace("Aarhus", "Århus"))
    model = ScriptedModel(calls("sql_query", query=sql), fine, "Alma and Cosmo.")
    answer = ask(opened, model)
    hint = "'Aarhus' is not in cities.city_name; did you mean 'Århus'?"
    assert answer.rows == [("Alma",), ("Cosmo",)] and hint in told(model)
    assert answer.repairs == () and answer.warnings == (f"an earlier query found nothing: {hint}",)


def test_where_each_query_is_approved_nothing_is_looked_up(opened: Assistant) -> None:
    approved: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return True

    query = "SELECT id FROM cities WHERE city_name = 'arhus'"
    model = ScriptedModel(calls("sql_query", query=query), "There is none.", "There is none.")
    answer = with_model(opened, model).ask("Which city is Aarhus?", approve=approve)
    assert answer.rows == [] and repair_steps(answer) == [] and len(approved) == 1


def test_a_repaired_query_is_approved_as_it_will_run(opened: Assistant) -> None:
    approved: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return False

    model = ScriptedModel(calls("sql_query", query=BROKEN), "Bruun.")
    answer = with_model(opened, model).ask("Which shops are in Bergen?", approve=approve)
    assert answer.rows == [] and len(approved) == 1 and "cities" in approved[0]


def test_repair_needing_proof_is_skipped_when_lookups_are_off(opened: Assistant) -> None:
    query = "SELECT shop_name FROM shops WHERE city_id = 'Bergen'"
    assert ask(opened, ScriptedModel(calls("sql_query", query=query), "Bruun.")).rows == [("Bruun",)]
    model = ScriptedModel(calls("sql_query", query=query), "I cannot tell.")
    answer = with_model(opened, model).ask("Which shops are in Bergen?", approve=lambda checked: True)
    assert answer.result is None and answer.repairs == ()


def test_stored_texts_that_the_question_speaks_of_are_told(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT 2 AS n"), "It is 2.")
    ask(opened, model, "Which shops are in bergen, and is rent 10 there?")
    asked = str(model.sent[0][-1]["content"])
    assert asked.splitlines()[-1:] == ["Stored: cities.city_name = 'Bergen'"]
    of_blocks = ScriptedModel("I cannot say.", calls_tools=False)
    ask(opened, of_blocks, "Which shops are in bergen?")
    assert str(of_blocks.sent[0][-1]["content"]).endswith("Which shops are in bergen?")


@pytest.mark.parametrize("argument", ["query", "sql", "code"])
def test_a_call_of_an_unknown_tool_with_sql_alone_is_sql_query(opened: Assistant, argument: str) -> None:
    reply = calls("run_python", **{argument: "SELECT shop_name FROM shops WHERE id = 2"})
    answer = ask(opened, ScriptedModel(reply, "Bruun."))
    assert answer.rows == [("Bruun",)] and [step.tool for step in answer.steps] == ["sql_query"]


@pytest.mark.parametrize(
    "reply",
    [
        calls("run_python", code="print(1)"),
        calls("run_python", query="SELECT 1", limit="5"),
        calls("run_python"),
        calls("drop", query="DROP TABLE shops"),
    ],
)
def test_any_other_call_of_an_unknown_tool_goes_back(opened: Assistant, reply: Reply) -> None:
    fine = calls("sql_query", query="SELECT shop_name FROM shops WHERE id = 2")
    answer = ask(opened, ScriptedModel(reply, fine, "Bruun."))
    assert answer.rows == [("Bruun",)] and [step.ok for step in answer.steps] == [False, True]


def test_a_query_that_another_tool_was_called_with_has_not_failed(opened: Assistant) -> None:
    query = "SELECT shop_name FROM shops WHERE id = 2"
    model = ScriptedModel(calls("run_python", query=query, kind="x"), calls("sql_query", query=query), "Bruun.")
    answer = ask(opened, model)
    assert answer.rows == [("Bruun",)] and answer.error is None


def test_columns_whose_names_hold_unseen_characters_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "farm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            'CREATE TABLE barns ("Stall\u00adnummer" INTEGER, "Ort\u200b" VARCHAR, "می\u200cوه" INTEGER, '
            '"co\u200bw" INTEGER, "c\u200bow" INTEGER)'
        )
        connection.execute("INSERT INTO barns VALUES (11, 'Jena', 4, 1, 2), (12, 'Gera', 5, 1, 2)")
    config = Config(home=tmp_path / "home", url=str(path))
    with nl2sql.connect(config=config, model=ScriptedModel()) as farm:
        for sql, rows in (
            ('SELECT "Stallnummer" FROM barns WHERE "Ort" = \'Jena\'', [(11,)]),
            ("SELECT b.stallnummer FROM barns b WHERE ort = 'Gera'", [(12,)]),
            ('SELECT "Stall\u00adnummer" FROM barns ORDER BY 1', [(11,), (12,)]),
            ('SELECT sum("می\u200cوه") AS fruit FROM barns', [(9,)]),
        ):
            assert ask(farm, block(sql, then="Here."), "Which barns are in Jena?").rows == rows
        assert farm.run('SELECT "Ort\u200b" FROM barns ORDER BY 1').rows == [("Gera",), ("Jena",)]
        for sql in ('SELECT "co\u200bw" FROM barns', 'SELECT "Stall\u200bnummer" FROM barns', "SELECT 'Ort\u200b'"):
            with pytest.raises(nl2sql.GuardError, match="invisible"):
                farm.run(sql)
