"""The types of an answer: what it rests on, its confidence and warnings, and the events before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nl2sql.types.chat_types import Step, Usage
from nl2sql.types.query_types import Repair
from nl2sql.types.result_types import ErrorInfo, Result, ResultColumn, make_unique_names

if TYPE_CHECKING:
    import pyarrow as pa


class Status(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    CLARIFY = "clarify"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Confidence:
    """How much to trust an answer.

    `level` is high, check or low; `score` is the probability (0 to 1) that it is right, as measured on questions with
    known answers. `signs` are what it was computed from, by name: counts, shares and nats; absent signs are left out.
    """

    level: str
    score: float
    reasons: tuple[str, ...] = ()
    signs: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a figure, a date or a quoted name of a text rests on: a cell, a derivation, the question, the SQL."""

    text: str
    basis: str


@dataclass(frozen=True, slots=True)
class Grounding:
    """The figures, dates and quoted names that a text states: how many, how many are supported, and the others.

    `basis` says what each supported one rests on.
    """

    numbers: int
    supported: int
    unsupported: tuple[str, ...] = ()
    basis: tuple[Basis, ...] = ()


@dataclass(frozen=True, slots=True)
class Trap:
    """A way in which the SQL means something else than it seems to.

    `rule` is a stable name; `message` has the figure that shows its effect. `is_figure_changed` says that the result is
    then not the figure asked for.
    """

    rule: str
    message: str
    is_figure_changed: bool = False


@dataclass(frozen=True, slots=True)
class TrapReport:
    """The traps found in a query, and what could not be checked, each as a clause that begins with `whether`."""

    traps: tuple[Trap, ...] = ()
    unchecked_claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UntracedWord:
    """A word of the question that nothing in the SQL stands for, and what makes that matter.

    `is_in_schema`: a name of the schema that the query does not use has it; `is_qualifier`: it stands beside a name
    that the query uses, as `draft` in `draft invoices`; `is_measured`: it follows `how many`, `average`, `best` or the
    like; `is_name`: it is written as a name; `is_number`: it is a number. `is_label`: the SQL gives it to something as
    a name of its own, as in `sum(amount) AS commission`, which shows nothing.
    """

    word: str
    is_in_schema: bool = False
    is_qualifier: bool = False
    is_measured: bool = False
    is_name: bool = False
    is_number: bool = False
    is_label: bool = False

    @property
    def has_weight(self) -> bool:
        """Whether one of the marks is set on a word that is no label."""
        marks = (self.is_in_schema, self.is_qualifier, self.is_measured, self.is_name, self.is_number)
        return any(marks) and not self.is_label


@dataclass(frozen=True, slots=True)
class Clarification:
    """A question back to the user, with the answers that are possible."""

    question: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the wall time went."""

    schema: float = 0.0
    model: float = 0.0
    guard: float = 0.0
    database: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer was made from, as hashes: of tables and columns, of the files, of the policy, of the prompt.

    `schema` is of tables, columns and keys, `data` of names, sizes and times of files. `prompt` is None where no model
    was asked. `settings` are those that an answer depends on; `versions` are of nl2sql, the engine and the parser.
    """

    schema: str
    data: str
    policy: str
    prompt: str | None
    settings: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's outcome: what `ask` returns.

    `sql` is what ran, laid out for reading, and `result` what it gave; both are None where nothing ran. `repairs` are
    what code changed in the model's SQL. `session` continues the conversation. `verified_query` names the verified
    query that `sql` is, `verified_by` and `verified_at` who approved it and when, as its file says.
    """

    id: str
    question: str
    status: Status
    text: str
    sql: str | None = None
    result: Result | None = None
    confidence: Confidence | None = None
    grounding: Grounding | None = None
    reading: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    traps: tuple[Trap, ...] = ()
    clarification: Clarification | None = None
    chart: Mapping[str, Any] | None = None
    verified_query: str | None = None
    verified_by: str = ""
    verified_at: dt.date | None = None
    steps: tuple[Step, ...] = ()
    usage: Usage = Usage()
    seconds: Seconds = Seconds()
    model: str = ""
    error: ErrorInfo | None = None
    session: str | None = None
    receipt: Receipt | None = None

    @property
    def columns(self) -> tuple[ResultColumn, ...]:
        """The result's columns; empty where nothing ran."""
        return self.result.columns if self.result else ()

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The result's rows as Python values; empty where nothing ran."""
        return self.result.rows if self.result else []

    @property
    def row_count(self) -> int | None:
        """How many rows the result has, after any limit; None where no query ran."""
        return self.result.row_count if self.result else None

    @property
    def approval(self) -> str:
        """Who verified its query and when, as a clause; empty where nobody did, or nobody knows."""
        who = f" by {self.verified_by}" if self.verified_by else ""
        when = f" on {self.verified_at.isoformat()}" if self.verified_at else ""
        return f"verified{who}{when}" if who or when else ""

    @property
    def is_truncated(self) -> bool | None:
        """Whether the query gave more rows than the limit let through; None where no query ran."""
        return self.result.truncated if self.result else None

    def to_arrow(self) -> pa.Table:
        """Return the rows as a `pyarrow.Table` with unique column names: of two columns `a` the second is `a_2`.

        Raises:
            ValueError: no query ran.
        """
        if self.result is None:
            raise ValueError(f"no rows: the question ended as {self.status.value}")
        return self.result.table.rename_columns(make_unique_names([column.name for column in self.result.columns]))

    def to_pandas(self) -> Any:
        """Return the rows as a `pandas.DataFrame` with the names of `to_arrow`; needs pandas.

        Whole numbers beside NULL are pandas' nullable integers (`Int64`), which keep every digit.

        Raises:
            ValueError: no query ran.
        """
        import pyarrow.types as pt

        table = self.to_arrow()
        holed = [field.name for field in table.schema if pt.is_integer(field.type) and table[field.name].null_count]
        frame = table.to_pandas()
        if holed:
            import pandas as pd

            for name in holed:
                kind = str(table.schema.field(name).type).replace("u", "U").replace("i", "I")
                frame[name] = pd.array(table[name].to_pylist(), dtype=kind)
        return frame


class EventKind(StrEnum):
    """What happened."""

    SCHEMA = "schema"
    WRITING = "writing"
    SQL = "sql"
    RUNNING = "running"
    ROWS = "rows"
    RETRY = "retry"
    REPAIRED = "repaired"
    CANDIDATE = "candidate"
    TRAP = "trap"
    TOOL = "tool"
    TEXT = "text"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened while a question was answered; the last one, of kind `answer`, carries the Answer.

    `text` is what to show (for `text`, the next piece of the sentence; for `sql`, the checked SQL laid out).
    """

    kind: EventKind
    text: str = ""
    result: Result | None = None
    answer: Answer | None = None
