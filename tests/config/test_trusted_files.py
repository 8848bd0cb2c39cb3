"""What is trusted, and whose files are whose: content by content, without links, over several processes."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nl2sql.config.trusted_files import (
    TrustedFiles,
    compose_trust,
    find_stranger,
    has_link_outside,
    read_file,
)
from nl2sql.errors import ConfigError

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "nl2sql.toml"
    path.write_text("a")
    return path


@pytest.fixture
def trusted(home: Path) -> TrustedFiles:
    return TrustedFiles(home / "new")


def test_a_file_is_trusted_with_its_content_and_in_its_place(trusted: TrustedFiles, file: Path) -> None:
    assert not trusted.has(file, b"a") and not trusted.has_other(file)
    trusted.add(file, b"a")
    assert trusted.has(file, b"a") and trusted.has_other(file)
    assert not trusted.has(file, b"b") and not trusted.has(file, b"")
    assert not trusted.has(file.with_name("other.toml"), b"a")
    assert not trusted.has(file.parent.parent / "nl2sql.toml", b"a")
    # No other pair of path and content makes the same entry.
    assert not trusted.has(file.with_name("nl2sql.tom"), b"l\0a")


def test_a_folder_has_one_name_whatever_links_lead_to_it(trusted: TrustedFiles, file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file.parent)
    trusted.add(tmp_path / "link" / ".." / "project" / "nl2sql.toml", b"a")
    assert trusted.has(file, b"a") and trusted.has(tmp_path / "link" / "nl2sql.toml", b"a")
    (tmp_path / "link").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert not trusted.has(tmp_path / "link" / "nl2sql.toml", b"a")


def test_entries_are_the_users_own(trusted: TrustedFiles, file: Path, home: Path) -> None:
    trusted.add(file, b"a")
    folder = home / "new" / "trust"
    (entry,) = folder.iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (home / "new", folder, entry)]
    assert modes == [0o700, 0o700, 0o600]


def test_what_is_removed_is_trusted_in_no_state(trusted: TrustedFiles, file: Path) -> None:
    gone, below = file.with_name("gone.sql"), file.parent / "below" / "nl2sql.toml"
    below.parent.mkdir()
    for path, content in ((file, b"a"), (file, b"b"), (gone, b"c"), (below, b"a")):
        trusted.add(path, content)
    assert trusted.remove([file.parent]) == (gone, file)
    assert not any(trusted.has(path, content) for path, content in ((file, b"a"), (file, b"b"), (gone, b"c")))
    assert trusted.has(below, b"a") and trusted.remove([file.parent]) == ()


def test_a_home_that_cannot_be_written_is_said(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="cannot be written down") as caught:
        TrustedFiles(tmp_path / "taken").add(file, b"a")
    assert "NL2SQL_HOME" in caught.value.hint
    assert not TrustedFiles(tmp_path / "taken").has(file, b"a")


def test_many_processes_write_at_once(home: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nl2sql.config.trusted_files import TrustedFiles\n"
        "trusted = TrustedFiles(Path(sys.argv[1]))\n"
        "for i in range(40):\n"
        "    trusted.add(Path(sys.argv[2]) / 'shared.sql', str(i).encode())\n"
        "    trusted.add(Path(sys.argv[2]) / f'{sys.argv[3]}.sql', str(i).encode())\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(home / "new"), str(tmp_path), str(number)])
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    trusted = TrustedFiles(home / "new")
    for name in ("shared", *map(str, range(4))):
        assert all(trusted.has(tmp_path / f"{name}.sql", str(i).encode()) for i in range(40))
    assert len(trusted.remove([tmp_path])) == 5 and list((home / "new" / "trust").iterdir()) == []


def test_own_files_are_not_foreign(file: Path) -> None:
    assert find_stranger(file) == ""
    user = pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(user.pw_gid)
    if group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}:
        for path in (file, file.parent):
            os.chown(path, -1, user.pw_gid)
            path.chmod(0o775)
        assert find_stranger(file) == "", "many systems let the group of one user write"


@AS_ROOT
@pytest.mark.parametrize("given_away", ["nl2sql.toml", "."])
def test_file_of_another_user_is_foreign(file: Path, given_away: str) -> None:
    os.chown(file.parent / given_away, NOBODY, -1)
    said = find_stranger(file)
    assert "belongs to another user" in said and said.startswith("it " if given_away != "." else "its folder ")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
@pytest.mark.parametrize("opened", ["nl2sql.toml", "."])
def test_world_writable_file_is_foreign(file: Path, opened: str, mode: int) -> None:
    (file.parent / opened).chmod(mode)
    assert "can be changed by other users" in find_stranger(file)


@AS_ROOT
@pytest.mark.parametrize("opened", ["nl2sql.toml", "."])
def test_group_writable_file_is_foreign(file: Path, opened: str) -> None:
    (file.parent / opened).chmod(0o770)
    os.chown(file.parent / opened, -1, NOBODY)
    assert "can be changed by other users" in find_stranger(file)


@pytest.mark.skipif(sys.platform != "linux", reason="access control lists are read on Linux")
def test_file_writable_by_acl_is_foreign(file: Path) -> None:
    rights = [(0x01, 6, -1), (0x02, 6, NOBODY), (0x04, 4, -1), (0x10, 6, -1), (0x20, 4, -1)]
    entries = b"".join(struct.pack("<HHi", tag, bits, user) for tag, bits, user in rights)
    try:
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + entries)
    except OSError as exc:
        pytest.skip(f"this file system has none: {exc.strerror}")
    assert "can be changed by other users" in find_stranger(file)


@AS_ROOT
def test_a_link_is_as_safe_as_what_it_leads_through(file: Path) -> None:
    deep = file.parent / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "real.toml").write_text("a")
    file.unlink()
    file.symlink_to(Path("a") / "b" / "real.toml")
    assert find_stranger(file) == "" and not has_link_outside(file)
    (file.parent / "a").chmod(0o777)
    assert "its folder can be changed" in find_stranger(file)


@pytest.mark.parametrize("target", ["../other.toml", "/etc/hostname", "link/other.toml", "/proc/self/status"])
def test_link_out_of_the_folder_is_foreign(file: Path, target: str) -> None:
    (file.parent.parent / "other.toml").write_text("a")
    (file.parent / "link").symlink_to(file.parent.parent)
    file.unlink()
    file.symlink_to(target)
    assert has_link_outside(file) and "link" in find_stranger(file)


def test_a_folder_that_is_a_link_leads_out(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.sql").write_text("a")
    (file.parent / "queries").symlink_to(tmp_path / "elsewhere")
    assert has_link_outside(file.parent / "queries" / "a.sql")
    monkeypatch.chdir(file.parent)
    assert has_link_outside(Path("queries/a.sql")) and not has_link_outside(Path("nl2sql.toml"))
    assert not has_link_outside(Path("../project/nl2sql.toml"))


def test_only_plain_files_of_a_size_are_read(file: Path, tmp_path: Path) -> None:
    assert read_file(file, 1, "it") == b"a"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to_pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path / "to_pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigError, match="it is not a file"):
            read_file(path, 1, "it")
    for path in (tmp_path / "loop", tmp_path / "none", tmp_path / ("n" * 300), Path("a\0b")):
        with pytest.raises(ConfigError, match="it cannot be read: "):
            read_file(path, 1, "it")
    file.write_text("ab")
    with pytest.raises(ConfigError, match="it is larger"):
        read_file(file, 1, "it")


def test_the_command_that_trusts_a_folder_names_no_other() -> None:
    assert shlex.split(compose_trust(Path("/p/a; rm -rf x"))) == ["nl2sql", "trust", "/p/a; rm -rf x"]
    assert compose_trust(Path("/p/a"), "--remove") == "nl2sql trust --remove /p/a"
    # On one line of a terminal each of these would be the name of another folder.
    for name in ("a  b", "a b ", "a\nb", "a\xa0b", "a\u202eb", "a\x1b[2Jb", "/".join(["x" * 100] * 3)):
        command = compose_trust(Path("/p") / name)
        assert command == "nl2sql trust (in that folder, whose name cannot be written here)", ascii(name)
