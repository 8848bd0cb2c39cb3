"""Finds SQL that a model wrote into prose: below a title, in backticks or tags, after a colon, in a transcript.

Text after the SQL, such as a result that the model invented, is left out. `text_tool_calls` handles whole fenced blocks
and replies that are nothing but SQL.
"""

from __future__ import annotations

import re
from typing import Final

from nl2sql.model.tool_calls.tool_call_shapes import is_bare_sql

_WRAPPED: Final = re.compile(
    r"(?:```|~~~)[ \t]*+(?P<fenced>[^`~]++)(?:```|~~~|\Z)|<(?:sql|query)>(?P<tagged>[^<]++(?:<(?!/)[^<]*+)*+)"
    r"|`(?P<ticked>[^`\n]++)`",
    re.IGNORECASE,
)
_LANGUAGE: Final = re.compile(r"\A[\w+-]++(?=\s)")
_COMMENTS: Final = re.compile(r"\A(?:\s|--[^\n]*+(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*+\*/)++")
_TITLE: Final = re.compile(
    r"[\s>*#_-]{0,12}+(?:(?:the|final|corrected|duckdb|generated)[ _]){0,2}"
    r"(?:sql(?:[ _]?query)?|query|action[ _]input)\b[\s:*_=>-]{0,12}+",
    re.IGNORECASE,
)
_QUOTE_MARK: Final = re.compile(r"[ \t]*+(?:>[ \t]*+|\d{1,2}[.)][ \t]++|[-*][ \t]++)?")
_AFTER_COLON: Final = re.compile(r"[:：→=][ \t*`]{0,4}+[\"']?(?=(?:SELECT|WITH)\b)", re.IGNORECASE)
# What may surround SQL on its line: tags, brackets, the prompt of a shell.
_AROUND: Final = re.compile(
    r"[ \t]{0,40}+(?:(?:</?\w{1,20}+>|\[SQL\]|\$\$|\\boxed\{|\*\*|D(?= )|[\w()-]{0,20}[=#]{0,2}[>#])[ \t]{0,4}+){1,3}+",
    re.IGNORECASE,
)
_CLOSINGS: Final = (("<", "</"), ("[", "[/"), ("$$", "$$"), ("**", "**"), ("\\boxed{", "}"))
_START: Final = re.compile(r"\(?(?:SELECT|WITH)\b", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"(?:select|with)\s++(?:the|a|an|one|your|any)\s++(?!as\b|from\b)\w", re.IGNORECASE)
_STATEMENT: Final = re.compile(r"""(?:'(?:[^']|'')*+'|"(?:[^"]|"")*+"|--[^\n]*+|[^;])*+;""")
_NO_SQL: Final = re.compile(
    r"[ \t]*+(?:(?!--)[*#>`~]|\|(?!\|)|\w[\w ]{0,20}+[:：](?!:)|[A-Z][^;]*[.:!?][ \t]*\Z|\["
    r"|[\"']{3}|\d{1,2}\.\s|[┌│├└+])"
)
# The same after SQL that begins with the first word: its lines may begin with a star or a label.
_AFTERWARDS: Final = re.compile(
    r"[ \t]*+(?:#{1,6} |>|```|~~~|\|(?!\|)|\*\*|[┌│├└]|[A-Z]\w{0,20}+(?: \w{1,20}+){0,3}+:(?!:)|\w{1,20}+："
    r"|[A-Z][^;]*[.!?][ \t]*\Z)"
)
_CLAUSE: Final = re.compile(
    r"[ \t]*+(?:[(),]|(?:SELECT|FROM|WHERE|GROUP|HAVING|QUALIFY|WINDOW|ORDER|LIMIT|OFFSET|UNION|EXCEPT|INTERSECT"
    r"|JOIN|LEFT|RIGHT|FULL|INNER|CROSS|ON|AND|OR)\b)",
    re.IGNORECASE,
)
_MAX_LINES: Final = 200


def find_sql_in_prose(text: str) -> tuple[str, str] | None:
    """Return the prose before the first SQL of a text, and that SQL; None if there is no SQL."""
    for match in _WRAPPED.finditer(text):
        body = next(group for group in match.groups() if group)
        for inner in (body, _LANGUAGE.sub("", body, count=1)):
            if query := _strip_comments(inner):
                return text[: match.start()].strip(), query.strip()
    at = 0
    for line in text.split("\n")[:_MAX_LINES]:
        for start in _find_starts(text, at, line):
            if _is_query(text, start):
                return text[:start].strip(), _cut_closing(text[at:start], _cut_end(text[start:]))
        at += len(line) + 1
    return None


def _strip_comments(text: str) -> str:
    """Return the text without its leading comments if it is SQL; else an empty text."""
    bare = _COMMENTS.sub("", text, count=1)
    return bare if _START.match(bare) and is_bare_sql(bare) else ""


def _find_starts(text: str, at: int, line: str) -> list[int]:
    """Return where SQL may begin in the line at `at`: after a title, a mark of a quotation or list, or a colon."""
    starts = []
    for pattern in (_QUOTE_MARK, _TITLE, _AROUND):
        if match := pattern.match(text, at):
            starts.append(match.end())
    if match := _AFTER_COLON.search(line):
        starts.append(at + match.end())
    return starts


def _is_query(text: str, start: int) -> bool:
    return _START.match(text, start) is not None and not _SENTENCE.match(text, start) and is_bare_sql(text[start:])


def cut_after_sql(text: str) -> str:
    """Return SQL up to the first line that comments on it or shows a result."""
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines) if at and _AFTERWARDS.match(line)), len(lines))
    return "\n".join(lines[:end]).strip()


def _cut_closing(before: str, query: str) -> str:
    """Return the SQL up to the mark that closes the one opened before it."""
    for opening, closing in _CLOSINGS:
        if opening in before and closing in query:
            return query[: query.index(closing) if opening == "<" else query.rindex(closing)].strip()
    quote = before[-1:]
    return query[: query.rindex(quote)] if quote and quote in "\"'" and quote in query[-2:] else query


def _cut_end(text: str) -> str:
    """Return the SQL up to its semicolon, or to the first line that is not SQL."""
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines) if at and _is_end(lines, at, line)), len(lines))
    query = "\n".join(line.removeprefix(">").strip() if line.startswith(">") else line for line in lines[:end])
    statement = _STATEMENT.match(query)
    return (query[: statement.end()] if statement else query).strip().strip("`*")


def _is_end(lines: list[str], at: int, line: str) -> bool:
    """Return whether the line no longer belongs to the SQL. A blank line does if a clause follows."""
    if not line.strip():
        following = next((later for later in lines[at:] if later.strip()), "")
        return _CLAUSE.match(following) is None
    return not line.startswith(">") and _NO_SQL.match(line) is not None
