"""Wires the rooms: one question from start to Answer.

It joins an opened database, a model, and the conversations; no logic of the rooms themselves, and no printing.
"""

from __future__ import annotations

import threading
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql import schema
from nl2sql.agent import loop, prompts
from nl2sql.agent.owner_notes import select_notes
from nl2sql.agent.query_execution import Approver
from nl2sql.agent.tools import Toolbox
from nl2sql.answer.beyond_data import find_other_wish
from nl2sql.answer.notation import find_notation
from nl2sql.asking import (
    add_approval,
    answer_with_model,
    answer_with_verified_query,
    build_messages,
    check_question,
    choose_candidates,
    choose_examples,
    make_lookup_permit,
    make_query_functions,
    restrict_approval,
    say_follow_up,
)
from nl2sql.cancellation import CancelToken, Deadline
from nl2sql.config import LOCAL_MODEL, Config, add_dbt, load_config
from nl2sql.database import Database
from nl2sql.engines import open_engine
from nl2sql.errors import ConfigError, DatabaseError, NL2SQLError, ToolError
from nl2sql.model import Progress, open_chat_model
from nl2sql.schema import SchemaBudget
from nl2sql.schema.allowed_schema import AllowedSchema
from nl2sql.store.sessions import SessionTurns, make_session_id
from nl2sql.store.verified_queries import VerifiedQuery, find_answering_query
from nl2sql.text_safety import make_one_line
from nl2sql.types import Answer, Event, EventKind, Limits, Message, Policy, Receipt, Schema, Seconds, Status

if TYPE_CHECKING:
    from nl2sql.engines.engine import Engine
    from nl2sql.importing.file_rules import FileRules
    from nl2sql.model.chat import ChatModel
    from nl2sql.schema import LinkedSchema
    from nl2sql.store import HistoryEntry, ReplayDiff, Store, Turn

_NAME_CHARS: Final = 100
_QUESTION_SECONDS: Final = 600.0
# On a slow machine the embedded model reads a long schema for a quarter of an hour, once.
_QUESTION_SECONDS_LOCAL: Final = 2700.0
_SCHEMA_TOKENS: Final = SchemaBudget(detail_tokens=24_000, whole_tokens=24_000)
# The embedded model reads some seventy tokens a second: a longer text would make the first answer wait too long.
_SCHEMA_TOKENS_LOCAL: Final = SchemaBudget(detail_tokens=1_500, whole_tokens=6_000)


def connect(
    url: str | None = None,
    *,
    model: str | ChatModel | None = None,
    config: Config | None = None,
    on_progress: Progress | None = None,
    store: Store | None = None,
    user: str | None = None,
    client: str = "python",
    workers: int = 1,
) -> Assistant:
    """Open a database and return an Assistant over it; use it in a `with` block, or close it.

    `url` is a `.duckdb` file, a CSV, Parquet, JSON or Excel file, or a folder of them; None takes `NL2SQL_DB`, then
    the project file, then the sample data. `model` is `local`, a model's name at `OPENAI_BASE_URL`, or a ChatModel.
    The database is opened at once, the model with the first question; `on_progress(what, done, total)` hears of
    long work, such as the import of data files (in bytes). With a `store` every answer is recorded before it is
    given, for that `user`, and sessions of earlier programs can go on; `client` says where it was asked. The store is
    not closed with the Assistant. `workers` is how many queries may run side by side, each with the memory of the
    limits; further ones wait their turn.
    A project file that was found and is not trusted counts in part: what is ignored, `config.notes`, is a UserWarning,
    as is a name of the policy that the database does not have. Raises ConfigError, DatabaseError, LimitError.
    """
    name = model if isinstance(model, str) else None
    if config is None:
        config = load_config(url=url, model=name)
    else:
        config = config.point_to(url) if url else config
        config = replace(config, model=config.model.rename(name)) if name else config
    told = list(config.notes)
    try:
        config = add_dbt(config)
        engine = _open(config, workers, on_progress)
        chat_model = None if model is None or isinstance(model, str) else model
        conversations = SessionTurns(store, url=engine.url, user=user, client=client)
        assistant = Assistant(engine, config, chat_model, on_progress=on_progress, conversations=conversations)
        told += [*assistant.notes, *_check_policy(assistant)]
    finally:
        for text in told if client == "python" else ():
            warnings.warn(text, UserWarning, stacklevel=2)
    return assistant


