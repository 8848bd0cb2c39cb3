"""The process that holds the embedded model: `main` runs in an isolated Python and reads its order as JSON from stdin.

It serves until nobody has used it for a while, or its state file is removed. It starts no other process and reads no
environment variable; whoever has the key in the state file may send it requests.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from nl2sql.model.embedded.server_state import LOOPBACK, HostOrder, ServerFolder, ServerInfo

OTHER_HOST_EXIT_CODE: Final = 3
"""The exit code if another host lives."""

_POLL_SECONDS: Final = 2.0
_LOCK_SECONDS: Final = 5.0
_BATCH_TOKENS: Final = 256
_MAX_THREADS: Final = 16


class _StopRequestedError(Exception):
    """Another process asked this one to end."""


def run_host(order: HostOrder, serve: Callable[[HostOrder], tuple[int, Any]]) -> NoReturn:
    """Load the model, write the state file, wait for the end, then end this process with all its threads.

    `serve` returns the port, and an object that must stay alive for it to be served.
    """
    folder = ServerFolder(Path(order.folder))
    host_lock = FileLock(folder.host_lock)
    try:
        # A command that checks whether a host lives holds this lock for a moment.
        host_lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        sys.exit(OTHER_HOST_EXIT_CODE)
    signal.signal(signal.SIGTERM, _handle_sigterm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        info = _make_info(order)
        folder.touch()
        folder.write(info)
        port, _served = serve(order)
        info = replace(info, port=port)
        folder.touch()
        folder.write(info)
        _wait_until_idle(folder, info)
    except _StopRequestedError:
        pass
    finally:
        current = folder.read()
        if current and current.instance == order.instance:
            folder.forget()
    sys.stdout.flush()
    os._exit(0)


def _make_info(order: HostOrder) -> ServerInfo:
    return ServerInfo(
        port=0,
        api_key=order.api_key,
        pid=os.getpid(),
        model=order.model,
        weights=order.weights,
        version=order.version,
        instance=order.instance,
        started_at=time.time(),
        settings=order.settings,
    )


def _handle_sigterm(_signal: int, _frame: FrameType | None) -> None:
    raise _StopRequestedError


def _wait_until_idle(folder: ServerFolder, info: ServerInfo) -> None:
    idle = info.settings.idle_seconds
    while True:
        time.sleep(min(_POLL_SECONDS, idle / 4))
        current = folder.read()
        if current is None or current.instance != info.instance:
            return
        try:
            unused = time.time() - folder.last_used_file.stat().st_mtime
        except OSError:
            return
        if unused >= idle:
            if not info.is_busy(timeout=10.0):
                return
            folder.touch()


def serve_model(order: HostOrder) -> tuple[int, Any]:
    """Start llama.cpp's server on a free port of the loopback interface; return the port and the server object."""
    settings = order.settings
    # Counted first: the runtime binds this thread to one core when it is loaded.
    threads = settings.threads or count_threads()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order.model_path
    params.model_alias = {order.instance}
    params.hostnames, params.port, params.api_keys = [LOOPBACK], 0, [order.api_key]
    params.n_ctx, params.n_parallel, params.kv_unified = settings.context, settings.parallel, True
    params.cache_prompt, params.cache_ram_mib = True, settings.cache_mib
    params.use_jinja = True
    # An abandoned call ends after its current batch: small batches end within seconds and cost a few percent.
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.ui, params.endpoint_props, params.endpoint_metrics, params.endpoint_slots = False, False, False, True
    # No web page may read a reply, whatever it sends.
    params.cors_origins, params.cors_origins_explicit, params.cors_credentials = "", True, False
    server = xllamacpp.Server(params)
    port = urlsplit(server.listening_address).port
    if not port:
        raise RuntimeError("the server does not say where it listens")
    return port, server


def count_threads() -> int:
    """Return the number of compute threads: the physical cores granted to this process, less one if over two.

    CPU affinity and the container's quota limit the cores. -1 leaves the choice to llama.cpp, on systems that report
    neither.
    """
    if sys.platform != "linux":
        return -1
    cores = len({_read_siblings(cpu) for cpu in os.sched_getaffinity(0)})
    # The threads wait for each other at every step: one that shares its core slows all of them.
    return max(1, min(cores - 1 if cores > 2 else cores, _read_cpu_quota(), _MAX_THREADS))


def _read_siblings(cpu: int) -> str:
    """Return the hardware threads of that processor's core, as the kernel writes them."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text("ascii").strip()
    except OSError:
        return str(cpu)


def _read_cpu_quota() -> int:
    """Return the processors that the control group grants, rounded down; `_MAX_THREADS` if it sets no limit."""
    cgroup = Path("/sys/fs/cgroup")
    try:
        if (cgroup / "cpu.max").exists():
            limit, period = (cgroup / "cpu.max").read_text("ascii").split()
        else:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text("ascii").strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text("ascii").strip()
        return int(limit) // int(period) if int(limit) > 0 else _MAX_THREADS
    except (OSError, ValueError):
        return _MAX_THREADS


def main() -> NoReturn:
    """Run the host that the order on stdin describes."""
    run_host(HostOrder.decode(sys.stdin.read()), serve_model)
