"""The seam between the product and whatever runs the SQL: `Engine`, which every database implements, and capabilities.

It does not know models, prompts, questions or faces.

**What every engine does** is `Engine`: nine members. **What only some can do** is a small protocol of its own, found in
`Engine.capabilities`: `Paging`, `FileTables`, `RepairSandbox`, `Queueing`, `ProcessLimits`, `CostEstimates`. A caller
asks for the capability and goes without it, or calls `require_capability`, which says what is missing.

**Errors.** A method raises only what its `Raises:` names, all of `nl2sql.errors`. The driver's own exceptions are
mapped `from exc` in the one module that imports the driver. `QueryError` is about the SQL and goes back to the model,
so its text holds no name or value that the policy denies. `LimitError.limit` names a field of `Limits`.
`DatabaseError` is about the database itself. Each says what happened and, in `hint`, what to do; none holds a
password. After opening, only methods that list `ConfigError` raise it.

**State.** `open_engine` opens an engine, or raises `DatabaseError` at once where there is nothing to open; the first
call may still have to wait for the database. From then on every method may be called from any thread; calls beyond
what the engine runs at once wait their turn. Whatever a call raises, the next call works: a session or process that
an error left unusable is replaced. A call starts from a fresh session state: nothing that one query sets is seen by
the next. After `close` every call raises `DatabaseError`.

**Read-only, twice.** `judge` says what may run, and only what it allowed is executed (`CheckedSQL`). Besides that the
session itself refuses to write, by the strongest means that the database has, so that a write past the judges fails.

**What is DuckDB's alone**, and no part of the contract: worker processes and their limits, the judges that read
DuckDB's own syntax tree and plan (`guard.EngineParser`), the import of data files, the cache of rows behind `Paging`.
An engine with a server uses `guard.judge_by_names`, with the server's own EXPLAIN as a further judge.

`tests/engines/test_engine_contract.py` holds every engine to this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError
from nl2sql.guard import Dialect
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
        """Yield the rows, batch by batch, each batch once.

        Raises:
            QueryError, LimitError, CancelledError, DatabaseError: as `Engine.execute`.
        """
        ...


class Engine(Protocol):
    """One opened database.

    `cancel`, where a method takes it, ends the waiting for a turn as well as the work: in the database too, not only in
    this process. Seconds count from when the call has its turn.
    """

    @property
    def dialect(self) -> Dialect:
        """Its SQL: how it is called, judged, quoted, and kept from writing. The same for the engine's whole life."""
        ...

    @property
    def url(self) -> str:
        """What was opened, without any password."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of what was opened, and why: a sentence each, for the user; empty where nothing was."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond this protocol. The same for the engine's whole life."""
        ...

    def introspect(self) -> Schema:
        """Return tables, columns, keys, comments and a profile, all that the login may read, whatever a policy says.

        The profile samples within a few seconds and never scans a large table; where it runs out of time the schema has
        less of it. The answer is kept, and the same object returned, until the data has changed. `Schema.fingerprint`
        differs where the data may differ.

        Raises:
            DatabaseError: the database cannot be reached or read.
            LimitError: even the catalogue took too long.
        """
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
        """Ask the dialect's judges, in their order, whether the text may run; implements `guard.Judge`.

        A refusal is a Verdict with findings and not an error; so is SQL that the database cannot parse or bind, by the
        rules `syntax` and `bind`. An allowed text has its canonical spelling in `Verdict.sql`: what was judged is what
        runs. `Verdict.judges` names those asked, of `dialect.judges`. Nothing is run to judge a text, except that the
        values of a PIVOT may be read, under the same policy; without `reads_values` they are not read,
        and the PIVOT is refused. `collect_all` asks later judges too of what an earlier one refuses, where that reveals
        nothing.

        Raises:
            LimitError: judging took too long, or too much memory.
            CancelledError: `cancel` was set.
            DatabaseError: the database failed.
        """
        ...

    def execute(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None, *, hashed: bool = False
    ) -> Result:
        """Run the query and return its rows, within the limits.

        More than `limits.rows` rows or `limits.result_bytes` bytes cut the result, and `Result.truncated` says so;
        cells longer than `limits.cell_bytes` are shortened and counted in `Result.cut_cells`. `hashed` asks for the
        hash of the rows. The whole result is never loaded to return a part of it.

        Raises:
            QueryError: the database refuses the SQL, or fails in it, as in a cast.
            LimitError: `limits.seconds` or `limits.memory` ran out, or not even one row is within the limits.
            CancelledError: `cancel` was set.
            DatabaseError: the database failed, or the connection was lost.
        """
        ...

    def stream(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None
    ) -> AbstractContextManager[ResultStream]:
        """Return a context in which the rows come batch by batch, as `execute` would return them.

        Entering it raises as `execute`, and so does reading. The reader's own time does not count as the query's.
        Leaving early cancels the query. One thread has one stream at a time: a call on the engine from within is a bug,
        and raises `BugError`.
        """
        ...

    def close(self) -> None:
        """Wait for the calls that run, refuse those that wait, then release the database. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do beyond `Engine`; None where it cannot."""

    paging: Paging | None = None
    file_tables: FileTables | None = None
    repair_sandbox: RepairSandbox | None = None
    queueing: Queueing | None = None
    process_limits: ProcessLimits | None = None
    cost_estimates: CostEstimates | None = None


