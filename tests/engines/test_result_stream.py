"""What a worker sends is looked at before it is believed: damaged replies are errors, and never more than that."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, cast

import duckdb
import pyarrow as pa
import pytest

from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.child_process import ChildProcess
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.engines.worker.result_stream import WorkerStream, collect_result
from nl2sql.engines.worker.worker_request import Call
from nl2sql.errors import DatabaseError
from nl2sql.types import Limits, Result

ROWS = 50
SQL = """
SELECT i, 'name ' || i AS n, [i, NULL] AS l, {'a': i, 'b': ['x' || i]} AS s, MAP {i: 'v'} AS m, i::DECIMAL(20, 2) AS d,
NULL AS z, i % 2 = 0 AS b, array_value(i, i) AS f, 'ab'::BLOB AS y, current_date AS e, [now()] AS w,
170141183460469231731687303715884105727::HUGEINT AS h FROM range(50) t(i)
"""


class Frames:
    """Stands for the process: gives these frames."""

    def __init__(self, frames: list[tuple[Mapping[str, Any], bytes]]) -> None:
        self._frames = frames

    def send(self, message: Mapping[str, Any]) -> None:
        pass

    def receive(self, payload_bytes: int = 0) -> tuple[dict[str, Any], bytes]:
        message, payload = self._frames.pop(0)
        return dict(message), payload


@pytest.fixture(scope="module")
def table() -> pa.Table:
    with duckdb.connect() as connection:
        return connection.sql(SQL).to_arrow_table()


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    alarm = Alarm()
    yield alarm
    alarm.close()


def sent(table: pa.Table) -> list[tuple[Mapping[str, Any], bytes]]:
    """The frames of an honest worker."""
    columns = [[name, "ANY"] for name in table.column_names]
    batches = [({"kind": "batch"}, batch.serialize().to_pybytes()) for batch in table.to_batches()]
    end = {"kind": "end", "truncated": False, "cut_cells": 0, "seconds": 0.1, "hash": None}
    return [({"kind": "columns", "columns": columns}, table.schema.serialize().to_pybytes()), *batches, (end, b"")]


def received(alarm: Alarm, frames: list[tuple[Mapping[str, Any], bytes]], **limits: Any) -> Result:
    request = {"op": "execute", "limits": pipe_messages.encode_limits(Limits(**limits))}
    call = Call(cast(ChildProcess, Frames(list(frames))), alarm, request, 5)
    try:
        return collect_result(WorkerStream(call, Limits(**limits)))
    except DatabaseError:
        assert call.broken, "the worker must not be used again"
        raise


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, or the end missing."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(changed))
        kind = chance.random()
        if kind < 0.7:
            changed[at] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        elif kind < 0.85:
            changed[at : at + 8] = chance.choice([2**31, 2**32, 2**63 - 1]).to_bytes(8, "little")
        else:
            del changed[at + 1 :]
    return bytes(changed)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_columns_and_rows_are_errors(alarm: Alarm, table: pa.Table, seed: int) -> None:
    chance, refused = random.Random(seed), 0
    honest = sent(table)
    assert received(alarm, honest).row_count == ROWS
    for number in range(500):
        frames = list(honest)
        which = number % 2
        frames[which] = (frames[which][0], damaged(frames[which][1], chance))
        try:
            assert len(received(alarm, frames).rows) <= 1000
        except DatabaseError as exc:
            assert exc.hint
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (0, {"kind": "columns"}),
        (0, {"kind": "columns", "columns": [["a"]]}),
        (0, {"kind": "columns", "columns": [[1, 2]] * 13}),
        (0, {"kind": "columns", "columns": [["a", "ANY"]]}),
        (0, {"kind": "end"}),
        (0, {"kind": ["columns"]}),
        (0, {}),
        (0, {"kind": "error", "error": 5}),
        (2, {"kind": "end", "truncated": False}),
        (2, {"kind": "end", "truncated": False, "cut_cells": "1", "seconds": 1, "hash": None}),
        (2, {"kind": "end", "truncated": False, "cut_cells": 1, "seconds": "long", "hash": None}),
        (2, {"kind": "end", "truncated": False, "cut_cells": 1, "seconds": 1, "hash": 5}),
        (2, {"kind": "verdict"}),
    ],
)
def test_messages_of_another_form_are_errors(alarm: Alarm, table: pa.Table, place: int, message: Any) -> None:
    frames = sent(table)
    frames[place] = (message, frames[place][1])
    with pytest.raises(DatabaseError, match="cannot be read"):
        received(alarm, frames)


def test_more_than_was_asked_for_is_an_error(alarm: Alarm, table: pa.Table) -> None:
    first, rows, end = sent(table)
    assert received(alarm, [first, rows, end], rows=ROWS).row_count == ROWS
    with pytest.raises(DatabaseError):
        received(alarm, [first, rows, rows, end], rows=ROWS)
    with pytest.raises(DatabaseError):
        received(alarm, [first, *[rows] * 100, end], rows=None, result_bytes=200_000)
    nulls = pa.table({"n": pa.array([[None] * 300_000] * 100, pa.list_(pa.null()))})
    with pytest.raises(DatabaseError):
        received(alarm, sent(nulls))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a"]).dictionary_encode(),
        pa.array(["a"], pa.string_view()),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([[1]], pa.list_view(pa.int64())),
        pa.array([1], pa.timestamp("us", tz="Nowhere/City")),
    ],
)
def test_types_that_no_worker_sends_are_errors(alarm: Alarm, column: pa.Array) -> None:
    with pytest.raises(DatabaseError):
        received(alarm, sent(pa.table({"c": column})))
