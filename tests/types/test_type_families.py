"""Which of the engine's type names are numbers, texts, days, lists."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from nl2sql.types import type_families as families

FAMILIES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (
        families.is_whole,
        "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT",
    ),
    (families.is_fractional, "FLOAT DOUBLE DECIMAL(18,3)"),
    (families.is_float, "FLOAT DOUBLE"),
    (families.is_text, "VARCHAR ENUM"),
    (
        families.is_temporal,
        "DATE TIMESTAMP TIMESTAMP_NS TIMESTAMP_MS TIMESTAMP_S TIMESTAMP=WITH=TIME=ZONE TIMESTAMPTZ_NS",
    ),
    (families.is_timestamp, "TIMESTAMP TIMESTAMP_NS TIMESTAMP_MS TIMESTAMP_S TIMESTAMP=WITH=TIME=ZONE TIMESTAMPTZ_NS"),
    (families.is_time_of_day, "TIME TIME_NS TIME=WITH=TIME=ZONE"),
    (families.is_boolean, "BOOLEAN"),
)


def list_types() -> set[str]:
    """The names of all types that DuckDB has, as it writes them."""
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT logical_type FROM duckdb_types() WHERE internal").fetchall()
    return {str(name).upper().replace("DECIMAL", "DECIMAL(18,3)") for (name,) in rows}


@pytest.mark.parametrize(("is_in", "names"), FAMILIES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_family_has_its_types_and_no_other_and_no_list_of_them(is_in: Callable[[str], bool], names: str) -> None:
    wanted = {name.replace("=", " ") for name in names.split()}
    types = list_types()
    assert wanted <= types
    assert {name for name in types if is_in(name)} == wanted
    assert {name for name in types if is_in(name.lower())} == wanted
    assert not [name for name in types if is_in(f"{name}[]") or is_in(f"{name}[3]")]
    assert not [name for name in types if is_in(f"STRUCT(a {name})") or is_in(f"MAP({name}, {name})")]


def test_numbers_are_whole_or_fractional_and_never_nested() -> None:
    for name in list_types():
        assert families.is_numeric(name) == (families.is_whole(name) or families.is_fractional(name))
        assert not (families.is_numeric(name) and families.is_nested(name))
        assert families.is_nested(f"{name}[]") and families.may_have_fields(f"{name}[]")


def test_the_labels_of_an_enum_make_no_family() -> None:
    kind = "ENUM('Roadmap', 'a[1]', 'JSON')"
    assert families.is_text(kind) and not families.is_nested(kind) and families.name_family(kind) == "ENUM"
    assert families.may_have_fields(kind), "the careful answer"
    assert families.is_nested("ENUM('a')[]") and not families.is_text("ENUM('a')[]")
