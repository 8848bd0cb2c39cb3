"""Turn a text file into UTF-8: unpacked, decoded, and without a byte order mark, so that DuckDB reads every character.

Files that are UTF-8 already are read where they are. Copies are written into the folder of the import.
"""

from __future__ import annotations

import codecs
import gzip
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from nl2sql.importing.file_kinds import PACKED, find_kind, is_data_file
from nl2sql.importing.import_errors import UnreadableError

# The most used first.
_OLD_ENCODINGS: Final = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
    "cp850",
    "cp437",
)
# The letters beyond ASCII of the languages that each encoding serves.
_WESTERN: Final = ("äöüß", "éèêëàâçùûîïôœæ", "áéíóúñü", "ãáéíóúâêôçà", "àèéìòù", "åäöæøé")
_LATIN: Final = {
    "cp1252": _WESTERN,
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýžäľĺŕô", "áéíóöőúüű", "ăâîşţ", "čćšžđ"),
    "cp1254": ("çğıöşüâ",),
    "cp850": _WESTERN,
    "cp437": _WESTERN,
}
_MARKS: Final = "€£§°²³µ½–—”’…»·©®±×"
_OPENING_MARKS: Final = "„“‘’«€°–—"
_MIN_LATIN_RATIO: Final = 0.8
_MIXED: Final = "utf-8 and cp1252"
_PIECE_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 1 << 20
_TAIL_BYTES: Final = 1 << 16
_ROWS: Final = {"csv", "tsv"}
_EMPTY_LINE: Final = re.compile(rb"(?<=\n)\r?\n")
_MARK: Final = codecs.BOM_UTF8
_WIDE_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class PlainText:
    """A file of UTF-8: its path and former encoding, its first and last bytes, and what a pass over it found.

    `size` is in bytes, `lines` counts all lines, and `doubts` are sentences. `leading_lines` empty lines stand before
    the text.
    """

    path: Path
    encoding: str
    head: bytes
    tail: bytes
    size: int
    lines: int
    has_quotes: bool
    doubts: tuple[str, ...] = ()
    leading_lines: int = 0


def read_plain_text(file: Path, opened: IO[bytes], folder: Path, most: int, encoding: str = "") -> PlainText:
    """Return the file as UTF-8, as a copy in `folder` where it is not.

    At most `most` bytes may be unpacked; `encoding` is the one that the owner gives.

    Raises:
        UnreadableError: where the file cannot be unpacked or decoded.
    """
    doubts: tuple[str, ...] = ()
    path = file
    if file.suffix.lower() in PACKED:
        path = folder / "unpacked"
        _unpack(file, opened, path, most)
    with path.open("rb") if path != file else _keep_open(opened) as content:
        content.seek(0)
        start = content.read(_HEAD_BYTES)
    found = encoding or _find_marked_encoding(start)
    if not found:
        with path.open("rb") as content:
            wrong = _find_invalid(content)
        if wrong is None:
            found = "utf-8"
        else:
            found, doubts = _guess_encoding(path, wrong)
    try:
        "a".encode(found if found != _MIXED else "utf-8")
        codec = found if found == _MIXED else codecs.lookup(found).name
    except LookupError as error:
        raise UnreadableError(
            f"{file.name}: there is no encoding {found!r}", "Write `utf-8` or `cp1252`, say."
        ) from error
    lead = 0
    if codec != "utf-8" or start.startswith(_MARK) or _has_bare_returns(start) or _has_hidden_line_ends(start):
        path, old = folder / "text", path
        lead = _decode(file, old, path, codec)
        if old != file:
            old.unlink()
    return measure_text(path, found, doubts, lead)


@contextmanager
def _keep_open(opened: IO[bytes]) -> Iterator[IO[bytes]]:
    yield opened


def _unpack(file: Path, opened: IO[bytes], path: Path, most: int) -> None:
    try:
        if file.suffix.lower() == ".gz":
            with gzip.open(opened) as packed:
                _copy(packed, path, most, file)
            return
        with zipfile.ZipFile(opened) as archive:
            names = [
                part for part in archive.infolist() if not part.is_dir() and not part.filename.startswith("__MACOSX")
            ]
            if len(names) != 1:
                raise UnreadableError(f"{file.name} holds {len(names):,} files", "Unpack it, and name the folder.")
            _refuse_other_kind(file, names[0].filename)
            with archive.open(names[0]) as packed:
                _copy(packed, path, most, file)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnreadableError(
            f"{file.name} cannot be unpacked: {error}", "Unpack it yourself, or save it again."
        ) from error


