"""Verified queries: SQL that a person has approved as the right answer to a question, one file each.

A file is SQL with a header of comments. Nothing here runs it or judges it: at every use the guard does.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nl2sql.config import Config
from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import closest
from nl2sql.store.header import FIELDS, header_of, split
from nl2sql.store.parameters import Parameter, Value, bind, check_places, sample_value

FOLDER: Final = "queries"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
# Names that a function for the model cannot have, since its other tools have them.
RESERVED: Final = frozenset({"sql_query", "list_tables", "describe_table", "find_values", "ask_user"})
_FILE_BYTES: Final = 200_000
_MAKE_ONE: Final = "Make one: nl2sql init --db shop.duckdb"
_SENTENCE_MARK: Final = re.compile(r"(?<![?!.,;:…¿¡])[?!.,;:…¿¡]++(?=\s|\Z)|(?:(?<=\s)|\A)[¿¡]++")


@dataclass(frozen=True, slots=True)
class VerifiedQuery:
    """One verified query. `sql` has `$name` where the value of a parameter goes.

    `name` is letters, digits, `_` and `-`. ConfigError where a part is not as it should be.
    """

    name: str
    question: str
    sql: str
    description: str = ""
    verified_by: str = ""
    verified_at: dt.date | None = None
    use_as_onboarding_question: bool = False
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or self.name in RESERVED:
            hint = "Use up to 64 letters, digits, _ and -, beginning with a letter, like revenue_by_month."
            raise ConfigError(f"{self.name!r} cannot be a verified query's name", hint)
        for field in ("question", "description", "verified_by"):
            object.__setattr__(self, field, " ".join(getattr(self, field).split()))
        object.__setattr__(self, "sql", self.sql.strip().removesuffix(";").rstrip())
        if not self.question:
            raise ConfigError(f"the verified query {self.name} has no question", "Say what it answers.")
        if not self.sql:
            raise ConfigError(f"the verified query {self.name} has no SQL", "Write the SQL below its header.")
        check_places(self.sql, self.parameters)

    @property
    def answers_alone(self) -> bool:
        """Whether it can run with no value given: it has no parameter without a default."""
        return not any(parameter.required for parameter in self.parameters)

    def bound(self, values: Mapping[str, Value] | None = None) -> str:
        """The SQL with values, as typed literals, in the places of its parameters. CallError where they don't fit."""
        return bind(self.sql, self.parameters, values or {})

    def sample(self) -> str:
        """The SQL with values to try it with: the defaults, and simple values where there is none."""
        return self.bound({parameter.name: sample_value(parameter) for parameter in self.parameters})


