"""Hold batches until all of them have been observed, since the values of all rows decide the type of a column.

They wait in memory, and in a temporary file where they are large. It knows no formats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from nl2sql.errors import LimitError

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_MEMORY_BYTES: Final = 64_000_000


@contextmanager
def hold_batches(
    batches: Iterable[pa.RecordBatch], observe: Callable[[pa.RecordBatch], None], memory: int = _MAX_MEMORY_BYTES
) -> Iterator[Iterable[pa.RecordBatch]]:
    """Call `observe` with each batch, then give the same batches; at most `memory` bytes of them wait in memory.

    Raises:
        LimitError: where the disk has no room for them.
    """
    if isinstance(batches, Sequence):
        for batch in batches:
            observe(batch)
        yield batches
        return
    import pyarrow as pa

    with tempfile.SpooledTemporaryFile(memory, prefix="nl2sql-") as file:
        # Arrow writes to anything with `write`, `flush` and `closed`, which its types do not say.
        sink = cast("Any", file)
        writer = None
        try:
            for batch in batches:
                observe(batch)
                writer = writer or pa.ipc.new_stream(sink, batch.schema)
                writer.write_batch(batch)
            if writer is not None:
                writer.close()
        except OSError as exc:
            hint = "Free some disk space, set TMPDIR to another folder, or export as csv or parquet."
            raise LimitError(
                f"the rows cannot be written to a temporary file: {exc.strerror}", hint, limit="disk"
            ) from exc
        file.seek(0)
        yield pa.ipc.open_stream(sink) if writer is not None else []
