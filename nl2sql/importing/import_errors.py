"""The error of a data file that cannot be read, and DuckDB's complaints about one as a sentence of that kind.

It reads a file again only to find the line of the fault.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

MAX_SEARCHED_BYTES: Final = 16_000_000
_LINE: Final = re.compile(r"\bLine: (\d+)|\bin (?:line|record/value) (\d+)")
_CSV_REASON: Final = re.compile(r"Expected Number|Value with|Error when|Maximum line|Invalid|State machine")
_MALFORMED: Final = "Malformed JSON"
_CORRECT: Final = "Correct the file, or leave it out."


class UnreadableError(Exception):
    """A data file that cannot be imported: what is wrong, and what to do; `limit` names the exceeded limit, if any."""

    def __init__(self, message: str, hint: str, *, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit
        self.message = message
        self.hint = hint


def make_unreadable_error(file: Path, text: str) -> UnreadableError:
    """Return the error for what DuckDB says about the file."""
    if _MALFORMED in text:
        # DuckDB's own number counts lines or records, and is one too high.
        number = find_malformed_line(file)
        reason = text.splitlines()[0].rpartition(": ")[2].strip()
        place = f", line {number}" if number else ""
        return UnreadableError(f"{file.name}{place} cannot be read: it is not JSON: {reason}", _CORRECT)
    if "invalid state" in text:
        return UnreadableError(
            f"{file.name} cannot be read: its lines end in more than one way, or a quote is not closed",
            "Save it again, with quotes around each cell that holds an end of a line.",
        )
    found = _LINE.search(text)
    place = f", line {found.group(1) or found.group(2)}" if found else ""
    if "not utf-8" in text.lower() or "invalid unicode" in text.lower():
        return UnreadableError(f"{file.name}{place} is not UTF-8 text", "Save the file as UTF-8, then try again.")
    if "unterminated quote" in text:
        message = f"{file.name}{place} cannot be read: a quote is opened there and not closed as it should be"
        return UnreadableError(message, "Close it, or write two quotes for one that belongs to the text.")
    reason = _find_reason(text).replace(str(file), file.name)
    reason = reason.partition(" Error: ")[2] or reason
    return UnreadableError(f"{file.name}{place} cannot be read: {reason.strip()}", _CORRECT)


def _find_reason(text: str) -> str:
    """Return the sentence that says what is wrong; for a CSV file, the one after the lines that it quotes."""
    sentences = [part for part in text.splitlines() if part and not part.startswith(("LINE ", "Original Line"))]
    if "CSV Error on Line" not in sentences[0]:
        return sentences[0]
    reasons = [sentence for sentence in sentences[1:] if _CSV_REASON.match(sentence)]
    return (reasons or sentences[1:] or sentences)[0]


def find_malformed_line(file: Path) -> int | None:
    """Return the first line of a JSON file that is not JSON; None where it cannot be found, or the file is too large.

    A file may hold one value a line, or one value over all lines.
    """
    if file.stat().st_size > MAX_SEARCHED_BYTES:
        return None
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _find_problem_line(first) is None:
        return next((n for n, line in enumerate(lines, start=1) if line.strip() and _find_problem_line(line)), None)
    return _find_problem_line(text)


def _find_problem_line(text: str) -> int | None:
    """Return the line of the text where it stops being JSON; None where it is JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno
    except RecursionError:
        return 1
    return None
