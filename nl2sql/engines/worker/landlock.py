"""The operating system's fence around the worker: no file is created, written or removed, nothing is executed.

A locked DuckDB still opens the files that it may read for writing (`COPY .. TO` the database itself), so the last
word is the kernel's: Landlock, on Linux since 5.13. It does not hide files from being read (the engine's lock
does), and there is none of it on macOS and Windows.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_PR_SET_NO_NEW_PRIVS: Final = 38
_RULE_PATH_BENEATH: Final = 1

_READ: Final = 0b1100
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP_BIND_AND_CONNECT: Final = 0b11


def forbid_writing(own_folder: Path | None) -> bool:
    """Take from this thread, and the threads and processes it starts, every right to write files or open TCP.

    `own_folder` alone stays writable. Call it before any thread starts that runs SQL. False where the kernel has no
    Landlock.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    rights = ((1 << _FILE_RIGHTS[min(version, 5)]) - 1) & ~_READ
    attributes = struct.pack("=Q", rights)
    if version >= 4:
        attributes += struct.pack("=Q", _TCP_BIND_AND_CONNECT)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        if own_folder is not None:
            _allow_beneath(libc, ruleset, own_folder, rights)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(n) for n in (1, 0, 0, 0)))
        return bool(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _allow_beneath(libc: ctypes.CDLL, ruleset: int, folder: Path, rights: int) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        rule = struct.pack("=Qi", rights, handle)
        libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(handle)
