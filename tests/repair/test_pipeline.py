"""What is repaired, what is left alone, and what must not be damaged: on real tables, judged by the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.repair import BindError, Fault, RepairRequest, repair
from nl2sql.repair.pipeline import MAX_ROUNDS
from nl2sql.sample_database import find_sample_folder
from nl2sql.types import Column, ForeignKey, RepairReport, Schema, Table

HERE = Path(__file__).parent
STAFF = Schema((Table("staff", (Column("id", "INTEGER"), Column("salary", "INTEGER"), Column("person", "VARCHAR"))),))


GUESTS = Schema(
    (
        Table("guests", (Column("id", "INTEGER"), Column("town", "VARCHAR")), primary_key=("id",), inferred_key=True),
        Table(
            "stays",
            (Column("stay", "INTEGER"), Column("guest_id", "INTEGER")),
            foreign_keys=(ForeignKey(("guest_id",), "guests", ("id",), inferred=True),),
        ),
    )
)


class Missing:
    """A binder for which the one qualified name does not exist."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_error(self, sql: str) -> BindError | None:
        column = self.name.rpartition(".")[2]
        return BindError(Fault.COLUMN, f"{self.name} is missing", column) if self.name in sql else None


class Refusing:
    """A binder that finds the same fault in everything, and counts how often it is asked."""

    def __init__(self, fault: Fault, name: str = "") -> None:
        self.fault, self.name, self.asked = fault, name, 0

    def find_error(self, sql: str) -> BindError:
        self.asked += 1
        return BindError(self.fault, f"it is wrong at {self.asked}", self.name, self.asked)


def blocks(name: str) -> list[str]:
    """The cases of a file: they begin with `-- ` after a blank line; the file's own heading is left out."""
    return (HERE / "cases" / name).read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]


def runs(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        connection.cursor().execute(sql).fetchall()
    except duckdb.Error:
        return False
    return True


def heading(case: str) -> str:
    return case.split("\n", 1)[0]


@pytest.mark.parametrize("case", blocks("festival_repaired.sql"), ids=heading)
def test_query_is_repaired_to_its_one_reading(festival: Any, case: str) -> None:
    question, rest = case.split("\n", 1)
    broken, means = rest.split("\n-- means\n")
    assert not runs(festival.connection, broken), "this is no case: it runs as it is"
    report = festival.repair(broken, question)
    assert report.sql and report.repairs, report
    assert festival.rows(report.sql) == festival.rows(means), report


@pytest.mark.parametrize("case", blocks("festival_left_alone.sql"), ids=heading)
def test_unclear_query_is_left_to_the_model(festival: Any, case: str) -> None:
    question, broken = case.split("\n", 1)
    assert not runs(festival.connection, broken), "this is no case: it runs as it is"
    report = festival.repair(broken, question)
    assert report.sql == "" and report.repairs == (), report


def honest() -> list[str]:
    allowed = (HERE.parent / "guard" / "allowed.sql").read_text(encoding="utf-8").strip().split("\n\n")[1:]
    return [sql for sql in allowed if "archive" not in sql]


@pytest.mark.parametrize("sql", honest())
def test_a_query_that_binds_is_never_changed(library: Any, sql: str) -> None:
    assert library.repair(sql) == RepairReport()


def test_the_sample_questions_are_never_changed(sample: Any) -> None:
    for line in (find_sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert sample.repair(case["gold_sql"], case["question"]) == RepairReport()


@pytest.mark.parametrize(
    "sql",
    ["", ";", "not SQL at all", "SELECT", "SELECT " + "(" * 3000 + "x" + ")" * 3000, "SELECT " + "-" * 5000 + "x"],
    ids=lambda sql: str(sql[:20]),
)
def test_what_cannot_be_read_is_left(festival: Any, sql: str) -> None:
    assert festival.repair(sql) == RepairReport()


@pytest.mark.parametrize("sql", ["SELECT persn, salary FROM staff", "SELECT x FROM pay_secret"])
def test_a_query_that_names_what_is_hidden_is_left_to_be_refused(sql: str) -> None:
    hidden = frozenset({"salary", "pay_secret"})
    report = repair(RepairRequest(sql, "", STAFF, hidden_names=hidden), Refusing(Fault.COLUMN))
    assert report.sql == "" and report.repairs == () and report.guesses == ()


def test_hidden_table_is_neither_replaced_nor_named() -> None:
    sql, binder = "SELECT person FROM satff", Refusing(Fault.TABLE)
    assert repair(RepairRequest(sql, "staff", STAFF), binder).missing is None, "it is repaired to staff"
    report = repair(RepairRequest(sql, "staff", STAFF, hidden_names=frozenset({"vault"})), Refusing(Fault.TABLE))
    assert report == RepairReport()


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.OTHER, Fault.DENIED])
def test_what_the_guard_refuses_is_not_changed(fault: Fault) -> None:
    binder = Refusing(fault)
    assert repair(RepairRequest("SELECT persn FROM staff", "", STAFF), binder).sql == "" and binder.asked == 1


