"""What the properties files of a dbt project say of tables, columns and metrics, in plain words.

It takes descriptions, accepted values, metrics and measures from YAML, and runs none of dbt: no Jinja, no SQL. Whether
a file is trusted is for its reader to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nl2sql.config.trusted_files import PATH_CHARS, read_file
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line
from nl2sql.types import Schema, Table

SUFFIXES: Final = (".yml", ".yaml")
MAX_FILES: Final = 200
_FILE_BYTES: Final = 1_000_000
_MAX_TOTAL_BYTES: Final = 10_000_000
_MAX_ENTRIES: Final = 20_000
_MAX_DEPTH_LEVELS: Final = 30
_TEXT_CHARS: Final = 300
# What dbt itself writes or downloads.
_SKIPPED: Final = frozenset({"target", "dbt_packages", "dbt_modules"})
_SETTINGS: Final = frozenset(f"{name}.yml" for name in "dbt_project profiles packages dependencies selectors".split())
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_JINJA: Final = ("{{", "{%", "{#")
_VERSION: Final = "2"


@dataclass(frozen=True, slots=True)
class DbtFile:
    """One file as it was read; `name` is its path from the project file on."""

    path: Path
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DbtTable:
    """What dbt says of one table: `columns` are descriptions by lower-case name. `schema` is that of a source."""

    name: str
    description: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    schema: str = ""

    @property
    def full_name(self) -> str:
        """The name, after that of the schema where it has one."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class DbtNotes:
    """What the files say: the tables, and what each metric or measure means, by its name."""

    tables: tuple[DbtTable, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)

    def describe(self, schema: Schema) -> dict[str, str]:
        """Return the descriptions of the schema's tables and columns, by `table` and `table.column` in lower case."""
        found: dict[str, str] = {}
        for own, table in self._match(schema):
            name = table.name.lower()
            texts = {f"{name}.{column}": text for column, text in own.columns.items()}
            for key, text in ({name: own.description} | texts).items():
                if text:
                    found.setdefault(key, text)
        return found

    def list_unknown(self, schema: Schema) -> tuple[str, ...]:
        """Return the tables that the schema does not have, by their names in dbt."""
        known = {id(own) for own, _ in self._match(schema)}
        return tuple(own.full_name for own in self.tables if id(own) not in known)

    def _match(self, schema: Schema) -> Iterator[tuple[DbtTable, Table]]:
        """Yield each table of dbt with that of the schema: by its full name, else by a name that only one table has."""
        taken: set[str] = set()
        left = []
        for own in self.tables:
            table = _find_exactly(own, schema)
            if table is None:
                left.append(own)
            else:
                taken.add(table.name)
                yield own, table
        # A model before a source: its table is where analysts look.
        for own in sorted(left, key=lambda own: bool(own.schema)):
            same = [table for table in schema.tables if table.path[1].lower() == own.name.lower()]
            if len(same) == 1 and same[0].name not in taken:
                taken.add(same[0].name)
                yield own, same[0]


def _find_exactly(own: DbtTable, schema: Schema) -> Table | None:
    if not own.schema:
        return schema.find_table(own.name)
    path = (own.schema.lower(), own.name.lower())
    return next((table for table in schema.tables if tuple(part.lower() for part in table.path) == path), None)


def read_files(folder: Path, place: str) -> tuple[DbtFile, ...]:
    """Return the YAML files at `place`, a file or a folder within `folder`, sorted by name.

    Raises:
        ConfigError: where there are none, too many or too large ones, or `place` is outside the folder.
    """
    inside, start = Path(os.path.realpath(folder)), folder / place
    shown = make_one_line(place, PATH_CHARS)
    if not Path(os.path.realpath(start)).is_relative_to(inside):
        raise ConfigError(f"context.dbt: {shown} is outside the project file's folder", "Name a place within it.")
    paths = sorted(_find_yaml(start, shown)) if start.is_dir() else [start]
    if not start.exists():
        raise ConfigError(f"context.dbt: there is no {shown}", "Name dbt's folder of models, from the project file on.")
    if len(paths) > MAX_FILES:
        raise ConfigError(f"context.dbt: {shown} has {len(paths):,} YAML files", f"Name one of {MAX_FILES} at most.")
    if not paths or paths[0].suffix.lower() not in SUFFIXES:
        raise ConfigError(f"context.dbt: {shown} is no YAML", "Name a file like schema.yml, or a folder of them.")
    files, size = [], 0
    for path in paths:
        name = make_one_line(path.relative_to(folder).as_posix(), PATH_CHARS)
        files.append(DbtFile(path, name, read_file(path, _FILE_BYTES, name)))
        size += len(files[-1].content)
        if size > _MAX_TOTAL_BYTES:
            raise ConfigError(
                f"context.dbt: {shown} is larger than {_MAX_TOTAL_BYTES // 10**6} MB", "Name a part of it."
            )
    return tuple(files)


