"""The nouns that cross rooms: what one room returns and the next one takes.

Values only. Nothing here opens a file, runs SQL or calls a model.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, final

if TYPE_CHECKING:
    import pyarrow as pa

MAIN_SCHEMA: Final = "main"

# Called with what is under way, how much of it is done, and how much there is, which is 0 where nobody knows.
Progress: TypeAlias = Callable[[str, int, int], None]


# What the data is (made by `schema`)


@dataclass(frozen=True, slots=True)
class Column:
    """One column as introspected and profiled.

    `type` is the engine's own name for it, e.g. `DECIMAL(10,2)`. The profile fields are None where the
    profile did not look or could not tell: `distinct` and `null_fraction` (0 to 1) may come from a sample, in
    which case the table's `sampled` is true. `values` are all distinct values, only where they are few;
    `samples` are some. Both, and the range, hold text as the engine prints it. `texts` are the commonest distinct
    texts of a text column whose values are many, kept to be looked up. `generated` columns are made of others;
    `refused` ones no query may read, whatever the policy. `synonyms` are the owner's other words for it.
    """

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None
    distinct: int | None = None
    null_fraction: float | None = None
    minimum: str | None = None
    maximum: str | None = None
    values: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    generated: bool = False
    refused: bool = False
    synonyms: tuple[str, ...] = ()

    @property
    def holds_text(self) -> bool:
        """Whether its values are texts, and no lists of them."""
        return self.type.upper().startswith(("VARCHAR", "ENUM", "TEXT")) and not self.type.endswith("]")

    @property
    def holds_days(self) -> bool:
        """Whether its values are days or moments, and no lists of them."""
        return self.type.upper().startswith(("DATE", "TIMESTAMP")) and not self.type.endswith("]")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table refer to `target_columns` of `target_table`, pairwise.

    `inferred` marks a key that nobody declared: names and values suggest it.
    """

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view. `name` is what SQL calls it: `orders`, or `sales.orders` outside the main schema.

    `schema` is the schema's name where the first dot of `name` does not tell it, `catalog` the database's own where
    SQL has to say it too. `refused` says that no query may read it, whatever the policy; `inferred_key` that nobody
    declared the primary key: a name and an estimate suggest it. `synonyms` are the owner's other words for it.
    """

    name: str
    columns: tuple[Column, ...]
    kind: str = "table"
    comment: str | None = None
    row_count: int | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sampled: bool = False
    schema: str | None = None
    catalog: str = ""
    refused: bool = False
    synonyms: tuple[str, ...] = ()
    inferred_key: bool = False

    @property
    def path(self) -> tuple[str, str]:
        """The name of its schema, or of the catalog attached beside the database, and its own."""
        if self.schema is None:
            schema, dot, own = self.name.partition(".")
            return (schema, own) if dot else (MAIN_SCHEMA, self.name)
        within = self.name[len(self.catalog) + 1 :] if self.catalog else self.name
        return self.schema, within if self.schema == MAIN_SCHEMA else within[len(self.schema) + 1 :]

    def column(self, name: str) -> Column | None:
        """The column of that name in any case, or None."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything introspected from one database. `fingerprint` changes when the data may have changed."""

    tables: tuple[Table, ...]
    dialect: str = "duckdb"
    fingerprint: str = ""

    def table(self, name: str) -> Table | None:
        """The table of that name in any case, or None."""
        return next((t for t in self.tables if t.name.lower() == name.lower()), None)


