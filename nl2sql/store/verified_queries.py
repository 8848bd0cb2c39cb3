"""Verified queries: SQL that a person approved as the right answer to a question, one file each.

A file is SQL below a header of comments, `-- field: value`. A file that this user neither wrote nor trusted is not
used. Nothing here runs or judges the SQL: the guard does at every use.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nl2sql.atomic_write import write_atomically
from nl2sql.config import QUERY_BYTES, QUERY_FOLDER, Config
from nl2sql.config.trusted_files import LEADS_OUT, TrustedFiles, compose_trust, has_link_outside, read_file
from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest
from nl2sql.store.query_parameters import (
    Parameter,
    Value,
    bind_parameters,
    check_placeholders,
    make_sample_value,
    parse_parameter,
)
from nl2sql.types import ToolName

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
# Names of the model's tools, which a verified query offered as a tool cannot have.
RESERVED: Final = frozenset(ToolName)
_FIELDS: Final = (
    "name",
    "question",
    "description",
    "verified_by",
    "verified_at",
    "use_as_onboarding_question",
    "parameters",
)
_FIELD_LINE: Final = re.compile(r"--[ \t]?(\w+)[ \t]*:(.*)\Z")
_CONTINUATION_LINE: Final = re.compile(r"--(?:[ \t]{2,}|\t)(.*)\Z")
_TRUE_WORDS: Final = ("true", "yes")
_FALSE_WORDS: Final = ("false", "no", "")
_CREATE_PROJECT_HINT: Final = "Make one: nl2sql init --db shop.duckdb"
_PUNCTUATION: Final = re.compile(r"(?<![?!.,;:…¿¡])[?!.,;:…¿¡]++(?=\s|\Z)|(?:(?<=\s)|\A)[¿¡]++")


@dataclass(frozen=True, slots=True)
class VerifiedQuery:
    """One verified query. `sql` has `$name` in place of each parameter's value.

    `name` consists of letters, digits, `_` and `-`.

    Raises:
        ConfigError: a field is not valid.
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
        """Whether the query can run without values: every parameter has a default."""
        return not any(parameter.required for parameter in self.parameters)

    def bind(self, values: Mapping[str, Value] | None = None) -> str:
        """Return the SQL with values in place of its parameters, as typed literals.

        Raises:
            CallError: the values do not match the parameters.
        """
        return bind_parameters(self.sql, self.parameters, values or {})

    def bind_samples(self) -> str:
        """Return the SQL with values to try it with: the defaults, and simple values for parameters without one."""
        return self.bind({parameter.name: make_sample_value(parameter) for parameter in self.parameters})


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A file of a verified query. `problem` says why it is not used; None if it is.

    `content` and `query` are None if it cannot be read.
    """

    path: Path
    content: bytes | None = None
    query: VerifiedQuery | None = None
    problem: ConfigError | None = None


class VerifiedQueries:
    """The verified queries of a folder. Each call reads the folder again, so that an edit applies at once.

    With `found`, nobody named the folder: only files that `trusted` holds are used. Without it all are used, except
    links that lead out of the folder.
    """

    def __init__(self, folder: Path, trusted: TrustedFiles | None = None, *, found: bool = False) -> None:
        self.folder = folder
        self._trusted = trusted
        self._is_found = found

    @classmethod
    def open_for_project(cls, config: Config) -> VerifiedQueries:
        """Return the queries next to the project file.

        Raises:
            ConfigError: there is no project file.
        """
        if config.file is None:
            raise ConfigError(
                "verified queries lie beside a project file, and there is none here", _CREATE_PROJECT_HINT
            )
        folder = config.file.absolute().parent / QUERY_FOLDER
        return cls(folder, TrustedFiles(config.home), found=config.is_found)

    def list(self) -> tuple[VerifiedQuery, ...]:
        """Return the queries that can be read and are trusted, by name; `list_problems` returns the others."""
        found = [file.query for file in self.list_files() if file.query and not file.problem]
        return tuple(sorted(found, key=lambda query: query.name))

    def list_problems(self) -> tuple[ConfigError, ...]:
        """Return what is wrong with the files that are not used, each with its file's name."""
        return tuple(file.problem for file in self.list_files() if file.problem)

    def get(self, name: str) -> VerifiedQuery:
        """Return the query of that name.

        Raises:
            ConfigError: there is none, or it is not trusted.
        """
        query, problem = self.find(name)
        if problem:
            raise problem
        return query

    def find(self, name: str) -> tuple[VerifiedQuery, ConfigError | None]:
        """Return the query of that name, and why it is not used; None if it is used.

        Raises:
            ConfigError: there is none that can be read.
        """
        file = self._find_file(name)
        assert file.query is not None
        return file.query, file.problem

    def add(self, query: VerifiedQuery) -> Path:
        """Write the query to a file, trust the file, and return its path.

        Raises:
            ConfigError: the name or the question is taken, or the file cannot be written.
        """
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
        self._refuse_linked_folder()
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
        """Delete the file of the query, and return its path.

        Raises:
            ConfigError: there is no query of that name, or its file cannot be deleted.
        """
        file = self._find_file(name)
        path = file.path
        self._refuse_linked_folder()
        try:
            path.unlink()
        except OSError as exc:
            hint = "Check the folder."
            raise ConfigError(f"{QUERY_FOLDER}/{path.name} cannot be removed: {exc.strerror}", hint) from exc
        if self._trusted and file.content is not None:
            self._trusted.discard(path, file.content)
        return path

    def find_answer(self, question: str) -> VerifiedQuery | None:
        """Return the query that answers the question, as `find_answering_query`; None if there is none."""
        return find_answering_query(question, self.list())

    def list_files(self) -> tuple[QueryFile, ...]:
        """Return every file of the folder, by file name."""
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
            # The message may quote the file, and a link may lead to a file that others must not read.
            quotes_another = problem is not None and has_link_outside(path)
            return QueryFile(
                path, content, None, problem if quotes_another else _make_problem(path, exc.message, exc.hint)
            )

    def _find_doubt(self, path: Path, content: bytes) -> str:
        """Return why the file is not used, as a clause about `it`; empty if it is used."""
        if self._trusted:
            return self._trusted.find_doubt(path, content, is_found=self._is_found)
        return LEADS_OUT if has_link_outside(path) else ""

    def _find_file(self, name: str) -> QueryFile:
        """Return the file of the query of that name, preferably one that is used.

        Raises:
            ConfigError: there is none that can be read.
        """
        files = [file for file in self.list_files() if file.query]
        for file in sorted(files, key=lambda file: file.problem is not None):
            if file.query and file.query.name == name:
                return file
        for file in self.list_files():
            if file.problem and file.path.stem == name:
                raise file.problem
        closest = find_closest(name, [file.query.name for file in files if file.query])
        hint = f"Did you mean {closest}?" if closest else "`nl2sql queries list` lists them."
        raise ConfigError(f"there is no verified query {name!r}", hint)

    def _refuse_linked_folder(self) -> None:
        """Check that the folder is no link: otherwise its target would decide where files are written and deleted.

        Raises:
            ConfigError: the folder is a link that leads out of its parent.
        """
        if has_link_outside(self.folder / "any.sql"):
            raise ConfigError(
                f"{QUERY_FOLDER} is a link that leads out of its folder", "Put a folder of that name in its place."
            )


