"""Finds, starts, replaces and stops the embedded model's server: one for each user, however many processes ask at once.

It holds no model and sends no question: `server_process` does the one, `local_client` the other.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nl2sql
from nl2sql.cancellation import CancelToken
from nl2sql.errors import ModelError
from nl2sql.model import Progress
from nl2sql.model.embedded.server_state import HostOrder, ServerFolder, ServerInfo, ServerSettings
from nl2sql.model.embedded.shared_files import lock, make_private_folder
from nl2sql.model.embedded.weight_sources import find_installed_pieces
from nl2sql.model.embedded.weights import Weights, WeightsStore, read_own_weights

# The host imports this package from where its parent did: a checkout, a wheel or an editable install.
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "import nl2sql.model.embedded.server_process as host; host.main()"
)
_LOG: Final = logging.getLogger(__name__)
_LOADING: Final = "starting the embedded model"
_LOAD_SECONDS: Final = 180.0
_QUICK_CHECK_SECONDS: Final = 1.0
_SLOW_CHECK_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.03
_LOG_LINES: Final = 8
# The host outlives the command: it gets the variables that a process needs, and no keys. PATH (Windows) and
# LD_LIBRARY_PATH may lead to libraries that the runtime needs.
_ENVIRONMENT: Final = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE")
_PATHS: Final = ("PATH", "LD_LIBRARY_PATH")
# The runtime's OpenMP threads meet at a barrier some hundred times for each token. If another program is busy, the
# scheduler may put two of them on one core, where each waits for the other's time slice. Bound to a core each, they do
# not.
_OPENMP: Final = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}


@dataclass(frozen=True, slots=True)
class LocalModelStatus:
    """The state of the embedded model.

    `weights` is None if they are missing or not checked yet; `package_count` then says how many of the weight packages
    are installed. `server` is None if none runs. `memory_bytes` is the server's resident memory, of which about one
    gigabyte is the mapped weight file that the system may drop; None if the system does not report it. `idle_seconds`
    is the time since the server was last used, in seconds.
    """

    weights: Weights | None
    package_count: int
    is_runtime_installed: bool
    server: ServerInfo | None
    memory_bytes: int | None
    idle_seconds: float | None


def is_runtime_installed() -> bool:
    """Return whether the package that runs the model is installed, without importing it."""
    return importlib.util.find_spec("xllamacpp") is not None


def pull_weights(
    home: Path,
    model_path: Path | None = None,
    *,
    on_progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Weights:
    """Return the weights; join or download them, and check them, first if needed.

    Raises:
        ModelError: no source has the weights.
        ConfigError: `model_path` is no GGUF file.
        CancelledError: `cancel` was set.
    """
    return read_own_weights(model_path) if model_path else WeightsStore(home).obtain(on_progress, cancel)


def ensure_server(
    home: Path,
    model_path: Path | None = None,
    *,
    settings: ServerSettings | None = None,
    on_progress: Progress | None = None,
    cancel: CancelToken | None = None,
    host_command: Sequence[str] | None = None,
) -> ServerInfo:
    """Return the user's server. Start one if none runs; replace one that serves another model or is of another version.

    This takes a few milliseconds if the server runs.

    Raises:
        ModelError: there are no weights, or the server does not start.
        CancelledError: `cancel` was set. A server that is loading continues, for the next command.
    """
    home, settings = home.absolute(), settings or ServerSettings()
    weights = pull_weights(home, model_path, on_progress=on_progress, cancel=cancel)
    folder = ServerFolder(home / "model")
    info = folder.read()
    if info and _is_serving(info, weights, settings) and info.port and info.is_healthy(_QUICK_CHECK_SECONDS):
        folder.touch()
        return info
    if on_progress:
        on_progress(_LOADING, 0, 0)
    try:
        make_private_folder(folder.path)
        with lock(folder.start_lock, cancel):
            running = _use_running_server(folder, weights, settings, cancel)
            return running or _start_server(folder, weights, settings, host_command or _make_host_command(), cancel)
    except OSError as exc:
        raise ModelError(
            f"the embedded model's server cannot be started: {exc.strerror or type(exc).__name__}",
            "Check that the folder that NL2SQL_HOME names can be written.",
        ) from exc


def stop_server(home: Path) -> bool:
    """Stop the user's server, and return whether one ran.

    Raises:
        ModelError: the server does not end.
    """
    folder = ServerFolder(home / "model")
    if not folder.is_host_running():
        return False
    with lock(folder.start_lock):
        return _end_host(folder)


def read_status(home: Path, model_path: Path | None = None) -> LocalModelStatus:
    """Return the state of the embedded model without starting, joining or downloading anything."""
    folder = ServerFolder(home / "model")
    info = folder.read()
    server = info if info and info.port and info.is_healthy(_QUICK_CHECK_SECONDS) else None
    idle = None
    if server:
        with contextlib.suppress(OSError):
            idle = max(0.0, time.time() - folder.last_used_file.stat().st_mtime)
    return LocalModelStatus(
        weights=read_own_weights(model_path) if model_path else WeightsStore(home).find_ready(),
        package_count=len(find_installed_pieces()),
        is_runtime_installed=is_runtime_installed(),
        server=server,
        memory_bytes=_read_resident_bytes(server.pid) if server else None,
        idle_seconds=idle,
    )


def _is_serving(info: ServerInfo, weights: Weights, settings: ServerSettings) -> bool:
    return (info.weights, info.version, info.settings) == (weights.identity, nl2sql.__version__, settings)


def _use_running_server(
    folder: ServerFolder, weights: Weights, settings: ServerSettings, cancel: CancelToken | None
) -> ServerInfo | None:
    """Return the server that another command started, once it has loaded; stop an unusable one and return None."""
    if not folder.is_host_running():
        folder.forget()
        return None
    info = folder.read()
    if info and not info.port and _is_serving(info, weights, settings):
        _wait_for_server(folder, info.instance, cancel, lambda: not folder.is_host_running())
        info = folder.read()
    if info and info.port and _is_serving(info, weights, settings) and info.is_healthy(_SLOW_CHECK_SECONDS):
        folder.touch()
        return info
    _end_host(folder)
    return None


def _start_server(
    folder: ServerFolder,
    weights: Weights,
    settings: ServerSettings,
    host_command: Sequence[str],
    cancel: CancelToken | None,
) -> ServerInfo:
    """Start a host process, wait until it has loaded the model, and return its server.

    Raises:
        ModelError: the server does not start.
    """
    order = HostOrder(
        folder=str(folder.path),
        model_path=str(weights.path),
        model=weights.name,
        weights=weights.identity,
        version=nl2sql.__version__,
        instance=f"nl2sql-{secrets.token_hex(8)}",
        api_key=secrets.token_urlsafe(32),
        settings=settings,
    )
    process = _spawn_host(host_command, folder, order)
    _LOG.info("the embedded model's server starts: process %d, %s", process.pid, weights.name)
    _wait_for_server(folder, order.instance, cancel, lambda: process.poll() is not None)
    info = folder.read()
    if info and info.instance == order.instance and info.port and info.is_healthy(_SLOW_CHECK_SECONDS):
        return info
    if process.poll() is None:
        process.kill()
        folder.forget()
    raise _make_start_error(folder)


def _make_host_command() -> list[str]:
    """Return the command of the host. It imports code from where this process does, never from its working folder."""
    return [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, json.dumps(_list_import_paths())]


def _list_import_paths() -> list[str]:
    """Return the absolute entries of `sys.path`; the folder of this package comes last if it is not among them."""
    package = str(Path(nl2sql.__file__).absolute().parent.parent)
    path = [entry for entry in sys.path if Path(entry).is_absolute()]
    return path if package in path else [*path, package]


def _make_environment() -> dict[str, str]:
    """Return the environment of the host, without empty and relative parts of paths: they mean its working folder."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    for name in _PATHS:
        parts = [part for part in os.environ.get(name, "").split(os.pathsep) if Path(part).is_absolute()]
        if parts:
            environment[name] = os.pathsep.join(parts)
    return environment | _OPENMP


