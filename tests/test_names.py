"""Names: functions begin with a verb, no file or class name stands twice, and no module grows past what can be read."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nl2sql

ROOT = Path(nl2sql.__file__).parent.parent
MAX_LINES = 450

PREPOSITIONS = frozenset(
    "of by in under beside with without for from to at on as beyond before after until near between into over out off "
    "around against like per through within since about behind except".split()
)
# Irregular participles that are no imperative too, as `read`, `put`, `set` and `run` are.
PARTICIPLES = frozenset(
    "told said kept held known given taken written made done sent seen found left lost bound drawn shown chosen asked "
    "meant thought spoken grown become begun built bought brought caught fed felt got gone heard laid led lent lit met "
    "paid sold sought spent stood stuck struck taught torn won worn woven wound".split()
)
# Verbs and nouns that only look like participles.
NO_PARTICIPLES = frozenset("need feed embed seed speed exceed proceed shed bring ring sing ping string".split())
# What other libraries name so, and users know by it.
ALLOWED = {
    "to_arrow": "as DuckDB and Polars call it",
    "to_pandas": "as DuckDB and PyArrow call it",
    "with_files": "as sqlglot's and Polars' with_...: the same, with something more",
    "with_options": "as the OpenAI client calls it",
    "with_config": "the same, under other settings",
    "to_json_path": "a method of sqlglot's Dialect",
    "between_sql": "a method of sqlglot's Generator",
    "in_sql": "a method of sqlglot's Generator",
    "like_sql": "a method of sqlglot's Generator",
    "ordered_sql": "a method of sqlglot's Generator",
}


def list_modules() -> Iterator[Path]:
    for room in ("nl2sql", "ui"):
        yield from sorted((ROOT / room).rglob("*.py"))


def list_definitions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(mark) or ast.unparse(mark).endswith(".setter") for mark in node.decorator_list)


def begins_badly(name: str) -> bool:
    """Whether a function's name begins with a participle or a preposition."""
    head = name.lstrip("_").split("_")[0].lower()
    if name.startswith("__") or head in NO_PARTICIPLES:
        return False
    return head in PREPOSITIONS | PARTICIPLES or bool(re.search("(ed|ing)$", head))


def test_functions_begin_with_a_verb() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in list_modules()
        for node in list_definitions(path)
        if not isinstance(node, ast.ClassDef) and not is_property(node)
        if begins_badly(node.name) and node.name not in ALLOWED
    ]
    assert found == []


def test_names_are_told_apart() -> None:
    names = ("told", "_kept_rows", "under", "of_rows", "matching_rows", "find_rows", "read", "_seed", "is_under")
    assert [name for name in names if begins_badly(name)] == ["told", "_kept_rows", "under", "of_rows", "matching_rows"]


def test_no_file_name_stands_twice() -> None:
    counts = Counter(path.name for path in list_modules() if not path.name.startswith("__"))
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_class_name_stands_twice() -> None:
    homes: dict[str, set[Path]] = {}
    for path in list_modules():
        for node in list_definitions(path):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(path.relative_to(ROOT))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_modules_can_be_read_in_one_sitting() -> None:
    long = [
        path.relative_to(ROOT).as_posix()
        for path in list_modules()
        if len(path.read_text("utf-8").splitlines()) > MAX_LINES
    ]
    assert long == []
