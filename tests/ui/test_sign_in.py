"""The sign-in comes from one file of the user's, and what would set the environment keeps the page from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from nl2sql import ConfigError
from nl2sql.config import Config
from ui.settings import Launch
from ui.sign_in import FILE, find_warnings, read_auth

AUTH = '[auth]\nredirect_uri = "http://127.0.0.1:8501/oauth2callback"\ncookie_secret = "s"\n'


def written(home: Path, text: str, mode: int = 0o600) -> Path:
    path = home / FILE
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_the_section_is_read_and_no_others_are_needed(home: Path) -> None:
    assert read_auth(home) is None
    written(home, AUTH + '[auth.google]\nclient_id = "x"\n[other]\na = 1\n')
    auth = read_auth(home)
    assert auth is not None and auth["cookie_secret"] == "s" and auth["google"] == {"client_id": "x"}
    assert "of the file" not in repr(Launch(Config(home), auth={"cookie_secret": "of the file"}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('OPENAI_BASE_URL = "http://127.0.0.1:9/v1"\n' + AUTH, "OPENAI_BASE_URL stands outside a section"),
        ("number = 1\n", "outside a section"),
        ("[[auth]]\na = 1\n", "outside a section"),
        ("list = []\n", "outside a section"),
        ("auth = 2025-01-01\n", "outside a section"),
        ("[auth]\nsince = 2025-01-01\n", "date"),
        ("[auth]\nlist = [{a = 12:00:00}]\n", "date"),
        ("[auth\n", "not valid TOML"),
    ],
)
def test_what_is_not_a_section_keeps_the_page_from_starting(home: Path, text: str, says: str) -> None:
    written(home, text)
    with pytest.raises(ConfigError, match=says):
        read_auth(home)


def test_a_file_that_cannot_be_read_keeps_the_page_from_starting(home: Path) -> None:
    (home / FILE).mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_auth(home)


def test_what_is_odd_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / FILE).write_text(AUTH, "utf-8")
    own = find_warnings(Launch(Config(home)), 8501, [tmp_path])
    assert len(own) == 1 and "is not read" in own[0] and str(home / FILE) in own[0]
    path = written(home, AUTH, 0o644)
    said = find_warnings(Launch(Config(home), read_auth(home)), 8501, ())
    assert len(said) == 1 and "chmod 600" in said[0]
    path.chmod(0o600)
    assert find_warnings(Launch(Config(home), read_auth(home)), 8501, ()) == []
    assert "where this page is not" in find_warnings(Launch(Config(home), read_auth(home)), 8502, ())[0]
    written(home, "[oauth]\na = 1\n")
    nobody = find_warnings(Launch(Config(home), read_auth(home), ("https://nl2sql.example.com",)), 8501, ())
    assert len(nobody) == 2 and "nobody signs in" in nobody[0] and "one and the same user" in nobody[1]


def test_an_address_that_is_none_is_left_to_the_sign_in(home: Path) -> None:
    written(home, AUTH.replace("http://127.0.0.1:8501", "http://["))
    assert find_warnings(Launch(Config(home), read_auth(home)), 8501, ()) == []
