"""Traps: each rule over real data, where it bites and where it does not; and that right SQL falls into none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant
from nl2sql.answer.traps import TRAPS, find_traps
from nl2sql.model.scripted import ScriptedModel
from nl2sql.sample_database import find_sample_folder
from nl2sql.types import Trap

HERE = Path(__file__).parent
CASES = (HERE / "traps.sql").read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]
LÄDEN = """
CREATE TABLE 顧客 ("番号" INTEGER PRIMARY KEY, "氏名" VARCHAR);
INSERT INTO 顧客 VALUES (1, '山田'), (2, '鈴木');
CREATE TABLE "Bestellungen" ("Nummer" INTEGER PRIMARY KEY, "番号" INTEGER, "Gebühr" DECIMAL(8, 2), "Betrag" VARCHAR,
    "Datum" VARCHAR, "Tag" VARCHAR);
INSERT INTO "Bestellungen" VALUES (1, 1, 5, '1200', '28.01.2025', '2025-01-28'), (2, 2, 7, '99', '05.03.2025',
    '2025-03-05'), (3, NULL, 150, '250', '14.02.2025', '2025-02-14'), (4, 1, 3, '30', '02.01.2024', '2024-01-02');
CREATE TABLE "Artikel je Bestellung" ("Bestellnummer" INTEGER, "Stück" INTEGER);
INSERT INTO "Artikel je Bestellung" SELECT i % 4 + 1, i FROM range(8) t(i);
CREATE TABLE filiais (name VARCHAR, code VARCHAR, "2024" INTEGER, "2025" INTEGER);
INSERT INTO filiais VALUES ('São Paulo', '001', 2023, 5), ('Recife', '014', 2030, 6), ('Belém', '120', 2031, 7);
"""


# What is found by the profile and the text of the query alone.
FROM_PROFILE = {"not-in-null", "unknown-value", "idle-value", "constant-for-column"}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Assistant]]:
    folder = tmp_path_factory.mktemp("traps")
    with duckdb.connect(str(folder / "läden.duckdb")) as connection:
        connection.execute(LÄDEN)
    config = nl2sql.load_config()
    with (
        nl2sql.connect(model=ScriptedModel(), config=config) as sample,
        nl2sql.connect(str(folder / "läden.duckdb"), model=ScriptedModel(), config=config) as läden,
    ):
        yield {"sample": sample, "läden": läden}


def traps_of(assistant: Assistant, sql: str, question: str = "") -> tuple[Trap, ...]:
    """The traps of a query, its probes run as any SQL."""

    def ask(probe: str) -> list[tuple[Any, ...]]:
        return assistant.run(probe).rows

    return find_traps(
        assistant.database.check_or_raise(sql).sql, assistant.schema, assistant.run(sql), ask, question
    ).traps


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.split("\n", 1)[0])
def test_found_and_not_found(databases: dict[str, Assistant], case: str) -> None:
    head, rest = case.split("\n", 1)
    rule, database = head.split(" ")
    asked, rest = rest.split("\n-- says ")
    sql, _, question = asked.partition("\n-- asks ")
    says, other = rest.split("\n-- but not\n")
    found = traps_of(databases[database], sql, question)
    assert [trap for trap in found if trap.rule == rule and says in trap.message], found
    assert [trap for trap in traps_of(databases[database], other, question) if trap.rule == rule] == []


def test_every_rule_has_a_pair_on_the_sample_data_and_says_when_it_bites() -> None:
    heads = {tuple(case.split("\n", 1)[0].split(" ")) for case in CASES}
    for rule in TRAPS:
        assert (rule.name, "sample") in heads
        assert "Precondition:" in (rule.find.__doc__ or "") and "`" in (rule.find.__doc__ or "")


def test_the_samples_gold_queries_fall_into_no_trap(databases: dict[str, Assistant]) -> None:
    for line in (find_sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert traps_of(databases["sample"], case["gold_sql"], case["question"]) == (), case["question"]


def test_a_column_that_the_question_names_is_counted_where_it_is_filled(databases: dict[str, Assistant]) -> None:
    sql = "SELECT count(email) FROM customers"
    assert traps_of(databases["sample"], sql, "How many customers are there?")
    assert not traps_of(databases["sample"], sql, "How many customers gave us an e-mail address (email)?")


def test_what_may_not_be_asked_is_not_claimed(databases: dict[str, Assistant]) -> None:
    sample = databases["sample"]
    for case in CASES:
        head, rest = case.split("\n", 1)
        if head.endswith("sample"):
            sql, _, question = rest.split("\n-- says ")[0].partition("\n-- asks ")
            if question:
                # The rows shown say it.
                continue
            found = find_traps(
                sample.database.check_or_raise(sql).sql, sample.schema, sample.run(sql), lambda probe: None
            )
            assert found.unchecked_claims or head.split(" ")[0] in FROM_PROFILE
            assert {trap.rule for trap in found.traps} <= FROM_PROFILE, "these need no more than profile and text"


def test_a_query_that_cannot_be_read_is_not_taken_for_one_without_traps(databases: dict[str, Assistant]) -> None:
    sample = databases["sample"]
    result = sample.run("SELECT 1")
    found = find_traps("SELECT sum(x) FROM ((", sample.schema, result, lambda probe: [])
    assert found.traps == () and found.unchecked_claims == ("whether the query says what it seems to",)
    assert find_traps("SELECT * FROM (SHOW TABLES)", sample.schema, result, lambda probe: []).unchecked_claims == ()
