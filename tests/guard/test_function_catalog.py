"""The classified catalogue against the installed engine: nothing it has is left unclassified."""

from __future__ import annotations

import duckdb
import pytest

from nl2sql.guard.function_catalog import Functions, load_catalogue

KINDS = {
    "scalar": "functions",
    "aggregate": "functions",
    "macro": "functions",
    "window": "functions",
    "table": "table_functions",
    "table_macro": "table_functions",
    "pragma": "pragmas",
}


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_every_function_of_the_engine_is_classified(kind: str) -> None:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT function_type, function_name FROM duckdb_functions()").fetchall()
    assert {type_ for type_, _ in rows} == set(KINDS)
    names = {name.lower() for type_, name in rows if KINDS[type_] == kind}
    classified: Functions = getattr(load_catalogue(), kind)
    assert names
    assert {name for name in names if name not in classified} == set()


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_no_name_is_both(kind: str) -> None:
    classified: Functions = getattr(load_catalogue(), kind)
    assert classified.allowed.isdisjoint(classified.denied)
    assert set(classified.denied.values()) <= set(load_catalogue().reasons)


def test_no_advice_for_what_may_be_called() -> None:
    assert load_catalogue().functions.allowed.isdisjoint(load_catalogue().replacements)


def test_side_effects_of_the_engine_are_denied_or_only_random() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE' OR has_side_effects"
        ).fetchall()
    allowed = {name for (name,) in rows if name in load_catalogue().functions.allowed}
    assert allowed == {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7"}
