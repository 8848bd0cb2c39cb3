"""Every error that nl2sql raises, and the exit code that the command line gives it.

    NL2SQLError                      exit
    ├── BugError                        1   a defect of nl2sql: a state that must not happen
    ├── ConfigError                     2   a setting, a flag, a file that is not as it should be
    ├── ToolError                           the model's mistakes: sent to the model, which may correct them
    │   ├── GuardError                  3   a rule or a policy objects to the SQL
    │   ├── QueryError                  5   the engine cannot run the SQL
    │   │   └── MissingNameError        5   it names a table or column that the data does not have
    │   └── CallError                   7   a tool call that is unknown or malformed
    ├── DatabaseError                   5   the database cannot be opened, or failed
    ├── LimitError                      6   time, memory, steps or bytes ran out
    ├── StoreError                      2   the store of earlier answers cannot be read or written
    ├── ModelError                      7   the model cannot be reached, or answered nonsense
    └── CancelledError                130   the user stopped it

Each says what happened, and in `hint` what to do. No text carries a key, a path outside the user's own
settings, or a value of a denied column.
"""

from __future__ import annotations

from typing import ClassVar, Final

from nl2sql.types import Finding, MissingName


class NL2SQLError(Exception):
    """Base of all. `code` is stable and short; `hint` says what to do; `exit_code` is the command line's."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BugError(NL2SQLError):
    """A state that must not happen."""

    code = "bug"


class ConfigError(NL2SQLError):
    """A setting, flag or file that is not as it should be."""

    code = "config"
    exit_code = 2


class ToolError(NL2SQLError):
    """A mistake that the model can correct: its text goes back to the model as the tool's result."""

    code = "tool"
    exit_code = 7


class GuardError(ToolError):
    """A rule or a policy objects to the SQL. `findings` holds each objection, the gravest first.

    `missing` is a column that the policy denies, reported as one that the data does not have.
    """

    code = "refused"
    exit_code = 3

    def __init__(self, findings: tuple[Finding, ...], missing: MissingName | None = None) -> None:
        first = findings[0]
        super().__init__(first.message, first.hint)
        self.findings, self.missing = findings, missing
        self.rule = first.rule


class QueryError(ToolError):
    """The engine cannot run the SQL: an unknown column, a type that does not fit, a failed cast."""

    code = "query"
    exit_code = 5


class MissingNameError(QueryError):
    """The SQL names a table or column that the data does not have: `missing` says which, and what is near."""

    def __init__(self, message: str, hint: str, missing: MissingName) -> None:
        super().__init__(message, hint)
        self.missing = missing


class CallError(ToolError):
    """A tool call with an unknown name, or arguments that are not as the tool needs them."""

    code = "call"


class DatabaseError(NL2SQLError):
    """The database cannot be opened, or failed."""

    code = "database"
    exit_code = 5


class LimitError(NL2SQLError):
    """Time, memory, steps or bytes ran out. `limit` names which: a field of `Limits`."""

    code = "limit"
    exit_code = 6

    def __init__(self, message: str, hint: str = "", *, limit: str) -> None:
        super().__init__(message, hint)
        self.limit = limit


class StoreError(NL2SQLError):
    """The store of earlier answers cannot be opened, read or written, or is of a newer version."""

    code = "store"
    exit_code = 2


class ModelError(NL2SQLError):
    """The model cannot be reached, refused the key, or answered nonsense."""

    code = "model"
    exit_code = 7


class CancelledError(NL2SQLError):
    """The user stopped it."""

    code = "cancelled"
    exit_code = 130


EXIT_CODES: Final[dict[str, int]] = {
    kind.code: kind.exit_code
    for kind in (
        BugError,
        ConfigError,
        GuardError,
        QueryError,
        CallError,
        DatabaseError,
        LimitError,
        StoreError,
        ModelError,
        CancelledError,
    )
}
