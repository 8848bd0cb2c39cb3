"""A result while it arrives from the worker, and the same collected into one Result.

It does not start or stop the query: the Call does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nl2sql.engines.call import Call
from nl2sql.errors import BugError
from nl2sql.types import Result, ResultColumn

if TYPE_CHECKING:
    import pyarrow as pa


class WorkerStream:
    """Implements `ResultStream`. Made once the first reply is there, so `columns` and `arrow_schema` are known."""

    def __init__(self, call: Call) -> None:
        import pyarrow as pa

        message, payload = call.receive()
        if message["kind"] != "columns":
            raise BugError(f"the worker sent {message['kind']} where a result's columns belong")
        self._call = call
        self.columns = tuple(ResultColumn(name, kind) for name, kind in message["columns"])
        self.arrow_schema: pa.Schema = pa.ipc.read_schema(pa.py_buffer(payload))
        self.truncated = False
        self.cut_cells = 0
        self.seconds = 0.0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, batch by batch, once; one empty batch where there are none. Raises as `Engine.execute`."""
        import pyarrow as pa

        empty = True
        while not self._call.done:
            message, payload = self._call.receive()
            if message["kind"] == "batch":
                empty = False
                yield pa.ipc.read_record_batch(pa.py_buffer(payload), self.arrow_schema)
            else:
                self.truncated, self.cut_cells = message["truncated"], message["cut_cells"]
                self.seconds = message["seconds"]
        if empty:
            yield pa.RecordBatch.from_pylist([], self.arrow_schema)


def collected(stream: WorkerStream) -> Result:
    """Every row of the stream as one Result."""
    import pyarrow as pa

    batches = list(stream.batches())
    table = pa.Table.from_batches(batches, stream.arrow_schema)
    return Result(stream.columns, table, stream.truncated, stream.cut_cells, stream.seconds)
