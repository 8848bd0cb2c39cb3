"""How people sign in: the `[auth]` section of `secrets.toml` in NL2SQL_HOME, and of no other file.

It is read once, before Streamlit starts, and given to it: Streamlit itself would look for secrets in the working
folder, and put what it finds there into the environment. It knows nobody who signs in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nl2sql import ConfigError
from ui.door import list_own_origins, parse_origin
from ui.settings import Launch

FILE: Final = "secrets.toml"
_SECTION: Final = "auth"
_OTHERS: Final = 0o077


def read_auth(home: Path) -> Mapping[str, Any] | None:
    """The section, or None where there is no such file or section. ConfigError where it cannot be read or obeyed."""
    path = home / FILE
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", "Mend that line.") from exc
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", "Check its permissions.") from exc
    for name, value in data.items():
        if not isinstance(value, dict):
            raise ConfigError(
                f"{path}: {name} stands outside a section",
                "Only sections are allowed there, such as [auth]; set variables in the environment instead.",
            )
    auth: dict[str, Any] | None = data.get(_SECTION)
    if auth is not None and not _is_plain(auth):
        raise ConfigError(f"{path}: [{_SECTION}] holds a date or a time", "Only texts, numbers and lists are allowed.")
    return auth


def find_warnings(launch: Launch, port: int, folders: Iterable[Path]) -> list[str]:
    """What whoever starts the page should know of its sign-in. `folders` are those in which Streamlit has its files."""
    path, said = launch.config.home / FILE, []
    if path.is_file() and path.stat().st_mode & _OTHERS:
        said.append(f"others can read or change {path}: run chmod 600 on it")
    if path.is_file() and launch.auth is None:
        said.append(f"{path} has no section [{_SECTION}], so nobody signs in")
    for other in (folder / ".streamlit" / FILE for folder in folders):
        if launch.auth is None and other.is_file():
            said.append(f"{other} is not read: how people sign in is said in {path} alone")
    back = _read_origin(launch.auth.get("redirect_uri")) if launch.auth else ""
    if back and back not in list_own_origins(port, launch.origins):
        said.append(f"people come back from the sign-in to {back}, where this page is not: see --port and --origin")
    if launch.origins and launch.auth is None:
        said.append(f"nobody signs in: whoever reaches {launch.origins[0]} is one and the same user, with one history")
    return said


def _read_origin(address: object) -> str:
    """The address without its path, as browsers name it; empty where it is none."""
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