def test_repair_rounds_are_bounded() -> None:
    binder = Refusing(Fault.COLUMN, "person")
    sql = "SELECT " + ", ".join(f"staff.Person{'_' * n}" for n in range(1, 40)) + " FROM staff"
    assert repair(RepairRequest(sql, "", STAFF), binder).sql == ""
    assert binder.asked <= 2 * MAX_ROUNDS + 1


def test_a_mistake_in_a_rule_is_not_swallowed() -> None:
    class Broken:
        def find_error(self, sql: str) -> BindError:
            raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        repair(RepairRequest("SELECT 1", "", STAFF), Broken())


@pytest.mark.parametrize(
    ("sql", "question", "nearest", "holders"),
    [
        ("SELECT mood FROM films", "", (), ()),
        ("SELECT gross_budget FROM films", "", ("budget",), ()),
        ("SELECT visitors FROM films", "", (), ("screenings",)),
        ("SELECT count(*) FROM short_films", "", ("films", "film_genres"), ()),
        ("SELECT f.mood FROM films f JOIN people p ON f.director_id = p.id", "", (), ()),
    ],
)
def test_what_is_missing_is_told_with_what_is_near(
    festival: Any, sql: str, question: str, nearest: tuple[str, ...], holders: tuple[str, ...]
) -> None:
    missing = festival.repair(sql, question).missing
    assert missing is not None and (missing.nearest, missing.holders) == (nearest, holders)


def test_a_join_is_told_by_every_shortest_way(festival: Any) -> None:
    report = festival.repair("SELECT title FROM films WHERE full_name = 'Ada Lien'")
    assert report.joins == (
        "JOIN people ON films.director_id = people.id",
        "JOIN people ON films.producer_id = people.id",
    )


def test_readings_that_would_run_are_told_and_not_taken(festival: Any) -> None:
    report = festival.repair("SELECT title, max(budget) FROM films")
    assert report.sql == "" and report.repairs == ()
    assert report.guesses == (
        "SELECT title, MAX(budget) FROM films GROUP BY title",
        "SELECT title, budget FROM films ORDER BY budget DESC LIMIT 1",
    )


def test_a_key_that_nobody_declared_is_proved_before_a_column_goes_by_it() -> None:
    sql = "SELECT s.town, count(*) FROM stays AS s JOIN guests AS g ON s.guest_id = g.id GROUP BY s.town"
    report = repair(RepairRequest(sql, "", GUESTS), Missing("s.town"))
    assert [one.rule for one in report.repairs] == ["unused-source"] and "g.town" in report.sql
    assert any("HAVING count(*) > 1" in proof.sql for proof in report.proofs)
    assert any("guest_id NOT IN" in proof.sql for proof in report.proofs)
    request = RepairRequest(sql, "", GUESTS, disproved_proofs=frozenset(report.proofs))
    assert repair(request, Missing("s.town")).sql == ""
