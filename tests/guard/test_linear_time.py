"""Patterns over texts that others wrote take time in proportion to the text, whatever it repeats."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import nl2sql.guard
import nl2sql.schema
from nl2sql import guard
from nl2sql.guard.engine_errors import clean_message, read_tree_error
from nl2sql.guard.name_resolution import Names
from nl2sql.types import Policy, Schema

pytestmark = pytest.mark.alone

# A small number first: what takes exponential time never comes back from a large one.
GROWTH = (25, 400, 20_000)
SECONDS = 0.5
PIECES: tuple[str, ...] = (
    " ",
    "\n",
    "(",
    "--",
    "/*",
    "*/",
    "/* */",
    "-- \n",
    "a",
    "a ",
    "'",
    "string '",
    'value "',
    "/",
    "/a",
    "C:\\",
    "[",
    "<",
)
PIECES += (
    "Did you mean ",
    "\nLINE 1:",
    "LINE",
    " Candidates:",
    "x(",
    "1, ",
    "[]",
    "_",
    ".",
    "@a",
    "`",
    "\u0301",
    "'s ",
    "DATE",
)


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for package in (nl2sql.guard, nl2sql.schema):
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            for name, value in vars(loaded).items():
                if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                    yield f"{module.name}.{name}", value


@pytest.mark.parametrize(("name", "pattern"), sorted(patterns()))
def test_a_pattern_takes_time_in_proportion(name: str, pattern: re.Pattern[str]) -> None:
    for repeats in GROWTH:
        for piece in PIECES:
            for text in (piece * repeats, piece * repeats + ";", f"x{piece * repeats}\0"):
                text = text[: GROWTH[-1]]
                start = time.process_time()
                pattern.match(text)
                pattern.sub("", text)
                assert time.process_time() - start < SECONDS, f"{name} over {repeats} times {piece!r}"


@pytest.mark.parametrize("piece", [" ", "\n", "--\n", "/**/", "(", "/*"])
def test_a_statement_behind_much_of_nothing_is_refused_at_once(piece: str, session_judge: guard.Judge) -> None:
    names = Names(Schema(()), Policy())
    document = {"error": True, "error_message": "Only SELECT statements can be serialized to json!"}
    start = time.process_time()
    assert read_tree_error(document, piece * (19_000 // len(piece)) + "; drop table low", names).rule == "read-only"
    assert guard.examine(" " * 5000 + "; drop table low", Policy(), session_judge).findings[0].rule == "read-only"
    assert time.process_time() - start < SECONDS


def test_of_a_long_message_only_the_beginning_is_read() -> None:
    names = Names(Schema(()), Policy())
    message = "Could not convert string '" + "secret " * 10_000 + "' to INT32"
    start = time.process_time()
    assert clean_message(message, "SELECT 1", names) == "Could not convert string '…'"
    assert clean_message("string '" * 10_000, "SELECT 1", names)
    assert time.process_time() - start < SECONDS
