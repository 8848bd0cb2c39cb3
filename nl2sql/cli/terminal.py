"""Print notes, progress and errors to stderr, and tables to stdout.

Colour and spinners are used only on a terminal, colour only without NO_COLOR. It formats; it decides nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TextIO

from nl2sql.cli.screen import escape_control_chars, find_screen, find_terminal
from nl2sql.text_safety import make_one_line
from nl2sql.types import Event, EventKind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_PROGRESS_CHARS: Final = 60
_LONG_WORK_SECONDS: Final = 2.0
_NOTE_CHARS: Final = 2_000
_WORDS: Final = {
    EventKind.SCHEMA: "reading the schema",
    EventKind.WRITING: "writing SQL",
    EventKind.RUNNING: "running the query",
    EventKind.TEXT: "writing the answer",
}


def is_terminal(stream: Any) -> bool:
    """Return whether the stream is a terminal."""
    return bool(stream.isatty()) or find_screen(stream) is not None


def print_note(text: str) -> None:
    """Print a note to stderr, on one line whatever it quotes."""
    print_lines(make_one_line(text, _NOTE_CHARS))


def print_lines(text: str) -> None:
    """Print text of several lines, such as SQL, to stderr."""
    print(escape_control_chars(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the command line's one voice


def print_error(message: str, hint: str = "") -> None:
    """Print to stderr what happened, then what to do."""
    label = "error: "
    if is_terminal(sys.stderr) and not os.environ.get("NO_COLOR"):
        terminal = find_terminal(sys.stderr)
        terminal.write("\x1b[31merror:\x1b[0m ")
        terminal.flush()
        label = ""
    print_note(f"{label}{message}")
    if hint:
        print_note(hint)


def make_error_console() -> Console:
    """Return a rich console on stderr."""
    return _make_console(sys.stderr, soft_wrap=True)


def _make_console(stream: TextIO, **how: Any) -> Console:
    """Return a rich console whose texts have their control characters spelled out."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=escape_control_chars(segment.text))

    return CleanConsole(file=find_terminal(stream), highlight=False, **how)


class ProgressReporter:
    """Shows progress: a spinner on a terminal, lines with -v, else only long work.

    `clock` returns seconds.
    """

    def __init__(self, *, quiet: bool, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet = quiet
        self.shows_sql = not quiet and (is_terminal(sys.stderr) or verbose)
        self.is_verbose = verbose
        self._draws = not quiet and is_terminal(sys.stderr)
        self._status: Status | None = None
        self._current = ""
        self._clock = clock
        self._began = 0.0
        self._is_said = False

    @cached_property
    def _console(self) -> Console | None:
        """The console, loaded only when there is something to draw."""
        return make_error_console() if self._draws else None

    @contextmanager
    def show_spinner(self) -> Iterator[ProgressReporter]:
        """Allow a spinner while inside; leaving removes it."""
        try:
            yield self
        finally:
            self.pause()

    def report_event(self, event: Event) -> None:
        """Show one event."""
        if event.kind in _WORDS:
            self.report_activity(_WORDS[event.kind])
        elif event.kind is EventKind.SQL:
            self._print_sql(event.text)
        elif event.kind is EventKind.ROWS:
            self.report_note(f"{int(event.text):,} row{'' if event.text == '1' else 's'}")
        elif event.kind is EventKind.RETRY:
            self.report_note(f"that failed: {event.text}")
        elif event.kind is EventKind.REPAIRED:
            self.report_note(f"the query was changed: {event.text}")
        elif event.kind is EventKind.TRAP:
            self.report_note(f"asked the model to check its query: {event.text}")
        elif event.kind is EventKind.CANDIDATE:
            self.report_note(f"comparing queries: {event.text}")
        elif event.kind is EventKind.TOOL:
            self.report_note(event.text)

    def report_activity(self, text: str) -> None:
        """Show what is being done."""
        if text == self._current:
            return
        self._current = text
        if self._console is not None:
            self.pause()
            self._status = self._console.status(text + " …")
            self._status.start()
        elif self.is_verbose:
            print_note(text)

    def report_progress(self, what: str, done: int, total: int) -> None:
        """Show how far long work is; `total` is 0 where that is not known.

        Where stderr is not a terminal, its name is printed once: with -v at once, else after some seconds, and with
        -q never.
        """
        if total and done >= total:
            self.pause()
            return
        what = make_one_line(escape_control_chars(what), _PROGRESS_CHARS)
        share = f" {100 * done // total}%" if total else ""
        if self._console is not None:
            from rich.markup import escape

            text = escape(f"{what}{share}")
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            else:
                self._status.update(text)
            self._current = text
            return
        if what != self._current:
            self._current, self._began, self._is_said = what, self._clock(), False
        is_long = bool(total) and not self.quiet and self._clock() - self._began >= _LONG_WORK_SECONDS
        if not self._is_said and (self.is_verbose or is_long):
            self._is_said = True
            print_note(what)

    def report_note(self, text: str) -> None:
        """Print a line that stays, on a terminal or with -v."""
        text = make_one_line(text, _NOTE_CHARS)
        if self._console is not None:
            self._console.print(text, style="dim", markup=False)
        elif self.is_verbose:
            print_note(text)

    def pause(self) -> None:
        """Remove the spinner, so that something else can be printed."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print_sql(self, sql: str) -> None:
        if self._console is not None:
            from rich.syntax import Syntax

            self._console.print(Syntax(sql, "sql", word_wrap=True, background_color="default", theme="ansi_dark"))
        elif self.is_verbose:
            print_lines(sql)


def print_table(columns: Sequence[Any], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    """Draw a table on stdout, for a terminal. Cells are text already."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, is_number in zip(columns, numeric, strict=True):
        table.add_column(Text(str(name)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    _make_console(sys.stdout).print(table)
