"""A file of text as UTF-8: packed, in another encoding, with marks at its start or unusual ends of lines."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from nl2sql.importing.import_errors import UnreadableError
from nl2sql.importing.plain_text import PlainText, count_empty_lines, read_plain_text

GERMAN = "Straße;Größe\nMüllerweg;5 m²\nÄußere Gasse;7 €\n"
POLISH = "miasto;województwo\nŁódź;łódzkie\nGdańsk;pomorskie\nZażółć;gęślą\n"
CZECH = "město;kraj\nPříbram;Středočeský\nŽďár;Vysočina\n"
RUSSIAN = "город;область\nМосква;столица страны\nКазань;на реке Волге\nПермь;большой город\n" * 4


def read(folder: Path, data: bytes, name: str = "data.csv", encoding: str = "", most: int = 1 << 20) -> PlainText:
    path, made = folder / name, folder / "made"
    path.write_bytes(data)
    made.mkdir()
    with path.open("rb") as opened:
        return read_plain_text(path, opened, made, most, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (GERMAN.replace("€", "EUR"), "cp850"),
        (POLISH, "cp1250"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        ("price\n7 €\n12 €\n", "cp1252"),
        ("name\nnet\u00a0größe\n", "cp1250"),
    ],
)
def test_another_encoding_is_guessed_and_told(tmp_path: Path, text: str, encoding: str) -> None:
    found = read(tmp_path, text.encode(encoding))
    assert found.path.read_text("utf-8") == text
    assert "which is a guess" in found.doubts[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_is_read_without_a_doubt(tmp_path: Path, encoding: str, end: str) -> None:
    found = read(tmp_path, GERMAN.replace("\n", end).encode(encoding))
    assert found.path.read_bytes().decode() == GERMAN.replace("\n", "\n" if end == "\r" else end)
    assert (found.lines, count_empty_lines(found), found.doubts) == (3, 0, ())


def test_all_marks_at_the_start_are_taken_off(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" * 2 + b"a;b\n").path.read_text("utf-8") == "a;b\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_in_two_encodings_are_each_read_in_theirs(tmp_path: Path, end: str) -> None:
    data = f"größe{end}".encode() + f"Müller{end}".encode("cp1252") + f"plain{end}".encode()
    found = read(tmp_path, data)
    assert found.path.read_text("utf-8").split() == ["größe", "Müller", "plain"]
    assert "two encodings" in found.doubts[0]


def test_bare_returns_in_another_encoding_end_lines(tmp_path: Path) -> None:
    found = read(tmp_path, GERMAN.replace("\n", "\r").encode("cp1252"))
    assert found.path.read_text("utf-8") == GERMAN


def test_a_break_within_the_first_cell_does_not_hide_how_lines_end(tmp_path: Path) -> None:
    text = '"net\nprice",b\r\n1,2\r\n'
    found = read(tmp_path, text.encode())
    assert found.path.read_bytes() == b"\r\n" + text.encode()
    assert (found.leading_lines, found.lines, count_empty_lines(found), found.head) == (1, 3, 0, text.encode())


def test_packed_files_are_unpacked_up_to_a_bound(tmp_path: Path) -> None:
    packed = gzip.compress(b"a;b\n" * 1000)
    (tmp_path / "one").mkdir()
    assert read(tmp_path / "one", packed, "data.csv.gz").lines == 1000
    (tmp_path / "two").mkdir()
    with pytest.raises(UnreadableError, match="unpacks to more than 100 bytes"):
        read(tmp_path / "two", packed, "data.csv.gz", most=100)
    (tmp_path / "three").mkdir()
    with pytest.raises(UnreadableError, match="cannot be unpacked"):
        read(tmp_path / "three", b"no archive", "data.csv.gz")


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "a\n")
        archive.writestr("two.csv", "a\n")
    with pytest.raises(UnreadableError, match="holds 2 files"):
        read(tmp_path, path.read_bytes(), "data.csv.zip")


def test_the_owner_says_the_encoding(tmp_path: Path) -> None:
    found = read(tmp_path, GERMAN.encode("cp1252"), encoding="cp1252")
    assert (found.path.read_text("utf-8"), found.doubts) == (GERMAN, ())


def test_an_encoding_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no encoding 'klingon'"):
        read(tmp_path, b"a;b\n", encoding="klingon")
