"""What the server has read of a long prompt, kept on disk: a new server need not read a known schema again.

The server itself writes and reads the files. What they hold is what the model was sent, so they lie in the user's own
folder, and the oldest go where they take too much room.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
from pathlib import Path
from typing import Any, Final

from nl2sql.model.embedded.files import private_folder, write_private
from nl2sql.model.embedded.state import ServerInfo
from nl2sql.types import Messages, Usage

MOST_BYTES: Final = 1_000_000_000
_WORTH_TOKENS: Final = 200
_SECONDS: Final = 20.0
_FAILURES: Final = (OSError, http.client.HTTPException, ValueError, TypeError, KeyError)


class Prefixes:
    """The files of one user, in `folder`. A file that cannot be written or read costs only the reading anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warm_file = folder / "warm.json"

    def restore(self, info: ServerInfo, messages: Messages) -> None:
        """Give the server what it had read of these messages' beginning, if it is kept and this server is new to it."""
        name = _name(info, messages)
        if name is None or name in self._warm(info) or not (self._folder / name).exists():
            return
        if self._act(info, "restore", name):
            with contextlib.suppress(OSError):
                (self._folder / name).touch()
        self._note(info, name)

    def keep(self, info: ServerInfo, messages: Messages, usage: Usage) -> None:
        """Keep what the server has just read, if it had to read most of it and that took long."""
        name = _name(info, messages)
        if name is None or name in self._warm(info):
            return
        read = usage.prompt_tokens - usage.cached_tokens
        if read >= _WORTH_TOKENS and not (self._folder / name).exists():
            with contextlib.suppress(OSError):
                private_folder(self._folder)
                self._make_room()
                if self._act(info, "save", name):
                    (self._folder / name).chmod(0o600)
        self._note(info, name)

    def _act(self, info: ServerInfo, action: str, name: str) -> bool:
        try:
            info.request("POST", f"/slots/0?action={action}", {"filename": name}, timeout=_SECONDS)
        except _FAILURES:
            # A file of another build of the runtime, or half of one: it would fail again.
            (self._folder / name).unlink(missing_ok=True)
            return False
        return True

    def _make_room(self) -> None:
        files = sorted(self._folder.glob("*.prefix"), key=lambda path: path.stat().st_mtime, reverse=True)
        kept = 0
        for path in files:
            kept += path.stat().st_size
            if kept > MOST_BYTES:
                path.unlink(missing_ok=True)

    def _warm(self, info: ServerInfo) -> list[str]:
        """The names that this very server has read already."""
        try:
            noted: Any = json.loads(self._warm_file.read_text("utf-8"))
            return [str(name) for name in noted["names"]] if noted["instance"] == info.instance else []
        except _FAILURES:
            return []

    def _note(self, info: ServerInfo, name: str) -> None:
        with contextlib.suppress(OSError):
            private_folder(self._folder)
            names = [*self._warm(info), name]
            write_private(self._warm_file, json.dumps({"instance": info.instance, "names": names}))


def _name(info: ServerInfo, messages: Messages) -> str | None:
    """The file's name for what these messages begin with; None where that is nothing that stays the same."""
    if not messages or messages[0].get("role") != "system":
        return None
    stays = json.dumps([info.weights, info.version, info.settings.context, messages[0].get("content")])
    return hashlib.sha256(stays.encode()).hexdigest()[:24] + ".prefix"