# What may run (made by `guard`)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an owner allows, in the owner's words: `schema.access` says which tables and columns they mean.

    Columns are written `table.column`. `allow_tables` None allows every table that is not denied.
    """

    allow_tables: frozenset[str] | None = None
    deny_tables: frozenset[str] = frozenset()
    deny_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's objection to a query: `rule` is a stable name, `line` and `column` count from 1."""

    rule: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    judge: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judges say of one text. `sql` is the engine's canonical text of it where nothing objects.

    `findings` empty means allowed. `tables` are the tables read, views looked through not included. `judges` are those
    that were asked, in their order.
    """

    sql: str = ""
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    judges: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.findings


class RepairKind(StrEnum):
    """How certain a repair is. EXACT: the same query in another spelling. KEYED: a key or the data proves the reading.

    A GUESS is one reading of several: it goes back to the model and never runs by itself.
    """

    EXACT = "exact"
    KEYED = "keyed"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that code made to a model's SQL. `rule` is a stable name; `text` says what was changed."""

    rule: str
    kind: RepairKind
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A query that a repair rests on: it must give a row where `wants_row`, and no row where not."""

    sql: str
    wants_row: bool = False


@dataclass(frozen=True, slots=True)
class MissingName:
    """A table or column (`kind`) that a query names and the data does not have.

    `sources` are the tables in which a column was looked for, `holders` other tables with a column of just that name,
    `aliases` those that the query reads already, as it calls them.
    `nearest` are the names there that share a word with it or are spelled much alike, `present` the first that are
    there at all.
    """

    kind: str
    name: str
    sources: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What code can do for a query that does not bind.

    `sql` is the repaired query, unjudged, and empty where it cannot be repaired; it counts only where all `proofs`
    hold. Otherwise `missing` is the name that stands in the way, if it is one, `joins` how to reach the table that
    has it, and `guesses` readings that bind, none of which is the only one.
    """

    sql: str = ""
    repairs: tuple[Repair, ...] = ()
    proofs: tuple[Proof, ...] = ()
    missing: MissingName | None = None
    joins: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seal:
    """Set by `guard.check` alone, on one text: without it no CheckedSQL can be made, nor another text put in one."""

    sql: str


@final
@dataclass(frozen=True, slots=True)
class CheckedSQL:
    """SQL that passed the guard: the only thing an engine runs. Made by `guard.check`, by nothing else."""

    sql: str
    asked: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    seal: _Seal = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.seal) is not _Seal or self.seal.sql != self.sql:
            raise TypeError("only guard.check makes a CheckedSQL")


# Where it ran (made by `engines`)

CELL_VALUES: Final = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use. `rows` None means every row, within the other limits.

    `seconds` is wall time; `memory`, `cell_bytes`, `result_bytes` and `spill` (disk for big sorts, 0 for none)
    are bytes; `steps` is how many tool calls one question may make. `upload_bytes` bounds the files of one upload
    together, `upload_rows` each table made of them.

    In a result a value counts for 8 bytes at least. A column with a list, struct or map of more than 500 values (each
    list or struct in it counts as one), or of more than `cell_bytes`, comes as text; where all rows are wanted, such
    a cell may have as many values as `cell_bytes` allow, and ends the result with a LimitError beyond that.
    """

    rows: int | None = 1000
    seconds: float = 10.0
    memory: int = 1_000_000_000
    cell_bytes: int = 100_000
    result_bytes: int = 64_000_000
    spill: int = 0
    steps: int = 8
    upload_bytes: int = 200_000_000
    upload_rows: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A table made of an uploaded file: `file` is the file's name, `table` what SQL calls it, like `uploads.leads`."""

    file: str
    table: str


# Texts by the column that holds them: its name, or its position.
Contains: TypeAlias = Mapping[str, str] | Mapping[int, str] | Mapping[str | int, str]


class Comparison(StrEnum):
    """How a value is compared: its text, the number as it is shown, or itself, as its column's type says."""

    HOLDS = "holds"
    SAME_TEXT = "same text"
    SAME_TEXT_ANY_CASE = "same text, any case"
    SHOWS = "shows"
    SHOWN_AS = "shown as"
    EQUAL = "="
    BELOW = "<"
    UP_TO = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One test of a row: the value of the column at that position, compared with `text`. Only NULL holds for NULL.

    For numbers the text is one without separators, for days and moments ISO. `decimals` and `is_percent` say how the
    number is shown, for SHOWS and SHOWN_AS. `is_negated` keeps the rows that the test does not hold for.
    """

    column: int
    comparison: Comparison
    text: str = ""
    decimals: int = 0
    is_percent: bool = False
    is_negated: bool = False


# Of each inner group of tests at least one must hold.
Criteria: TypeAlias = tuple[tuple[Criterion, ...], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which of a query's rows: `limit` of them from `offset` on, sorted by a result column, or as the query has them.

    `contains` keeps the rows in which that column's text holds that text, in any case. A column is its name, or its
    position from 0 on: of columns of one name, the name means the first. `criteria` keep the rows that pass them too.
    """

    offset: int = 0
    limit: int = 100
    order_by: str | int | None = None
    descending: bool = False
    contains: Contains = field(default_factory=dict)
    criteria: Criteria = ()


