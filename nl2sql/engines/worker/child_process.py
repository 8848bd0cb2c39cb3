"""Child processes of our own: started with an empty environment, spoken to in frames, ended and cleaned up surely.

It does not know what is asked and answered.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from nl2sql.engines.worker.pipe_frames import ANY_BYTES, FrameError, Message, read_frame, write_frame
from nl2sql.errors import DatabaseError

# Before anything is loaded the pipes leave the places where a library would print to and read from: its output goes
# to stderr, its input is empty. DuckDB takes a main module that has no file for a prompt, and draws progress bars.
# The child finds this package as its parent did: in a checkout, an installed wheel or an editable install.
_BOOT: Final = """
import os, sys
requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
os.dup2(2, 1)
os.close(nothing)
__file__ = sys.argv[2]
import importlib, json
sys.path[:] = json.loads(sys.argv[1])
importlib.import_module(sys.argv[2]).main(requests, replies)
"""
_NOTE_BYTES: Final = 2000


class ProcessExitError(Exception):
    """The child ended in the middle: its exit code (negative: the signal), and the first and last of its stderr.

    `is_garbled` says that it was ended because it wrote what is no frame.
    """

    def __init__(self, code: int, stderr: str, *, is_garbled: bool = False) -> None:
        super().__init__(f"the process ended with {code}")
        self.code = code
        self.stderr = stderr
        self.is_garbled = is_garbled

    @property
    def is_out_of_memory(self) -> bool:
        """Whether its last words are those of a program that got no more memory."""
        return any(word in self.stderr for word in ("bad_alloc", "MemoryError", "memory allocation of"))


class ChildProcess:
    """A running `main(requests, replies)` of one of our modules, with a working folder that goes with it.

    The child gets the pipes as open binary files.
    """

    def __init__(self, module: str) -> None:
        """Start it.

        Raises:
            DatabaseError: the system does not let it start, or has no room for its folder.
        """
        try:
            self._start(module)
        except OSError as exc:
            raise DatabaseError(
                f"a worker process cannot be started: {exc.strerror}",
                "Check that the temporary folder can be written and has room.",
            ) from exc

    def _start(self, module: str) -> None:
        folder = tempfile.mkdtemp(prefix="nl2sql-")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        path = [str(Path(entry).absolute()) for entry in sys.path]
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, json.dumps(path), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=folder,
            env=_make_environment(),
            start_new_session=True,
        )
        self._writing = threading.Lock()
        self._finalizer = weakref.finalize(self, _end, self._popen, self._stderr, folder)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was killed."""
        return self._popen.poll() is not None

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message, from any thread; a child that has ended is noticed by `receive`."""
        pipe = self._stdin
        with self._writing, contextlib.suppress(OSError, ValueError):
            write_frame(pipe, message, text_bytes=ANY_BYTES)

    def receive(self, payload_bytes: int = 0) -> tuple[Message, bytes]:
        """Wait for the next message, with at most so many bytes behind it. A child that writes anything else is killed.

        Raises:
            ProcessExitError: the child has ended, and there will be none.
        """
        assert self._popen.stdout is not None
        try:
            frame = read_frame(self._popen.stdout, payload_bytes)
        except FrameError as exc:
            self._popen.kill()
            raise ProcessExitError(self._popen.wait(), self._read_last_words(), is_garbled=True) from exc
        if frame is None:
            raise ProcessExitError(self._popen.wait(), self._read_last_words())
        return frame

    def kill(self) -> None:
        """Kill it at once, from any thread; whoever waits in `receive` gets ProcessExitError."""
        self._popen.kill()

    def close(self) -> None:
        """Kill it, wait for its end, close the pipes, remove its folder. May be called twice."""
        self._finalizer()

    def _read_last_words(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read(_NOTE_BYTES)
        self._stderr.seek(max(_NOTE_BYTES, self._stderr.seek(0, os.SEEK_END) - _NOTE_BYTES))
        return (text + self._stderr.read(_NOTE_BYTES)).decode(errors="replace").strip()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._popen.stdin is not None
        return self._popen.stdin


_spares: Final[dict[str, ChildProcess]] = {}


def start_spare(module: str) -> None:
    """Start a child now for the first `take_process` of that module: it loads its libraries while this process does."""
    if module not in _spares:
        _spares[module] = ChildProcess(module)


def take_process(module: str) -> ChildProcess:
    """Return the child that was started ahead, or a new one."""
    spare = _spares.pop(module, None)
    return spare if spare is not None and not spare.has_ended else ChildProcess(module)


def _make_environment() -> dict[str, str]:
    """Nothing, except what Windows needs to start any process."""
    return {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}


def _end(popen: subprocess.Popen[bytes], stderr: IO[bytes], folder: str) -> None:
    popen.kill()
    popen.wait()
    for pipe in (popen.stdin, popen.stdout, stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    shutil.rmtree(folder, ignore_errors=True)
