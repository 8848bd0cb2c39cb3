"""Dataclasses come back from JSON as they went, and what is no such value is a ValueError."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nl2sql.engines.worker.pipe_messages import decode_report, decode_verdict, encode_report, encode_verdict
from nl2sql.importing.import_account import ColumnAccount, Origin, TableAccount, read_account, write_account
from nl2sql.json_codec import decode_known_fields, decode_value, encode_value
from nl2sql.schema.serialization import decode_schema, encode_schema
from nl2sql.types import (
    Column,
    Finding,
    ForeignKey,
    MissingName,
    Policy,
    Proof,
    Repair,
    RepairKind,
    RepairReport,
    Schema,
    Table,
    Verdict,
)

SCHEMA = Schema(
    (
        Table(
            "t\ud800",
            (Column("a", "INTEGER", distinct=3, null_fraction=0.5, values=("x",)), Column("b", "DATE")),
            primary_key=("a",),
            foreign_keys=(ForeignKey(("a",), "u", ("id",)),),
        ),
    ),
    fingerprint="f",
)
VERDICT = Verdict("SELECT 1", ("t",), findings=(Finding("rule", "message", line=10**30),), judges=("tree",))
REPORT = RepairReport(
    "SELECT 1", (Repair("r", RepairKind.KEYED, "x"),), (Proof("SELECT 2", True),), MissingName("column", "n", ("t",))
)
ACCOUNT = TableAccount(
    "t",
    "t.csv",
    3,
    "csv",
    (ColumnAccount("a", "A", "DATE", nulls={"-": 2}),),
    4,
    (("r", "x"),),
    origins=(Origin("a", "t", ""),),
)
CODECS: list[tuple[Any, Any, Any]] = [
    (SCHEMA, encode_schema, decode_schema),
    (VERDICT, encode_verdict, decode_verdict),
    (REPORT, encode_report, decode_report),
    (ACCOUNT, write_account, read_account),
]


def list_paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value in it."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(below for key, value in items for below in list_paths(value, (*path, key)))]


@pytest.mark.parametrize(("value", "encode", "decode"), CODECS)
def test_a_value_comes_back_as_it_went(value: Any, encode: Any, decode: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(("value", "encode", "decode"), CODECS)
@pytest.mark.parametrize("change", ["remove", "add", "replace"])
def test_a_changed_value_is_an_error(value: Any, encode: Any, decode: Any, change: str) -> None:
    text = json.dumps(encode(value))
    for path in list_paths(json.loads(text)):
        data = json.loads(text)
        holder: Any = data
        for key in path[:-1]:
            holder = holder[key]
        if not path or path[-2:-1] == ("nulls",):
            continue
        if change == "remove" and isinstance(holder, dict):
            del holder[path[-1]]
        elif change == "add" and isinstance(holder, dict):
            holder["another"] = None
        elif change == "replace":
            holder[path[-1]] = {"neither": object()}
        else:
            continue
        with pytest.raises(ValueError):
            decode(data)


@pytest.mark.parametrize("data", [None, 3, "text", [], [[]], {}, {"sql": b"x"}])
def test_what_is_no_object_is_an_error(data: Any) -> None:
    for _, _, decode in CODECS:
        with pytest.raises(ValueError):
            decode(data)


def test_sets_are_sorted() -> None:
    policy = Policy(None, frozenset("cab"))
    assert encode_value(policy)["deny_tables"] == ["a", "b", "c"]
    assert decode_value(encode_value(policy), Policy) == policy


def test_known_fields_are_read_beside_others_and_defaults_filled_in() -> None:
    assert decode_known_fields({"sql": "SELECT 1", "later": 3}, Proof) == Proof("SELECT 1")
    with pytest.raises(ValueError, match="wants_row"):
        decode_known_fields({"sql": "SELECT 1", "wants_row": "no"}, Proof)
    with pytest.raises(ValueError, match="sql"):
        decode_known_fields({}, Proof)
