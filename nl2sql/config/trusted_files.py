"""Files that somebody else may have made: read safely, told by who may change them, and trusted for their content.

What an untrusted file may still do is for its readers to say. Nothing here parses one.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from nl2sql.atomic_write import write_atomically
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line

FOLDER: Final = "trust"
PATH_CHARS: Final = 300
LEADS_OUT: Final = "it is a link that leads out of its folder"
CHANGED: Final = "it has changed since you trusted it"
UNTRUSTED: Final = "you have not trusted it"
_OPEN: Final = "can be changed by other users"
_KIND: Final = b"nl2sql trusts 1"
_ACCESS_LIST: Final = "system.posix_acl_access"


class TrustedFiles:
    """What this user has agreed to: a file's path together with its content, each an entry in a folder of `home`.

    A file that moves or changes is not trusted any more; one that changes back is. Several processes may write.
    """

    def __init__(self, home: Path) -> None:
        """Keep the entries in that home, which may not exist yet."""
        self._folder = home / FOLDER

    def has(self, path: Path, content: bytes) -> bool:
        """Return whether that file is trusted with that content."""
        try:
            return self._locate_entry(path, content).is_file()
        except OSError:
            return False

    def find_doubt(self, path: Path, content: bytes, *, is_found: bool) -> str:
        """Return why that file is not used, as a clause about `it`; empty where it is used.

        Found files must be trusted first, and so must a link that leads out of its folder: whoever made that chose
        among all the files of its reader.
        """
        if self.has(path, content):
            return ""
        if has_link_outside(path):
            return LEADS_OUT
        if not is_found:
            return ""
        return CHANGED if self.has_other(path) else UNTRUSTED

    def has_other(self, path: Path) -> bool:
        """Return whether that file is trusted with some content, perhaps another one."""
        place = _normalize(path)
        return any(trusted == place for _, trusted in self._read_entries())

    def add(self, path: Path, content: bytes) -> None:
        """Trust that file for as long as it has that content.

        Raises:
            ConfigError: where that cannot be written down.
        """
        entry = self._locate_entry(path, content)
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_atomically(entry, os.fsencode(_normalize(path)), mode=0o600, sync=True)
        except OSError as exc:
            raise self._make_write_error(exc) from exc

    def discard(self, path: Path, content: bytes) -> None:
        """Trust that file with that content no more.

        Raises:
            ConfigError: where that cannot be written down.
        """
        try:
            self._locate_entry(path, content).unlink(missing_ok=True)
        except OSError as exc:
            raise self._make_write_error(exc) from exc

    def remove(
        self, folders: Collection[Path], *, below: Path | None = None, suffixes: Collection[str] = ()
    ) -> tuple[Path, ...]:
        """Trust no file of these folders any more, there or gone; return those that were trusted.

        Files of these suffixes are meant wherever they lie `below` a folder.

        Raises:
            ConfigError: where that cannot be written down.
        """
        places, tree = {_resolve(folder) for folder in folders}, below and _resolve(below)

        def is_meant(path: Path) -> bool:
            is_below = tree is not None and path.is_relative_to(tree)
            return path.parent in places or (is_below and path.suffix.lower() in suffixes)

        removed = [(entry, trusted) for entry, trusted in self._read_entries() if is_meant(trusted)]
        try:
            for entry, _ in removed:
                entry.unlink(missing_ok=True)
        except OSError as exc:
            raise self._make_write_error(exc) from exc
        return tuple(sorted({trusted for _, trusted in removed}))

    def _locate_entry(self, path: Path, content: bytes) -> Path:
        """Return the entry's file. Its name is a hash of path and content, so that being there is all it says."""
        digest = hashlib.sha256(b"\0".join([_KIND, os.fsencode(_normalize(path)), content]))
        return self._folder / digest.hexdigest()

    def _read_entries(self) -> Iterator[tuple[Path, Path]]:
        """Yield each entry with the path that it is for."""
        try:
            found = [entry for entry in self._folder.iterdir() if not entry.name.startswith(".")]
        except OSError:
            return
        for entry in found:
            try:
                yield entry, Path(os.fsdecode(entry.read_bytes()))
            except OSError:
                continue

    def _make_write_error(self, error: OSError) -> ConfigError:
        hint = "Set NL2SQL_HOME to a folder that you may write to."
        return ConfigError(f"what you trust cannot be written down in {self._folder}: {error.strerror}", hint)