def _find_yaml(start: Path, shown: str) -> Iterator[Path]:
    seen = 0
    for folder, folders, names in os.walk(start):
        seen += len(folders) + len(names)
        if seen > _MAX_ENTRIES:
            raise ConfigError(f"context.dbt: {shown} holds too many files", "Name dbt's folder of models.")
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        yield from (Path(folder, name) for name in names if _may_describe(name))


def _may_describe(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".") and name not in _SETTINGS


def read_notes(files: Iterable[DbtFile]) -> DbtNotes:
    """Return what the files say, of those that are properties of version 2.

    Raises:
        ConfigError: where one cannot be read. It names file and line.
    """
    tables: dict[str, tuple[DbtTable, str]] = {}
    metrics: dict[str, list[str]] = {}
    for file in files:
        top = _parse(file)
        if top is None or ((version := top.get("version")) is not None and version.text != _VERSION):
            continue
        for table, node in _list_tables(top):
            key = table.full_name.lower()
            if key in tables:
                raise node.make_error(f"{_show(table.full_name)} is described a second time, after {tables[key][1]}")
            tables[key] = (table, node.place)
        for name, meaning in _list_metrics(top):
            if meaning not in metrics.setdefault(name, []):
                metrics[name].append(meaning)
    return DbtNotes(
        tuple(table for table, _ in tables.values()), {name: "; or ".join(m) for name, m in metrics.items()}
    )


@dataclass(slots=True)
class _Node:
    """A value of a YAML file, and where it stands: a text (None: nothing), a list, or a mapping."""

    file: str
    line: int
    value: str | list[_Node] | dict[str, _Node] | None
    key: str | None = None

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"

    def make_error(self, problem: str, hint: str = "Correct that line.") -> ConfigError:
        return ConfigError(f"{self.place}: {problem}", hint)

    @property
    def text(self) -> str:
        """The text on one line; empty where there is none, or where it is a template that dbt fills in.

        Raises:
            ConfigError: where this is no text.
        """
        if self.value is not None and not isinstance(self.value, str):
            raise self.make_error("a text is missing here")
        text = " ".join((self.value or "").split())
        return "" if any(mark in text for mark in _JINJA) else text

    def get(self, key: str) -> _Node | None:
        """Return the value of that key.

        Raises:
            ConfigError: where this is no mapping.
        """
        if not isinstance(self.value, dict):
            raise self.make_error(f"a mapping with {key} is missing here")
        return self.value.get(key)

    def get_text(self, key: str) -> str:
        node = self.get(key)
        return node.text if node else ""

    def get_name(self) -> str:
        """Return the text of `name`, which every entry has.

        Raises:
            ConfigError: where there is none.
        """
        if name := self.get_text("name"):
            return name
        raise self.make_error("a name is missing here")

    def list_items(self, key: str) -> list[_Node]:
        """Return the items of that key's list, none where it has none.

        Raises:
            ConfigError: where the value is something else.
        """
        node = self.get(key)
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            raise node.make_error(f"{key} must be a list")
        return node.value

    def add(self, node: _Node) -> None:
        """Put a value that was read into this list or mapping: in a mapping, keys and values come by turns."""
        if isinstance(self.value, list):
            self.value.append(node)
            return
        assert isinstance(self.value, dict)
        if self.key is not None:
            self.value[self.key], self.key = node, None
        elif not isinstance(node.value, str):
            raise node.make_error("a key must be a text")
        elif node.value in self.value:
            raise node.make_error(f"{_show(node.value)} is there twice")
        else:
            self.key = node.value


def _show(text: str) -> str:
    return make_one_line(text, _TEXT_CHARS)


