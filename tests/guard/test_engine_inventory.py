"""What the installed engine has, against `engine_inventory.json`: statements, settings, nodes, operators, words.

A name that is not in the file fails here: somebody has to look whether the guard and the lock hold against it, and
write down which. Functions have `test_function_catalog`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _duckdb
import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines.duckdb.hardening import lock
from nl2sql.guard.bound_plan import OPERATORS
from nl2sql.guard.engine_tree import PARTS, QUERIES
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.types import Policy

CLASSIFIED: dict[str, Any] = json.loads((Path(__file__).parent / "engine_inventory.json").read_text(encoding="utf-8"))
TEXTS = [(kind, text) for kind, texts in CLASSIFIED["statements"].items() for text in texts]
UNKNOWN_TO_PYTHON = ("CONNECT", "DISCONNECT", "UPDATE_EXTENSIONS")
FORMS = ("SET {0} = '{1}'", "SET GLOBAL {0} = '{1}'", "SET SESSION {0} = '{1}'", "PRAGMA {0} = '{1}'", "RESET {0}")


@pytest.fixture(scope="module")
def engine_names() -> frozenset[str]:
    """Names of statements, syntax nodes and plan operators in the engine's own file; it has no list to ask for."""
    if sys.platform != "linux":
        pytest.skip("other libraries' names differ in other platforms' files")
    pattern = rb"\0([A-Z][A-Z_]+_(?:NODE|REF|MODIFIER|STATEMENT)|LOGICAL_[A-Z_]+)(?=\0)"
    return frozenset(name.decode() for name in re.findall(pattern, Path(_duckdb.__file__).read_bytes()))


@pytest.fixture(scope="module")
def locked_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        lock(connection, memory=100_000_000, seconds=5)
        yield connection


def test_every_statement_type_is_classified(engine_names: frozenset[str]) -> None:
    suffix = "_STATEMENT"
    found = {name.removesuffix(suffix) for name in engine_names if name.endswith(suffix)}
    found |= set(duckdb.StatementType.__members__)
    assert "SELECT" in found
    assert found - set(CLASSIFIED["statements"]) - set(CLASSIFIED["statements_without_text"]) == set()


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_no_statement_but_select_passes(kind: str, text: str, session_judge: guard.Judge, policy: Policy) -> None:
    if kind not in UNKNOWN_TO_PYTHON:
        assert [statement.type.name for statement in duckdb.extract_statements(text)] == [kind]
    assert guard.examine(text, policy, session_judge).findings
    assert guard.examine(f"SELECT 1; {text}", policy, session_judge).findings
    assert guard.examine(f"WITH w AS ({text}) SELECT * FROM w", policy, session_judge).findings


def test_every_node_and_operator_is_classified(engine_names: frozenset[str]) -> None:
    nodes = CLASSIFIED["nodes"]
    found = {name for name in engine_names if not name.endswith("_STATEMENT")}
    operators = {name for name in found if name.startswith("LOGICAL_")}
    assert operators - OPERATORS - set(CLASSIFIED["operators_refused"]) == set()
    assert found - operators - {name for names in nodes.values() for name in names} == set()


def test_the_guard_allows_no_node_that_is_refused() -> None:
    refused = {*CLASSIFIED["nodes"]["refused"], *CLASSIFIED["operators_refused"]}
    assert refused.isdisjoint(OPERATORS | QUERIES | PARTS)
    assert set(CLASSIFIED["nodes"]["read"]) >= QUERIES


def test_every_setting_is_classified() -> None:
    with duckdb.connect() as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM duckdb_settings()").fetchall()}
    assert names - {name for names in CLASSIFIED["settings"].values() for name in names} == set()


def test_the_lock_holds_every_setting_but_those_of_a_session(locked_memory: duckdb.DuckDBPyConnection) -> None:
    values = locked_memory.execute("SELECT name, value FROM duckdb_settings()").fetchall()
    assert {name for name, value in values if _can_be_set(locked_memory, name, value)} == set(
        CLASSIFIED["settings"]["session"]
    )


def _can_be_set(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> bool:
    with connection.cursor() as cursor:
        for form in FORMS:
            try:
                cursor.execute(form.format(name, value))
            except duckdb.Error:
                continue
            return True
    return False


def test_no_setting_is_set_or_shown(session_judge: guard.Judge, policy: Policy) -> None:
    for name in sorted({name for names in CLASSIFIED["settings"].values() for name in names}):
        for text in (f"SET {name} = 1", f"RESET {name}", f"PRAGMA {name}", f"SELECT current_setting('{name}')"):
            assert guard.examine(text, policy, session_judge).findings, text


def test_no_denied_table_function_is_read_or_called(session_judge: guard.Judge, policy: Policy) -> None:
    for name in sorted(load_catalogue().table_functions.denied):
        for text in (f"SELECT * FROM {name}()", f"SELECT 1 FROM books, LATERAL {name}('vault')"):
            findings = guard.examine(text, policy, session_judge).findings
            assert [finding.rule for finding in findings] == ["table-function"], text
        assert guard.examine(f"CALL {name}('vault')", policy, session_judge).findings[0].rule == "read-only"


def test_no_pragma_passes(session_judge: guard.Judge, policy: Policy) -> None:
    for name in sorted(load_catalogue().pragmas.denied):
        for text in (f"PRAGMA {name}", f"PRAGMA {name}('vault')", f"FROM (PRAGMA {name})"):
            assert guard.examine(text, policy, session_judge).findings, text


def test_every_word_of_the_grammar_is_known() -> None:
    with duckdb.connect() as connection:
        words = {word for (word,) in connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()}
    assert words - set(CLASSIFIED["words"]) == set()
