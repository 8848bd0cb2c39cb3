"""Verified queries: SQL that a person has approved as the right answer to a question, one file each.

A file is SQL with a header of comments. One that this user neither wrote nor trusted is not used. Nothing here runs it
or judges it: at every use the guard does.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nl2sql.atomic_write import write_atomically
from nl2sql.config import QUERY_BYTES, QUERY_FOLDER, Config
from nl2sql.config.trusted_files import LEADS_OUT, TrustedFiles, compose_trust, has_link_outside, read_file
from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest
from nl2sql.store.query_header import FIELDS, parse_header, split_header
from nl2sql.store.query_parameters import Parameter, Value, bind_parameters, check_placeholders, make_sample_value
from nl2sql.types import ToolName

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
# Names that a function for the model cannot have, since its other tools have them.
RESERVED: Final = frozenset(ToolName)
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
        check_placeholders(self.sql, self.parameters)

    @property
    def has_all_defaults(self) -> bool:
        """Whether it can run with no value given: it has no parameter without a default."""
        return not any(parameter.required for parameter in self.parameters)

    def bind(self, values: Mapping[str, Value] | None = None) -> str:
        """The SQL with values, as typed literals, in the places of its parameters. CallError where they don't fit."""
        return bind_parameters(self.sql, self.parameters, values or {})

    def bind_samples(self) -> str:
        """The SQL with values to try it with: the defaults, and simple values where there is none."""
        return self.bind({parameter.name: make_sample_value(parameter) for parameter in self.parameters})


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A file of a verified query as it was read. `problem` says why it is not used; None where it is.

    `content` and `query` are None where it cannot be read.
    """

    path: Path
    content: bytes | None = None
    query: VerifiedQuery | None = None
    problem: ConfigError | None = None


class VerifiedQueries:
    """The verified queries of a folder. It is read anew by each call, so that an edit counts at once.

    With `found` only those count that `trusted` holds: nobody named that folder. Without, all do but links that lead
    out of it.
    """

    def __init__(self, folder: Path, trusted: TrustedFiles | None = None, *, found: bool = False) -> None:
        self.folder = folder
        self._trusted = trusted
        self._is_found = found

    @classmethod
    def open_for_project(cls, config: Config) -> VerifiedQueries:
        """Those beside the project file. ConfigError where there is none."""
        if config.file is None:
            raise ConfigError("verified queries lie beside a project file, and there is none here", _MAKE_ONE)
        folder = config.file.absolute().parent / QUERY_FOLDER
        return cls(folder, TrustedFiles(config.home), found=config.is_found)

    def list(self) -> tuple[VerifiedQuery, ...]:
        """Those that can be read and are trusted, by name; `list_problems` has the others."""
        found = [file.query for file in self.list_files() if file.query and not file.problem]
        return tuple(sorted(found, key=lambda query: query.name))

    def list_problems(self) -> tuple[ConfigError, ...]:
        """What is wrong with the files that are not used, each with its file's name."""
        return tuple(file.problem for file in self.list_files() if file.problem)

    def get(self, name: str) -> VerifiedQuery:
        """The one of that name. ConfigError where there is none, or it is not trusted."""
        query, problem = self.find(name)
        if problem:
            raise problem
        return query

    def find(self, name: str) -> tuple[VerifiedQuery, ConfigError | None]:
        """The one of that name, and why it is not used where it is not. ConfigError where there is none to be read."""
        file = self._find_file(name)
        assert file.query is not None
        return file.query, file.problem

    def add(self, query: VerifiedQuery) -> Path:
        """Write it, trust it, and return its file. ConfigError where name or question is taken, or the disk fails."""
        for other in (file.query for file in self.list_files() if file.query):
            if other.name.lower() == query.name.lower():
                raise ConfigError(f"there is a verified query {other.name} already", "Remove it first, or rename.")
            if normalize_question(other.question) == normalize_question(query.question):
                raise ConfigError(f"{other.name} has that question already", "Remove it first, or ask another.")
        path, text = self.folder / f"{query.name}.sql", format_query_file(query)
        if path.exists():
            raise ConfigError(f"{QUERY_FOLDER}/{path.name} is there already", "Remove it first, or rename.")
        if parse_query_file(text, query.name) != query:
            raise ConfigError(f"{query.name} cannot be written as a file", "Leave unusual characters out of it.")
        self._refuse_detour()
        content = text.encode()
        if self._trusted:
            self._trusted.add(path, content)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content, sync=True)
        except OSError as exc:
            hint = "Check the folder."
            raise ConfigError(f"{QUERY_FOLDER}/{path.name} cannot be written: {exc.strerror}", hint) from exc
        return path

    def remove(self, name: str) -> Path:
        """Delete its file, and return where that was. ConfigError where there is none of that name."""
        file = self._find_file(name)
        path = file.path
        self._refuse_detour()
        try:
            path.unlink()
        except OSError as exc:
            hint = "Check the folder."
            raise ConfigError(f"{QUERY_FOLDER}/{path.name} cannot be removed: {exc.strerror}", hint) from exc
        if self._trusted and file.content is not None:
            self._trusted.discard(path, file.content)
        return path

    def find_answer(self, question: str) -> VerifiedQuery | None:
        """The one that answers it, if any: see the function of that name."""
        return find_answering_query(question, self.list())

    def list_files(self) -> tuple[QueryFile, ...]:
        """Every file of the folder, by its name."""
        taken: dict[str, str] = {}
        files = []
        for file in (self._read(path) for path in sorted(self.folder.glob("*.sql"))):
            if file.query and not file.problem:
                name = file.query.name
                if other := taken.get(name.lower()):
                    problem = _make_problem(file.path, f"{other} has the name {name} too", "Rename one of them.")
                    file = replace(file, problem=problem)
                else:
                    taken[name.lower()] = name
            files.append(file)
        return tuple(files)

    def _read(self, path: Path) -> QueryFile:
        content, problem = None, None
        try:
            content = read_file(path, QUERY_BYTES, "it")
            if doubt := self._find_doubt(path, content):
                problem = _make_problem(path, doubt, f"Read it, then: {compose_trust(self.folder.parent)}")
            return QueryFile(path, content, parse_query_file(_decode(content), path.stem), problem)
        except ConfigError as exc:
            # What is wrong with it may quote it, which is not for all to read where a link leads there.
            quotes_another = problem is not None and has_link_outside(path)
            return QueryFile(
                path, content, None, problem if quotes_another else _make_problem(path, exc.message, exc.hint)
            )

    def _find_doubt(self, path: Path, content: bytes) -> str:
        """Why the file is not used, as a clause about `it`; empty where it is."""
        if self._trusted:
            return self._trusted.find_doubt(path, content, is_found=self._is_found)
        return LEADS_OUT if has_link_outside(path) else ""

    def _find_file(self, name: str) -> QueryFile:
        """The file of the query of that name: the one that is used, if there is one."""
        files = [file for file in self.list_files() if file.query]
        for file in sorted(files, key=lambda file: file.problem is not None):
            if file.query and file.query.name == name:
                return file
        for file in self.list_files():
            if file.problem and file.path.stem == name:
                raise file.problem
        near = find_closest(name, [file.query.name for file in files if file.query])
        hint = f"Did you mean {near}?" if near else "`nl2sql queries list` lists them."
        raise ConfigError(f"there is no verified query {name!r}", hint)

    def _refuse_detour(self) -> None:
        """ConfigError where the folder is a link: what is written or removed there would be somebody else's choice."""
        if has_link_outside(self.folder / "any.sql"):
            raise ConfigError(
                f"{QUERY_FOLDER} is a link that leads out of its folder", "Put a folder of that name in its place."
            )


