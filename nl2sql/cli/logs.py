"""Turns the log of the package on: `-vv`, or NL2SQL_LOG, for the loggers under `nl2sql`.

The rooms only write to `logging.getLogger(__name__)`, which costs nothing while nobody has turned it on. They log
what happened and how long it took, never a key, a prompt, SQL, or a row; other packages' loggers are left alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nl2sql.cli.terminal import print_note
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line

LOG_VARIABLE: Final = "NL2SQL_LOG"
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO}
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LINE_CHARS: Final = 2_000


def start_log(environ: Mapping[str, str] | None = None) -> None:
    """Log as NL2SQL_LOG says: `info` or `debug` to stderr; anything else names a file that everything is added to.

    Raises:
        ConfigError: where the file cannot be written.
    """
    value = (os.environ if environ is None else environ).get(LOG_VARIABLE, "").strip()
    if not value:
        return
    level = _LEVELS.get(value.lower())
    if level is not None:
        log_to_stderr(level)
    else:
        _add_handler(_open_file(Path(value).expanduser()), logging.DEBUG)


def log_to_stderr(level: int = logging.DEBUG) -> None:
    """Log to stderr from that level on; a second call changes nothing but may lower the level."""
    logger = logging.getLogger("nl2sql")
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        _add_handler(_StderrHandler(), level)
    logger.setLevel(min(level, logger.level))


def _open_file(path: Path) -> logging.Handler:
    try:
        # Times and hosts tell when somebody worked with what: only the owner may read them.
        path.touch(mode=0o600)
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(
            f"the log file cannot be written: {exc.strerror}",
            f"Set {LOG_VARIABLE} to debug, to info, or to a file that you may write.",
        ) from exc


def _add_handler(handler: logging.Handler, level: int) -> None:
    handler.setFormatter(_LineFormatter(_FORMAT))
    logger = logging.getLogger("nl2sql")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


class _LineFormatter(logging.Formatter):
    """One line an entry, whatever names are in it."""

    def format(self, record: logging.LogRecord) -> str:
        return make_one_line(super().format(record), _LINE_CHARS)


class _StderrHandler(logging.Handler):
    """Writes to what stderr is at that time, with control characters made harmless."""

    def emit(self, record: logging.LogRecord) -> None:
        print_note(self.format(record))
