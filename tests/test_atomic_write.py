"""Files written whole or not at all."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from nl2sql.atomic_write import write_atomically, write_private


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("mine")
    link.symlink_to(victim)
    write_atomically(link, b"new")
    assert victim.read_text() == "mine" and link.read_bytes() == b"new" and not link.is_symlink()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "none" / "file", b"new")
    assert {path.name for path in tmp_path.iterdir()} >= {"victim", "link"} and not list(tmp_path.glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_private_file_is_this_users_alone_whoever_could_read_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "nöu\n")
    assert file.read_bytes() == "nöu\n".encode() and stat.S_IMODE(file.stat().st_mode) == 0o600
    write_atomically(file, b"newer", mode=0o640, sync=True)
    assert file.read_bytes() == b"newer" and stat.S_IMODE(file.stat().st_mode) & ~0o640 == 0


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
