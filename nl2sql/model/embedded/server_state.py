"""What the commands and the host process exchange: the order to start, the state file, and a health check.

It starts and stops nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from nl2sql.atomic_write import write_private
from nl2sql.json_codec import decode_value
from nl2sql.model.embedded.shared_files import is_locked

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server runs.

    `context` is the number of tokens for all calls together, `cache_mib` the memory in MiB for the prefixes of other
    databases, `threads` the number of compute threads (0 uses the cores that this process may use), `idle_seconds` the
    time in seconds without a question after which the server ends.
    """

    context: int = 16384
    parallel: int = 4
    cache_mib: int = 512
    threads: int = 0
    idle_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class HostOrder:
    """What a host process is started with, on its stdin. `instance` is a new random name for each start."""

    folder: str
    model_path: str
    model: str
    weights: str
    version: str
    instance: str
    api_key: str = field(repr=False)
    settings: ServerSettings = ServerSettings()

    def encode(self) -> str:
        """Return the order as JSON, as the host reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the order that `encode` wrote.

        Raises:
            ValueError: the text is something else.
        """
        return decode_value(json.loads(text), cls)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server of the embedded model: where it listens, and what it serves. `port` is 0 while it loads.

    `started_at` is in seconds since 1970.
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
        """The base URL for an OpenAI client."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    def request(self, method: str, path: str, body: Any = None, *, timeout: float) -> Any:
        """Send one small JSON request, and return the parsed answer. `timeout` is in seconds.

        Raises:
            OSError: the server cannot be reached.
            http.client.HTTPException: the answer is no HTTP.
            ValueError: the status is not 200, or the answer is not JSON.
        """
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
        """Return whether this instance answers within `timeout` seconds: no other server knows its instance name."""
        try:
            models = self.request("GET", "/v1/models", timeout=timeout)
            return any(model["id"] == self.instance for model in models["data"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False

    def is_busy(self, timeout: float) -> bool:
        """Return whether the server is generating a reply now."""
        try:
            return any(slot["is_processing"] for slot in self.request("GET", "/slots", timeout=timeout))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False


class ServerFolder:
    """The files of the user's server, in `<home>/model`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start_lock = path / "start.lock"
        self.host_lock = path / "host.lock"
        self.call_lock = path / "turn.lock"
        self.state_file = path / "server.json"
        self.last_used_file = path / "last_used"
        self.log_file = path / "server.log"

    def read(self) -> ServerInfo | None:
        """Return the content of the state file; None if there is none, or it is damaged."""
        try:
            return decode_value(json.loads(self.state_file.read_text("utf-8")), ServerInfo)
        except (OSError, ValueError):
            return None

    def write(self, info: ServerInfo) -> None:
        """Replace the state file."""
        write_private(self.state_file, json.dumps(asdict(info)))

    def forget(self) -> None:
        """Remove the state file."""
        self.state_file.unlink(missing_ok=True)

    def is_host_running(self) -> bool:
        """Return whether a host process lives, which holds a lock: a process id may have been reused."""
        return is_locked(self.host_lock)

    def touch(self) -> None:
        """Record that the server is in use, so that it does not end."""
        with contextlib.suppress(OSError):
            self.last_used_file.touch(mode=0o600)
