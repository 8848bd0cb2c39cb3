"""Takes one question from start to Answer over an opened database, a model and sessions.

It joins what the packages do; it opens no database, and prints nothing.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, Unpack

from nl2sql import schema
from nl2sql.agent import prompts
from nl2sql.agent.ask_options import AskOptions, check_question, refuse_unknown_options
from nl2sql.agent.few_shot import choose_examples
from nl2sql.agent.outcome import QuestionBudget
from nl2sql.agent.owner_notes import select_notes
from nl2sql.agent.query_execution import make_lookup_permit, restrict_approval
from nl2sql.agent.question_run import QuestionRun, RunOptions
from nl2sql.agent.question_scope import QuestionScope
from nl2sql.agent.tools import Toolbox
from nl2sql.agent.verified_query_tools import make_query_functions
from nl2sql.answer.notation import find_notation
from nl2sql.cancellation import CancelToken, Deadline
from nl2sql.config import LOCAL_MODEL, Config
from nl2sql.database import Database
from nl2sql.errors import ConfigError, DatabaseError, ToolError
from nl2sql.model import Progress, open_chat_model
from nl2sql.model.chat import ChatModel
from nl2sql.schema import SchemaBudget
from nl2sql.schema.allowed_schema import AllowedSchema
from nl2sql.store.sessions import SessionTurns, make_session_id
from nl2sql.store.verified_queries import VerifiedQuery, find_answering_query
from nl2sql.types import (
    Answer,
    CheckedSQL,
    Event,
    EventKind,
    Limits,
    Message,
    Receipt,
    Result,
    Schema,
    Seconds,
    Status,
    Verdict,
)

if TYPE_CHECKING:
    from nl2sql.importing.file_rules import FileRules
    from nl2sql.schema import LinkedSchema
    from nl2sql.store import HistoryEntry, ReplayDiff, Turn

_QUESTION_SECONDS: Final = 600.0
# On a slow machine the embedded model reads a long schema for a quarter of an hour, once.
_QUESTION_SECONDS_LOCAL: Final = 2700.0
_SCHEMA_TOKENS: Final = SchemaBudget(detail_tokens=24_000, whole_tokens=24_000)
# The embedded model reads some seventy tokens a second: a longer text would make the first answer wait too long.
_SCHEMA_TOKENS_LOCAL: Final = SchemaBudget(detail_tokens=1_500, whole_tokens=6_000)


class Assistant:
    """Answers questions about one opened database. Methods may be called from several threads.

    `database` runs the user's own SQL; its most used methods are here too.
    """

    def __init__(
        self,
        database: Database,
        chat_model: ChatModel | None = None,
        *,
        on_progress: Progress | None = None,
        sessions: SessionTurns | None = None,
        model_opener: Callable[[CancelToken | None], ChatModel] | None = None,
    ) -> None:
        self.database = database
        self._model_opener = model_opener
        self._model = chat_model
        self._model_lock = threading.Lock()
        self._on_progress = on_progress
        self._sessions = sessions or SessionTurns(None, url=database.url)
        self._linked: LinkedSchema | None = None

    @property
    def config(self) -> Config:
        """The settings that it was opened with."""
        return self.database.config

    @property
    def url(self) -> str:
        """The opened database, without any password."""
        return self.database.url

    @property
    def schema(self) -> Schema:
        """The introspected schema, without what the policy and the settings hide.

        Raises:
            DatabaseError: the engine fails.
        """
        return self.database.schema

    @property
    def verified_queries(self) -> tuple[VerifiedQuery, ...]:
        """The verified queries, as `Database.verified_queries`."""
        return self.database.verified_queries

    def check(self, sql: str, *, collect_all: bool = False) -> Verdict:
        """Check SQL, as `Database.check`."""
        return self.database.check(sql, collect_all=collect_all)

    def run(self, sql: str, *, limits: Limits | None = None, cancel: CancelToken | None = None) -> Result:
        """Run SQL, as `Database.run`."""
        return self.database.run(sql, limits=limits, cancel=cancel)

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer one question; `AskOptions` says what the keywords mean.

        A failure to answer is an Answer too: see `status` and `error`.

        Raises:
            ConfigError: there is no question, or no such session.
            DatabaseError: the database fails.
            ModelError: the model fails.
            CancelledError: `cancel` was set.
        """
        answer: Answer | None = None
        for event in self.stream(question, **options):
            answer = event.answer
        assert answer is not None
        return answer

    def stream(self, question: str, **options: Unpack[AskOptions]) -> Iterator[Event]:
        """Answer one question as `ask`, and yield each event as it happens; the last one carries the Answer."""
        refuse_unknown_options(options)
        return self._stream(question, options)

    def _stream(self, question: str, options: AskOptions) -> Iterator[Event]:
        start = time.perf_counter()
        question = check_question(question)
        session, user, cancel = options.get("session"), options.get("user"), options.get("cancel")
        if session is not None and not self._sessions.has_session(session, user):
            raise ConfigError(
                f"there is no session {session!r} here", "Take `session` from an answer, or begin one: open_session()."
            )
        yield Event(EventKind.SCHEMA, self.url)
        queries = self.database.verified_queries
        known = find_answering_query(question, queries)
        opening = None if known else self._start_opening_model(cancel)
        allowed = self.database.allowed_schema
        if not allowed.schema.tables:
            raise DatabaseError("there is no table that may be read", "Check the database, and [policy] if you set it.")
        schema_seconds = time.perf_counter() - start
        turns = self._sessions.list_turns(session, user)
        run = self._start_run(question, turns, queries, options)
        answer: Answer | None = None
        warnings: tuple[str, ...] = ()
        if known is not None:
            try:
                answer = yield from run.answer_with_query(known)
            except ToolError as exc:
                warnings = (f"the verified query {known.name} was not used: {exc.message}. See `nl2sql queries test`.",)
        if answer is None:
            opening = opening or self._start_opening_model(cancel)
            shown = schema.narrow_to_mentions(question, allowed.schema, options.get("tables", ()))
            answer = yield from self._answer_with_model(run, turns, shown, opening)
            warnings = (*warnings, *_warn_of_follow_up(answer, turns, allowed.schema))
        seconds = Seconds(
            schema=schema_seconds,
            model=answer.seconds.model,
            guard=run.tools.guard_seconds,
            database=run.tools.database_seconds,
            total=time.perf_counter() - start,
        )
        answer = replace(
            _add_approval(answer, queries),
            seconds=seconds,
            session=session or make_session_id(),
            warnings=(*warnings, *answer.warnings, *_list_doubts_of_failure(answer, allowed)),
            receipt=answer.receipt or self.issue_receipt(),
        )
        answer = self._sessions.record(answer, user)
        yield Event(EventKind.ANSWER, answer.text, result=answer.result, answer=answer)

    def with_files(
        self, files: Sequence[Path], *, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> Assistant:
        """Return the same database with data files (CSV, TSV, Parquet, JSON, Excel) as further tables, for one session.

        In SQL their names are `uploads.` and the file's name, so that they never hide a table of the database;
        `database.uploads` lists them. Sessions and the model are shared with this Assistant, which must stay open.
        Closing the new one removes what was made of the files. `rules` say how to read a file, by its name;
        `database.imports` says how it was read. The policy holds for the database as before, and allows the uploads.

        Raises:
            DatabaseError: a file cannot be read; the text names the file and the line.
            LimitError: the files are larger than `upload_bytes` and `upload_rows` of the limits.
            ConfigError: files were uploaded here already.
        """
        database = self.database.attach_files(files, workers=workers, rules=rules)
        return Assistant(database, sessions=self._sessions, model_opener=self._get_chat_model)

    def with_options(
        self, *, limits: Limits | None = None, model: str | Assistant | ChatModel | None = None
    ) -> Assistant:
        """Return the same database and sessions under other limits, or with another model.

        `model` is a model's name, a ChatModel, or an Assistant whose model is used. The new Assistant shares what this
        one has opened: close this one, and not the new one.
        """
        config = replace(self.config, limits=limits or self.config.limits)
        own: ChatModel | None = None
        opens: Callable[[CancelToken | None], ChatModel] | None = self._get_chat_model
        if isinstance(model, Assistant):
            config, opens = replace(config, model=model.config.model), model._get_chat_model
        elif isinstance(model, str):
            config, opens = replace(config, model=config.model.rename(model)), None
        elif model is not None:
            own, opens = model, None
        database = self.database.with_config(config)
        return Assistant(database, own, sessions=self._sessions, model_opener=opens)

    def has_session(self, name: str, *, user: str | None = None) -> bool:
        """Return whether the user has such a session, here or in the store.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._sessions.has_session(name, user)

    def open_session(self, name: str | None = None, *, user: str | None = None) -> str:
        """Begin or resume the user's session of that name, and return the name to pass as `session=`.

        Without a name it gets a new one that nobody can guess.

        Raises:
            ConfigError: the text cannot be a name.
        """
        return self._sessions.open(name, user)

    def adopt(
        self, question: str, sql: str, *, session: str, user: str | None = None, cancel: CancelToken | None = None
    ) -> Answer:
        """Run the user's own SQL as the session's answer to the question; follow-ups build on it.

        The answer has no confidence, as nobody but the user says that it is right.

        Raises:
            NL2SQLError: as `run`.
        """
        from nl2sql.answer.fallback_sentences import describe_empty_result, describe_rows

        start = time.perf_counter()
        checked = self.database.check_or_raise(sql, cancel=cancel)
        result = self.database.run(checked.sql, cancel=cancel)
        text = (
            describe_rows(result, self.database.choose_column_formats(result, checked.sql))
            if result.row_count
            else describe_empty_result()
        )
        answer = Answer(
            uuid.uuid4().hex[:12],
            question,
            Status.ANSWERED,
            text,
            sql=self.database.format_sql(checked.sql),
            result=result,
            reading=self.database.explain_sql(checked.sql),
            warnings=("This is your own SQL: only you say that it answers the question.",),
            chart=self.database.draw(result, checked.sql).spec,
            seconds=Seconds(total=time.perf_counter() - start),
            session=session,
            receipt=self.issue_receipt(),
        )
        return self._sessions.record(answer, user)

    def replay(self, entry: HistoryEntry, *, cancel: CancelToken | None = None) -> ReplayDiff:
        """Run a recorded answer's SQL again, under the current guard and limits, and compare the rows.

        It runs on this database, whichever that of the entry was.

        Raises:
            ConfigError: the recorded answer had no rows.
            NL2SQLError: as `run`.
        """
        from nl2sql.store.replay_diff import compare_replay, get_replay_sql, make_replay_limits

        limits = make_replay_limits(entry, self.config.limits)
        result = self.database.run(get_replay_sql(entry), limits=limits, cancel=cancel, wants_hash=True)
        return compare_replay(entry, result, self.issue_receipt())

    def issue_receipt(self, prompt: Sequence[Message] | None = None) -> Receipt:
        """Return what an answer is made from now: hashes of schema, data, policy and prompt; settings; versions."""
        from nl2sql.answer.receipt import make_receipt

        config, allowed = self.config, self.database.allowed_schema
        settings = {
            "model": LOCAL_MODEL if config.model.is_local else config.model.name,
            "temperature": config.model.temperature,
            "candidates": config.model.candidates,
            "time_zone": config.context.time_zone,
            "today": config.context.today.isoformat() if config.context.today else None,
            "rows": config.limits.rows,
        }
        return make_receipt(allowed.schema, allowed.policy, settings, prompt)

    def render_prompt(self, question: str = "") -> str:
        """Return exactly what the model is sent before the question."""
        linked_schema = self._link(question, self.database.allowed_schema.schema)
        calls_tools = not self.config.model.is_local and self.config.model.protocol != "text"
        notes = select_notes(question, self.config.context, self.database.allowed_schema.schema)
        return str(prompts.write_system_message(linked_schema, notes.general, calls_tools=calls_tools)["content"])

    def close(self) -> None:
        """Close the database and the model's connection. The embedded model's server stays warm."""
        self.database.close()
        if self._model is not None:
            self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _schema_budget(self) -> SchemaBudget:
        return _SCHEMA_TOKENS_LOCAL if self.config.model.is_local else _SCHEMA_TOKENS

    def _start_run(
        self, question: str, turns: Sequence[Turn], queries: Sequence[VerifiedQuery], options: AskOptions
    ) -> QuestionRun:
        """Put together the tools, the time and the approval of one question."""
        config, cancel = self.config, options.get("cancel")
        allowed, engine = self.database.allowed_schema, self.database.engine
        approve, above_rows = options.get("approve"), options.get("approve_above_rows")
        if engine.capabilities.cost_estimates is None:
            # Where nothing says what is heavy, each query may be: all are asked about.
            above_rows = None

        def estimate(checked: CheckedSQL) -> int | None:
            return self.database.estimate_checked(checked, cancel)

        scope = QuestionScope(
            question,
            " ".join(f"{turn.question} {turn.sql}" for turn in turns),
            make_query_functions(queries),
            make_lookup_permit(approve, above_rows, estimate),
            reads_values=approve is None or _is_small(allowed.schema, above_rows),
            context=config.context,
            notation=find_notation(config.display.locale),
        )
        allowance = _QUESTION_SECONDS_LOCAL if config.model.is_local else _QUESTION_SECONDS
        return QuestionRun(
            Toolbox(engine, allowed, config.limits, cancel, scope),
            Deadline(allowance, cancel),
            RunOptions(
                options.get("summary", True),
                options.get("explain", True),
                restrict_approval(approve, above_rows, estimate),
                QuestionBudget(steps=config.limits.steps, seconds=allowance),
                config.model.candidates,
            ),
        )

    def _answer_with_model(
        self, run: QuestionRun, turns: Sequence[Turn], view: Schema, opening: Future[ChatModel]
    ) -> Generator[Event, None, Answer]:
        """Answer by SQL that the model writes, once it is open. `view` is what it may be shown."""
        question = run.tools.question
        examples = choose_examples(question, self.database.verified_queries, run.tools.check)
        with run.deadline.pause():
            model = opening.result()
        if (refused := run.refuse_other_wish(model, view)) is not None:
            return refused
        answer = yield from run.answer_with_model(model, self._link(question, view), turns, examples)
        return replace(answer, receipt=self.issue_receipt(run.messages))

    def _start_opening_model(self, cancel: CancelToken | None) -> Future[ChatModel]:
        """Start opening the model, in a thread, while the schema is read."""
        executor = ThreadPoolExecutor(1, "nl2sql-open-model")
        opening = executor.submit(self._get_chat_model, cancel)
        executor.shutdown(wait=False)
        return opening

    def _get_chat_model(self, cancel: CancelToken | None) -> ChatModel:
        if self._model_opener is not None:
            return self._model_opener(cancel)
        with self._model_lock:
            if self._model is None:
                self._model = open_chat_model(self.config, on_progress=self._on_progress, cancel=cancel)
            return self._model

    def _link(self, question: str, view: Schema) -> LinkedSchema:
        """Return the view as text; a whole one is the same for every question and is made once."""
        linked = self._linked
        if linked is None or linked.schema is not view:
            linked = schema.link(question, view, self._schema_budget)
            self._linked = None if linked.omitted_tables else linked
        return linked


def _add_approval(answer: Answer, queries: Sequence[VerifiedQuery]) -> Answer:
    """Add who verified the answer's query and when, where it is one of these queries."""
    for query in queries:
        if query.name == answer.verified_query:
            return replace(answer, verified_by=query.verified_by, verified_at=query.verified_at)
    return answer


def _warn_of_follow_up(answer: Answer, turns: Sequence[Turn], view: Schema) -> tuple[str, ...]:
    """Warn where the answer's query keeps a condition of the turn before that the question does not name."""
    if answer.sql is None or not turns:
        return ()
    from nl2sql.answer.follow_up import describe_follow_up

    warning = describe_follow_up(answer.question, answer.sql, (turns[-1].question, turns[-1].sql), view)
    return (warning,) if warning else ()


def _is_small(view: Schema, rows: int | None) -> bool:
    """Return whether no table has more rows than that; False where no number is given."""
    return rows is not None and all(table.row_count is None or table.row_count <= rows for table in view.tables)


def _list_doubts_of_failure(answer: Answer, allowed: AllowedSchema) -> list[str]:
    """Return what is doubtful of the columns that the last query names, where none ran: that may be why."""
    if answer.result is not None or not answer.steps:
        return []
    return list(allowed.find_doubts(str(answer.steps[-1].arguments.get("query", ""))))
