"""Wires the rooms: one question from start to Answer.

It holds an opened database, a model, and the conversations; no logic of the rooms themselves, and no printing.
"""

from __future__ import annotations

import fnmatch
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from nl2sql import guard, schema
from nl2sql.agent import loop, prompts
from nl2sql.agent.conclusion import conclude
from nl2sql.agent.tools import Toolbox
from nl2sql.answer.estimate import estimated_rows
from nl2sql.cancel import CancelToken
from nl2sql.config import Config, load_config
from nl2sql.engines import open_engine
from nl2sql.engines.engine import CancellableJudge
from nl2sql.errors import ConfigError, DatabaseError
from nl2sql.model import Progress, open_chat_model
from nl2sql.schema import Budget
from nl2sql.schema.identifiers import quote_table
from nl2sql.types import (
    Answer,
    CheckedSQL,
    Event,
    EventKind,
    Limits,
    Message,
    Policy,
    Result,
    Schema,
    Seconds,
    Verdict,
    Window,
)

if TYPE_CHECKING:
    from nl2sql.engines.engine import Engine, ResultStream
    from nl2sql.model.chat import ChatModel
    from nl2sql.schema import LinkedSchema

QUESTION_CHARS: Final = 4000
_REMEMBERED_TURNS: Final = 3
_REMEMBERED_SESSIONS: Final = 1000
_SCHEMA_TOKENS: Final = Budget(detail=24_000, whole=24_000)
# The embedded model reads some seventy tokens a second: a longer text would make the first answer wait too long.
_SCHEMA_TOKENS_LOCAL: Final = Budget(detail=1_500, whole=6_000)


@dataclass(frozen=True, slots=True)
class _Turn:
    """An answered question, as a follow-up needs it."""

    question: str
    sql: str
    shape: str


def connect(
    url: str | None = None,
    *,
    model: str | ChatModel | None = None,
    config: Config | None = None,
    on_progress: Progress | None = None,
    workers: int = 1,
) -> Assistant:
    """Open a database and return an Assistant over it; use it in a `with` block, or close it.

    `url` is a `.duckdb` file, a CSV, Parquet, JSON or Excel file, or a folder of them; None takes `NL2SQL_DB`, then
    the project file, then the sample data. `model` is `local`, a model's name at `OPENAI_BASE_URL`, or a ChatModel.
    The database is opened at once, the model with the first question; `on_progress(what, done, total)` hears of
    long work. `workers` is how many queries may run side by side, each with the memory of the limits; further ones
    wait their turn. Raises ConfigError, DatabaseError.
    """
    name = model if isinstance(model, str) else None
    if config is None:
        config = load_config(url=url, model=name)
    else:
        config = replace(config, url=url or config.url)
        config = replace(config, model=replace(config.model, name=name)) if name else config
    cache_dir = config.home / "cache"
    engine = open_engine(config.url or _sample_database(cache_dir), config.limits, cache_dir, workers)
    chat_model = None if model is None or isinstance(model, str) else model
    return Assistant(engine, config, chat_model, on_progress=on_progress)


