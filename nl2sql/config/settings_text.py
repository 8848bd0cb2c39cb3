"""The table of settings as text: the project file that `nl2sql init` writes, and docs/configuration.md.

Run it to write that page anew: `python -m nl2sql.config.settings_text > docs/configuration.md`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from nl2sql.config.settings_table import FILES, SECTIONS, TRUST, VARIABLES, Setting

# Where the explanation of a short setting begins, in the template.
_NOTE_COLUMN: Final = 34
_LINE_CHARS: Final = 120
_FILE_SECTION: Final = '[files."sales.csv"]'
_HEAD: Final = """\
# Settings of nl2sql for this folder and those below it. A flag beats the environment, which beats this file.
# Keys and passwords don't belong here: a key is OPENAI_API_KEY in the environment.
# You trust this file as it was written. Once it has changed, read it and run: nl2sql trust
"""
_PAGE_HEAD: Final = """\
# Settings

<!-- Made from nl2sql/config/settings_table.py. Write it anew: python -m nl2sql.config.settings_text -->

Settings stand in `nl2sql.toml`, in the working folder or above it, and in your own `config.toml`, in the folder that
`NL2SQL_HOME` names. Both are TOML. `nl2sql init` writes a project file with every setting explained.

What comes later wins: the default, your own `config.toml`, the project file, the environment, a flag. Policies add up
instead: what one file denies stays denied.

*Untrusted* says what a project file may do that was found, and that you have not trusted with `nl2sql trust`.
"""
_SECTION_TEXTS: Final = {
    "database": "Which data questions are about.",
    "model": "Which model writes the SQL.",
    "limits": "What one query, one question and one upload may use. A size is a number of bytes, or text like `512MB`.",
    "policy": "What may be read. Names are exact; a column is written `table.column`.",
    "context": "What you tell the model about your data.",
    "display": "How results are shown.",
    "page": "The page that `nl2sql ui` opens.",
    FILES: f"How one data file is read, under its name, like `{_FILE_SECTION}`. What is not set is found by looking.",
    TRUST: "What your own `config.toml` lets other files do. It cannot stand in a project file.",
}


def format_template(url: str | None) -> str:
    """Return a project file with every setting that it may have, all of them commented out.

    `url` is the database that it names; None names none.
    """
    parts = [_HEAD]
    for section, settings in SECTIONS.items():
        if section == TRUST:
            continue
        lines = (
            [_format_note(f"# {_FILE_SECTION}", "how one data file is read; not set: found by looking")]
            if section == FILES
            else [f"[{section}]"]
        )
        for setting in settings.values():
            if setting.name == "database.url" and url is not None:
                lines.append(f"url = {json.dumps(url, ensure_ascii=False)}")
                continue
            lines += _format_setting(setting)
        parts.append("".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def format_page() -> str:
    """Return the text of docs/configuration.md."""
    parts = [_PAGE_HEAD]
    for section, settings in SECTIONS.items():
        heading = f"## [{section}]\n\n{_SECTION_TEXTS[section]}\n"
        rows = _format_table(_list_rows(section, settings.values()))
        parts.append(f"{heading}\n{rows}")
    variables = [("Variable", "What it sets"), *((f"`{name}`", _capitalize(text)) for name, text in VARIABLES)]
    intro = "Some things are set by the environment only."
    parts.append(f"## Environment\n\n{intro}\n\n{_format_table(variables)}")
    return "\n".join(parts)


def _format_setting(setting: Setting) -> Iterator[str]:
    """Yield the lines of a setting in the template: the explanation is beside it, or above where there is no room."""
    line, note = f"# {setting.key} = {setting.shown_example}", setting.explanation
    if setting.unset not in ("", "none", "all"):
        note = f"{note}; not set: {setting.unset}"
    if len(_format_note(line, note)) <= _LINE_CHARS:
        yield _format_note(line, note)
    else:
        yield from textwrap.wrap(f"{_capitalize(note)}.", _LINE_CHARS, initial_indent="# ", subsequent_indent="# ")
        yield line


def _format_note(line: str, note: str) -> str:
    return f"{line:<{_NOTE_COLUMN - 1}} # {note}"


def _list_rows(section: str, settings: Iterable[Setting]) -> Iterator[tuple[str, ...]]:
    has_use = section not in (FILES, TRUST)
    yield ("Setting", "Value", "Meaning", "Default", "Also set by", *(("Untrusted",) if has_use else ()))
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else setting.unset or "found by looking"
        others = ", ".join(f"`{name}`" for name in (setting.variable, setting.flag) if name)
        row = (
            f"`{setting.key}`",
            _capitalize(setting.type.description),
            _capitalize(setting.explanation),
            default,
            others,
        )
        yield (*row, setting.untrusted.value) if has_use else row


def _format_table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    print(format_page(), end="")  # noqa: T201
