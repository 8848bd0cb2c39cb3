"""The operating system's limits on a child process: address space, processor time, file size, open files, processes.

They hold where DuckDB's own limits don't (strings made by functions, parsers, binders). They don't fence files
(`landlock` does), and count no wall time (the parent kills). Where the platform lacks one, the worker carries on
without it and says so.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Final

ADDRESS_SLACK_BYTES: Final = 192 * 1024 * 1024
MAX_OPEN_FILES: Final = 64
# What a database library inside the process may count as its own memory; the rest is for what it does not count.
BUFFER_RATIO: Final = 0.8
STDERR_BYTES: Final = 16_384
CPU_SLACK_SECONDS: Final = 3
_ARENA_MAX: Final = -8
_DEFAULT_MEMORY_BYTES: Final = 4_000_000_000
_CONTAINER_MEMORY: Final = Path("/sys/fs/cgroup/memory.max")

if sys.platform != "win32":
    import resource


def set_limits(memory: int, spill: int, data_files: int) -> dict[str, bool]:
    """Limit this process from here on: `memory` bytes more than it uses now, files of at most `spill` bytes.

    Without `spill` a file may still take the few last words of a process that dies: its stderr is one.
    Return which limits hold, by name: address_space, file_size, open_files, core, processes, cpu.
    """
    names = ("address_space", "file_size", "open_files", "core", "processes", "cpu")
    if sys.platform == "win32":
        return dict.fromkeys(names, False)
    wanted = (
        (resource.RLIMIT_FSIZE, max(spill, STDERR_BYTES)),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES + data_files),
        (resource.RLIMIT_CORE, 0),
    )
    held = [_set(which, value) for which, value in wanted]
    # The kernel lets the superuser start processes whatever the limit says.
    held.append(_set(resource.RLIMIT_NPROC, 0) and os.geteuid() != 0)
    return dict(zip(names, [_limit_address_space(memory), *held, hasattr(resource, "RLIMIT_CPU")], strict=True))


def limit_arenas() -> None:
    """Have glibc's allocator reserve less address space; call it before any thread starts."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_ARENA_MAX, 2)


def allow_cpu(seconds: float, threads: int) -> None:
    """Let this process use at most so much more processor time: `seconds` on each of its threads."""
    if sys.platform == "win32":
        return
    used = time.process_time()
    _set(resource.RLIMIT_CPU, math.ceil(used + seconds * threads) + CPU_SLACK_SECONDS, soft_only=True)


def find_machine_memory() -> int:
    """Return the bytes of memory that this machine, or its container, has; a modest guess where that is unknown."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _DEFAULT_MEMORY_BYTES
    try:
        return min(memory, int(_CONTAINER_MEMORY.read_text("ascii")))
    except (OSError, ValueError):
        return memory


def _limit_address_space(memory: int) -> bool:
    if sys.platform != "linux":
        return False
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return _set(resource.RLIMIT_AS, pages * resource.getpagesize() + memory + ADDRESS_SLACK_BYTES)


def _set(which: int, value: int, *, soft_only: bool = False) -> bool:
    soft, hard = resource.getrlimit(which)
    # A limit that held before is not loosened; only the time that a process may compute is given out bit by bit.
    for held in (hard,) if soft_only else (soft, hard):
        if held != resource.RLIM_INFINITY:
            value = min(value, held)
    try:
        resource.setrlimit(which, (value, hard if soft_only else value))
    except (OSError, ValueError):
        return False
    return True
