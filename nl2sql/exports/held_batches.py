"""Batches that are looked at, all of them, before the first is written: what decides a column's type is in its values.

They wait in memory, and in a temporary file where they are many. It knows nothing of formats.
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
    batches: Iterable[pa.RecordBatch], look: Callable[[pa.RecordBatch], None], memory: int = _MAX_MEMORY_BYTES
) -> Iterator[Iterable[pa.RecordBatch]]:
    """The same batches once `look` has had each. LimitError where the disk has no room for them.

    `memory` is how many bytes of them wait in memory.
    """
    if isinstance(batches, Sequence):
        for batch in batches:
            look(batch)
        yield batches
        return
    import pyarrow as pa

    with tempfile.SpooledTemporaryFile(memory, prefix="nl2sql-") as file:
        # Arrow writes to anything that has `write`, `flush` and `closed`, which its types don't say.
        place = cast("Any", file)
        writer = None
        try:
            for batch in batches:
                look(batch)
                writer = writer or pa.ipc.new_stream(place, batch.schema)
                writer.write_batch(batch)
            if writer is not None:
                writer.close()
        except OSError as exc:
            hint = "Free some disk space, set TMPDIR to another folder, or take csv or parquet."
            raise LimitError(
                f"the rows cannot be kept in a temporary file: {exc.strerror}", hint, limit="disk"
            ) from exc
        file.seek(0)
        yield pa.ipc.open_stream(place) if writer is not None else []