def find_answering_query(question: str, queries: Iterable[VerifiedQuery]) -> VerifiedQuery | None:
    """The query whose question this is, but for case, spaces and sentence marks; None where no or several fit."""
    wanted = normalize_question(question)
    found = [query for query in queries if normalize_question(query.question) == wanted and query.has_all_defaults]
    return found[0] if len(found) == 1 else None


def parse_query_file(text: str, stem: str) -> VerifiedQuery:
    """The query of a file's text; `stem` is its name where the header has none. ConfigError."""
    lines, sql = split_header(text)
    return VerifiedQuery(**{"name": stem, "question": "", **parse_header(lines)}, sql=sql)


def format_query_file(query: VerifiedQuery) -> str:
    """The query as a file's text: valid SQL, its header in comments."""
    lines = []
    for field in FIELDS:
        value = getattr(query, field)
        if field == "parameters":
            lines += ["-- parameters:", *(f"--   {one.format_line()}" for one in value)] if value else []
        elif isinstance(value, bool):
            lines.append(f"-- {field}: {str(value).lower()}")
        elif value:
            lines.append(f"-- {field}: {value}")
    return "\n".join([*lines, "", query.sql + ";", ""])


def make_query_object(query: VerifiedQuery) -> dict[str, Any]:
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


def normalize_question(question: str) -> str:
    """The question without what does not change its meaning: case, spaces, marks at the end of a word."""
    text = unicodedata.normalize("NFC", question).casefold().replace("’", "'")
    return " ".join(_SENTENCE_MARK.sub(" ", text).split())


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError("it is not UTF-8", "Save it as UTF-8.") from exc


def _make_problem(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError(f"{QUERY_FOLDER}/{path.name}: {message}", hint)