def find_answering_query(question: str, queries: Iterable[VerifiedQuery]) -> VerifiedQuery | None:
    """Return the query whose question this is, ignoring case, spaces and punctuation; None if none or several match."""
    wanted = normalize_question(question)
    found = [query for query in queries if normalize_question(query.question) == wanted and query.has_all_defaults]
    return found[0] if len(found) == 1 else None


def parse_query_file(text: str, stem: str) -> VerifiedQuery:
    """Return the query of a file's text; `stem` is its name if the header has none.

    Raises:
        ConfigError: the header cannot be read, or a field is not valid.
    """
    lines, sql = _split_header(text)
    return VerifiedQuery(**{"name": stem, "question": "", **_parse_header(lines)}, sql=sql)


def format_query_file(query: VerifiedQuery) -> str:
    """Return the query as the text of a file: valid SQL below its header in comments."""
    lines = []
    for field in _FIELDS:
        value = getattr(query, field)
        if field == "parameters":
            lines += ["-- parameters:", *(f"--   {one.format_line()}" for one in value)] if value else []
        elif isinstance(value, bool):
            lines.append(f"-- {field}: {str(value).lower()}")
        elif value:
            lines.append(f"-- {field}: {value}")
    return "\n".join([*lines, "", query.sql + ";", ""])


def make_query_object(query: VerifiedQuery) -> dict[str, Any]:
    """Return all fields of a query as a JSON object."""

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
    """Return the question without what does not change its meaning: case, extra spaces, punctuation.

    >>> normalize_question("  How many  Bees? ")
    'how many bees'
    """
    text = unicodedata.normalize("NFC", question).casefold().replace("’", "'")
    return " ".join(_PUNCTUATION.sub(" ", text).split())


def _split_header(text: str) -> tuple[tuple[str, ...], str]:
    """Return the lines of the header, and the SQL below it."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    count = next((place for place, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return tuple(line.rstrip() for line in lines[:count]), "\n".join(lines[count:])


def _parse_header(lines: Sequence[str]) -> dict[str, Any]:
    """Return the values of the header, by field.

    Raises:
        ConfigError: a line cannot be read.
    """
    texts: dict[str, list[str]] = {}
    field = ""
    for line in lines:
        more, found = _CONTINUATION_LINE.match(line), _FIELD_LINE.match(line)
        if more and field:
            texts[field].append(more[1].strip())
        elif found:
            field = found[1].lower()
            if field not in _FIELDS or field in texts:
                raise _make_field_error(field, field in texts)
            texts[field] = [found[2].strip()]
        elif line.strip("- \t"):
            raise ConfigError(f"the header has a line that is no field: {line}", "Write it like `-- question: …`.")
    return {name: _parse_value(name, [text for text in given if text]) for name, given in texts.items()}


def _make_field_error(field: str, is_duplicate: bool) -> ConfigError:
    if is_duplicate:
        return ConfigError(f"the header has {field} twice", "Keep one of them.")
    closest = find_closest(field, _FIELDS)
    return ConfigError(
        f"the header has no field {field!r}",
        f"Did you mean {closest}?" if closest else f"Fields are {', '.join(_FIELDS)}.",
    )


def _parse_value(field: str, texts: Sequence[str]) -> Any:
    if field == "parameters":
        return tuple(parse_parameter(text) for text in texts if text.lower() != "none")
    text = " ".join(texts)
    if field == "use_as_onboarding_question":
        if text.lower() not in (*_TRUE_WORDS, *_FALSE_WORDS):
            raise ConfigError(f"{field} is neither true nor false: {text}", "Write true or false.")
        return text.lower() in _TRUE_WORDS
    return _parse_date(field, text) if field == "verified_at" else text


def _parse_date(field: str, text: str) -> dt.date | None:
    try:
        return dt.datetime.fromisoformat(text).date() if text else None
    except ValueError as exc:
        raise ConfigError(f"{field} is no date: {text}", "Write it like 2025-01-31.") from exc


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError("it is not UTF-8", "Save it as UTF-8.") from exc


def _make_problem(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError(f"{QUERY_FOLDER}/{path.name}: {message}", hint)
