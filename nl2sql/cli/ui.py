"""`nl2sql ui`: the page in a browser, served on this machine alone.

It starts Streamlit with the options that make the page safe; the page itself is in `ui/`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any, Final

import click

from nl2sql.cli.options import Shared, database_options, limit_options, model_option
from nl2sql.cli.terminal import on_terminal, say
from nl2sql.errors import BugError, ConfigError

ADDRESS: Final = "127.0.0.1"
PORT: Final = 8501
_PORTS_TRIED: Final = 20
_OPEN_SECONDS: Final = 20.0
_HOSTS: Final = (ADDRESS, "localhost")
OPTIONS: Final = {
    "server.address": ADDRESS,
    "server.headless": "true",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.xsrfCookieSameSite": "strict",
    "server.enableStaticServing": "false",
    "server.enableAgentApi": "false",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.maxUploadSize": "200",
    "server.disconnectedSessionTTL": "120",
    "browser.serverAddress": ADDRESS,
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",
    "client.showSidebarNavigation": "false",
    "runner.magicEnabled": "false",
    "runner.fastReruns": "true",
    # A whole collection after each run would hold up every page: Python collects by itself.
    "runner.postScriptGC": "false",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": "true",
    "theme.light.primaryColor": "#1f5fbf",
    "theme.dark.primaryColor": "#7fb2ff",
    "theme.baseFontSize": "15",
    "theme.showWidgetBorder": "true",
}


@click.command("ui", epilog="Example: nl2sql ui --db shop.duckdb")
@database_options
@model_option
@limit_options
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port on 127.0.0.1.  [default: the first free from 8501]"
)
@click.option("--open/--no-open", "opens", default=None, help="Open the browser.  [default: where it is a terminal]")
def ui_command(port: int | None, opens: bool | None, **flags: Any) -> int:
    """Ask in a browser: a page on this machine, for as long as this command runs."""
    shared = Shared(**flags)
    shared.settings()
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigError("the page needs Streamlit, which is not installed", "Install it: pip install 'nl2sql[ui]'")
    port = _free_port(port)
    address = f"http://{ADDRESS}:{port}"
    say(f"nl2sql is at {address} (Ctrl-C stops it)")
    if on_terminal(sys.stderr) if opens is None else opens:
        threading.Thread(target=_open_browser, args=(port, address), daemon=True).start()
    _serve(port, [str(page_folder() / "app.py"), "--", *_page_arguments(shared)])
    return 0


def page_folder() -> Path:
    """The folder of the page: in a checkout, and in the installed package."""
    package = Path(__file__).parent.parent
    for folder in (package / "_ui" / "ui", package.parent / "ui"):
        if (folder / "app.py").is_file():
            return folder
    raise BugError("the page is missing from this installation", "Install nl2sql again.")


def _serve(port: int, script: list[str]) -> None:
    """Run the page until it is stopped. stdout stays empty: what Streamlit prints goes to stderr."""
    from streamlit.web import cli as streamlit_cli

    options = {**OPTIONS, "server.port": str(port), "browser.serverPort": str(port)}
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [f"--server.allowedHosts={host}" for host in _HOSTS]
    with contextlib.redirect_stdout(sys.stderr):
        streamlit_cli.main(["run", *flags, *script], standalone_mode=False, prog_name="streamlit")


def _page_arguments(shared: Shared) -> list[str]:
    """The flags that the page reads its settings from; the settings themselves hold a key, and stay out of it."""
    given: dict[str, object] = {"--db": shared.db, "--config": shared.config, "--model": shared.model}
    given |= {"--limit": shared.limit, "--timeout": shared.timeout, "--memory": shared.memory}
    return [f"{name}={value}" for name, value in given.items() if value is not None]


def _free_port(port: int | None) -> int:
    """The port asked for, or the first free one. ConfigError where it is taken."""
    for candidate in [port] if port else range(PORT, PORT + _PORTS_TRIED):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, candidate))
            except OSError:
                continue
            return candidate
    if port:
        raise ConfigError(f"port {port} is in use", "Name another with --port, or leave it out for a free one.")
    raise ConfigError(f"ports {PORT} to {PORT + _PORTS_TRIED - 1} are in use", "Name a free one with --port.")


def _open_browser(port: int, address: str) -> None:
    """Open the browser once the page answers."""
    deadline = time.monotonic() + _OPEN_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            webbrowser.open(address)
            return
        time.sleep(0.1)
