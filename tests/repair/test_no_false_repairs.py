"""What becomes of SQL that a model wrote, in the whole product: over real databases, in four languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, Status
from nl2sql.config import Config
from nl2sql.model.scripted import ScriptedModel, calls
from nl2sql.types import RepairKind

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """A question about the database of that number in its file, what the model writes, and what it means."""

    database: int
    question: str
    sql: str
    means: str = ""


def read_cases(name: str) -> tuple[list[str], list[Case]]:
    """The databases of a file, and its cases: blocks that begin with `-- ` after a blank line."""
    databases: list[str] = []
    found: list[Case] = []
    for block in (CASES / name).read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]:
        heading, body = block.split("\n", 1)
        if heading == "database":
            databases.append(body)
        else:
            sql, _, means = body.partition("\n-- means\n")
            found.append(Case(len(databases) - 1, heading, sql, means))
    return databases, found


class Databases:
    """The databases of one file, opened when they are needed."""

    def __init__(self, setups: list[str], folder: Path) -> None:
        self._setups, self._folder = setups, folder
        self._opened: dict[int, Assistant] = {}

    def open(self, number: int) -> Assistant:
        if number not in self._opened:
            path = self._folder / f"{number}.duckdb"
            with duckdb.connect(str(path)) as connection:
                connection.execute(self._setups[number])
            config = Config(home=self._folder / "home", url=str(path))
            self._opened[number] = nl2sql.connect(config=config, model=ScriptedModel())
        return self._opened[number]

    def ask(self, case: Case, *, calls_tools: bool) -> Answer:
        """What comes of a model that writes the query, and writes it again until it gives up."""
        opened, reply = self.open(case.database), calls("sql_query", query=case.sql)
        model = ScriptedModel(reply, reply, reply, *["I cannot tell from this data."] * 3, calls_tools=calls_tools)
        return opened.with_options(model=model).ask(case.question, summary=False)

    def rows(self, number: int, sql: str) -> Counter[str]:
        return bag(self.open(number).run(sql).rows)

    def close(self) -> None:
        for assistant in self._opened.values():
            assistant.close()


def bag(rows: list[tuple[Any, ...]]) -> Counter[str]:
    """The rows as a bag, numbers of whatever type alike."""
    return Counter(repr([round(float(v), 6) if hasattr(v, "as_integer_ratio") else v for v in row]) for row in rows)


def databases_of(name: str, folder: Path) -> Iterator[Databases]:
    opened = Databases(read_cases(name)[0], folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    yield from databases_of("must_not_answer.sql", tmp_path_factory.mktemp("lacking"))


@pytest.fixture(scope="module")
def slipping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    yield from databases_of("slips.sql", tmp_path_factory.mktemp("slipping"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    yield from databases_of("runs_as_written.sql", tmp_path_factory.mktemp("running"))


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    yield from databases_of("guesses.sql", tmp_path_factory.mktemp("unsure"))


def named(case: Case) -> str:
    return f"{case.question} {case.sql}"[:90]


@pytest.mark.parametrize("calls_tools", [True, False], ids=["tools", "blocks"])
@pytest.mark.parametrize("case", read_cases("must_not_answer.sql")[1], ids=named)
def test_what_the_data_lacks_is_not_answered_from_something_else(
    lacking: Databases, case: Case, calls_tools: bool
) -> None:
    answer = lacking.ask(case, calls_tools=calls_tools)
    assert answer.status is Status.ABSTAINED and answer.result is None and answer.sql is None
    assert answer.text.startswith("This cannot be answered from the data: ") and answer.repairs == ()


@pytest.mark.parametrize("case", read_cases("slips.sql")[1], ids=named)
def test_a_slip_gives_the_rows_of_its_one_reading(slipping: Databases, case: Case) -> None:
    answer = slipping.ask(case, calls_tools=True)
    assert answer.status is Status.ANSWERED, answer.text or answer.error
    assert answer.repairs and bag(answer.rows) == slipping.rows(case.database, case.means), answer.sql
    keyed = [repair for repair in answer.repairs if repair.kind is RepairKind.KEYED]
    assert answer.confidence is not None and (answer.confidence.level != "high" or not keyed)
    assert all(any(repair.text in warning for warning in answer.warnings) for repair in keyed)


@pytest.mark.parametrize("calls_tools", [True, False], ids=["tools", "blocks"])
@pytest.mark.parametrize("case", read_cases("runs_as_written.sql")[1], ids=named)
def test_a_query_that_runs_runs_as_written(running: Databases, case: Case, calls_tools: bool) -> None:
    answer = running.ask(case, calls_tools=calls_tools)
    assert answer.repairs == () and bag(answer.rows) == running.rows(case.database, case.sql)
    check = running.open(case.database).database.check_or_raise
    assert answer.sql is not None and check(answer.sql).sql == check(case.sql).sql


@pytest.mark.parametrize("case", read_cases("guesses.sql")[1], ids=named)
def test_a_guess_is_not_made(unsure: Databases, case: Case) -> None:
    answer = unsure.ask(case, calls_tools=True)
    assert answer.result is None and answer.repairs == (), answer.sql


def test_there_are_enough_cases_of_each_kind() -> None:
    for name in ("must_not_answer.sql", "slips.sql", "runs_as_written.sql", "guesses.sql"):
        assert len(read_cases(name)[1]) >= 40, name