class Count(NamedTuple):
    """A number of rows; not `complete` where the query has more than were looked at."""

    rows: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its name and the engine's type name."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Result:
    """Rows that a query gave, as one Arrow table.

    `truncated` says that the query had more rows than the limit let through; `cut_cells` how many cells were
    shortened, or came as text for their many values. `seconds` is the engine's time. `hash` is that of the rows,
    where it was asked for.
    """

    columns: tuple[ResultColumn, ...]
    table: pa.Table
    truncated: bool = False
    cut_cells: int = 0
    seconds: float = 0.0
    hash: str | None = None

    @property
    def row_count(self) -> int:
        return int(self.table.num_rows)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as Python values (int, float, Decimal, str, bool, date, datetime, list, dict, None).

        Dates beyond the year 9999, which Python cannot hold, are text.
        """
        arrays = [column_values(column) for column in self.table.columns]
        return list(zip(*arrays, strict=True)) if arrays else []


def make_unique_names(names: Sequence[str]) -> list[str]:
    """Each name once, in their order: a second `a` is `a_2`, or the next number that no other column has."""
    taken, unique = set(names), list[str]()
    seen: dict[str, int] = {}
    for name in names:
        own = name
        if name in seen:
            while own in taken:
                seen[name] += 1
                own = f"{name}_{seen[name]}"
        else:
            seen[name] = 1
        taken.add(own)
        unique.append(own)
    return unique


def column_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """An Arrow column as Python values; as text where Python's dates cannot hold one of them."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        import pyarrow as pa

        if pa.types.is_nested(column.type):
            return [_nested_value(cell) for cell in column]
        return list(column.cast(pa.string()).to_pylist())


def _nested_value(cell: pa.Scalar) -> Any:
    """A list, struct or map as a Python value, with the dates in it as text where Python cannot hold one of them."""
    import pyarrow as pa

    if not cell.is_valid:
        return None
    if pa.types.is_struct(cell.type):
        return {name: column_values(pa.array([value], value.type))[0] for name, value in cell.items()}
    values = column_values(cell.values)
    return [tuple(entry.values()) for entry in values] if pa.types.is_map(cell.type) else values


