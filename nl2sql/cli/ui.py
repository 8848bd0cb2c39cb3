"""`nl2sql ui`: serve the page to a browser on this machine.

It fixes the settings of the page at the start, so that later changes have no effect; the page itself is in `ui/`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cli.options import CommonOptions, database_options, limit_options, model_option
from nl2sql.cli.terminal import ProgressReporter, is_terminal, print_note
from nl2sql.config import Config
from nl2sql.errors import BugError, ConfigError

if TYPE_CHECKING:
    from ui.page_settings import Launch

ADDRESS: Final = "127.0.0.1"
PORT: Final = 8501
_PORTS_TRIED: Final = 20
_OPEN_SECONDS: Final = 20.0
_MAX_BACKLOG_CONNECTIONS: Final = 256
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@click.command("ui", epilog="Example: nl2sql ui --db shop.duckdb")
@database_options
@model_option
@limit_options
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port on 127.0.0.1.  [default: the first free from 8501]"
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Accept this address too, for a proxy in front of the page: https://nl2sql.example.com",
)
@click.option("--open/--no-open", "opens", default=None, help="Open the browser.  [default: on a terminal]")
def ui_command(port: int | None, origins: tuple[str, ...], opens: bool | None, **flags: Any) -> int:
    """Ask questions on a page in your browser.

    The page is served on this machine only, until you stop this command.
    """
    config = make_absolute(CommonOptions(**flags).load_with_notes(), Path.cwd())
    auth = load_auth(config)
    # The embedded model's process gets of the environment what this command was given.
    importlib.import_module("nl2sql.model.embedded")
    from ui.page_settings import Launch
    from ui.request_guard import parse_origin
    from ui.serving import serve

    _check_database(config)
    launch = Launch(config, auth, tuple(parse_origin(origin) for origin in origins))
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        _say_warnings(launch, port)
        address = f"http://{ADDRESS}:{port}"
        print_note(f"nl2sql is at {address} (Ctrl-C stops it)")
        if is_terminal(sys.stderr) if opens is None else opens:
            threading.Thread(target=_open_browser, args=(port, address), daemon=True).start()
        serve(launch, listener)
    return 0


def _check_database(config: Config) -> None:
    """Open and close the database once, so that errors and imports are shown here.

    Raises:
        ConfigError: it is not there.
        DatabaseError: it cannot be opened.
        LimitError: its import runs into a limit.
    """
    if not (url := config.resolve_database()):
        return
    from nl2sql.engines import DataSettings, open_engine

    steps, folder = ProgressReporter(quiet=False, verbose=False), config.home / "cache"
    open_engine(
        url,
        config.limits,
        folder,
        on_progress=steps.report_progress,
        settings=DataSettings(config.context.time_zone, config.files),
    ).close()


def make_absolute(config: Config, folder: Path) -> Config:
    """Return the settings with absolute paths; relative ones are relative to `folder`."""
    url, file, model = config.url, config.file, config.model
    if url and not Path(url).expanduser().is_absolute() and ((folder / url).exists() or not _SCHEME.match(url)):
        url = str(folder / url)
    return replace(
        config,
        url=url,
        file=file and folder / file,
        model=replace(model, path=model.path and folder / model.path),
    )


def find_page_folder() -> Path:
    """Return the folder of the page, in a checkout or in the installed package.

    Raises:
        BugError: there is none.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "_ui" / "ui", package.parent / "ui"):
        if (folder / "app.py").is_file():
            return folder
    raise BugError("the page is missing from this installation", "Install nl2sql again.")


def load_auth(config: Config) -> Mapping[str, Any] | None:
    """Return how people sign in on the page; None where sign-in is off.

    Raises:
        ConfigError: the page could not start so.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigError("the page needs Streamlit, which is not installed", "Install it: pip install 'nl2sql[ui]'")
    _load_page()
    from ui.sign_in import check_auth, read_auth

    auth = read_auth(config.home)
    if auth is not None:
        check_auth(config.home, auth)
    return auth


def _load_page() -> None:
    """Make `ui` importable as the page's package, whatever else has that name."""
    root = str(find_page_folder().parent)
    if sys.path[0] != root:
        sys.path.insert(0, root)


def _say_warnings(launch: Launch, port: int) -> None:
    from ui.sign_in import find_warnings

    folders = [Path.cwd()]
    with contextlib.suppress(RuntimeError):
        folders.append(Path.home())
    for warning in find_warnings(launch, port, folders):
        print_note(f"warning: {warning}")


def _listen(port: int | None) -> socket.socket:
    """Listen on the port asked for, or on the first free one.

    Raises:
        ConfigError: it is in use.
    """
    for candidate in [port] if port else range(PORT, PORT + _PORTS_TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ADDRESS, candidate))
            listener.listen(_MAX_BACKLOG_CONNECTIONS)
        except OSError:
            listener.close()
            continue
        return listener
    if port:
        raise ConfigError(
            f"port {port} is in use", "Choose another with --port, or leave out --port to use a free one."
        )
    raise ConfigError(f"ports {PORT} to {PORT + _PORTS_TRIED - 1} are in use", "Choose a free one with --port.")


def _open_browser(port: int, address: str) -> None:
    """Open the browser once the page answers."""
    deadline = time.monotonic() + _OPEN_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            webbrowser.open(address)
            return
        time.sleep(0.1)
