"""The sign-in comes from one file of the user's, and what would set the environment keeps the page from starting."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nl2sql import ConfigError
from nl2sql.config import Config
from ui.page_settings import Launch
from ui.sign_in import DEFAULT, FILE, check_auth, find_providers, find_warnings, read_auth

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
        ('OPENAI_BASE_URL = "http://127.0.0.1:9/v1"\n' + AUTH, "OPENAI_BASE_URL is outside a section"),
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
    assert len(own) == 1 and "is ignored" in own[0] and str(home / FILE) in own[0]
    path = written(home, AUTH, 0o644)
    said = find_warnings(Launch(Config(home), read_auth(home)), 8501, ())
    assert len(said) == 1 and "chmod 600" in said[0]
    path.chmod(0o600)
    assert find_warnings(Launch(Config(home), read_auth(home)), 8501, ()) == []
    assert "which is not this page" in find_warnings(Launch(Config(home), read_auth(home)), 8502, ())[0]
    written(home, "[oauth]\na = 1\n")
    nobody = find_warnings(Launch(Config(home), read_auth(home), ("https://nl2sql.example.com",)), 8501, ())
    assert len(nobody) == 2 and "sign-in is off" in nobody[0] and "the same user" in nobody[1]


def test_an_address_that_is_none_is_left_to_the_sign_in(home: Path) -> None:
    written(home, AUTH.replace("http://127.0.0.1:8501", "http://["))
    assert find_warnings(Launch(Config(home), read_auth(home)), 8501, ()) == []


PROVIDER = 'client_id = "page"\nclient_secret = "x"\nserver_metadata_url = "http://127.0.0.1:9/.well-known/x"\n'
WHOLE = AUTH.replace('"s"', f'"{"s" * 32}"') + PROVIDER
NAMED = AUTH.replace('"s"', f'"{"s" * 32}"') + f"[auth.google]\n{PROVIDER}[auth.ours]\n{PROVIDER}"


@pytest.mark.parametrize(
    ("text", "providers"),
    [
        (WHOLE, (DEFAULT,)),
        (WHOLE + 'expose_tokens = "id"\nclient_kwargs = {prompt = "login"}\n', (DEFAULT,)),
        (NAMED, ("google", "ours")),
        (WHOLE + f"[auth.google]\n{PROVIDER}", (DEFAULT, "google")),
        (AUTH.replace('"s"', f'"{"s" * 32}"') + f"[auth.default]\n{PROVIDER}", (DEFAULT,)),
    ],
)
def test_a_whole_section_is_taken(home: Path, text: str, providers: tuple[str, ...]) -> None:
    written(home, text)
    auth = read_auth(home)
    assert auth is not None and find_providers(auth) == providers
    check_auth(home, auth)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("[auth]\n", "redirect_uri is missing in [auth]", "http://127.0.0.1:8501/oauth2callback"),
        (AUTH + PROVIDER, "cookie_secret in [auth] has 1 characters, and needs 32", "token_hex"),
        (WHOLE.replace("redirect_uri", "redirect_url"), "no key redirect_url in [auth]", "Did you mean redirect_uri?"),
        (WHOLE.replace("client_id", "other"), "no key other in [auth]", "Known are:"),
        (WHOLE.replace('client_id = "page"\n', ""), "client_id is missing in [auth]", "your provider"),
        (WHOLE.replace('"x"', "3"), "client_secret is not text in [auth]", "client_secret = "),
        (WHOLE.replace('"x"', '""'), "client_secret is empty in [auth]", "client_secret = "),
        (WHOLE.replace("server_metadata_url", "x_y"), "no key x_y in [auth]", "server_metadata_url"),
        (WHOLE.replace("/oauth2callback", ""), "is not an address that ends in /oauth2callback", "oauth2callback"),
        (
            WHOLE.replace("http://127.0.0.1:8501", ""),
            "is not an address that ends in /oauth2callback",
            "http://127.0.0.1",
        ),
        (NAMED.replace("server_meta", "meta"), "no key metadata_url in [auth.google]", "Did you mean server_meta"),
        (NAMED + "scope = 1\n", "no key scope in [auth.ours]", "client_kwargs"),
        (NAMED + "[auth.a_b]\n", "[auth.a_b] is not a valid provider name", "hyphens"),
        (NAMED.replace("[auth.google]", 'client_id = "x"\n[auth.google]'), "client_secret is missing in [auth]", "…"),
    ],
)
def test_a_section_by_which_nobody_could_sign_in_is_refused(home: Path, text: str, says: str, hint: str) -> None:
    path = written(home, text)
    auth = read_auth(home)
    assert auth is not None
    with pytest.raises(ConfigError) as caught:
        check_auth(home, auth)
    assert f"{path}: " in caught.value.message and says in caught.value.message and hint in caught.value.hint
    assert "s" * 32 not in caught.value.message + caught.value.hint


def test_what_signing_in_needs_must_be_installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(home, WHOLE)
    monkeypatch.setitem(sys.modules, "authlib.integrations.starlette_client", None)
    with pytest.raises(ConfigError, match="needs Authlib") as caught:
        check_auth(home, read_auth(home) or {})
    assert "pip install 'nl2sql[ui]'" in caught.value.hint
