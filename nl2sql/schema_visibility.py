"""What may be seen of a database under its owner's settings: the schema that policy and patterns leave, described.

It runs no query and caches nothing: `Database` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from nl2sql import guard, schema
from nl2sql.config import Config
from nl2sql.engines.engine import Engine
from nl2sql.errors import LimitError
from nl2sql.importing.import_account import TableAccount
from nl2sql.schema.access import Copy, allow_further, deny_copies, match_patterns
from nl2sql.schema.allowed_schema import AllowedSchema, ColumnDoubt, add_descriptions
from nl2sql.schema.value_index import ValueIndex
from nl2sql.text_safety import make_one_line
from nl2sql.types import Policy, Schema

# How long the guard may check views in all; views that it has not checked by then are hidden.
_VIEWS_SECONDS: Final = 20.0
_NAME_CHARS: Final = 100


def make_allowed_schema(whole: Schema, engine: Engine, config: Config) -> AllowedSchema:
    """Return what the policy and the patterns of the settings leave of the introspected schema.

    Raises:
        DatabaseError: the engine fails while the guard checks views.
    """
    files = engine.capabilities.file_tables
    accounts = list_accounts(engine)
    policy = deny_copies(_apply_patterns(config, whole), whole, _list_copies(accounts))
    policy = allow_further(policy, (upload.table for upload in files.uploads) if files else ())
    # Without a policy the engine has asked the guard itself.
    if policy != Policy():
        policy = guard.deny_refused(whole, policy, _make_reader(engine, policy))
    view = schema.apply_policy(_describe(whole, config), policy)
    doubts = _list_doubts(view, accounts, hides_reasons=config.policy != Policy())
    return AllowedSchema(view, policy, ValueIndex(view), doubts)


def _apply_patterns(config: Config, whole: Schema) -> Policy:
    """Return the policy with only the tables allowed that `include` and `exclude` of the settings leave."""
    return match_patterns(config.policy, whole, config.include, config.exclude)


def list_accounts(engine: Engine) -> tuple[TableAccount, ...]:
    """Return how each table was read from its data file; nothing where the engine reads no files."""
    files = engine.capabilities.file_tables
    return files.accounts if files else ()


def cut_accounts(accounts: tuple[TableAccount, ...], view: Schema, policy: Policy) -> tuple[TableAccount, ...]:
    """Return the accounts of the tables of `view`, under a policy without the texts of the files."""
    visible = {table.name.lower(): table for table in view.tables}
    accounts = tuple(account for account in accounts if account.table.lower() in visible)
    if policy == Policy():
        return accounts
    return tuple(
        account.hide_values({column.name.lower() for column in visible[account.table.lower()].columns})
        for account in accounts
    )


def list_hidden_views(whole: Schema, config: Config, view: Schema) -> tuple[str, ...]:
    """Return the names of the views that the settings name nowhere and that are not in `view`, the visible schema."""
    chosen = schema.resolve(whole, _apply_patterns(config, whole)).view.tables
    seen = {table.path for table in view.tables}
    return tuple(table.name for table in chosen if table.kind == "view" and table.path not in seen)


def warn_of_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each name of the policy that the database does not have."""
    return tuple(
        f"the policy names {make_one_line(name, _NAME_CHARS)}, which this database does not have: is it misspelt?"
        for name in names
    )


def _list_copies(accounts: tuple[TableAccount, ...]) -> tuple[Copy, ...]:
    """Return which values of tables from data files stand in two places, or once had another name."""
    return tuple(
        Copy(account.table, origin.column, origin.of_table, origin.of_column)
        for account in accounts
        for origin in account.origins
    )


def _describe(whole: Schema, config: Config) -> Schema:
    """Return the schema with descriptions: the owner's settings, else those of the dbt files."""
    context = config.context
    own = {key.lower(): text for key, text in context.descriptions.items()}
    synonyms = {key.lower(): words for key, words in context.synonyms.items()}
    return add_descriptions(whole, context.dbt_notes.describe(whole) | own, synonyms)


def _list_doubts(view: Schema, accounts: tuple[TableAccount, ...], *, hides_reasons: bool) -> tuple[ColumnDoubt, ...]:
    """Return the doubts about columns that may be seen; `hides_reasons` leaves out texts from the file."""
    seen = {(table.name.lower(), column.name.lower()) for table in view.tables for column in table.columns}
    return tuple(
        ColumnDoubt(account.table, column.name, "stays text" if hides_reasons else column.doubt)
        for account in accounts
        for column in account.columns
        if column.doubt and (account.table.lower(), column.name.lower()) in seen
    )


def _make_reader(engine: Engine, policy: Policy) -> Callable[[str], bool]:
    """Return a function that says whether the guard allows a query under the policy.

    It says no once all calls together have taken too long.
    """
    deadline = time.monotonic() + _VIEWS_SECONDS

    def may_read(sql: str) -> bool:
        if time.monotonic() > deadline:
            return False
        try:
            return guard.examine(sql, policy, engine).is_allowed
        except LimitError:
            return False

    return may_read