# How it was written (made by `model` and `agent`)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model wrote. `arguments` is a JSON object once parsed.

    Where its text could not be understood, `arguments` is empty and `problem` says how to mend it.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and calls. `cost_usd` is None where the endpoint names no price."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    model_calls: int = 0
    cost_usd: float | None = None

    def __add__(self, other: Usage) -> Usage:
        costs = [c for c in (self.cost_usd, other.cost_usd) if c is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.model_calls + other.model_calls,
            sum(costs) if costs else None,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a model: prose, calls, or both.

    `message` is the Chat Completions dict to append to the conversation, in the form that this model's protocol
    wants to see again. `finish` is the endpoint's finish reason, or `cut` where the stream broke off. `logprobs` are
    the natural logarithms of the probabilities that the model gave to the tokens of its SQL, empty where the endpoint
    tells none. `is_unreadable` says that it holds marks of a call but none that can be read; `text` is empty then.
    `shortfall` says what the endpoint kept from the model without a word, None where that is nothing.
    """

    text: str
    calls: tuple[ToolCall, ...]
    message: Mapping[str, Any]
    usage: Usage = Usage()
    finish: str = "stop"
    logprobs: tuple[float, ...] = ()
    is_unreadable: bool = False
    shortfall: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call as it went. `seconds` is wall time; `error` is the text that the model got, or None."""

    tool: str
    arguments: Mapping[str, Any]
    ok: bool
    error: str | None = None
    seconds: float = 0.0


# What is read (made by `answer` and `assistant`)


class Status(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    CLARIFY = "clarify"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Confidence:
    """How much to trust an answer. `level` is high, check or low; `score` is the probability (0 to 1) that it
    is right, as measured on questions with known answers.

    `signs` are what it was made of, by name: counts, shares and nats, a sign that did not show left out.
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
    """The figures, dates and quoted names that a text states: how many, how many are borne out, and the others.

    `basis` says what each that is borne out rests on.
    """

    numbers: int
    supported: int
    unsupported: tuple[str, ...] = ()
    basis: tuple[Basis, ...] = ()


@dataclass(frozen=True, slots=True)
class Trap:
    """A way in which the SQL says something else than it seems to. `rule` is a stable name, `message` has the figure
    that makes it bite. `changes_figure`: what is shown is then another figure than the one asked for.
    """

    rule: str
    message: str
    changes_figure: bool = False


@dataclass(frozen=True, slots=True)
class TrapReport:
    """The traps found in a query, and what could not be checked, each as a clause that begins with `whether`."""

    traps: tuple[Trap, ...] = ()
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Untraced:
    """A word of the question that nothing in the SQL stands for, and what makes that weigh.

    `elsewhere`: a name of the schema that the query does not use has it; `qualifies`: it stands beside a name that the
    query uses, as `draft` in `draft invoices`; `is_measured`: it follows `how many`, `average`, `best` or the like;
    `is_name`: it is written as a name; `is_number`: it is a number. `is_label`: the SQL gives it to something as a name
    of its own, as in `sum(amount) AS commission`, which shows nothing.
    """

    word: str
    elsewhere: bool = False
    qualifies: bool = False
    is_measured: bool = False
    is_name: bool = False
    is_number: bool = False
    is_label: bool = False

    @property
    def weighs(self) -> bool:
        """Whether one of these is so. That of a label is for the confidence to weigh."""
        marks = (self.elsewhere, self.qualifies, self.is_measured, self.is_name, self.is_number)
        return any(marks) and not self.is_label


@dataclass(frozen=True, slots=True)
class Clarification:
    """A question back to the user, with the answers that are possible."""

    question: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why there is no answer: a stable `code`, the guard's `rule` if one objected, what happened, what to do."""

    code: str
    message: str
    hint: str = ""
    rule: str | None = None


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
    """From what an answer was made, as hashes: of tables and columns, of the files, of the policy, of the prompt.

    `schema` is of tables, columns and keys, `data` of names, sizes and times of files. `prompt` is None where no model
    was asked. `settings` are those that an answer hangs on; `versions` are of nl2sql, the engine and the parser.
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
        return self.result.row_count if self.result else None

    @property
    def approval(self) -> str:
        """Who verified its query and when, as a clause; empty where nobody did, or nobody knows."""
        who = f" by {self.verified_by}" if self.verified_by else ""
        when = f" on {self.verified_at.isoformat()}" if self.verified_at else ""
        return f"verified{who}{when}" if who or when else ""

    @property
    def truncated(self) -> bool | None:
        return self.result.truncated if self.result else None

    def to_arrow(self) -> pa.Table:
        """The rows as a `pyarrow.Table`, each column under a name of its own: of two columns `a` the second is `a_2`.

        ValueError where nothing ran.
        """
        if self.result is None:
            raise ValueError(f"no rows: the question ended as {self.status.value}")
        return self.result.table.rename_columns(make_unique_names([column.name for column in self.result.columns]))

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame` with the names of `to_arrow`; needs pandas. ValueError where nothing ran.

        Whole numbers beside NULL are pandas' nullable integers (`Int64`), which keep every digit.
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
    """What an event tells."""

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


Message = Mapping[str, Any]
Messages = Sequence[Message]
