"""A result while it arrives from the worker, and the same collected into one Result.

It does not start or stop the query: the Call does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nl2sql.answer.cell_text import count_values
from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.pipe_frames import Message
from nl2sql.engines.worker.worker_request import Call
from nl2sql.types import Limits, Result, ResultColumn

if TYPE_CHECKING:
    import pyarrow as pa

_VALUE_BYTES: Final = 8


class WorkerStream:
    """Implements `ResultStream`. Made once the first reply is there, so `columns` and `arrow_schema` are known."""

    def __init__(self, call: Call, limits: Limits) -> None:
        import pyarrow as pa

        message, payload = call.receive()
        self._call, self._limits = call, limits
        self._rows, self._weight = 0, 0
        with call.check_reply(*_list_arrow_errors()):
            self.columns = tuple(
                ResultColumn(pipe_messages.expect_text(name), pipe_messages.expect_text(kind))
                for name, kind in message["columns"]
            )
            self.arrow_schema: pa.Schema = _check_schema(pa.ipc.read_schema(pa.py_buffer(payload)), len(self.columns))
            self._plain_schema = pa.schema(
                [field.with_type(_replace_decimals(field.type)) for field in self.arrow_schema]
            )
        self.truncated = False
        self.cut_cells = 0
        self.seconds = 0.0
        self.hash: str | None = None

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, batch by batch, once; one empty batch where there are none.

        Raises:
            QueryError, LimitError, CancelledError, DatabaseError: as `Engine.execute`.
        """
        import pyarrow as pa

        empty = True
        while not self._call.done:
            message, payload = self._call.receive()
            with self._call.check_reply(*_list_arrow_errors()):
                batch = self._read_batch(payload) if message["kind"] == "batch" else None
                if batch is None:
                    self._end(message)
            if batch is not None:
                empty = False
                yield batch
        if empty:
            yield pa.RecordBatch.from_pylist([], self.arrow_schema)

    def _read_batch(self, payload: bytes) -> pa.RecordBatch:
        """Return the batch, once it is known to hold together, and no more than it may."""
        import pyarrow as pa

        buffer = pa.py_buffer(payload)
        pa.ipc.read_record_batch(buffer, self._plain_schema).validate(full=True)
        batch = pa.ipc.read_record_batch(buffer, self.arrow_schema)
        self._rows += batch.num_rows
        self._weight += sum(count_values(column) for column in batch.columns)
        if self._rows > (self._limits.rows if self._limits.rows is not None else self._rows):
            raise ValueError("more rows than were asked for")
        if _VALUE_BYTES * self._weight > self._limits.result_bytes + _VALUE_BYTES:
            raise ValueError("more values than were asked for")
        return batch

    def _end(self, message: Message) -> None:
        self.truncated, self.cut_cells = bool(message["truncated"]), pipe_messages.expect_number(message["cut_cells"])
        self.seconds = float(message["seconds"])
        self.hash = None if message["hash"] is None else pipe_messages.expect_text(message["hash"])


def _list_arrow_errors() -> tuple[type[Exception], ...]:
    """Return the errors by which Arrow shows that something is no batch, or no schema."""
    import pyarrow as pa

    return pa.ArrowException, OSError, EOFError, MemoryError


def _check_schema(schema: pa.Schema, columns: int) -> pa.Schema:
    """Return the schema, where it has so many columns, all of types that a worker sends."""
    if len(schema) != columns or not all(field.name is not None and _is_known(field.type) for field in schema):
        raise ValueError("columns that no worker sends")
    return schema


def _is_known(kind: pa.DataType) -> bool:
    """Whether a worker sends values of that type, all of which Python can hold."""
    import pyarrow as pa
    import pyarrow.types as pt

    if pt.is_list(kind) or pt.is_fixed_size_list(kind) or pt.is_struct(kind) or pt.is_map(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return all(field.name is not None and _is_known(field.type) for field in fields)
    if pt.is_decimal(kind):
        return bool(0 <= kind.scale <= kind.precision)
    if pt.is_timestamp(kind):
        return kind.tz is None or pa.lib.string_to_tzinfo(kind.tz) is not None
    return any(
        is_kind(kind)
        for is_kind in (
            pt.is_null,
            pt.is_boolean,
            pt.is_integer,
            pt.is_floating,
            pt.is_string,
            pt.is_binary,
            pt.is_date,
            pt.is_time,
        )
    )


def _replace_decimals(kind: pa.DataType) -> pa.DataType:
    """Return the type with plain bytes for decimals: a HUGEINT may have a digit more than Arrow allows to one."""
    import pyarrow as pa

    if pa.types.is_decimal128(kind):
        return pa.binary(16)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_replace_decimals(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_replace_decimals(kind.key_type), _replace_decimals(kind.item_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_replace_decimals(kind.value_type), kind.list_size)
    return pa.list_(_replace_decimals(kind.value_type)) if pa.types.is_list(kind) else kind


def collect_result(stream: WorkerStream) -> Result:
    """Every row of the stream as one Result."""
    import pyarrow as pa

    batches = list(stream.read_batches())
    table = pa.Table.from_batches(batches, stream.arrow_schema)
    return Result(stream.columns, table, stream.truncated, stream.cut_cells, stream.seconds, stream.hash)