def _refuse_other_kind(file: Path, name: str) -> None:
    """Check that the packed file is of the kind that the outer name says."""
    within = Path(Path(name).name)
    if is_data_file(within) and find_kind(within) != find_kind(file) and {find_kind(within), find_kind(file)} != _ROWS:
        raise UnreadableError(
            f"{file.name} holds {within.name}, which is no {find_kind(file).upper()}",
            f"Unpack it, or name the packed file like the one in it: {within.name}{file.suffix}",
        )


def _copy(packed: IO[bytes] | gzip.GzipFile, path: Path, most: int, file: Path) -> None:
    done = 0
    with path.open("wb") as written:
        while piece := packed.read(_PIECE_BYTES):
            done += len(piece)
            if done > most:
                raise UnreadableError(f"{file.name} unpacks to more than {most:,} bytes", "Unpack it yourself.")
            written.write(piece)


def _find_marked_encoding(start: bytes) -> str:
    """Return the encoding that the first bytes show; UTF-16 without a mark has a zero in every second byte."""
    for mark, name in _WIDE_MARKS.items():
        if start.startswith(mark):
            return name
    sample = start[:4096]
    if len(sample) > 3 and b"\0" in sample:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if odd > len(sample) // 4 and even < odd // 8:
            return "utf-16-le"
        if even > len(sample) // 4 and odd < even // 8:
            return "utf-16-be"
    return ""


