"""What the code adds to a model, with an endpoint over HTTP: repairs, the retry's text, values, examples, the vote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import Cli, Endpoint

ONE = "SELECT 1 AS n"
TWO = "SELECT count(*) AS n FROM orders WHERE id <= 2"
ALSO_TWO = "SELECT count(id) FROM orders WHERE id < 3"
BROKEN = "SELECT mood FROM orders"
FAILING = "SELECT sqrt(city) FROM orders"


def ask(cli: Cli, endpoint: Endpoint, shop: Path, question: str, *flags: str) -> dict[str, Any]:
    done = cli("ask", "--db", str(shop), "-o", "json", *flags, question, **endpoint.variables)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def last(request: dict[str, Any]) -> str:
    return str(request["messages"][-1]["content"])


def steps(answer: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(step["tool"], step["ok"]) for step in answer["steps"]]


def test_a_wrong_name_is_repaired_without_asking_again(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT count(*) AS n FROM orders WHERE citty = 'Oslo'")
    endpoint.will_say("There are 1000.")
    answer = ask(cli, endpoint, shop, "how many came from the city of Oslo?")
    assert answer["rows"] == [[1000]] and steps(answer) == [("repair", True), ("sql_query", True)]
    assert len(endpoint.requests) == 2 and "citty" not in answer["sql"]
    assert answer["repairs"] == [{"rule": "slip", "class": "exact", "text": "citty is city"}]
    assert "Your query was changed: citty is city." in last(endpoint.requests[1])


def test_what_the_data_lacks_exits_with_4_and_says_what_is_there(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT sum(net_total) FROM orders")
    endpoint.will_query("SELECT avg(net_total) FROM orders")
    done = cli("ask", "--db", str(shop), "what is the net total?", **endpoint.variables)
    assert done.returncode == 4 and b"no net total" in done.stdout and len(endpoint.requests) == 2


def test_a_text_is_compared_as_it_is_stored(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT count(*) AS n FROM orders WHERE city = 'LÓDZ'")
    endpoint.will_say("There are 1000.")
    answer = ask(cli, endpoint, shop, "how many came in?")
    assert answer["rows"] == [[1000]] and "'Łódź'" in answer["sql"] and answer["warnings"] == []
    assert answer["repairs"] == [{"rule": "stored-spelling", "class": "exact", "text": "'LÓDZ' is stored as 'Łódź'"}]


def test_what_cannot_be_repaired_goes_back_with_what_is_there(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(BROKEN)
    endpoint.will_query(FAILING)
    endpoint.will_query(FAILING)
    endpoint.will_query(TWO)
    endpoint.will_say("There are 2.")
    answer = ask(cli, endpoint, shop, "how many?")
    assert answer["rows"] == [[2]] and steps(answer) == [("sql_query", False)] * 3 + [("sql_query", True)]
    assert "mood" in last(endpoint.requests[1]) and "city" in last(endpoint.requests[1])
    assert "the query that failed before" in last(endpoint.requests[3])


def test_stored_texts_and_like_verified_queries_are_told(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path, trust: Callable[[Path], None]
) -> None:
    (tmp_path / "nl2sql.toml").write_text("")
    (tmp_path / "queries").mkdir()
    query = "-- question: How many orders came from Oslo?\nSELECT count(*) FROM orders WHERE city = 'Oslo'"
    (tmp_path / "queries" / "from_oslo.sql").write_text(query)
    trust(tmp_path)
    endpoint.will_query(ONE)
    endpoint.will_say("It is 1.")
    ask(cli, endpoint, shop, "How many orders came from lodz?")
    told = last(endpoint.requests[0])
    assert "Question: How many orders came from Oslo?\n```sql\nSELECT count(*) FROM orders WHERE city = 'Oslo'" in told
    assert told.endswith("\nThe question: How many orders came from lodz?\nStored: orders.city = 'Łódź'")


def test_the_rows_that_most_queries_give_win(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    for query in (ONE, TWO, BROKEN, ALSO_TWO):
        endpoint.will_query(query)
    endpoint.will_say("There are 2.")
    answer = ask(cli, endpoint, shop, "how many?", "--candidates", "4")
    assert answer["rows"] == [[2]] and "id <= 2" in answer["sql"]
    assert "2 of 4 queries written for the question give these rows" in answer["confidence"]["reasons"]


def test_no_more_are_written_once_two_agree(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    for query in (TWO, ALSO_TWO):
        endpoint.will_query(query)
    endpoint.will_say("There are 2.")
    answer = ask(cli, endpoint, shop, "how many?", "--candidates", "4")
    assert answer["rows"] == [[2]] and answer["answer"] == "There are 2." and len(endpoint.requests) == 3


def test_verbose_says_what_the_sql_does_and_how_sure_it_is(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(ONE)
    endpoint.will_say("It is 1.")
    done = cli("ask", "--db", str(shop), "-v", "how many?", **endpoint.variables)
    told = done.stderr.decode()
    assert done.returncode == 0 and "Shows 1 as n." in told
    assert "confidence: check, " in told and "does not tell how sure it is" in told