# Read at import: variables that the calling program sets later do not reach the host.
_HOST_ENVIRONMENT: Final = _make_environment()


def _spawn_host(host_command: Sequence[str], folder: ServerFolder, order: HostOrder) -> subprocess.Popen[bytes]:
    """Start the host as a process that outlives this one and does not receive its terminal's Ctrl-C."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    handle = os.open(folder.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            [*host_command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=_HOST_ENVIRONMENT,
            start_new_session=True,
            creationflags=flags,
        )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(order.encode().encode())
    # A child remains a zombie until its exit code is read.
    threading.Thread(target=process.wait, name="nl2sql-host", daemon=True).start()
    return process


def _wait_for_server(
    folder: ServerFolder, instance: str, cancel: CancelToken | None, has_failed: Callable[[], bool]
) -> None:
    """Wait until that instance listens, its start has failed, or the time limit has passed."""
    deadline = time.monotonic() + _LOAD_SECONDS
    while time.monotonic() < deadline:
        if cancel:
            cancel.raise_if_cancelled()
        info = folder.read()
        if (info and info.instance == instance and info.port) or has_failed():
            return
        time.sleep(_POLL_SECONDS)


def _end_host(folder: ServerFolder) -> bool:
    """Stop the host with a signal, or immediately if it does not listen yet; return whether one ran.

    Raises:
        ModelError: the host does not end.
    """
    info = folder.read()
    if not folder.is_host_running():
        folder.forget()
        return False
    _LOG.info("the embedded model's server is ended: process %s", info.pid if info else "unknown")
    signals = [signal.SIGTERM] if sys.platform == "win32" else [signal.SIGTERM, signal.SIGKILL]
    for sign in signals if info else [None]:
        if info and sign is not None:
            # The lock is held, so the process id is still the host's.
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, sign)
        folder.forget()
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if not folder.is_host_running():
                return True
            time.sleep(_POLL_SECONDS)
    raise ModelError(
        "the embedded model's server does not end",
        "End the process that runs nl2sql.model.embedded.server_process, then try again.",
    )


def _make_start_error(folder: ServerFolder) -> ModelError:
    """Return the error for a host that did not start: the runtime is missing, or the last lines of its log."""
    if not is_runtime_installed():
        return make_missing_runtime_error()
    try:
        lines = folder.log_file.read_text("utf-8", "replace").strip().splitlines()[-_LOG_LINES:]
    except OSError:
        lines = []
    log_end = "\n".join(_shorten_paths(line) for line in lines) or "it said nothing"
    return ModelError(
        f"the embedded model's server did not start; the end of its log:\n{log_end}",
        "Check that two gigabytes of memory are free, and NL2SQL_MODEL_PATH if you set it; "
        "or use another model: set OPENAI_API_KEY or OPENAI_BASE_URL.",
    )


def make_missing_runtime_error() -> ModelError:
    """Return the error that xllamacpp is not installed."""
    return ModelError(
        "the package that runs the embedded model is not installed",
        "Install it with: pip install 'nl2sql[local]'. Or use another model: set OPENAI_API_KEY or OPENAI_BASE_URL.",
    )


def _shorten_paths(line: str) -> str:
    """Return the line with each absolute path reduced to its last part."""
    return re.sub(r"(?:[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])+([^\s'\"/\\]*)", r"\1", line)[:400]


def _read_resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process in bytes; None if the system does not report it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