def _list_tables(top: _Node) -> Iterator[tuple[DbtTable, _Node]]:
    for kind in ("models", "seeds", "snapshots"):
        for node in top.list_items(kind):
            config = node.get("config")
            alias = config.get_text("alias") if config and config.value else ""
            name = alias or node.get_text("alias") or node.get_name()
            yield DbtTable(name, node.get_text("description"), _read_columns(node)), node
    for source in top.list_items("sources"):
        schema = source.get_text("schema") or source.get_name()
        for node in source.list_items("tables"):
            name = node.get_text("identifier") or node.get_name()
            yield DbtTable(name, node.get_text("description"), _read_columns(node), schema), node


def _read_columns(table: _Node) -> dict[str, str]:
    columns: dict[str, str] = {}
    for node in table.list_items("columns"):
        name = node.get_name().lower()
        if name in columns:
            raise node.make_error(f"{_show(name)} is described a second time")
        told = [node.get_text("description"), *_list_accepted(node)]
        columns[name] = "; ".join(filter(None, told))
    return columns


def _list_accepted(column: _Node) -> Iterator[str]:
    """Yield the values that a test of the column accepts, as a description."""
    for test in [*column.list_items("tests"), *column.list_items("data_tests")]:
        accepted = test.get("accepted_values") if isinstance(test.value, dict) else None
        if accepted is None:
            continue
        arguments = accepted.get("arguments")
        values = [node.text for node in (arguments or accepted).list_items("values")]
        yield f"one of {', '.join(filter(None, values))}" if any(values) else ""


def _list_metrics(top: _Node) -> Iterator[tuple[str, str]]:
    """Yield each metric and measure that has a description: what people call it, and what it means."""
    nodes = top.list_items("metrics")
    nodes = [*nodes, *(one for model in top.list_items("semantic_models") for one in model.list_items("measures"))]
    nodes += [one for model in top.list_items("models") for one in model.list_items("metrics")]
    for node in nodes:
        name, meaning = node.get_text("label") or node.get_name(), node.get_text("description")
        if meaning:
            yield name, meaning


def _parse(file: DbtFile) -> _Node | None:
    """Return the mapping that a file holds; None where the file is empty.

    Raises:
        ConfigError: where it is no mapping in YAML, or has an alias or a tag.
    """
    try:
        import yaml
    except ImportError as exc:
        hint = "Install it: pip install 'nl2sql[dbt]'"
        raise ConfigError("context.dbt names YAML files, and PyYAML is not installed", hint) from exc
    try:
        top = _build_tree(
            file.name, yaml.parse(file.content.decode("utf-8-sig"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        problem = _show(str(getattr(exc, "problem", None) or getattr(exc, "reason", None) or "it cannot be read"))
        place = f"{file.name}, line {mark.line + 1}" if mark else file.name
        raise ConfigError(f"{place}: it is not valid YAML: {problem}", "Correct that line.") from exc
    except UnicodeDecodeError as exc:
        line = file.content[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{file.name}, line {line}: it is not UTF-8", "Save the file as UTF-8.") from exc
    if top is None or top.value is None:
        return None
    if not isinstance(top.value, dict):
        raise top.make_error("it must begin with keys, like models:", "Name files of properties, as dbt reads them.")
    return top


def _build_tree(file: str, events: Iterable[Any]) -> _Node | None:
    """Return the value that the events of PyYAML's parser make up; None where there is none."""
    import yaml

    stack: list[_Node] = []
    top: _Node | None = None
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        node = _make_node(file, event)
        if stack:
            stack[-1].add(node)
        elif top is not None:
            raise node.make_error("a second document begins here", "Put it into a file of its own.")
        top = top or node
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(node)
        if len(stack) > _MAX_DEPTH_LEVELS:
            raise node.make_error("this is nested too deep")
    return top


def _make_node(file: str, event: Any) -> _Node:
    import yaml

    node = _Node(file, event.start_mark.line + 1 if event.start_mark else 1, None)
    _refuse_expansion(event, node)
    if isinstance(event, yaml.ScalarEvent):
        node.value = None if event.implicit[0] and event.value in _NULLS else event.value
    else:
        node.value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
    return node


def _refuse_expansion(event: object, node: _Node) -> None:
    """Refuse what makes a file say more than it holds: a reference to another place, a type of its own."""
    import yaml

    if isinstance(event, yaml.AliasEvent):
        raise node.make_error(
            f"it refers to another place, *{_show(event.anchor or '')}", "Write out what stands there."
        )
    if tag := getattr(event, "tag", None):
        raise node.make_error(f"it has the tag {_show(tag)}", "Take it out: only plain values are read.")