def compose_trust(folder: Path, flag: str = "") -> str:
    """Return the command, perhaps with a flag, that trusts the files of that folder, for a person to read.

    It names the folder only where the name can be shown as it is: another might be that of another folder.
    """
    command = f"nl2sql trust {flag}".strip()
    name = _quote(folder)
    return f"{command} {name}" if name else f"{command} (in that folder, whose name cannot be written here)"


def advise_owner(path: Path, reason: str) -> str:
    """Return what to do about a file that is not used for that `reason` of `find_stranger`, for a person to read."""
    trust = compose_trust(path.parent)
    name = _quote(_resolve(path).parent if reason == f"its folder {_OPEN}" else path)
    if not reason.endswith(_OPEN) or not name:
        return f"Read it, then: {trust}"
    return f"Let nobody else change it: chmod go-w {name}. Or read it, then: {trust}"


def read_file(path: Path, max_bytes: int, name: str) -> bytes:
    """Return the content of a regular file, of at most `max_bytes` bytes; `name` is what errors call it.

    Raises:
        ConfigError: where it is no regular file, cannot be read, or is larger.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        # Looked at before it is opened too: opening is enough to set some devices going.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{name} is not a file", "Put a plain file in its place.")
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{name} is not a file", "Put a plain file in its place.")
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "its name holds a zero byte"
        raise ConfigError(f"{name} cannot be read: {reason}", "Check its permissions.") from exc
    if len(content) > max_bytes:
        raise ConfigError(f"{name} is larger than {max_bytes // 1000:,} KB", "Shorten it.")
    return content


def has_link_outside(path: Path) -> bool:
    """Return whether links take that file, or the folder that it is in, elsewhere than they seem to be."""
    return not _resolve(path).is_relative_to(_find_folder(path))


def find_stranger(path: Path) -> str:
    """Return why others may have written to that file, as a clause about `it`; empty where only this user may have.

    The superuser counts as this user. On systems other than POSIX only links are looked at.
    """
    if has_link_outside(path):
        return LEADS_OUT
    if sys.platform == "win32":
        return ""
    folder = _find_folder(path)
    place, what = _resolve(path), "it"
    try:
        while True:
            status = place.stat()
            if status.st_uid not in (0, os.geteuid()):
                return f"{what} belongs to another user ({_name_user(status.st_uid)})"
            if _is_open_to_others(place, status):
                return f"{what} {_OPEN}"
            if place in (folder, place.parent):
                return ""
            place, what = place.parent, "its folder"
    except OSError as exc:
        return f"nobody knows whose it is ({exc.strerror})"


def _quote(path: Path) -> str:
    """Return the name as a shell takes it; empty where it cannot be shown as it is."""
    name = str(path)
    return shlex.quote(name) if name == make_one_line(name, PATH_CHARS) else ""


def _normalize(path: Path) -> Path:
    """Return the one name of a file: its folder without links. The file itself may be a link."""
    return Path(os.path.realpath(path.parent)) / path.name


def _find_folder(path: Path) -> Path:
    """Return the file's folder where it seems to be: links above it are followed, but not the folder itself."""
    folder = path.absolute().parent
    return Path(os.path.realpath(folder.parent)) / folder.name if folder.name != ".." else _resolve(folder)


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_open_to_others(path: Path, status: os.stat_result) -> bool:
    """Return whether users other than its owner and the superuser may write to it."""
    if status.st_mode & stat.S_IWOTH:
        return True
    if not status.st_mode & stat.S_IWGRP:
        return False
    return not _is_private(status.st_gid) or _has_access_list(path)


def _is_private(group_id: int) -> bool:
    """Return whether that is the group of this user alone, as many systems make one for each user."""
    if sys.platform == "win32":
        return False
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(group_id)
    except KeyError:
        return False
    return group_id == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _has_access_list(path: Path) -> bool:
    """Return whether the group's permission may be that of further users, whom an access control list names."""
    if sys.platform != "linux":
        return False
    try:
        return _ACCESS_LIST in os.listxattr(path)
    except OSError:
        return False


def _name_user(user_id: int) -> str:
    if sys.platform == "win32":
        return str(user_id)
    import pwd

    try:
        return make_one_line(pwd.getpwuid(user_id).pw_name, 40)
    except KeyError:
        return f"number {user_id}"
