"""The embedded model: its weights, its server, and the chat model over it.

Importing it imports neither the runtime nor the client; opening a model starts the server if none runs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from nl2sql.cancellation import CancelToken
from nl2sql.model import Progress
from nl2sql.model.embedded.embedded_server import (
    LocalModelStatus,
    ensure_server,
    is_runtime_installed,
    make_missing_runtime_error,
    pull_weights,
    read_status,
    stop_server,
)
from nl2sql.model.embedded.server_state import ServerFolder, ServerInfo, ServerSettings
from nl2sql.model.embedded.shared_files import lock

if TYPE_CHECKING:
    from nl2sql.model.embedded.local_client import LocalChatModel

__all__ = [
    "LocalModelStatus",
    "ServerInfo",
    "ServerSettings",
    "ensure_server",
    "is_runtime_installed",
    "open_local_model",
    "pull_weights",
    "read_status",
    "stop_server",
]


def open_local_model(
    home: Path,
    *,
    model_path: Path | None = None,
    settings: ServerSettings | None = None,
    on_progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> LocalChatModel:
    """Return the embedded model; get its weights and start its server first if needed. `home` holds both.

    `model_path` is a GGUF file of the user's own. `on_progress(what, done, total)` reports bytes that are joined,
    checked or downloaded, and the start of the server (total 0).

    Raises:
        ModelError: there are no weights or no runtime, or the server does not start.
        ConfigError: `model_path` is no GGUF file.
        CancelledError: `cancel` was set.
    """
    if not is_runtime_installed():
        raise make_missing_runtime_error()
    from nl2sql.model.embedded.local_client import LocalChatModel

    def connect(token: CancelToken | None) -> ServerInfo:
        return ensure_server(home, model_path, settings=settings, on_progress=on_progress, cancel=token)

    folder = ServerFolder(home / "model")

    def lock_server(token: CancelToken | None) -> AbstractContextManager[None]:
        return lock(folder.call_lock, token)

    return LocalChatModel(connect, lock_server=lock_server, touch=folder.touch, cancel=cancel)