class Assistant(Database):
    """Answers questions about one opened database. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        chat_model: ChatModel | None = None,
        *,
        on_progress: Progress | None = None,
        conversations: SessionTurns | None = None,
        model_opener: Callable[[CancelToken | None], ChatModel] | None = None,
    ) -> None:
        super().__init__(engine, config)
        self._model_opener = model_opener
        self._model = chat_model
        self._model_lock = threading.Lock()
        self._on_progress = on_progress
        self._conversations = conversations or SessionTurns(None, url=engine.url)
        self._linked: LinkedSchema | None = None

    def ask(
        self,
        question: str,
        *,
        session: str | None = None,
        user: str | None = None,
        summary: bool = True,
        explain: bool = True,
        approve: Approver = None,
        approve_above_rows: int | None = None,
        tables: Sequence[str] = (),
        cancel: CancelToken | None = None,
    ) -> Answer:
        """Answer one question.

        `session` (an earlier answer's, or one of `open_session`) makes it a follow-up. Sessions and what is recorded
        are `user`'s alone, by default those of the user given to `connect`. `summary=False` leaves out the sentence
        and saves a model call, `explain=False` leaves out the reading of the SQL. `approve` is asked before SQL runs,
        and nothing runs unasked; where it says no, the answer has the SQL and no rows; with `approve_above_rows` it is
        asked only where the engine guesses that a step handles more rows than that, and what only helps runs below it.
        `tables` are the ones that the question is about, as is a table that it names like `@orders`: the model is
        shown these, and the tables that their keys lead to.
        An answer that could not be had is an Answer too: see `status` and `error`. Raises ConfigError,
        DatabaseError, ModelError, CancelledError.
        """
        answer: Answer | None = None
        for event in self.stream(
            question,
            session=session,
            user=user,
            summary=summary,
            explain=explain,
            approve=approve,
            approve_above_rows=approve_above_rows,
            tables=tables,
            cancel=cancel,
        ):
            answer = event.answer
        assert answer is not None
        return answer

    def stream(
        self,
        question: str,
        *,
        session: str | None = None,
        user: str | None = None,
        summary: bool = True,
        explain: bool = True,
        approve: Approver = None,
        approve_above_rows: int | None = None,
        tables: Sequence[str] = (),
        cancel: CancelToken | None = None,
    ) -> Iterator[Event]:
        """As `ask`, but yields what happens as it happens; the last event carries the Answer."""
        start = time.perf_counter()
        question = check_question(question)
        if session is not None and not self._conversations.has_session(session, user):
            raise ConfigError(
                f"there is no session {session!r} here", "Take `session` from an answer, or begin one: open_session()."
            )
        yield Event(EventKind.SCHEMA, self.url)
        queries = self.verified_queries
        known = find_answering_query(question, queries)
        opening = None if known else self._start_opening_model(cancel)
        allowed = self._get_allowed_schema()
        if not allowed.schema.tables:
            raise DatabaseError("there is no table that may be read", "Check the database, and [policy] if you set it.")
        schema_seconds = time.perf_counter() - start
        turns = self._conversations.list_turns(session, user)
        tools = self._gather_tools(question, turns, allowed, queries, approve, approve_above_rows, cancel)
        approve = restrict_approval(approve, approve_above_rows, lambda checked: self._estimate(checked, cancel))
        allowance = _QUESTION_SECONDS_LOCAL if self.config.model.is_local else _QUESTION_SECONDS
        budget = loop.QuestionBudget(steps=self.config.limits.steps, seconds=allowance)
        deadline = Deadline(budget.seconds, cancel)
        answer: Answer | None = None
        warnings: tuple[str, ...] = ()
        if known is not None:
            try:
                answer = yield from answer_with_verified_query(
                    question, known, tools, self._engine.dialect, approve, deadline, explain
                )
            except ToolError as exc:
                warnings = (f"the verified query {known.name} was not used: {exc.message}. See `nl2sql queries test`.",)
        if answer is None:
            opening = opening or self._start_opening_model(cancel)
            shown = schema.narrow_to_mentions(question, allowed.schema, tables)
            asked = loop.AgentTask((), summary, approve, is_reviewed=not tools.is_lookup_allowed, budget=budget)
            answer = yield from self._write_answer(question, turns, shown, opening, tools, asked, deadline, explain)
            warnings = (*warnings, *say_follow_up(answer, turns, allowed.schema))
        seconds = Seconds(
            schema=schema_seconds,
            model=answer.seconds.model,
            guard=tools.guard_seconds,
            database=tools.database_seconds,
            total=time.perf_counter() - start,
        )
        warnings = (*warnings, *answer.warnings, *_list_doubts_of_failure(answer, allowed))
        receipt = answer.receipt or self.issue_receipt()
        session = session or make_session_id()
        answer = replace(
            add_approval(answer, queries), seconds=seconds, session=session, warnings=warnings, receipt=receipt
        )
        answer = self._conversations.record(answer, user)
        yield Event(EventKind.ANSWER, answer.text, result=answer.result, answer=answer)

    def with_files(
        self, files: Sequence[Path], *, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> Assistant:
        """The same database with data files (CSV, TSV, Parquet, JSON, Excel) as further tables, for one session.

        SQL calls them `uploads.` and the file's name, so that they never hide a table of the database; `uploads`
        lists them. Sessions and the model are shared with this Assistant, which is to stay open; close the new one,
        and what was made of the files is gone. `rules` say how to read a file, by its name, and `imports` how it was
        read. The policy holds for the database as before, and allows the uploads.
        DatabaseError names the file, and the line, that cannot be read; LimitError where they are larger than
        `upload_bytes` and `upload_rows` of the limits; ConfigError where files were uploaded here already.
        """
        engine = self._engine.attach_files(files, self.config.limits, workers, rules)
        return Assistant(engine, self.config, conversations=self._conversations, model_opener=self._get_chat_model)

    def with_options(self, *, limits: Limits | None = None, model: str | Assistant | None = None) -> Assistant:
        """The same database and sessions under other limits, or with another model: its name, or another's own.

        It shares what this Assistant has opened: close this one, and not that.
        """
        config = replace(self.config, limits=limits or self.config.limits)
        opens: Callable[[CancelToken | None], ChatModel] | None = self._get_chat_model
        if isinstance(model, Assistant):
            config, opens = replace(config, model=model.config.model), model._get_chat_model
        elif model is not None:
            config, opens = replace(config, model=config.model.rename(model)), None
        other = Assistant(self._engine, config, conversations=self._conversations, model_opener=opens)
        other._seen = self._seen
        return other

    def has_session(self, name: str, *, user: str | None = None) -> bool:
        """Whether the user has such a session, here or in the store. StoreError."""
        return self._conversations.has_session(name, user)

    def open_session(self, name: str | None = None, *, user: str | None = None) -> str:
        """Begin the user's session of that name, or go on with it, and return its name: then `session=` may name it.

        Without a name it gets a new one that nobody can guess. ConfigError where the text cannot be a name.
        """
        return self._conversations.open(name, user)

    def adopt(
        self, question: str, sql: str, *, session: str, user: str | None = None, cancel: CancelToken | None = None
    ) -> Answer:
        """Run the user's own SQL as the session's answer to the question: what is asked next builds on it.

        The answer has no confidence, as nobody but the user says that it is right. Errors as `run`.
        """
        from nl2sql.answer.fallback_sentences import describe_empty_result, describe_rows

        start = time.perf_counter()
        checked = self.check_or_raise(sql, cancel=cancel)
        result = self.run(checked.sql, cancel=cancel)
        text = (
            describe_rows(result, self.choose_column_formats(result, checked.sql))
            if result.row_count
            else describe_empty_result()
        )
        answer = Answer(
            uuid.uuid4().hex[:12],
            question,
            Status.ANSWERED,
            text,
            sql=self.format_sql(checked.sql),
            result=result,
            reading=self.explain_sql(checked.sql),
            warnings=("This is your own SQL: only you say that it answers the question.",),
            chart=self.draw(result, checked.sql).spec,
            seconds=Seconds(total=time.perf_counter() - start),
            session=session,
            receipt=self.issue_receipt(),
        )
        return self._conversations.record(answer, user)

    def replay(self, entry: HistoryEntry, *, cancel: CancelToken | None = None) -> ReplayDiff:
        """Run a remembered answer's SQL again, under the guard and the limits of now, and compare the rows with then.

        It runs on this database, whichever that of the entry was. ConfigError where it had no rows; errors as `run`.
        """
        from nl2sql.store.replay_diff import compare_replay, get_replay_sql, make_replay_limits

        limits = make_replay_limits(entry, self.config.limits)
        result = self.run(get_replay_sql(entry), limits=limits, cancel=cancel, wants_hash=True)
        return compare_replay(entry, result, self.issue_receipt())

    def issue_receipt(self, prompt: Sequence[Message] | None = None) -> Receipt:
        """From what an answer is made here and now: hashes of schema, data, policy and prompt, settings, versions."""
        from nl2sql.answer.receipt import make_receipt

        config, allowed = self.config, self._get_allowed_schema()
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
        """Exactly what the model is sent before the question."""
        linked_schema = self._link(question, self._get_allowed_schema().schema)
        calls_tools = not self.config.model.is_local and self.config.model.protocol != "text"
        notes = select_notes(question, self.config.context, self._get_allowed_schema().schema)
        return str(prompts.write_system_message(linked_schema, notes.general, calls_tools=calls_tools)["content"])

    def close(self) -> None:
        """Close the database and the model's connection. The embedded model's server stays warm."""
        super().close()
        if self._model is not None:
            self._model.close()

    @property
    def _schema_budget(self) -> SchemaBudget:
        return _SCHEMA_TOKENS_LOCAL if self.config.model.is_local else _SCHEMA_TOKENS

    def _gather_tools(
        self,
        question: str,
        turns: Sequence[Turn],
        allowed: AllowedSchema,
        queries: Sequence[VerifiedQuery],
        approve: Approver,
        approve_above_rows: int | None,
        cancel: CancelToken | None,
    ) -> Toolbox:
        """The tools of one question, over what may be seen."""
        return Toolbox(
            self._engine,
            allowed,
            self.config.limits,
            cancel,
            question=question,
            lookup_permit=make_lookup_permit(
                approve, approve_above_rows, lambda checked: self._estimate(checked, cancel)
            ),
            reads_values=approve is None or _is_small(allowed.schema, approve_above_rows),
            functions=make_query_functions(queries),
            context=self.config.context,
            earlier_turns=" ".join(f"{turn.question} {turn.sql}" for turn in turns),
            notation=find_notation(self.config.display.locale),
        )

    def _write_answer(
        self,
        question: str,
        turns: Sequence[Turn],
        view: Schema,
        opening: Future[ChatModel],
        tools: Toolbox,
        asked: loop.AgentTask,
        deadline: Deadline,
        explain: bool,
    ) -> Generator[Event, None, Answer]:
        """The answer by SQL that the model writes; `asked` has no messages yet."""
        like = choose_examples(question, self.verified_queries, tools)
        with deadline.pause():
            model = opening.result()
        # A model that calls tools says so itself.
        if not model.calls_tools and (reply := find_other_wish(question, view)) is not None:
            return Answer(uuid.uuid4().hex[:12], question, Status.ABSTAINED, reply, model=model.name)
        # A small model makes a condition of each text that it is told.
        hits = tools.index.find_hits(question) if model.calls_tools else ()
        linked_schema = self._link(question, view)
        told = f"{tools.earlier_turns} {question}"
        notes = select_notes(told, tools.context, tools.schema, tools.index.find_hits(question))
        system = prompts.write_system_message(linked_schema, notes.general, calls_tools=model.calls_tools)
        tells_today = model.calls_tools or prompts.needs_today(question, linked_schema.schema)
        today = prompts.describe_today(tools.context, tools.today) if tells_today else ""
        asked = replace(
            asked,
            messages=build_messages(system, prompts.write_question(question, hits, like, today, notes.relevant), turns),
            candidates=choose_candidates(model, self.config.model.candidates),
        )
        left_out, dialect = len(linked_schema.omitted_tables), self._engine.dialect
        answer = yield from answer_with_model(question, asked, model, tools, dialect, left_out, deadline, explain)
        return replace(answer, receipt=self.issue_receipt(asked.messages))

    def _start_opening_model(self, cancel: CancelToken | None) -> Future[ChatModel]:
        """The model, opened while the schema is looked at."""
        with_model = ThreadPoolExecutor(1, "nl2sql-open-model")
        opening = with_model.submit(self._get_chat_model, cancel)
        with_model.shutdown(wait=False)
        return opening

    def _get_chat_model(self, cancel: CancelToken | None) -> ChatModel:
        if self._model_opener is not None:
            return self._model_opener(cancel)
        with self._model_lock:
            if self._model is None:
                self._model = open_chat_model(self.config, on_progress=self._on_progress, cancel=cancel)
            return self._model

    def _link(self, question: str, view: Schema) -> LinkedSchema:
        """The view as text; made once where it is whole, since then it is the same for every question."""
        kept = self._linked
        if kept is None or kept.schema is not view:
            kept = schema.link(question, view, self._schema_budget)
            self._linked = None if kept.omitted_tables else kept
        return kept


def _open(config: Config, workers: int, on_progress: Progress | None) -> Engine:
    """The database of the settings. No error holds the value of a variable that is in its address."""
    cache_dir = config.home / "cache"
    url = config.resolve_database() or _build_sample_database(cache_dir)
    try:
        return open_engine(url, config.limits, cache_dir, workers, on_progress, config.context.time_zone, config.files)
    except (ConfigError, DatabaseError):
        if not config.variables:
            raise
        names = ", ".join(config.variables)
        # Not from the error: its text may hold a value.
        raise DatabaseError(f"there is no database where database.url leads by {names}", "Check both.") from None


def _check_policy(assistant: Assistant) -> list[str]:
    """What to say of names that the policy has and the database does not. ConfigError where one is a pattern."""
    if assistant.config.policy == Policy():
        return []
    try:
        idle = assistant.unmatched_policy_names
    except NL2SQLError:
        assistant.close()
        raise
    for name in idle:
        if "*" in name:
            assistant.close()
            problem = f"the policy has a pattern, {make_one_line(name, _NAME_CHARS)}, and its names are exact"
            raise ConfigError(problem, "Write each name in full.")
    return list(assistant.policy_warnings)


def _is_small(view: Schema, rows: int | None) -> bool:
    """Whether no table has more rows than that; False where no number is given."""
    return rows is not None and all(table.row_count is None or table.row_count <= rows for table in view.tables)


def _build_sample_database(cache_dir: Path) -> str:
    from nl2sql.sample_database import build_sample_database

    return str(build_sample_database(cache_dir))


def _list_doubts_of_failure(answer: Answer, allowed: AllowedSchema) -> list[str]:
    """Where no query ran, what is doubtful of the columns that the last one names: that may be why."""
    if answer.result is not None or not answer.steps:
        return []
    return list(allowed.find_doubts(str(answer.steps[-1].arguments.get("query", ""))))
