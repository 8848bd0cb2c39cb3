"""Files written whole or not at all: a reader sees the old content or the new one, never a part.

It makes no folders and does not check whether the file may be replaced.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666, sync: bool = False) -> None:
    """Write the file in one step; a link of that name is replaced, its target is not touched.

    `mode` is the permissions of the new file, before the umask. With `sync` the content is on the disk before the file
    gets its name, so that a crash of the machine leaves no empty file.

    Raises:
        OSError: the file cannot be written; the old file, if any, is unchanged.
    """
    half = path.with_name(f".{path.name}.{os.urandom(8).hex()}.half")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(half, flags, mode), "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write the text in one step, to a file that only this user may read.

    Raises:
        OSError: the file cannot be written.
    """
    write_atomically(path, text.encode(), mode=0o600)
