"""Serve the page with Streamlit under our own options: its files and variables are ignored.

It draws nothing, and decides nothing about the sign-in. Streamlit is loaded only after its folders are set.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nl2sql import ConfigError
from ui.page_settings import Launch, set_launch
from ui.request_guard import HOSTS, FileUsage, OriginMiddleware, UploadLimitMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_FOLDER: Final = "page"
_MIB_BYTES: Final = 1 << 20
_MAX_SHUTDOWN_SECONDS: Final = 3
_HOMES: Final = ("HOME", "USERPROFILE")
OPTIONS: Final[dict[str, Any]] = {
    "global.developmentMode": False,
    "server.address": HOSTS[0],
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.scriptHealthCheckEnabled": False,
    "server.baseUrlPath": "",
    "server.customComponentBaseUrlPath": "",
    "server.trustedUserHeaders": {},
    "server.unsafeMetricsUserAttributes": [],
    "server.sslCertFile": None,
    "server.sslKeyFile": None,
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.allowRunOnSave": False,
    "server.disconnectedSessionTTL": 120,
    "browser.serverAddress": HOSTS[0],
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.disableDataExport": True,
    "client.showSidebarNavigation": False,
    "runner.magicEnabled": False,
    "runner.fastReruns": True,
    # A whole collection after each run would hold up every page: Python collects by itself.
    "runner.postScriptGC": False,
    "logger.level": "warning",
    "logger.enableRich": False,
    "logger.hideWelcomeMessage": True,
    "secrets.files": [],
    "theme.light.primaryColor": "#1f5fbf",
    "theme.dark.primaryColor": "#7fb2ff",
    "theme.baseFontSize": 15,
    "theme.showWidgetBorder": True,
}


def serve(launch: Launch, listener: socket.socket) -> None:
    """Serve the page on that socket until the process is told to end.

    stdout stays empty: what Streamlit prints goes to stderr.

    Raises:
        ConfigError: the page's folder cannot be made.
    """
    folder = make_folder(launch.config.home)
    set_launch(launch)
    os.chdir(folder)
    with contextlib.redirect_stdout(sys.stderr):
        set_options(collect_options(launch, listener.getsockname()[1]), folder)
        _run_server(_build_app(launch, listener.getsockname()[1]), listener)


def collect_options(launch: Launch, port: int) -> dict[str, Any]:
    """Return every Streamlit option that is not its default."""
    upload = -(-launch.config.limits.upload_bytes // _MIB_BYTES)
    secret = (launch.auth or {}).get("cookie_secret") or secrets.token_hex(32)
    return OPTIONS | {
        "server.port": port,
        "server.allowedHosts": [*HOSTS, *filter(None, (urlsplit(origin).hostname for origin in launch.origins))],
        "server.corsAllowedOrigins": list(launch.origins),
        "server.cookieSecret": secret,
        "server.maxUploadSize": max(1, upload),
        "browser.serverPort": port,
    }


def set_options(options: dict[str, Any], folder: Path) -> None:
    """Set the options of Streamlit; it looks for files of its own in `folder` only."""
    from streamlit import config

    with _move_home(folder):
        config.get_config_options(force_reparse=True, options_from_flags=options)


def make_folder(home: Path) -> Path:
    """Return the folder that the page works in, without any Streamlit settings.

    Raises:
        ConfigError: it cannot be made.
    """
    folder = home / _FOLDER
    stale = folder / ".streamlit"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if stale.is_dir() and not stale.is_symlink():
            shutil.rmtree(stale)
        else:
            stale.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigError(
            f"the page cannot work in {folder}: {exc.strerror}", "Set NL2SQL_HOME to a folder that you may write to."
        ) from exc
    return folder


@contextlib.contextmanager
def _move_home(folder: Path) -> Iterator[None]:
    """Set the home folder to `folder` while inside."""
    before = {name: os.environ.get(name) for name in _HOMES}
    os.environ.update(dict.fromkeys(_HOMES, str(folder)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _build_app(launch: Launch, port: int) -> ASGIApp:
    """Return the page's app with its middleware."""
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    from ui.error_text import show_bug

    app = App(
        Path(__file__).with_name("app.py"),
        secrets=None if launch.auth is None else {"auth": dict(launch.auth)},
        middleware=[
            Middleware(
                UploadLimitMiddleware,
                max_bytes=launch.config.limits.upload_bytes,
                count=count_files_in_memory,
                refusals=launch.refusals,
            )
        ],
        on_script_error=show_bug,
    )
    return OriginMiddleware(app, port, launch.origins)


def count_files_in_memory(session: str | None) -> FileUsage:
    """Return the files that Streamlit holds in memory: those of a session, or all."""
    from streamlit import runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    manager = runtime.get_instance().uploaded_file_mgr
    assert isinstance(manager, MemoryUploadedFileManager)
    held = manager.file_storage
    sessions = list(held.values()) if session is None else [held.get(session, {})]
    sizes = [len(file.data) for one in sessions for file in list(one.values())]
    return FileUsage(len(sizes), sum(sizes))


def _run_server(app: ASGIApp, listener: socket.socket) -> None:
    import uvicorn
    from streamlit.runtime.runtime_util import get_max_message_size_bytes

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            use_colors=False,
            server_header=False,
            # Only the sign-in says who asks; headers of a proxy are ignored.
            proxy_headers=False,
            ws_max_size=get_max_message_size_bytes(),
            ws_per_message_deflate=False,
            ws_ping_interval=30,
            ws_ping_timeout=30,
            timeout_graceful_shutdown=_MAX_SHUTDOWN_SECONDS,
        )
    )
    # SIGTERM is a normal end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
