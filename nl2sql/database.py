"""Holds an opened database under its owner's settings: what may be seen of it, and the user's own SQL, checked and run.

It knows no model and asks no question. Nothing here runs without having passed the guard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nl2sql import guard, schema
from nl2sql.cancellation import CancelToken
from nl2sql.config import Config
from nl2sql.engines.engine import CancellableJudge, require_capability
from nl2sql.errors import DatabaseError
from nl2sql.importing.import_account import TableAccount, list_notes
from nl2sql.schema.allowed_schema import AllowedSchema
from nl2sql.schema.identifiers import list_identifiers
from nl2sql.schema.value_index import Hit
from nl2sql.schema_visibility import cut_accounts, list_accounts, list_hidden_views, make_allowed_schema, warn_of_names
from nl2sql.store.verified_queries import VerifiedQueries
from nl2sql.types import (
    Answer,
    CheckedSQL,
    Count,
    Criteria,
    Limits,
    Policy,
    Result,
    Schema,
    TextByColumn,
    Upload,
    Verdict,
    Window,
)

if TYPE_CHECKING:
    from nl2sql.answer.display import ColumnFormat
    from nl2sql.charts.chart_wish import ChartWish
    from nl2sql.charts.drawing import Chart
    from nl2sql.engines.engine import Engine, Paging, ResultStream
    from nl2sql.engines.files.upload_folder import UploadFolder
    from nl2sql.importing.file_rules import FileRules
    from nl2sql.store import VerifiedQuery


class Database:
    """One opened database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.config = config
        self.engine = engine
        self._seen: tuple[Schema, AllowedSchema] | None = None

    @property
    def url(self) -> str:
        """The opened database, without any password."""
        return self.engine.url

    @property
    def schema(self) -> Schema:
        """The introspected schema, without what the policy and the settings hide.

        Raises:
            DatabaseError: the engine fails.
        """
        return self.allowed_schema.schema

    @property
    def allowed_schema(self) -> AllowedSchema:
        """What may be seen of it, by the model too; made once for each introspected schema.

        Raises:
            DatabaseError: the engine fails.
        """
        whole = self.engine.introspect()
        if self._seen is None or self._seen[0] is not whole:
            self._seen = (whole, make_allowed_schema(whole, self.engine, self.config))
        return self._seen[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of a folder of data files, and what is doubtful of the others: a sentence each."""
        return (*self.engine.notes, *self.doubts)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is doubtful of how data files were read: a sentence each."""
        return tuple(list_notes(self.imports))

    def find_doubts(self, sql: str) -> list[str]:
        """Return what is doubtful of the columns that the SQL names: a sentence each."""
        return list(self.allowed_schema.find_doubts(sql))

    @property
    def imports(self) -> tuple[TableAccount, ...]:
        """How each table that may be seen was made of its data file; empty for a database.

        Under a policy without the texts of the file, which may stand in rows or columns that it hides.
        """
        accounts = list_accounts(self.engine)
        return cut_accounts(accounts, self.schema, self.config.policy) if accounts else ()

    @property
    def is_new_import(self) -> bool:
        """Whether the data files were read when this was opened, and not before."""
        files = self.engine.capabilities.file_tables
        return files is not None and files.is_new_import

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """The tables of uploaded files, each with its file's name, in the order of the files."""
        files = self.engine.capabilities.file_tables
        return files.uploads if files else ()

    def attach_files(
        self, files: Sequence[Path], *, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> Database:
        """Return the same database with data files as further tables, for one session, as `Assistant.with_files`."""
        file_tables = require_capability(
            self.engine.capabilities.file_tables,
            self.engine,
            "joined with files",
            "Load the files into the database as tables first, or open the files by themselves.",
        )
        return Database(file_tables.attach_files(files, self.config.limits, workers, rules), self.config)

    def with_config(self, config: Config) -> Database:
        """Return the same opened database under other settings of limits and model."""
        other = Database(self.engine, config)
        other._seen = self._seen
        return other

    def make_upload_folder(self) -> UploadFolder:
        """Return a folder to put files into before `with_files`, readable to this user only.

        `close` or the end of the program removes it; what a killed program left goes when a database is next opened.

        Raises:
            ConfigError: the folder cannot be made.
        """
        from nl2sql.engines.files.upload_folder import UploadFolder

        return UploadFolder(self.config.home / "cache")

    @property
    def unmatched_policy_names(self) -> list[str]:
        """The names of the policy that match nothing in this database: misspelt, perhaps."""
        policy = self.config.policy
        return [] if policy == Policy() else [*schema.resolve(self.engine.introspect(), policy).unmatched_names]

    @property
    def hidden_views(self) -> tuple[str, ...]:
        """The views that no policy names and that are hidden, since they read what it denies.

        Raises:
            DatabaseError: the engine fails.
        """
        whole = self.engine.introspect()
        return list_hidden_views(whole, self.config, self.schema)

    @property
    def policy_warnings(self) -> tuple[str, ...]:
        """A sentence for each name of the policy that this database does not have."""
        return () if self.config.policy == Policy() else warn_of_names(self.unmatched_policy_names)

    @property
    def unmatched_descriptions(self) -> tuple[str, ...]:
        """The tables that the project's dbt files describe and this database does not have."""
        return self.config.context.dbt_notes.list_unknown(self.engine.introspect())

    @property
    def unavailable_limits(self) -> list[str] | None:
        """The operating system's limits that queries here lack, by name; None if the engine knows no such limits."""
        limits = self.engine.capabilities.process_limits
        return None if limits is None else [name for name, held in limits.list_worker_limits().items() if not held]

    def find_queue_position(self, cancel: CancelToken) -> int:
        """Return where the call with this token waits for a free worker: 1 is next, 0 does not wait."""
        queue = self.engine.capabilities.queueing
        return queue.find_queue_position(cancel) if queue else 0

    def check(self, sql: str, *, collect_all: bool = False) -> Verdict:
        """Return what the guard says of the SQL: the canonical text, or each finding.

        With `collect_all` the later judges check too where an earlier one refuses.

        Raises:
            LimitError: checking it takes too long.
            DatabaseError: the engine itself fails.
        """
        return guard.examine(sql, self.allowed_schema.policy, self.engine, collect_all=collect_all)

    def check_or_raise(self, sql: str, *, cancel: CancelToken | None = None) -> CheckedSQL:
        """Return the SQL once the guard has passed it.

        Raises:
            GuardError: a rule or the policy objects to it.
            QueryError: the engine cannot bind it.
            LimitError: checking it takes too long.
        """
        return guard.check(sql, self.allowed_schema.policy, CancellableJudge(self.engine, cancel))

    def run(
        self, sql: str, *, limits: Limits | None = None, cancel: CancelToken | None = None, wants_hash: bool = False
    ) -> Result:
        """Run the user's own SQL under the same guard and limits.

        `wants_hash` asks for the hash of the rows, by which `replay` compares results.

        Raises:
            GuardError: a rule or the policy objects to the SQL.
            QueryError: the engine cannot run it.
            LimitError: it takes more than the limits allow.
            CancelledError: `cancel` was set.
            DatabaseError: the engine itself fails.
        """
        checked = self.check_or_raise(sql, cancel=cancel)
        return self.engine.execute(checked, limits or self.config.limits, cancel, hashed=wants_hash)

    def run_stream(
        self, sql: str, *, limits: Limits | None = None, cancel: CancelToken | None = None
    ) -> AbstractContextManager[ResultStream]:
        """Run SQL as `run`, with the rows batch by batch inside the context."""
        return self.engine.stream(self.check_or_raise(sql, cancel=cancel), limits or self.config.limits, cancel)

    def fetch_page(  # noqa: PLR0913 - keywords are the public interface
        self,
        sql: str,
        *,
        offset: int = 0,
        limit: int = 100,
        order_by: str | int | None = None,
        descending: bool = False,
        contains: TextByColumn | None = None,
        criteria: Criteria = (),
        limits: Limits | None = None,
        cancel: CancelToken | None = None,
    ) -> Result:
        """Return a window of the rows that the SQL gives, sorted and filtered by the engine, under guard and limits.

        `order_by` and the keys of `contains` are names of result columns, or their positions from 0 on; rows without
        a value come last. Without `order_by` rows come as the query orders them. Of each group of `criteria` a row must
        pass one test. The engine keeps the rows for a while, so that further pages are quick and in the same order;
        `truncated` says that it has more than it keeps, and `count_pageable_rows` how many those are.

        Raises:
            ConfigError: the engine cannot page, or there is no such column.
            NL2SQLError: as `run`.
        """
        window = Window(max(0, offset), max(0, limit), order_by, descending, contains or {}, criteria)
        return self._require_paging().fetch_page(
            self.check_or_raise(sql, cancel=cancel), window, limits or self.config.limits, cancel
        )

    def add_up(
        self, sql: str, columns: Sequence[int], *, criteria: Criteria = (), cancel: CancelToken | None = None
    ) -> tuple[Decimal | None, ...]:
        """Return the sums of result columns, by position, over the rows of `fetch_page`; None where there is no number.

        Integers and decimals are added exactly; doubles too where they have ten decimals or fewer.

        Raises:
            NL2SQLError: as `fetch_page`.
        """
        return self._require_paging().add_up(
            self.check_or_raise(sql, cancel=cancel), columns, Window(criteria=criteria), self.config.limits, cancel
        )

    def count_pageable_rows(
        self,
        sql: str,
        *,
        contains: TextByColumn | None = None,
        criteria: Criteria = (),
        cancel: CancelToken | None = None,
    ) -> Count:
        """Count the rows that `fetch_page` can show; the count is not complete where the engine keeps fewer.

        Where it is not complete, sorting and filtering look at the kept rows only: there may be more that match.

        Raises:
            NL2SQLError: as `fetch_page`.
        """
        window = Window(contains=contains or {}, criteria=criteria)
        return self._require_paging().count(self.check_or_raise(sql, cancel=cancel), window, self.config.limits, cancel)

    def count(self, sql: str, *, contains: TextByColumn | None = None, cancel: CancelToken | None = None) -> int:
        """Count all rows that the SQL gives; with `contains`, those of them that `fetch_page` can show.

        Raises:
            NL2SQLError: as `run`.
        """
        window, limits = Window(contains=contains or {}), self.config.limits
        checked = self.check_or_raise(sql, cancel=cancel)
        # Where rows are not paged, only counting all of them is left.
        if contains or self.engine.capabilities.paging:
            count = self._require_paging().count(checked, window, limits, cancel)
            if count.is_complete or contains:
                return count.rows
        counted = self.check_or_raise(f"SELECT count(*) FROM (\n{checked.sql}\n) AS counted", cancel=cancel)
        return int(self.engine.execute(counted, limits, cancel).rows[0][0])

    def list_identifiers(self) -> tuple[str, ...]:
        """Return the names of all tables and columns that may be seen, as SQL writes them, for completion."""
        return list_identifiers(self.schema)

    def estimate(self, sql: str, *, cancel: CancelToken | None = None) -> int | None:
        """Return the most rows that any step of the SQL would handle, as the engine estimates; None if it does not.

        It is a hint for asking back before a heavy query: what protects the database are the limits.

        Raises:
            NL2SQLError: as `run`.
        """
        return self.estimate_checked(self.check_or_raise(sql, cancel=cancel), cancel)

    def estimate_checked(self, checked: CheckedSQL, cancel: CancelToken | None = None) -> int | None:
        """Return the estimate, as `estimate`, for SQL that has passed the guard."""
        estimates = self.engine.capabilities.cost_estimates
        if estimates is None:
            return None
        explain = self.check_or_raise(estimates.write_explain(checked), cancel=cancel)
        return estimates.read_estimate(self.engine.execute(explain, self.config.limits, cancel))

    @property
    def verified_queries(self) -> tuple[VerifiedQuery, ...]:
        """The verified queries beside the project file, by name, without those that are unreadable or not trusted."""
        return VerifiedQueries.open_for_project(self.config).list() if self.config.file else ()

    def suggest_questions(self, limit: int = 4) -> tuple[str, ...]:
        """Suggest first questions, without a model: the verified ones meant for it, then some that the data can answer.

        Raises:
            DatabaseError: the engine fails.
        """
        from nl2sql.answer.suggestions import suggest_questions

        verified = [query.question for query in self.verified_queries if query.use_as_onboarding_question]
        return tuple(dict.fromkeys([*verified, *suggest_questions(self.allowed_schema.schema, limit)]))[:limit]

    def suggest_follow_ups(self, answer: Answer, limit: int = 3) -> tuple[str, ...]:
        """Suggest next questions that build on an answer and that the data can answer, without a model."""
        from nl2sql.answer.suggestions import suggest_follow_ups

        return suggest_follow_ups(answer, self.allowed_schema.schema, limit)

    def explain_sql(self, sql: str) -> tuple[str, ...]:
        """Say what checked SQL does, in sentences made from its syntax tree."""
        from nl2sql.answer.reading import explain_sql

        return explain_sql(sql, self.engine.dialect.name, self.schema, self.config.context.find_clock_day())

    def format_sql(self, sql: str) -> str:
        """Return checked SQL over several lines; unchanged where the engine would read that as another query."""
        from nl2sql.answer.sql_format import lay_out_sql

        return lay_out_sql(sql, self.engine.dialect.name, self.check_or_raise)

    def choose_column_formats(self, result: Result, sql: str = "") -> tuple[ColumnFormat, ...]:
        """Choose how each column of a result is written for reading, in the notation of `display.locale`.

        `sql` is what gave the result.
        """
        from nl2sql.answer.display import choose_formats, find_keys
        from nl2sql.answer.notation import find_notation

        keys = frozenset[str]()
        # Rows that are there are shown, whatever became of the database since.
        with contextlib.suppress(DatabaseError):
            keys = find_keys(self.schema)
        return choose_formats(result, sql=sql, keys=keys, notation=find_notation(self.config.display.locale))

    def find_values(self, text: str, limit: int = 20) -> tuple[Hit, ...]:
        """Find stored texts that contain this one, regardless of case and accents, each with its table and column.

        It searches what the profile holds of visible text columns: all values where they are few, else the commonest.

        Raises:
            DatabaseError: the engine fails.
        """
        return self.allowed_schema.index.find_containing(text, limit)

    def find_addable(self, sql: str, result: Result) -> frozenset[int]:
        """Find the columns of the result whose rows may be added up: no ids, averages, shares or distinct counts.

        Raises:
            DatabaseError: the engine fails.
        """
        from nl2sql.answer.row_figures import find_addable

        return find_addable(sql, result.columns, self.choose_column_formats(result, sql), self.schema)

    def write_rows_behind(self, sql: str, result: Result, row: Sequence[Any], column: int) -> str | None:
        """Return the query of the rows that a figure is made of: `row` of the result, and the column's position in it.

        None where `sql` is no plain aggregate of stored tables for which that is certain. It has not passed the guard.
        """
        from nl2sql.answer.rows_behind import write_rows_behind

        allowed = self.allowed_schema
        lists = bool(allowed.policy.deny_columns)
        return write_rows_behind(sql, result.columns, row, column, allowed.schema, lists_columns=lists)

    def draw(self, result: Result, sql: str = "", *, wish: ChartWish | None = None, total: int | None = None) -> Chart:
        """Draw a chart of a result, chosen by the SQL that gave it, or as `wish` asks for.

        `total` is how many rows the query has, where the result lacks some.

        Raises:
            ConfigError: the wish does not fit the result.
        """
        from nl2sql.charts.drawing import draw_chart

        known = None
        # Rows that are there are drawn, whatever became of the database since.
        with contextlib.suppress(DatabaseError):
            known = self.schema
        formats, locale = self.choose_column_formats(result, sql), self.config.display.locale
        return draw_chart(result, sql=sql, schema=known, formats=formats, wish=wish, total=total, locale=locale)

    def close(self) -> None:
        """Close the database."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_paging(self) -> Paging:
        """Return what fetches pages.

        Raises:
            ConfigError: the engine has nothing that does.
        """
        hint = "Sort and limit in the SQL, with ORDER BY and LIMIT, and run that."
        return require_capability(self.engine.capabilities.paging, self.engine, "read page by page", hint)
