"""What the commands print: notes, steps and errors on stderr, results on stdout.

Colour and moving lines only where the stream is a terminal and NO_COLOR is not set. It formats; it decides nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from nl2sql.types import Event, EventKind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_WORDS: Final = {
    EventKind.SCHEMA: "looking at the schema",
    EventKind.WRITING: "writing SQL",
    EventKind.RUNNING: "running",
    EventKind.TEXT: "putting it into words",
}


def on_terminal(stream: Any) -> bool:
    """Whether the stream is a terminal."""
    return bool(stream.isatty())


def say(text: str) -> None:
    """A note for the user, on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line's one voice


def say_error(message: str, hint: str = "") -> None:
    """What happened, then what to do, on stderr."""
    label = "error:"
    if on_terminal(sys.stderr) and not os.environ.get("NO_COLOR"):
        label = "\x1b[31merror:\x1b[0m"
    say(f"{label} {clean(message)}")
    if hint:
        say(clean(hint))


def clean(text: str) -> str:
    """Text without the control characters that steer a terminal; line breaks and tabs stay."""
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 127 <= ord(c) < 160))


def error_console() -> Console:
    """A rich console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


class Steps:
    """Shows what happens while a question is answered: a spinner on a terminal, lines with -v, else nothing."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self.quiet = quiet
        self.shows_sql = not quiet and (on_terminal(sys.stderr) or verbose)
        self._verbose = verbose
        self._console = error_console() if not quiet and on_terminal(sys.stderr) else None
        self._status: Status | None = None
        self._current = ""

    @contextmanager
    def showing(self) -> Iterator[Steps]:
        """While inside, a spinner may be on the terminal; leaving always takes it away."""
        try:
            yield self
        finally:
            self.pause()

    def event(self, event: Event) -> None:
        """Show one event."""
        if event.kind in _WORDS:
            self.doing(_WORDS[event.kind])
        elif event.kind is EventKind.SQL:
            self._sql(event.text)
        elif event.kind is EventKind.ROWS:
            self.note(f"{int(event.text):,} row{'' if event.text == '1' else 's'}")
        elif event.kind is EventKind.RETRY:
            self.note(f"that failed: {event.text}")
        elif event.kind is EventKind.REPAIRED:
            self.note(f"the query was changed: {event.text}")
        elif event.kind is EventKind.CANDIDATE:
            self.note(f"comparing queries: {event.text}")
        elif event.kind is EventKind.TOOL:
            self.note(event.text)

    def doing(self, text: str) -> None:
        """What is under way now."""
        if text == self._current:
            return
        self._current = text
        if self._console is not None:
            self.pause()
            self._status = self._console.status(text + " …")
            self._status.start()
        elif self._verbose:
            say(text)

    def progress(self, what: str, done: int, total: int) -> None:
        """How far some long work is; `total` 0 where nobody knows."""
        share = f" {100 * done // total}%" if total else ""
        if self._console is not None:
            text = f"{what}{share}"
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            else:
                self._status.update(text)
            self._current = text
        elif what != self._current:
            self._current = what
            if self._verbose or total:
                say(what)

    def note(self, text: str) -> None:
        """A line that stays, on a terminal or with -v."""
        text = clean(text)
        if self._console is not None:
            self._console.print(text, style="dim", markup=False)
        elif self._verbose:
            say(text)

    def pause(self) -> None:
        """Take the spinner away, so that something else can be printed."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _sql(self, sql: str) -> None:
        if self._console is not None:
            from rich.syntax import Syntax

            self._console.print(
                Syntax(clean(sql), "sql", word_wrap=True, background_color="default", theme="ansi_dark")
            )
        elif self._verbose:
            say(sql)


def print_table(columns: Sequence[Any], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    """A table with lines on stdout, for a terminal. Cells are text already."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, is_number in zip(columns, numeric, strict=True):
        table.add_column(Text(str(name)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    Console(highlight=False).print(table)