class Paging(Protocol):
    """Windows of one query's rows, which the engine keeps for a while: the order stays the same from page to page."""

    def fetch_page(
        self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None
    ) -> Result:
        """Return the rows of the window. `Result.truncated` says that the query has more than the engine keeps.

        Raises:
            QueryError: as `Engine.execute`, or the window names a column that the rows do not have.
            LimitError, CancelledError, DatabaseError: as `Engine.execute`.
        """
        ...

    def count(self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None) -> Count:
        """Return how many rows the window's filters leave of those that the engine keeps.

        Raises:
            QueryError, LimitError, CancelledError, DatabaseError: as `fetch_page`.
        """
        ...

    def add_up(
        self,
        checked: CheckedSQL,
        columns: Sequence[int],
        window: Window,
        limits: Limits,
        cancel: CancelToken | None = None,
    ) -> tuple[Decimal | None, ...]:
        """Return the sum of each column, by position, over the rows that the window's filters leave.

        None stands for a column without any number.

        Raises:
            QueryError: as `fetch_page`, or a column holds no numbers.
            LimitError, CancelledError, DatabaseError: as `fetch_page`.
        """
        ...


class FileTables(Protocol):
    """Tables made of data files: those that were opened, and those that a user adds for a session."""

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
        """Return an engine over the same database with the files as further tables, for one session.

        `rules` say how to read the files, by their names. This engine stays as it is and must stay open; closing the
        new one removes what was made of the files.

        Raises:
            DatabaseError: a file, which the text names with the line, cannot be read.
            LimitError: the files are too large.
            ConfigError: what is made of them cannot be kept, or this engine has uploads already.
        """
        ...


@dataclass(frozen=True, slots=True)
class RepairTask:
    """A text to repair, and what helps to: all of it plain text, of which an engine knows nothing.

    `error` is what the database said of the text. `wording` is free text that says what the query is meant to find, to
    choose between readings by. `disproved` are the proofs of earlier reports that did not hold.
    """

    sql: str
    error: str = ""
    wording: str = ""
    disproved: Sequence[Proof] = ()


class RepairSandbox(Protocol):
    """A place beside the database where a text may be repaired: parsing it can be ended there, whatever it does."""

    def repair(self, task: RepairTask, policy: Policy, cancel: CancelToken | None = None) -> RepairReport:
        """Return what `repair.repair` makes of the text. A repaired text has yet to be judged, as any.

        Raises:
            LimitError: it took too long, or too much memory.
            CancelledError: `cancel` was set.
            DatabaseError: the database failed.
        """
        ...


class Queueing(Protocol):
    """Calls that wait for their turn, in the order in which they came."""

    def find_queue_position(self, cancel: CancelToken) -> int:
        """Return where the call with this token stands among those that wait: 1 is next, 0 does not wait."""
        ...


class ProcessLimits(Protocol):
    """Queries run in processes of our own, which the operating system limits."""

    def list_worker_limits(self) -> Mapping[str, bool]:
        """Return which limits of the operating system hold for queries on this platform, by name.

        Raises:
            DatabaseError: the database cannot be opened.
        """
        ...


class CostEstimates(Protocol):
    """What the database guesses of a query before it runs. A hint and no limit: guesses are often far off."""

    def write_explain(self, checked: CheckedSQL) -> str:
        """Return the SQL that asks for the guess without running the query; it has yet to be judged."""
        ...

    def read_estimate(self, result: Result) -> int | None:
        """Return the most rows that any step would handle, from the rows of that SQL; None where it does not say."""
        ...


Capability = TypeVar("Capability")


def require_capability(capability: Capability | None, engine: Engine, purpose: str, hint: str) -> Capability:
    """Return the capability, for a call that cannot do without it. `purpose` is a participle: "read page by page".

    Raises:
        ConfigError: the engine has none.
    """
    if capability is None:
        raise ConfigError(f"{engine.dialect.label} databases cannot be {purpose} by this version", hint)
    return capability


class CancellableJudge:
    """An engine's judges for one caller, who may stop waiting for them. Implements `guard.Judge`.

    `reads_values` as for `Engine.judge`.
    """

    def __init__(self, engine: Engine, cancel: CancelToken | None, *, reads_values: bool = True) -> None:
        self._engine, self._cancel, self._reads_values = engine, cancel, reads_values

    def judge(self, sql: str, policy: Policy, *, collect_all: bool = False) -> Verdict:
        """Return the verdict of `Engine.judge`.

        Raises:
            LimitError, CancelledError, DatabaseError: as `Engine.judge`.
        """
        return self._engine.judge(
            sql, policy, collect_all=collect_all, reads_values=self._reads_values, cancel=self._cancel
        )
