"""`nl2sql trust`: show what the files of a project do, and trust them.

It prints and records what is trusted; `config` and the store decide what an untrusted file may do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.terminal import print_note
from nl2sql.config import (
    KEY_VARIABLE,
    PROJECT_FILE,
    QUERY_FOLDER,
    find_home,
    find_project_file,
    find_waiting_settings,
    read_settings_file,
    show_address,
)
from nl2sql.config.dbt_files import SUFFIXES, DbtFile, read_files, read_notes
from nl2sql.config.trusted_files import PATH_CHARS, TrustedFiles, compose_trust, find_stranger
from nl2sql.errors import ConfigError
from nl2sql.store.verified_queries import QueryFile, VerifiedQueries
from nl2sql.text_safety import make_one_line

_VALUE_CHARS: Final = 300
_SQL_LINES: Final = 40
_INDENT_CHARS: Final = 40
_DECLINED_EXIT_CODE: Final = 4


@click.command("trust", epilog="Example: nl2sql trust ~/projects/shop")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Show what would be trusted and what already is; change nothing.")
@click.option("--remove", is_flag=True, help="Stop trusting these files.")
@click.option("--yes", is_flag=True, help="Trust them without being asked. Read them first.")
def trust_command(folder: Path | None, show: bool, remove: bool, yes: bool) -> int:
    """Trust the files of a project until they change: project file, dbt files, verified queries.

    FOLDER is the folder that holds them; by default, that of the nearest project file here or above. Until you trust
    it, a project file that was found (not named with --config) can only name data in its own folder, add to the
    policy and lower limits, and verified queries are not used. On a terminal you are asked to confirm; elsewhere
    running this command is enough.
    """
    if show and remove:
        raise ConfigError("--show and --remove cannot be combined", "Use one of them.")
    place = _find_folder(folder)
    trusted = TrustedFiles(find_home())
    if remove:
        return _remove(place, trusted)
    file = place / PROJECT_FILE
    queries = VerifiedQueries(place / QUERY_FOLDER, trusted, found=True).list_files()
    # There may be verified queries without it: --config can name a project file of another name.
    has_file = file.is_file()
    if not has_file and not queries:
        raise ConfigError(f"there is no {PROJECT_FILE} in {make_one_line(str(place), PATH_CHARS)}", "Check the folder.")
    content = read_settings_file(file) if has_file else None
    lines = [] if content is None else [*_describe_settings(file, content, trusted)]
    dbt = _read_dbt(file, content)
    results.write_text("\n".join([*lines, *_describe_queries(queries, trusted), *_describe_dbt(dbt, trusted)]))
    if show:
        return 0
    if not yes and sys.stdin.isatty() and not click.confirm("Trust this?", default=False, err=True):
        print_note("not trusted")
        return _DECLINED_EXIT_CODE
    # Trust what was shown, even if the files have changed since.
    if content is not None:
        trusted.add(file, content)
    for query in queries:
        if query.content is not None:
            trusted.add(query.path, query.content)
    for one in dbt:
        trusted.add(one.path, one.content)
    print_note(f"trusted until they change. To undo it: {compose_trust(place, '--remove')}")
    return 0


def _find_folder(folder: Path | None) -> Path:
    """Return the folder, with links resolved.

    Raises:
        ConfigError: there is no project file here or above.
    """
    if folder is not None:
        place = folder.expanduser().resolve()
        return place.parent if place.name == PROJECT_FILE and place.is_file() else place
    file = find_project_file()
    if file is None:
        raise ConfigError(f"there is no {PROJECT_FILE} here or above", "Name its folder: nl2sql trust FOLDER")
    return file.parent


def _remove(place: Path, trusted: TrustedFiles) -> int:
    removed = trusted.remove([place, place / QUERY_FOLDER], below=place, suffixes=SUFFIXES)
    for path in removed:
        results.write_text(_flatten(str(path)))
    print_note("no longer trusted" if removed else "nothing in that folder was trusted")
    return 0


def _describe_settings(file: Path, content: bytes, trusted: TrustedFiles) -> Iterator[str]:
    """Yield whether the project file is trusted, and what its settings do.

    Raises:
        ConfigError: it cannot be read.
    """
    waiting, stranger = find_waiting_settings(file, content), find_stranger(file)
    yield f"{_flatten(str(file))}: {_describe_state(file, content, trusted)}" + (f"; {stranger}" if stranger else "")
    for name, value in waiting.items():
        for text in _format_value(name, value):
            yield f"  {name}{text}"
        if name == "model.base_url":
            yield f"    {_describe_key()}, questions, the schema and rows go to this address"
    if not waiting:
        yield "  nothing in it needs your trust"


def _describe_queries(queries: Sequence[QueryFile], trusted: TrustedFiles) -> Iterator[str]:
    """Yield whether each verified query is trusted, and its SQL."""
    for read in queries:
        if read.content is not None:
            yield f"{QUERY_FOLDER}/{_flatten(read.path.name)}: {_describe_state(read.path, read.content, trusted)}"
        if read.query:
            yield f"  {read.query.name}: {_flatten(read.query.question)}"
            yield from _show_sql(read.query.sql)
        elif read.problem:
            yield f"  cannot be used: {_flatten(read.problem.message)}"


def _read_dbt(file: Path, content: bytes | None) -> tuple[DbtFile, ...]:
    """Return the dbt files that the project file names.

    Raises:
        ConfigError: they cannot be read.
    """
    place = None if content is None else find_waiting_settings(file, content).get("context.dbt")
    return read_files(file.parent, place) if place else ()


def _describe_dbt(files: Sequence[DbtFile], trusted: TrustedFiles) -> Iterator[str]:
    """Yield whether each dbt file is trusted, and all that it says.

    Raises:
        ConfigError: PyYAML is not installed.
    """
    for file in files:
        yield f"{_flatten(file.name)}: {_describe_state(file.path, file.content, trusted)}"
        try:
            notes = read_notes([file])
        except ConfigError as exc:
            yield f"  cannot be used: {_flatten(exc.message)}"
            continue
        for table in notes.tables:
            texts = {"": table.description} | {f".{name}": text for name, text in table.columns.items()}
            yield from (
                f"    | {_flatten(table.full_name + name)}: {_flatten(text)}" for name, text in texts.items() if text
            )
        yield from (f"    | {_flatten(name)} means {_flatten(text)}" for name, text in notes.metrics.items())


def _describe_state(path: Path, content: bytes, trusted: TrustedFiles) -> str:
    if trusted.has(path, content):
        return "trusted"
    return "changed since you trusted it" if trusted.has_other(path) else "not trusted"


def _describe_key() -> str:
    """Return which key an endpoint is sent, by its variable."""
    return f"your API key ({KEY_VARIABLE})" if os.environ.get(KEY_VARIABLE) else f"{KEY_VARIABLE}, once you set it"


def _show_sql(sql: str) -> Iterator[str]:
    """Yield the SQL as lines behind a bar, so that none looks like our own text; long SQL is cut."""
    lines = sql.splitlines()
    yield from (f"    | {_flatten_line(line)}" for line in lines[:_SQL_LINES])
    if len(lines) > _SQL_LINES:
        yield f"    … {len(lines) - _SQL_LINES:,} more lines"


def _flatten_line(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent[:_INDENT_CHARS] + _flatten(line)


def _format_value(name: str, value: Any) -> Iterator[str]:
    """Yield the value of a setting as lines that follow its name."""
    if isinstance(value, Mapping):
        yield from (f".{_flatten(key)}{text}" for key, one in value.items() for text in _format_value("", one))
    elif isinstance(value, tuple | frozenset):
        yield from (f" = {_flatten(str(one))}" for one in value)
    else:
        yield f" = {show_address(value) if name == 'model.base_url' else _flatten(str(value))}"


def _flatten(text: str) -> str:
    """Return text of the files on one line, without control characters; where it is cut, with its length."""
    shown = make_one_line(text, _VALUE_CHARS)
    return f"{shown} ({len(text):,} characters)" if len(text) > _VALUE_CHARS else shown
