"""Read the questions of an evaluation from JSON lines, choose some, and put them in order.

It opens no database. A line that is no example is reported, and the others are read.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nl2sql.errors import ConfigError

_LIKE_THIS: Final = 'Write lines like {"id": 1, "db": "shop", "question": "…", "gold_sql": "SELECT …"}.'


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the database it is about: all that the assistant may know of an example."""

    id: str
    db: str
    text: str
    evidence: str = ""
    difficulty: str = ""
    source: str = ""

    @property
    def text_with_hint(self) -> str:
        """The question with its evidence as a hint."""
        return f"{self.text}\nHint: {self.evidence}" if self.evidence else self.text


@dataclass(frozen=True, slots=True)
class GoldQuery:
    """The right SQL, for the scorer only. With `ordered` None the SQL says whether the order of rows counts."""

    sql: str
    ordered: bool | None = None


@dataclass(frozen=True, slots=True)
class EvalExample:
    """One question and its gold."""

    question: Question
    gold: GoldQuery


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no example: its number from 1, and why."""

    line: int
    problem: str


def read_examples(path: Path) -> tuple[list[EvalExample], list[BadLine]]:
    """Return the file's examples in its order, and the lines that are none.

    Raises:
        ConfigError: where the file cannot be read or has no example.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", "Check the name and its permissions.") from exc
    examples: dict[str, EvalExample] = {}
    bad: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            example = _parse_example(line)
        except ValueError as exc:
            bad.append(BadLine(number, str(exc)))
            continue
        if example.question.id in examples:
            bad.append(BadLine(number, f"the id {example.question.id} is there already"))
        else:
            examples[example.question.id] = example
    if not examples:
        first = f"line {bad[0].line}: {bad[0].problem}" if bad else "it is empty"
        raise ConfigError(f"{path} holds no question with gold SQL ({first})", _LIKE_THIS)
    return list(examples.values()), bad


def append_example(path: Path, example: EvalExample) -> None:
    """Add the example to the file as a line; make the file where there is none.

    Raises:
        ConfigError: where the file cannot be read or written, or has that id or question already.
    """
    question = example.question
    known = read_examples(path)[0] if path.exists() and path.read_bytes().strip() else []
    for other in known:
        if other.question.id == question.id or (other.question.text, other.question.db) == (question.text, question.db):
            raise ConfigError(f"{path} has that question already", "Remove its line first to replace it.")
    fields = {"id": question.id, "db": question.db, "question": question.text, "gold_sql": example.gold.sql}
    line = json.dumps(fields, ensure_ascii=False)
    try:
        with path.open("a+b") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode())
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}", "Check the folder and its permissions.") from exc


def select_examples(
    examples: Sequence[EvalExample], limit: int | None = None, seed: int | None = None
) -> list[EvalExample]:
    """Return `limit` examples (None for all), shuffled by `seed` where one is given, those of a database together.

    Then each database is opened once, and the model's prompt cache holds.
    """
    chosen = list(examples)
    if seed is not None:
        random.Random(seed).shuffle(chosen)
    by_database: dict[str, list[EvalExample]] = {}
    for example in chosen[:limit]:
        by_database.setdefault(example.question.db, []).append(example)
    return [example for group in by_database.values() for example in group]


def _parse_example(line: bytes) -> EvalExample:
    """Return the line's example.

    Raises:
        ValueError: where it is none; the message says why.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError("it is not JSON") from exc
    if not isinstance(fields, dict):
        raise ValueError("it is no JSON object")
    if not isinstance(fields.get("id"), str | int) or isinstance(fields["id"], bool) or fields["id"] == "":
        raise ValueError("it has no id")
    ordered = fields.get("order_matters")
    if ordered is not None and not isinstance(ordered, bool):
        raise ValueError("order_matters is neither true nor false")
    question = Question(
        id=str(fields["id"]),
        db=_read_field(fields, "db", needed=False),
        text=_read_field(fields, "question"),
        evidence=_read_field(fields, "evidence", needed=False),
        difficulty=_read_field(fields, "difficulty", needed=False),
        source=_read_field(fields, "source", needed=False),
    )
    return EvalExample(question, GoldQuery(_read_field(fields, "gold_sql"), ordered))


def _read_field(fields: dict[str, Any], name: str, *, needed: bool = True) -> str:
    value = fields.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ValueError(f"it has no {name}" if value is None or value == "" else f"{name} is not text")
    return value.strip()
