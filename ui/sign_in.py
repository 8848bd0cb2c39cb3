"""How people sign in: the `[auth]` section of `secrets.toml` in NL2SQL_HOME, and of no other file.

It is read once and passed to Streamlit, which by itself would look for secrets in the working folder and put what it
finds there into the environment. It does not know who signs in.
"""

from __future__ import annotations

import difflib
import importlib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nl2sql import ConfigError
from ui.page_settings import Launch
from ui.request_guard import list_own_origins, parse_origin

FILE: Final = "secrets.toml"
DEFAULT: Final = "default"
_SECTION: Final = "auth"
_MIN_SECRET_CHARS: Final = 32
_BACK: Final = "/oauth2callback"
_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_EXTRAS: Final = ("client_kwargs",)
# Each key that must be there, with what it is.
_PROVIDER_KEYS: Final = {
    "client_id": "the id that your provider gave this page",
    "client_secret": "the secret that your provider gave this page",
    "server_metadata_url": "your provider's address that ends in /.well-known/openid-configuration",
}
_SHARED_KEYS: Final = {
    "redirect_uri": f"this page's address and {_BACK}, such as http://127.0.0.1:8501{_BACK}",
    "cookie_secret": "what `python3 -c 'import secrets; print(secrets.token_hex(32))'` prints",
}
_OTHERS_MODE_BITS: Final = 0o077


def read_auth(home: Path) -> Mapping[str, Any] | None:
    """Return the section; None where there is no such file or section.

    Raises:
        ConfigError: the file cannot be read, or has something that is not allowed.
    """
    path = home / FILE
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", "Fix that line.") from exc
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", "Check its permissions.") from exc
    for name, value in data.items():
        if not isinstance(value, dict):
            raise ConfigError(
                f"{path}: {name} is outside a section",
                "Only sections are allowed there, such as [auth]; set variables in the environment instead.",
            )
    auth: dict[str, Any] | None = data.get(_SECTION)
    if auth is not None and not _is_plain(auth):
        raise ConfigError(f"{path}: [{_SECTION}] holds a date or a time", "Only texts, numbers and lists are allowed.")
    return auth


def check_auth(home: Path, auth: Mapping[str, Any]) -> None:
    """Check that people can sign in by the section.

    Raises:
        ConfigError: a key is missing, unknown or invalid, or a package is missing.
    """
    path = home / FILE
    top = {**_SHARED_KEYS, **_PROVIDER_KEYS}
    named = {name: value for name, value in auth.items() if isinstance(value, dict) and name not in _EXTRAS}
    plain = {name: value for name, value in auth.items() if name not in named}
    _check_keys(path, _SECTION, plain, (*top, *_EXTRAS, "expose_tokens"))
    # Who names providers in sections of their own has none outside, or a whole one.
    _check_texts(path, _SECTION, plain, top if not named or plain.keys() & _PROVIDER_KEYS.keys() else _SHARED_KEYS)
    for name, section in named.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{path}: [{_SECTION}.{name}] is not a valid provider name", "Use letters, digits and hyphens."
            )
        _check_keys(path, f"{_SECTION}.{name}", section, (*_PROVIDER_KEYS, *_EXTRAS))
        _check_texts(path, f"{_SECTION}.{name}", section, _PROVIDER_KEYS)
    if len(plain["cookie_secret"]) < _MIN_SECRET_CHARS:
        problem = f"{path}: cookie_secret in [{_SECTION}] has {len(plain['cookie_secret'])} characters, and needs"
        raise ConfigError(f"{problem} {_MIN_SECRET_CHARS}", f"Write {_SHARED_KEYS['cookie_secret']}.")
    back = plain["redirect_uri"]
    if not back.startswith(("http://", "https://")) or not back.endswith(_BACK):
        problem = f"{path}: redirect_uri in [{_SECTION}] is not an address that ends in {_BACK}"
        raise ConfigError(problem, f"Write {_SHARED_KEYS['redirect_uri']}.")
    try:
        importlib.import_module("authlib.integrations.starlette_client")
    except ImportError as exc:
        problem = f"signing in needs Authlib, which cannot be loaded ({exc.name or 'it is broken'} is missing)"
        raise ConfigError(problem, "Install it: pip install 'nl2sql[ui]'") from exc


def find_providers(auth: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the providers, `DEFAULT` for one without a name."""
    named = [name for name, value in auth.items() if isinstance(value, dict) and name not in _EXTRAS]
    has_unnamed = "client_id" in auth and DEFAULT not in named
    return (*([DEFAULT] if has_unnamed else []), *named)


def _check_keys(path: Path, section: str, values: Mapping[str, Any], known: Collection[str]) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
            raise ConfigError(f"{path}: there is no key {name} in [{section}]", hint)


def _check_texts(path: Path, section: str, values: Mapping[str, Any], needed: Mapping[str, str]) -> None:
    for name, meaning in needed.items():
        value = values.get(name)
        if not isinstance(value, str) or not value.strip():
            problem = "is missing" if name not in values else "is empty" if value == "" else "is not text"
            raise ConfigError(f"{path}: {name} {problem} in [{section}]", f'Write {name} = "…": {meaning}.')


def find_warnings(launch: Launch, port: int, folders: Iterable[Path]) -> list[str]:
    """Return warnings about the sign-in.

    `folders` are those in which Streamlit has its files.
    """
    path, said = launch.config.home / FILE, []
    if path.is_file() and path.stat().st_mode & _OTHERS_MODE_BITS:
        said.append(f"other users can read or change {path}: run chmod 600 on it")
    if path.is_file() and launch.auth is None:
        said.append(f"{path} has no section [{_SECTION}], so sign-in is off")
    for other in (folder / ".streamlit" / FILE for folder in folders):
        if launch.auth is None and other.is_file():
            said.append(f"{other} is ignored: sign-in is set in {path} only")
    back = _read_origin(launch.auth.get("redirect_uri")) if launch.auth else ""
    if back and back not in list_own_origins(port, launch.origins):
        said.append(f"sign-in returns to {back}, which is not this page: check --port and --origin")
    if launch.origins and launch.auth is None:
        said.append(f"sign-in is off: everyone who opens {launch.origins[0]} is the same user, with one history")
    return said


def _read_origin(address: object) -> str:
    """Return the address without its path, as browsers write it; empty where it is none."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        return parse_origin(f"{parts.scheme}://{parts.netloc}")
    except (ConfigError, ValueError):
        return ""


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    return isinstance(value, str | int | float)