class Assistant:
    """Answers questions about one opened database. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        chat_model: ChatModel | None = None,
        *,
        on_progress: Progress | None = None,
    ) -> None:
        self.config = config
        self._engine = engine
        self._model = chat_model
        self._model_lock = threading.Lock()
        self._on_progress = on_progress
        self._sessions: dict[str, tuple[_Turn, ...]] = {}
        self._linked: LinkedSchema | None = None
        self._seen: tuple[Schema, tuple[Schema, Policy]] | None = None

    @property
    def url(self) -> str:
        """The opened database, without any password."""
        return self._engine.url

    @property
    def schema(self) -> Schema:
        """What was introspected, without what the policy and the settings hide. DatabaseError."""
        return self._view()[0]

    @property
    def idle_policy(self) -> list[str]:
        """The denied names of the policy that match nothing in this database: misspelt, perhaps."""
        whole, policy = self._engine.introspect(), self.config.policy
        tables = {table.name.lower() for table in whole.tables}
        columns = {f"{table.name}.{column.name}".lower() for table in whole.tables for column in table.columns}
        idle = [name for name in policy.deny_tables if name.lower() not in tables]
        return sorted(idle + [name for name in policy.deny_columns if name.lower() not in columns])

    @property
    def missing_limits(self) -> list[str]:
        """The limits of the operating system that this platform does not have for queries, by name."""
        return [name for name, held in self._engine.worker_limits().items() if not held]

    def ask(
        self,
        question: str,
        *,
        session: str | None = None,
        summary: bool = True,
        explain: bool = True,
        approve: Callable[[CheckedSQL], bool] | None = None,
        cancel: CancelToken | None = None,
    ) -> Answer:
        """Answer one question.

        `session` (an earlier answer's) makes it a follow-up. `summary=False` leaves out the sentence and saves a
        model call, `explain=False` leaves out the reading of the SQL. `approve` is asked before SQL runs; where
        it says no, the answer has the SQL and no rows.
        An answer that could not be had is an Answer too: see `status` and `error`. Raises ConfigError,
        DatabaseError, ModelError, CancelledError.
        """
        answer: Answer | None = None
        for event in self.stream(
            question, session=session, summary=summary, explain=explain, approve=approve, cancel=cancel
        ):
            answer = event.answer
        assert answer is not None
        return answer

    def stream(
        self,
        question: str,
        *,
        session: str | None = None,
        summary: bool = True,
        explain: bool = True,
        approve: Callable[[CheckedSQL], bool] | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[Event]:
        """As `ask`, but yields what happens as it happens; the last event carries the Answer."""
        start = time.perf_counter()
        question = _checked_question(question)
        if session is not None and session not in self._sessions:
            raise ConfigError(
                f"there is no session {session!r} here", "Take `session` from an answer of this Assistant."
            )
        yield Event(EventKind.SCHEMA, self.url)
        with_model = ThreadPoolExecutor(1, "nl2sql-open-model")
        opening = with_model.submit(self._chat_model, cancel)
        with_model.shutdown(wait=False)
        view, policy = self._view()
        if not view.tables:
            raise DatabaseError("there is no table that may be read", "Check the database, and [policy] if you set it.")
        schema_seconds = time.perf_counter() - start
        model = opening.result()
        linked_schema = self._link(question, view)
        limits = self.config.limits
        tools = Toolbox(self._engine, view, policy, limits, cancel, question=question, looks_up=approve is None)
        asked = loop.Asked(
            self._conversation(question, linked_schema, model.calls_tools, session),
            summary=summary,
            approve=approve,
            budget=loop.Budget(steps=limits.steps),
        )
        outcome = yield from loop.run(asked, model, tools, cancel)
        answer = conclude(question, outcome, tools, self._engine.dialect, len(linked_schema.left_out))
        if explain and answer.sql:
            from nl2sql.answer.reading import read

            answer = replace(answer, reading=read(answer.sql, self._engine.dialect))
        seconds = Seconds(
            schema=schema_seconds,
            model=outcome.model_seconds,
            guard=tools.guard_seconds,
            database=tools.database_seconds,
            total=time.perf_counter() - start,
        )
        answer = replace(answer, seconds=seconds, model=model.name, session=session or uuid.uuid4().hex[:12])
        self._remember(answer)
        yield Event(EventKind.ANSWER, answer.text, result=answer.result, answer=answer)

    def place_in_queue(self, cancel: CancelToken) -> int:
        """Where the call that was given this token waits for a free worker: 1 is next, 0 does not wait."""
        return self._engine.place_in_queue(cancel)

    def check(self, sql: str) -> Verdict:
        """What the guard says of the SQL: the canonical text, or each finding. LimitError, DatabaseError."""
        return guard.examine(sql, self._view()[1], self._engine)

    def checked(self, sql: str, *, cancel: CancelToken | None = None) -> CheckedSQL:
        """The SQL once the guard has passed it. GuardError, QueryError, LimitError."""
        return guard.check(sql, self._view()[1], CancellableJudge(self._engine, cancel))

    def run(self, sql: str, *, limits: Limits | None = None, cancel: CancelToken | None = None) -> Result:
        """Run the user's own SQL under the same guard and limits. GuardError, QueryError, LimitError."""
        return self._engine.execute(self.checked(sql, cancel=cancel), limits or self.config.limits, cancel)

    def run_stream(
        self, sql: str, *, limits: Limits | None = None, cancel: CancelToken | None = None
    ) -> AbstractContextManager[ResultStream]:
        """As `run`, but the rows come batch by batch inside the context."""
        return self._engine.stream(self.checked(sql, cancel=cancel), limits or self.config.limits, cancel)

    def page(
        self,
        sql: str,
        *,
        offset: int = 0,
        limit: int = 100,
        order_by: str | None = None,
        descending: bool = False,
        contains: Mapping[str, str] | None = None,
        cancel: CancelToken | None = None,
    ) -> Result:
        """A window of the rows that the SQL gives, sorted and filtered by the engine, under the same guard and limits.

        `order_by` and the keys of `contains` are names of result columns; rows without a value come last. Without
        `order_by` rows come as the query orders them. The engine keeps the rows for a while, so that further pages
        are quick and in the same order; `truncated` says that it has more than it keeps. Errors as `run`.
        """
        window = Window(max(0, offset), max(0, limit), order_by, descending, contains or {})
        return self._engine.page(self.checked(sql, cancel=cancel), window, self.config.limits, cancel)

    def count(self, sql: str, *, contains: Mapping[str, str] | None = None, cancel: CancelToken | None = None) -> int:
        """How many rows the SQL gives in all; with `contains`, of those that `page` can show. Errors as `run`."""
        window, limits = Window(contains=contains or {}), self.config.limits
        checked = self.checked(sql, cancel=cancel)
        count = self._engine.count(checked, window, limits, cancel)
        if count.complete or contains:
            return count.rows
        counted = self.checked(f"SELECT count(*) FROM (\n{checked.sql}\n) AS counted", cancel=cancel)
        return int(self._engine.execute(counted, limits, cancel).rows[0][0])

    def estimate(self, sql: str, *, cancel: CancelToken | None = None) -> int | None:
        """The most rows that any step of the SQL would handle, as the engine guesses before it runs; None if unsaid.

        A hint for asking back before a heavy query: the limits are what protects. Errors as `run`.
        """
        checked = self.checked(sql, cancel=cancel)
        asked = self.checked(f"EXPLAIN (FORMAT json) {guard.under_explain(checked.sql)}", cancel=cancel)
        rows = self._engine.execute(asked, self.config.limits, cancel).rows
        return estimated_rows(str(rows[0][-1])) if rows else None

    def prompt(self, question: str = "") -> str:
        """Exactly what the model is sent before the question."""
        linked_schema = self._link(question, self._view()[0])
        calls_tools = not self.config.model.is_local and self.config.model.protocol != "text"
        return str(prompts.system(linked_schema, self.config.context, calls_tools=calls_tools)["content"])

    def close(self) -> None:
        """Close the database and the model's connection. The embedded model's server stays warm."""
        self._engine.close()
        if self._model is not None:
            self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _schema_tokens(self) -> Budget:
        return _SCHEMA_TOKENS_LOCAL if self.config.model.is_local else _SCHEMA_TOKENS

    def _chat_model(self, cancel: CancelToken | None) -> ChatModel:
        with self._model_lock:
            if self._model is None:
                self._model = open_chat_model(self.config, on_progress=self._on_progress, cancel=cancel)
            return self._model

    def _view(self) -> tuple[Schema, Policy]:
        """What the model may know of, and the policy that holds everybody to it."""
        whole = self._engine.introspect()
        if self._seen is None or self._seen[0] is not whole:
            policy = _with_patterns(self.config, whole)
            described = prompts.with_descriptions(whole, self.config.context)
            view = self._without_refused_views(schema.allowed(described, policy), policy)
            self._seen = (whole, (view, policy))
        return self._seen[1]

    def _link(self, question: str, view: Schema) -> LinkedSchema:
        """The view as text; made once where it is whole, since then it is the same for every question."""
        kept = self._linked
        if kept is None or kept.schema is not view:
            kept = schema.link(question, view, self._schema_tokens)
            self._linked = None if kept.left_out else kept
        return kept

    def _without_refused_views(self, view: Schema, policy: Policy) -> Schema:
        """The schema without the views through which the policy would be got around: their values say the same."""
        if policy == Policy():
            return view
        known = {table.name for table in view.tables}
        tables = [
            table
            for table in view.tables
            if table.kind != "view"
            or guard.examine(f"SELECT * FROM {quote_table(table.name, known)}", policy, self._engine).allowed
        ]
        return replace(view, tables=tuple(tables))

    def _conversation(
        self, question: str, linked_schema: LinkedSchema, calls_tools: bool, session: str | None
    ) -> Sequence[Message]:
        messages = [prompts.system(linked_schema, self.config.context, calls_tools=calls_tools)]
        for turn in self._sessions.get(session or "", ()):
            messages += prompts.past_turn(turn.question, turn.sql, turn.shape)
        return [*messages, prompts.question(question)]

    def _remember(self, answer: Answer) -> None:
        if answer.session is None or answer.sql is None or answer.result is None:
            return
        names = ", ".join(column.name for column in answer.columns)
        turn = _Turn(answer.question, answer.sql, f"({answer.row_count} rows: {names})")
        turns = (*self._sessions.get(answer.session, ()), turn)
        self._sessions[answer.session] = turns[-_REMEMBERED_TURNS:]
        while len(self._sessions) > _REMEMBERED_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))


def _sample_database(cache_dir: Path) -> str:
    from nl2sql.sample import sample_database

    return str(sample_database(cache_dir))


def _checked_question(question: str) -> str:
    question = question.strip()
    if not question:
        raise ConfigError("there is no question", 'Ask one: nl2sql ask "how many customers are there?"')
    if len(question) > QUESTION_CHARS:
        raise ConfigError(f"the question has {len(question):,} characters", f"Keep it under {QUESTION_CHARS:,}.")
    return question


def _with_patterns(config: Config, whole: Schema) -> Policy:
    """The policy, with only the tables allowed that `include` and `exclude` leave."""
    if not config.include and not config.exclude:
        return config.policy
    kept = frozenset(
        table.name
        for table in whole.tables
        if (not config.include or _matches(table.name, config.include))
        and not _matches(table.name, config.exclude)
        and config.policy.allows_table(table.name)
    )
    return replace(config.policy, allow_tables=kept)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
