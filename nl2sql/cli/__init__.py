"""The command line: `nl2sql ask`, `ui`, `run`, `check`, `schema`, `history`, `replay`, `queries` and others.

One module a command group; this one turns what goes wrong into a message and an exit code. No logic of the rooms.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Final

import click

from nl2sql import __version__
from nl2sql.cli.logs import start_log
from nl2sql.cli.screen import guard_streams
from nl2sql.cli.terminal import print_error, print_lines
from nl2sql.engines.duckdb import WORKER
from nl2sql.engines.worker.child_process import start_spare
from nl2sql.errors import BugError, NL2SQLError
from nl2sql.text_safety import make_one_line

_MESSAGE_CHARS: Final = 2_000
_COMMANDS: Final = {
    "ask": "ask",
    "run": "run",
    "check": "check",
    "schema": "schema",
    "history": "history",
    "replay": "replay",
    "queries": "queries",
    "eval": "eval",
    "model": "model",
    "ui": "ui",
    "trust": "trust",
    "doctor": "doctor",
    "init": "init",
}


_OPENS_A_DATABASE: Final = frozenset({"ask", "run", "check", "schema", "replay"})


class _Commands(click.Group):
    """Loads a command's module only when it is named, so that each command starts fast."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in _OPENS_A_DATABASE and not {"-h", "--help"} & set(args):
            start_spare(WORKER)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"nl2sql.cli.{_COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Try: nl2sql ask "What are the five most expensive products by list price?"',
)
@click.version_option(__version__, prog_name="nl2sql")
def cli() -> None:
    """Ask questions about your data in plain words; get rows, a sentence, and the SQL that ran.

    Without --db, the sample data is used; without an API key or a server, the embedded model.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of the codes that `errors` lists."""
    with guard_streams():
        code = _run_command(arguments)
    sys.exit(code)


def _run_command(arguments: Sequence[str] | None) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        start_log()
        with cli.make_context("nl2sql", list(sys.argv[1:] if arguments is None else arguments)) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        shown, message = io.StringIO(), exc.format_message()
        exc.show(shown)
        # It quotes what was typed, also file names.
        print_lines(shown.getvalue().rstrip().replace(message, make_one_line(message, _MESSAGE_CHARS)))
        return 2
    except (click.Abort, KeyboardInterrupt):
        print_error("stopped")
        return 130
    except BrokenPipeError:
        # The reader of the pipe has had enough; without this the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BugError as exc:
        return _report_bug(exc)
    except NL2SQLError as exc:
        print_error(exc.message, exc.hint)
        return exc.exit_code
    except Exception as exc:  # noqa: BLE001 - the one place that says "this is a bug" instead of a raw trace
        return _report_bug(exc)


def _report_bug(exc: BaseException) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="nl2sql-", suffix=".log", delete=False, encoding="utf-8") as trace:
        traceback.print_exception(exc, file=trace)
    print_error(f"this is a bug in nl2sql: {type(exc).__name__}", f"Please report it with the trace in {trace.name}")
    return 1
