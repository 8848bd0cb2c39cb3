"""The fences: nothing imports upwards, the door stays light, the guard alone makes checked SQL."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nl2sql

PACKAGE = Path(nl2sql.__file__).parent
HEAVY = (
    "streamlit",
    "mcp",
    "sqlalchemy",
    "xllamacpp",
    "pandas",
    "openai",
    "duckdb",
    "sqlglot",
    "pyarrow",
    "rich",
    "msgspec",
)

# Each room and the rooms below it that it may import. `assistant`, `connection`, the faces and `evals` may import any.
FLOOR = {"types", "errors", "cancellation", "json_codec", "text_safety", "atomic_write", "generators"}
MAY_IMPORT = {
    "types": set(),
    "errors": {"types"},
    "cancellation": {"errors"},
    "json_codec": {"types"},
    "text_safety": set(),
    "atomic_write": set(),
    "generators": set(),
    "config": {"errors", "types", "schema", "importing", "text_safety", "atomic_write"},
    "sample_database": {"errors"},
    "schema": FLOOR,
    "guard": FLOOR | {"schema"},
    "repair": FLOOR | {"schema"},
    "answer": FLOOR | {"schema"},
    "charts": FLOOR | {"schema", "answer"},
    "exports": FLOOR | {"schema", "answer"},
    "model": FLOOR | {"config"},
    "store": FLOOR | {"config", "schema", "answer"},
    "importing": FLOOR | {"schema"},
    "engines": FLOOR | {"schema", "guard", "repair", "answer", "importing"},
    "schema_visibility": FLOOR | {"schema", "guard", "engines", "config", "importing"},
    "database": FLOOR
    | {"schema", "guard", "answer", "charts", "engines", "config", "store", "importing", "schema_visibility"},
    "agent": FLOOR | {"schema", "guard", "repair", "answer", "charts", "model", "engines", "config", "store"},
}
FACES = ("cli", "ui", "mcp_server", "connection", "assistant", "evals")
# The only modules of a shell room that the rooms above it may name: its protocols.
PROTOCOLS_ONLY = {"agent": {"nl2sql.model.chat", "nl2sql.engines.engine"}}


# Inside `engines`: each subpackage, and those below it that it may import. The protocol imports none of them.
ENGINE_PARTS = {
    "engine": set[str](),
    "worker": set[str](),
    "files": {"worker"},
    "duckdb": {"engine", "files", "worker"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not parts[0].startswith("_"):
            yield parts[0], path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "nl2sql":
            if node.module == "nl2sql":
                yield from (f"nl2sql.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("nl2sql."))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_nothing_imports_upwards(room: str) -> None:
    seen = 0
    for own, path in modules():
        if own != room:
            continue
        seen += 1
        for name in imported(path):
            target = name.split(".")[1]
            assert target == room or target in MAY_IMPORT[room], f"{path.name} imports {name}"
    assert seen, f"there is no room {room}: correct the list"


def test_every_room_is_on_the_list() -> None:
    assert {room for room, _ in modules()} <= {*MAY_IMPORT, *FACES}


@pytest.mark.parametrize("part", ENGINE_PARTS)
def test_the_parts_of_engines_stand_on_one_another_in_one_direction(part: str) -> None:
    seen = 0
    for own, path in modules():
        inner = path.relative_to(PACKAGE).with_suffix("").parts[1:2]
        if own != "engines" or inner != (part,):
            continue
        seen += 1
        for name in imported(path):
            parts = name.split(".")
            if parts[1] == "engines":
                assert len(parts) > 2, f"{path.name} imports the opening of engines"
                assert parts[2] == part or parts[2] in ENGINE_PARTS[part], f"{path.name} imports {name}"
    assert seen, f"engines has no {part}: correct the list"


def test_the_loop_knows_models_and_databases_only_through_their_protocols() -> None:
    for own, path in modules():
        for name in imported(path) if own in PROTOCOLS_ONLY else ():
            if name.split(".")[1] in ("model", "engines"):
                assert name in PROTOCOLS_ONLY[own], f"{path.name} imports {name}"


def test_importing_the_door_loads_nothing_heavy() -> None:
    code = f"import sys, nl2sql; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_door_is_sorted_and_every_name_opens() -> None:
    assert sorted(nl2sql.__all__) == nl2sql.__all__
    for name in nl2sql.__all__:
        assert getattr(nl2sql, name).__doc__, f"{name} says nothing of itself"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nl2sql.nothing


def test_only_the_guard_seals_checked_sql() -> None:
    for own, path in modules():
        if own not in ("guard", "types"):
            text = path.read_text("utf-8")
            assert "_Seal" not in text and "CheckedSQL(" not in text, path


def test_broad_excepts_stand_in_one_place() -> None:
    found = [
        path.relative_to(PACKAGE).as_posix()
        for _, path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    ]
    assert found == ["cli/__init__.py"]
