"""What a project file that was found, and not named, may set before the user trusts it; and notes on the rest.

It may name data in its own folder, add to the policy, and lower limits. Nothing here reads a file: the settings are
those that `config` has read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nl2sql.config.settings_file import Sections
from nl2sql.config.settings_table import SECTIONS, Setting, UntrustedUse
from nl2sql.config.trusted_files import CHANGED, LEADS_OUT, PATH_CHARS, UNTRUSTED, advise_owner, compose_trust
from nl2sql.text_safety import make_one_line

_MAX_NAMED_FILES: Final = 3
_NAME_CHARS: Final = 40
_OF_SEVERAL: Final = {
    UNTRUSTED: "you have not trusted them",
    CHANGED: "they have changed since you trusted them",
    LEADS_OUT: "they are links that lead out of their folder",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A found file's settings: those that count, and those that count only once it is trusted, by section and key.

    `database_problem` says of its database why it is not opened, as a clause about the file; empty where it may be.
    """

    accepted_settings: Sections
    pending_settings: Mapping[str, Any]
    database_problem: str = ""


def split_settings(sections: Sections, get_current: Callable[[str, str], Any], folder: Path) -> Ruling:
    """Part the settings of an untrusted file in `folder`; `get_current(section, key)` returns a value without them."""
    counting: Sections = {}
    waiting: dict[str, Any] = {}
    elsewhere = ""
    for section, values in sections.items():
        for key, value in values.items():
            current, name = get_current(section, key), f"{section}.{key}"
            if name == "database.url":
                elsewhere = find_database_problem(value, folder)
                counts = not elsewhere
            else:
                counts = _counts(SECTIONS.get(section, {}).get(key), value, current)
            if counts:
                counting.setdefault(section, {})[key] = _add(name, value, current)
            elif value != current:
                waiting[name] = value
    return Ruling(counting, waiting, elsewhere)


def find_database_problem(url: str, folder: Path) -> str:
    """Return why the database is not in the folder, as a clause about the file that names it; empty where it is."""
    if "${" in url:
        return "names its database by a variable"
    if "://" in url:
        return "names a database by an address"
    inside = Path(os.path.realpath(folder))
    if url.startswith("~") or not Path(os.path.realpath(inside / url)).is_relative_to(inside):
        return "names a database outside its folder"
    return ""


def note_waiting(
    file: Path, waiting: Sequence[str], queries: Mapping[str, str], state: str, dbt: Mapping[str, str] | None = None
) -> str:
    """Return a note of what is ignored of a project file, of the verified queries beside it, and of its dbt files.

    It is empty if nothing is. `state` is a clause about the file, empty where it is trusted. `queries` and `dbt` have
    the reason for each one, by name.
    """
    dbt = dbt or {}
    ignored = [*waiting, *_list_files("verified query", "verified queries", list(queries))]
    ignored += _list_files("dbt file", "dbt files", list(dbt))
    if not ignored:
        return ""
    is_one = len(waiting) + len(queries) + len(dbt) == 1
    what = f"{_join(ignored)} {'is' if is_one else 'are'}"
    if state:
        return f"{_show(file)} {state}, so {what} ignored. Read it, then: {compose_trust(file.parent)}"
    reason, them = _join_reasons({*queries.values(), *dbt.values()}, is_one), "it" if is_one else "them"
    return f"{what} ignored, for {reason}. Read {them}, then: {compose_trust(file.parent)}"


def _join_reasons(reasons: Collection[str], is_one: bool) -> str:
    """Return why verified queries or dbt files are not used, as one clause about it or them."""
    if len(reasons) > 1:
        return "you have not trusted them as they are now"
    (reason,) = reasons
    return reason if is_one else _OF_SEVERAL[reason]


def note_stranger(file: Path, reason: str) -> str:
    """Return a note about a project file that is not used at all."""
    return ". ".join(describe_stranger(file, reason))


def describe_stranger(file: Path, reason: str) -> tuple[str, str]:
    """Return the same in two parts: what happened, and what to do."""
    return f"{_show(file)} is not used: {reason}", advise_owner(file, reason)


def note_denials(file: Path) -> str:
    """Return a note about a project file that was found, and in whose place the user named another."""
    return f"what the policy of {_show(file)} denies stays denied; nothing else of that file is used"


def _list_files(one: str, several: str, names: Sequence[str]) -> list[str]:
    """Return a clause about these files, `one` or `several`, by name where they are few; an empty list for none."""
    if not names:
        return []
    if len(names) > _MAX_NAMED_FILES:
        return [f"{len(names)} {several}"]
    shown = _join([make_one_line(name, _NAME_CHARS) for name in names])
    return [f"the {one if len(names) == 1 else several} {shown}"]


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _show(path: Path) -> str:
    return make_one_line(str(path), PATH_CHARS)


def _counts(setting: Setting | None, value: Any, current: Any) -> bool:
    """Return whether a value counts beside the one in force, `current`. A setting that the table lacks never does."""
    match setting.untrusted if setting else UntrustedUse.NOTHING:
        case UntrustedUse.ADD:
            return True
        case UntrustedUse.NARROW:
            # Patterns of tables don't bring back what the user's own settings leave out.
            return not current
        case UntrustedUse.LOWER:
            return current is None or bool(value <= current)
        case _:
            return False


def _add(name: str, value: Any, current: Any) -> Any:
    return (*current, *value) if name == "database.exclude" else value
