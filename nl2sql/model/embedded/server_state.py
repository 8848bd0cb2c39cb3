"""What the commands and the host process tell each other: the order to start, the state file, and a health check.

It starts and ends nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from nl2sql.atomic_write import write_private
from nl2sql.model.embedded.shared_files import is_locked

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server runs. `context` is tokens for all calls together, `cache_mib` the memory for prefixes of
    other databases, `threads` 0 the cores that this process may use, `idle_seconds` the time without a question
    after which it ends."""

    context: int = 16384
    parallel: int = 4
    cache_mib: int = 512
    threads: int = 0
    idle_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class HostOrder:
    """What a host is started with, on its stdin. `instance` is made up anew for each start."""

    folder: str
    model_path: str
    model: str
    weights: str
    version: str
    instance: str
    api_key: str = field(repr=False)
    settings: ServerSettings = ServerSettings()

    def encode(self) -> str:
        """As the host reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """What `encode` wrote."""
        raw = json.loads(text)
        return cls(**{**raw, "settings": ServerSettings(**raw["settings"])})


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server of the embedded model: where it listens, and what it serves. `port` 0 means that it still loads.

    `started_at` is seconds since 1970.
    """

    port: int
    api_key: str = field(repr=False)
    pid: int
    model: str
    weights: str
    version: str
    instance: str
    started_at: float
    settings: ServerSettings

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    def request(self, method: str, path: str, body: Any = None, *, timeout: float) -> Any:
        """One small exchange in JSON. OSError, HTTPException or ValueError where the server is not as it should be."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"the server answered {response.status}")
        return json.loads(content)

    def is_healthy(self, timeout: float) -> bool:
        """Whether this very server answers: no other knows its instance's name. A few milliseconds when it does."""
        try:
            models = self.request("GET", "/v1/models", timeout=timeout)
            return any(model["id"] == self.instance for model in models["data"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False

    def is_busy(self, timeout: float) -> bool:
        """Whether it is answering somebody now."""
        try:
            return any(slot["is_processing"] for slot in self.request("GET", "/slots", timeout=timeout))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False


class ServerFolder:
    """The files of the one server that a user has, in `<home>/model`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start_lock = path / "start.lock"
        self.host_lock = path / "host.lock"
        self.turn_lock = path / "turn.lock"
        self.state_file = path / "server.json"
        self.last_used_file = path / "last_used"
        self.log_file = path / "server.log"

    def read(self) -> ServerInfo | None:
        """What the state file says; None where there is none, or it is garbled."""
        try:
            raw = json.loads(self.state_file.read_text("utf-8"))
            info = ServerInfo(**{**raw, "settings": ServerSettings(**raw["settings"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return info if isinstance(info.port, int) and isinstance(info.pid, int) else None

    def write(self, info: ServerInfo) -> None:
        """Replace the state file."""
        write_private(self.state_file, json.dumps(asdict(info)))

    def forget(self) -> None:
        """Remove the state file."""
        self.state_file.unlink(missing_ok=True)

    def is_host_running(self) -> bool:
        """Whether a host process lives. Its lock ends with it, so a reused process id deceives nobody."""
        return is_locked(self.host_lock)

    def touch(self) -> None:
        """Note that the server is in use, so that it does not end."""
        with contextlib.suppress(OSError):
            self.last_used_file.touch(mode=0o600)
