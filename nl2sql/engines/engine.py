"""The seam between the product and whatever runs the SQL: one protocol.

It does not know models, prompts or faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nl2sql.cancellation import CancelToken
from nl2sql.types import (
    CheckedSQL,
    Count,
    Limits,
    Policy,
    Proof,
    RepairReport,
    Result,
    ResultColumn,
    Schema,
    Upload,
    Verdict,
    Window,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from nl2sql.importing.file_rules import FileRules
    from nl2sql.importing.import_account import TableAccount


class ResultStream(Protocol):
    """Rows as they arrive. `truncated`, `cut_cells` and `seconds` are right once `read_batches` is exhausted."""

    columns: tuple[ResultColumn, ...]
    truncated: bool
    cut_cells: int
    seconds: float

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, batch by batch. Raises as `Engine.execute`."""
        ...


class CancellableJudge:
    """An engine's judges for one caller, who may stop waiting for them. Implements `guard.Judge`.

    `reads_values` as for `Engine.judge`.
    """

    def __init__(self, engine: Engine, cancel: CancelToken | None, *, reads_values: bool = True) -> None:
        self._engine, self._cancel, self._reads_values = engine, cancel, reads_values

    def judge(self, sql: str, policy: Policy, *, collect_all: bool = False) -> Verdict:
        """As `Engine.judge`; CancelledError once the caller has cancelled."""
        return self._engine.judge(
            sql, policy, collect_all=collect_all, reads_values=self._reads_values, cancel=self._cancel
        )


class Engine(Protocol):
    """One opened database. Every method may be called from any thread; calls beyond what runs at once queue.

    Where a call takes `cancel`, it also ends the waiting.
    """

    @property
    def dialect(self) -> str:
        """sqlglot's name of the SQL dialect."""
        ...

    @property
    def url(self) -> str:
        """What was opened, with any password left out."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of what was opened, and why: a sentence each."""
        ...

    @property
    def accounts(self) -> tuple[TableAccount, ...]:
        """How each table was made of its data file; empty for a database."""
        ...

    @property
    def is_new_import(self) -> bool:
        """Whether the data files were read when this was opened, and not before."""
        ...

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """The tables that `attach_files` added, in the order of the files."""
        ...

    def attach_files(
        self, files: Sequence[Path], limits: Limits, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> Engine:
        """The same database with data files as further tables, for one session: `close` removes what was made of them.

        `rules` say how to read the files, by their names.
        DatabaseError names the file, and the line, that cannot be read; LimitError where they are too large;
        ConfigError where they cannot be kept, or where this has uploads already.
        """
        ...

    def introspect(self) -> Schema:
        """Tables, columns, keys and profile, from the cache where the data has not changed. DatabaseError."""
        ...

    def judge(
        self,
        sql: str,
        policy: Policy,
        *,
        collect_all: bool = False,
        reads_values: bool = True,
        cancel: CancelToken | None = None,
    ) -> Verdict:
        """What the guard's judges say of the text, as `guard.Judge`. LimitError where judging itself overran.

        Without `reads_values` nothing is read to judge it: a PIVOT that names no values is refused.
        """
        ...

    def repair(
        self,
        sql: str,
        question: str,
        policy: Policy,
        *,
        error: str = "",
        disproved: Sequence[Proof] = (),
        cancel: CancelToken | None = None,
    ) -> RepairReport:
        """What code can do for a query that does not run, as `repair.repair`; made where a bad text may be killed.

        The repaired text is one like any other: it has yet to pass the guard. LimitError where it took too long.
        """
        ...

    def execute(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None, *, hashed: bool = False
    ) -> Result:
        """Run it and return at most `limits.rows` rows, with their hash where it is asked for.

        QueryError where the engine refuses the SQL, LimitError where a limit ran out, CancelledError once
        `cancel` is set, DatabaseError where the engine itself failed. The next call works after each of them.
        """
        ...

    def stream(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None
    ) -> AbstractContextManager[ResultStream]:
        """As `execute`, but the rows come batch by batch while inside the context; leaving it early cancels."""
        ...

    def fetch_page(
        self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None
    ) -> Result:
        """A window of the rows that it gives, which the engine keeps for a while: the order stays the same.

        `truncated` says that there are more rows than the engine keeps of one query. Errors as `execute`, and
        QueryError where the window names a column that the rows don't have.
        """
        ...

    def count(self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None) -> Count:
        """How many rows the window's filters leave of those that the engine keeps. Errors as `fetch_page`."""
        ...

    def add_up(
        self,
        checked: CheckedSQL,
        columns: Sequence[int],
        window: Window,
        limits: Limits,
        cancel: CancelToken | None = None,
    ) -> tuple[Decimal | None, ...]:
        """The sums of these columns over the rows that the window's filters leave; None where there is no number.

        Errors as `fetch_page`, and QueryError for a column that holds no numbers.
        """
        ...

    def find_queue_position(self, cancel: CancelToken) -> int:
        """Where the call that listens to this token stands among those that wait: 1 is next, 0 does not wait."""
        ...

    def list_worker_limits(self) -> Mapping[str, bool]:
        """Which limits of the operating system hold for queries on this platform, by name."""
        ...

    def close(self) -> None:
        """Close the database and end its worker. May be called twice."""
        ...