def _find_invalid(content: IO[bytes]) -> int | None:
    """Return the line of the first byte that is not UTF-8, or None."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    while piece := content.read(_PIECE_BYTES):
        if piece.isascii() and not decoder.getstate()[0]:
            line += piece.count(b"\n")
            continue
        try:
            line += decoder.decode(piece).count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
    return line if decoder.getstate()[0] else None


def _guess_encoding(path: Path, line: int) -> tuple[str, tuple[str, ...]]:
    """Return the likely encoding of a file that is not UTF-8, and why that is doubtful."""
    import charset_normalizer

    lines = _take_odd_lines(path)
    sample = b"\n".join(lines)
    if any(map(_is_utf8, lines)):
        return _MIXED, (
            f"it is in two encodings: line {line} and others are read as cp1252, the rest as UTF-8; check them",
        )
    found = _guess_latin(sample)
    if not found:
        others = [name for name in _OLD_ENCODINGS if name not in _LATIN]
        best = charset_normalizer.from_bytes(sample, cp_isolation=others).best()
        wanted = () if best is None else (best.encoding,)
        found = next(name for name in (*wanted, *_OLD_ENCODINGS) if _decode_or_none(sample, name) is not None)
    return found, (f"read as {found}, which is a guess: check its letters, or set `encoding`",)


def _guess_latin(sample: bytes) -> str:
    """Return the encoding by which most letters belong to one language; empty where the texts are not in Latin letters.

    >>> _guess_latin("Größe, Müller".encode("cp850"))
    'cp850'
    """
    words = [word for word in re.findall(rb"[A-Za-z\x80-\xff]{3,}", sample) if not word.isascii()]
    letters = b"".join(words)
    if 2 * sum(byte > 127 for byte in letters) > len(letters):
        return ""
    scores = {}
    for encoding, languages in _LATIN.items():
        text = _decode_or_none(sample, encoding)
        if text is not None:
            shares = [_rate_letters(text, language) for language in languages]
            # In a text of several languages each letter belongs to one of them.
            scores[encoding] = max(shares) + _rate_letters(text, "".join(languages)) / 2
    best = max(scores, key=lambda encoding: scores[encoding], default="")
    return best if best and scores[best] > _MIN_LATIN_RATIO else ""


def _rate_letters(text: str, letters: str) -> float:
    """Return the share of characters beyond ASCII that are one of these letters, or a mark in a place for marks."""
    odd = [place for place, sign in enumerate(text) if not sign.isascii()]
    right = [
        place
        for place in odd
        if text[place].lower() in letters or _is_mark(text[place - 1 : place], text[place], text[place + 1 : place + 2])
    ]
    return len(right) / max(1, len(odd))


def _is_mark(before: str, sign: str, after: str) -> bool:
    """Return whether the character is a mark, with no letter next to it on a side where none can be."""
    if sign == "\u00a0":
        return True
    return (sign in _MARKS and not after.isalpha()) or (sign in _OPENING_MARKS and not before.isalpha())


def _decode_or_none(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _take_odd_lines(path: Path) -> list[bytes]:
    """Return the first lines, or parts of them, that are not plain ASCII."""
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as content:
        while size < _HEAD_BYTES and (piece := content.read(_PIECE_BYTES) + content.readline(_PIECE_BYTES)):
            odd = [line for line in piece.splitlines() if not line.isascii()]
            lines += odd
            size += sum(map(len, odd))
    return lines


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _has_bare_returns(start: bytes) -> bool:
    """Return whether lines end in a carriage return alone."""
    return b"\n" not in start and start.count(b"\r") > 1


def _has_hidden_line_ends(start: bytes) -> bool:
    """Return whether lines end in CR LF, but the first line feed stands alone within a cell."""
    return b"\r\n" in start and start.find(b"\n") <= start.find(b"\r")


def _decode(file: Path, old: Path, path: Path, codec: str) -> int:
    """Write the file as UTF-8 without marks, and with line feeds where its lines end in carriage returns alone.

    Return the number of empty lines written before it: one where its first line would mislead DuckDB about line ends.

    Raises:
        UnreadableError: where it is not in that encoding.
    """
    try:
        with old.open("rb") as content, path.open("wb") as written:
            pieces = _read_pieces(content, codec)
            start = next(pieces, "").encode()
            bare, lead = _has_bare_returns(start), int(_has_hidden_line_ends(start))
            written.write(b"\r\n" * lead)
            for piece in itertools.chain([start], (text.encode() for text in pieces)):
                written.write(piece.replace(b"\r", b"\n") if bare else piece)
            return lead
    except UnicodeError as error:
        raise UnreadableError(
            f"{file.name} is not {codec} text: {error}", "Save the file as UTF-8, then try again."
        ) from error


def _read_pieces(content: IO[bytes], codec: str) -> Iterator[str]:
    """Yield the text in pieces, the first without marks."""
    if codec == _MIXED:
        while piece := content.read(_PIECE_BYTES) + content.readline():
            lines = piece.splitlines(keepends=True)
            yield "".join(line.decode("utf-8" if _is_utf8(line) else "cp1252", "replace") for line in lines)
        return
    decoder, first = codecs.getincrementaldecoder(codec)(), True
    while True:
        piece = content.read(_PIECE_BYTES)
        text = decoder.decode(piece, final=not piece)
        text = text.lstrip("\ufeff") if first else text
        first = first and not text
        if text:
            yield text
        if not piece:
            return


def measure_text(path: Path, encoding: str = "utf-8", doubts: tuple[str, ...] = (), lead: int = 0) -> PlainText:
    """Count the lines and bytes of a file of UTF-8, and return it with its first and last bytes."""
    lines = size = 0
    quotes = False
    last = b"\n"
    with path.open("rb") as content:
        content.seek(2 * lead)
        head = content.read(_HEAD_BYTES)
        content.seek(2 * lead)
        while piece := content.read(_PIECE_BYTES):
            size += len(piece)
            lines += piece.count(b"\n")
            quotes = quotes or b'"' in piece or b"'" in piece
            last = piece[-1:]
        content.seek(max(2 * lead, 2 * lead + size - _TAIL_BYTES))
        tail = content.read()
    if not last.endswith(b"\n"):
        lines += 1
    return PlainText(path, encoding, head, tail, size, lines, quotes, doubts, lead)


def count_empty_lines(text: PlainText) -> int:
    """Return how many lines are empty."""
    empty, last = 0, b"\n"
    with text.path.open("rb") as content:
        content.seek(2 * text.leading_lines)
        while piece := content.read(_PIECE_BYTES):
            joined = last[-2:] + piece
            empty += len(_EMPTY_LINE.findall(joined)) - len(_EMPTY_LINE.findall(last[-2:]))
            last = (last + piece)[-3:]
    return empty