class VerifiedQueries:
    """The verified queries of a folder. It is read anew by each call, so that an edit counts at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, config: Config) -> VerifiedQueries:
        """Those beside the project file. ConfigError where there is none."""
        if config.file is None:
            raise ConfigError("verified queries lie beside a project file, and there is none here", _MAKE_ONE)
        return cls(config.file.absolute().parent / FOLDER)

    def list(self) -> tuple[VerifiedQuery, ...]:
        """Those that can be read, by name; `problems` has the others."""
        return tuple(query for query, _ in self._read()[0])

    def problems(self) -> tuple[ConfigError, ...]:
        """What is wrong with the files that cannot be read, each with its file's name."""
        return self._read()[1]

    def get(self, name: str) -> VerifiedQuery:
        """The one of that name. ConfigError where there is none."""
        return self._found(name)[0]

    def add(self, query: VerifiedQuery) -> Path:
        """Write it, and return its file. ConfigError where its name or question is taken, or the disk fails."""
        for other in self.list():
            if other.name.lower() == query.name.lower():
                raise ConfigError(f"there is a verified query {other.name} already", "Remove it first, or rename.")
            if folded(other.question) == folded(query.question):
                raise ConfigError(f"{other.name} has that question already", "Remove it first, or ask another.")
        path = self.folder / f"{query.name}.sql"
        text = as_text(query)
        if path.exists():
            raise ConfigError(f"{FOLDER}/{path.name} is there already", "Remove it first, or rename.")
        if parse(text, query.name) != query:
            raise ConfigError(f"{query.name} cannot be written as a file", "Leave unusual characters out of it.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(path, text)
        except OSError as exc:
            raise ConfigError(f"{FOLDER}/{path.name} cannot be written: {exc.strerror}", "Check the folder.") from exc
        return path

    def remove(self, name: str) -> Path:
        """Delete its file, and return where that was. ConfigError where there is none of that name."""
        path = self._found(name)[1]
        try:
            path.unlink()
        except OSError as exc:
            raise ConfigError(f"{FOLDER}/{path.name} cannot be removed: {exc.strerror}", "Check the folder.") from exc
        return path

    def answering(self, question: str) -> VerifiedQuery | None:
        """The one that answers it, if any: see the function of that name."""
        return answering(question, self.list())

    def _found(self, name: str) -> tuple[VerifiedQuery, Path]:
        read, problems = self._read()
        known = {query.name: (query, path) for query, path in read}
        if name in known:
            return known[name]
        for problem in problems:
            if problem.message.startswith(f"{FOLDER}/{name}.sql:"):
                raise problem
        near = closest(name, known)
        hint = f"Did you mean {near}?" if near else "`nl2sql queries list` lists them."
        raise ConfigError(f"there is no verified query {name!r}", hint)

    def _read(self) -> tuple[tuple[tuple[VerifiedQuery, Path], ...], tuple[ConfigError, ...]]:
        read: dict[str, tuple[VerifiedQuery, Path]] = {}
        problems = []
        for path in sorted(self.folder.glob("*.sql")):
            try:
                query = parse(_text_of(path), path.stem)
                if query.name.lower() in read:
                    other = read[query.name.lower()][1].name
                    raise ConfigError(f"{other} has the name {query.name} too", "Rename one of them.")
                read[query.name.lower()] = query, path
            except ConfigError as exc:
                problems.append(ConfigError(f"{FOLDER}/{path.name}: {exc.message}", exc.hint))
        return tuple(sorted(read.values(), key=lambda found: found[0].name)), tuple(problems)


def answering(question: str, queries: Iterable[VerifiedQuery]) -> VerifiedQuery | None:
    """The query whose question this is, but for case, spaces and sentence marks; None where no or several fit."""
    wanted = folded(question)
    found = [query for query in queries if folded(query.question) == wanted and query.answers_alone]
    return found[0] if len(found) == 1 else None


def parse(text: str, stem: str) -> VerifiedQuery:
    """The query of a file's text; `stem` is its name where the header has none. ConfigError."""
    lines, sql = split(text)
    return VerifiedQuery(**{"name": stem, "question": "", **header_of(lines)}, sql=sql)


def as_text(query: VerifiedQuery) -> str:
    """The query as a file's text: valid SQL, its header in comments."""
    lines = []
    for field in FIELDS:
        value = getattr(query, field)
        if field == "parameters":
            lines += ["-- parameters:", *(f"--   {one.as_text()}" for one in value)] if value else []
        elif isinstance(value, bool):
            lines.append(f"-- {field}: {str(value).lower()}")
        elif value:
            lines.append(f"-- {field}: {value}")
    return "\n".join([*lines, "", query.sql + ";", ""])


def query_object(query: VerifiedQuery) -> dict[str, Any]:
    """Every field of a query as JSON has it."""

    def plain(value: Value) -> Any:
        return value.isoformat() if isinstance(value, dt.date) else value

    return {
        "name": query.name,
        "question": query.question,
        "description": query.description or None,
        "verified_by": query.verified_by or None,
        "verified_at": plain(query.verified_at),
        "use_as_onboarding_question": query.use_as_onboarding_question,
        "parameters": [
            {
                "name": one.name,
                "type": one.type,
                "required": one.required,
                "default": plain(one.default),
                "description": one.description or None,
            }
            for one in query.parameters
        ],
        "sql": query.sql,
    }


def folded(question: str) -> str:
    """The question without what does not change its meaning: case, spaces, marks at the end of a word."""
    text = unicodedata.normalize("NFC", question).casefold().replace("’", "'")
    return " ".join(_SENTENCE_MARK.sub(" ", text).split())


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
        if len(data) > _FILE_BYTES:
            raise ConfigError(f"it is larger than {_FILE_BYTES // 1000} KB", "Shorten the SQL.")
        return data.decode("utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"it cannot be read: {exc.strerror}", "Check its permissions.") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError("it is not UTF-8", "Save it as UTF-8.") from exc


def _write(path: Path, text: str) -> None:
    """A new file, whole or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        with half.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
